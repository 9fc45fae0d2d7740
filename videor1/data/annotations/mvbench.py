"""MVBench: 20 tasks of 200 questions over the videos of eleven data sets.

Own files: `json/<task>.json` of the data set OpenGVLab/MVBench, with the fields `video`, `question`,
`candidates` and `answer` (the text of a candidate), and the folder of each task's videos, as in VLMEvalKit's
`dataset/mvbench.py`. Two things of the original are not kept, as in Video-R1's evaluation, whose author calls
it unclipped (its issue 94):

* Tasks from star, sta and tvqa have `start` and `end`; the whole video is shown.
* Episodic reasoning has folders of frames at 3 a second; the path is the video `<folder>.mp4` made of them.

Released file: 4,000 records, 200 a task in the order of the tasks' file names, numbered from 1; the task is
certain where the folder in the path is the task's. Released paths name .mp4 where the original has .webm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import letter_of, record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.errors import RecordError
from videor1.types import Record

NAME = "MVBench"
QUESTIONS_A_TASK = 200
TASKS = {  # file name → title, folder of the videos; by file name, as the released file goes
    "action_antonym": ("Action Antonym", "ssv2_video"),
    "action_count": ("Action Count", "perception/videos"),
    "action_localization": ("Action Localization", "sta/sta_video"),
    "action_prediction": ("Action Prediction", "star/Charades_v1_480"),
    "action_sequence": ("Action Sequence", "star/Charades_v1_480"),
    "character_order": ("Character Order", "perception/videos"),
    "counterfactual_inference": ("Counterfactual Inference", "clevrer/video_validation"),
    "egocentric_navigation": ("Egocentric Navigation", "vlnqa"),
    "episodic_reasoning": ("Episodic Reasoning", "tvqa/frames_fps3_hq"),
    "fine_grained_action": ("Fine-grained Action", "Moments_in_Time_Raw/videos"),
    "fine_grained_pose": ("Fine-grained Pose", "nturgbd"),
    "moving_attribute": ("Moving Attribute", "clevrer/video_validation"),
    "moving_count": ("Moving Count", "clevrer/video_validation"),
    "moving_direction": ("Moving Direction", "clevrer/video_validation"),
    "object_existence": ("Object Existence", "clevrer/video_validation"),
    "object_interaction": ("Object Interaction", "star/Charades_v1_480"),
    "object_shuffle": ("Object Shuffle", "perception/videos"),
    "scene_transition": ("Scene Transition", "scene_qa/video"),
    "state_change": ("State Change", "perception/videos"),
    "unexpected_action": ("Unexpected Action", "FunQA_test/test"),
}


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    name = file.path.stem
    if name not in TASKS:
        raise RecordError(f"{file.path}: not named after a task of {NAME}, such as action_count.json")
    title, folder = TASKS[name]
    for row in file.rows:
        video = row.text("video") + (".mp4" if name == "episodic_reasoning" else "")
        candidates = row.texts("candidates")
        yield record_of(
            row,
            problem_id=f"{name}/{row.number}",
            problem=row.text("question"),
            path=media / folder / video,
            data_source=f"{NAME}/{title}",
            options=candidates,
            answer=letter_of(row, row.text("answer"), candidates),
        )


def _task(row: Row) -> str | None:
    number, path = row.values.get("problem_id"), str(row.values.get("path"))
    if not isinstance(number, int) or not 1 <= number <= QUESTIONS_A_TASK * len(TASKS):
        return None
    title, folder = list(TASKS.values())[(number - 1) // QUESTIONS_A_TASK]
    return title if f"/{folder}/" in path else None


MVBENCH = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    needs=Needs(
        released="eval_mvbench.json",
        upstream="json/, with 20 files <task>.json",
        media="star/Charades_v1_480/*.mp4, ssv2_video/*.webm, tvqa/frames_fps3_hq/*.mp4 and so on",
        questions=QUESTIONS_A_TASK * len(TASKS),
    ),
)
