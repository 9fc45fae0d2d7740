"""A few records of each benchmark in its own format, and of the files that Video-R1 released."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

RELEASED = {  # benchmark → file name, records; extra fields as they stand there
    "VSI-Bench": (
        "eval_vsibench.json",
        [
            {
                "problem_id": 0,
                "problem": "How many table(s) are in this room?",
                "data_type": "video",
                "problem_type": "regression",
                "original_question_type": "object_counting",
                "options": None,
                "process": "",
                "solution": "<answer>4</answer>",
                "path": "./Evaluation/VSIBench/arkitscenes/41069025.mp4",
                "data_source": "",
            },
            {
                "problem_id": 2718,
                "problem": "In which order do they appear: plant, basket?",
                "data_type": "video",
                "problem_type": "multiple choice",
                "original_question_type": "obj_appearance_order",
                "options": ["A. plant, basket", "B. basket, plant"],
                "process": "",
                "solution": "<answer>A</answer>",
                "path": "./Evaluation/VSIBench/scannetpp/5942004064.mp4",
                "data_source": "",
            },
        ],
    ),
    "Video-MMMU": (
        "eval_videommmu.json",
        [
            {
                "problem_id": number,
                "problem": "Identify the biome shown in",
                "data_type": "video",
                "problem_type": "multiple choice",
                "original_question_type": "multiple-choice",
                "options": ["A. desert", "B. tundra"],
                "process": "",
                "solution": "<answer>B</answer>",
                "path": path,
                "data_source": "https://www.youtube.com/watch?v=x",
            }
            for number, path in [
                (300, "./Evaluation/VideoMMMU/question_only/validation_Biology_15_image.mp4"),
                (301, "./Evaluation/VideoMMMU/validation_Biology_15.mp4"),
                (900, "./Evaluation/VideoMMMU/new_Psychology_5.mp4"),
                (901, "./Evaluation/VideoMMMU/new_Psychology_6.mp4"),
                (302, "./Evaluation/VideoMMMU/question_only/validation_Biology_16_image.mp4"),
            ]
        ],
    ),
    "MMVU": (
        "eval_mmvu.json",
        [
            {
                "problem_id": number,
                "problem": "Which law is it?",
                "data_type": "video",
                "problem_type": problem_type,
                "options": options,
                "solution": "<answer>A</answer>",
                "path": "./Evaluation/MMVU/videos/Mechanical_Engineering/0.mp4",
                "data_source": "https://www.youtube.com/watch?v=x",
            }
            for number, problem_type, options in [
                (1, "multiple choice", ["A. Lenz", "B. Hooke"]),
                (2, "free-form", []),
            ]
        ],
    ),
    "MVBench": (
        "eval_mvbench.json",
        [
            {
                "video": "166583.webm",
                "question": "What is done?",
                "options": ["A. Scattering", "B. Piling"],
                "answer": "Piling",
                "problem": "What is done?",
                "data_type": data_type,
                "problem_type": "multiple choice",
                "original_question_type": "",
                "solution": "<answer>B</answer>",
                "path": path,
                "subtitle": "",
                "problem_id": number,
            }
            for number, data_type, path in [
                (1, "video", "./Evaluation/MVBench/ssv2_video/166583.mp4"),
                (839, "video", "./Evaluation/MVBench/star/Charades_v1_480/XFRYR.mp4"),
                (1753, "frame", "./Evaluation/MVBench/tvqa/frames_fps3_hq/s04e12.mp4"),
                (4000, "video", "./Evaluation/MVBench/FunQA_test/test/test_magic/M_Z.mp4"),
                (201, "video", "./Evaluation/MVBench/video_10142.mp4"),
            ]
        ],
    ),
    "TempCompass": (
        "eval_tempcompass.json",
        [
            {
                "problem_id": 1,
                "problem": "What is the man doing?",
                "data_type": "video",
                "problem_type": "multiple choice",
                "options": ["A. dunking", "B. passing"],
                "solution": "<answer>A</answer>",
                "path": "./Evaluation/TempCompass/1034419625.mp4",
            }
        ],
    ),
    "VideoMME": (
        "eval_videomme.json",
        [
            {
                "video_id": "001",
                "duration": "short",
                "videoID": "fFjv93ACGo8",
                "question_id": "001-1",
                "task_type": "Counting Problem",
                "question": "Which is most?",
                "options": ["A. Apples.", "B. Candles."],
                "answer": "B",
                "problem_id": 1,
                "problem": "Which is most?",
                "data_type": "video",
                "problem_type": "multiple choice",
                "solution": "<answer>B</answer>",
                "path": "./Evaluation/VideoMME/fFjv93ACGo8.mp4",
                "subtitle": "",
            }
        ],
    ),
}

VSI_BENCH = [
    {
        "id": 0,
        "dataset": "arkitscenes",
        "scene_name": "41069025",
        "question_type": "object_counting",
        "question": "How many table(s) are in this room?",
        "ground_truth": "4",
        "options": None,
        "pruned": False,
    },
    {
        "id": 957,
        "dataset": "scannet",
        "scene_name": "scene0011_00",
        "question_type": "object_rel_direction_hard",
        "question": "Standing by the stove, where is the tv?",
        "ground_truth": "B",
        "options": ["A. front-left", "B. back-right"],
        "pruned": True,
    },
]

VIDEO_MMMU = {
    "Perception": [
        {
            "id": "new_Psychology_5",
            "question": "Which ones?",
            "options": ["desert", "tundra"],
            "answer": "B",
            "question_type": "perception",
        }
    ],
    "Comprehension": [
        {
            "id": "validation_Basic_Medical_Science_1",
            "question": "What if?",
            "options": ["A. 1", "B. 2"],
            "answer": "A",
            "question_type": "multiple-choice",
        }
    ],
    "Adaptation": [
        {
            "id": "validation_Chemistry_13",
            "question": "What mass is in <image 1>?",
            "options": [],
            "answer": "12.97",
            "question_type": "open",
        },
        {
            "id": "dev_Biology_3",
            "question": "<image 1> What sugar is it?",
            "options": [],
            "answer": "an aldose",
            "question_type": "open",
        },
    ],
}

_MMVU_VIDEO = "https://huggingface.co/datasets/yale-nlp/MMVU/resolve/main/videos"
MMVU = [
    {
        "id": "validation_0",
        "video": f"{_MMVU_VIDEO}/Art/0.mp4",
        "question_type": "open-ended",
        "metadata": {"subject": "Art"},
        "question": "Which technique is shown?",
        "choices": dict.fromkeys("ABCDE", ""),
        "answer": "Dolly Zoom",
    },
    {
        "id": "validation_12",
        "video": f"{_MMVU_VIDEO}/Mechanical_Engineering/0.mp4",
        "question_type": "multiple-choice",
        "metadata": {"subject": "Mechanical Engineering"},
        "question": "What can be inferred?",
        "choices": {"A": "10.0", "B": "5.0", "C": "12.0", "D": "", "E": ""},
        "answer": "C",
    },
]

MVBENCH = {
    "action_sequence": {
        "video": "XFRYR.mp4",
        "question": "What happened before?",
        "candidates": ["Opened the bag.", "Closed the closet."],
        "answer": "Closed the closet.",
        "start": 8.8,
        "end": 16.9,
    },
    "action_antonym": {
        "video": "166583.webm",
        "question": "What is done?",
        "candidates": ["Not sure", "Piling something up"],
        "answer": "Piling something up",
    },
    "episodic_reasoning": {
        "video": "castle_s06e18_seg02_clip_23",
        "question": "Who said it?",
        "candidates": ["Saya when speaking to Beckett.", "Tina"],
        "answer": "Saya when speaking to Beckett. ",
        "start": 0.0,
        "end": 32.89,
        "fps": 3,
    },
}

TEMPCOMPASS = {
    "multi-choice": ("What is done?\nA. dunking\nB. running at 1.5x", "B. running at 1.5x"),
    "yes_no": ("Is the man dunking?", "no"),
    "caption_matching": (
        "Which is better?\nOption 1: He passes.\nOption 2: He dunks: so.",
        "Option 2: He dunks: so.",
    ),
    "captioning": ("Information A: {}\nGenerated Caption:", "B. dunking a basketball"),
}

VIDEOMME = [
    {
        "video_id": "001",
        "duration": "long",
        "domain": "Knowledge",
        "videoID": "fFjv93ACGo8",
        "question_id": "001-1",
        "question": "Which is most?",
        "options": ["A. Apples.", "B. Candles."],
        "answer": "B",
    }
]


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path
