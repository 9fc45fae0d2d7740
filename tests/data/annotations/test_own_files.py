"""The benchmarks' own annotation files: every field of the record that comes of them."""

from __future__ import annotations

import pytest

from tests.data.annotations import own_files
from tests.data.annotations.own_files import write_json, write_lines, write_parquet
from videor1.data.annotations.benchmark_file import BenchmarkFile, read_benchmark
from videor1.errors import RecordError
from videor1.types import Record


def read(root, name, annotations, media=None):
    return read_benchmark(BenchmarkFile(name=name, annotations=annotations, media=media), root)


def test_vsi_bench_as_lines_and_as_parquet(tmp_path):
    write_lines(tmp_path / "VSI-Bench/test.jsonl", own_files.VSI_BENCH)
    write_parquet(tmp_path / "VSI-Bench/test-00000-of-00001.parquet", own_files.VSI_BENCH)
    records = read(tmp_path, "VSI-Bench", "VSI-Bench/test.jsonl")
    assert records == [
        Record(
            problem_id=0,
            problem="How many table(s) are in this room?",
            data_type="video",
            problem_type="regression",
            options=(),
            solution="<answer>4</answer>",
            path="VSI-Bench/arkitscenes/41069025.mp4",
            data_source="VSI-Bench/object_counting",
        ),
        Record(
            problem_id=957,
            problem="Standing by the stove, where is the tv?",
            data_type="video",
            problem_type="multiple choice",
            options=("A. front-left", "B. back-right"),
            solution="<answer>B</answer>",
            path="VSI-Bench/scannet/scene0011_00.mp4",
            data_source="VSI-Bench/object_rel_direction_hard",
        ),
    ]
    assert read(tmp_path, "VSI-Bench", "VSI-Bench/test-00000-of-00001.parquet") == records


@pytest.mark.parametrize("published", ["test-00000-of-00001.parquet", "test/0000.parquet"])
def test_video_mmmu(tmp_path, published):
    for track, rows in own_files.VIDEO_MMMU.items():
        write_parquet(tmp_path / "VideoMMMU" / track / published, rows)
    words, mass, comprehension, perception = sorted(
        read(tmp_path, "Video-MMMU", "VideoMMMU"), key=lambda record: str(record.problem_id)
    )
    assert (perception.problem_id, perception.data_source) == (
        "perception/new_Psychology_5",
        "Video-MMMU/perception",
    )
    assert (perception.options, perception.solution) == (("A. desert", "B. tundra"), "<answer>B</answer>")
    assert perception.path == "VideoMMMU/Humanities/new_Psychology_5.mp4"
    assert comprehension.path == "VideoMMMU/Medicine/validation_Basic_Medical_Science_1.mp4"
    assert (comprehension.options, comprehension.problem) == (("A. 1", "B. 2"), "What if?")
    assert mass.problem == (
        "The image for this question is at the end of the video.\nWhat mass is in <image 1>?"
    )
    assert (mass.problem_type, mass.options, mass.solution) == ("numerical", (), "<answer>12.97</answer>")
    assert (words.problem_type, words.solution) == ("free-form", "<answer>an aldose</answer>")
    assert words.data_source == mass.data_source == "Video-MMMU/adaptation"


def test_mmvu_asks_its_multiple_choice_part(tmp_path):
    write_json(tmp_path / "MMVU/validation.json", own_files.MMVU)
    assert read(tmp_path, "MMVU", "MMVU/validation.json") == [
        Record(
            problem_id="validation_12",
            problem="What can be inferred?",
            data_type="video",
            problem_type="multiple choice",
            options=("A. 10.0", "B. 5.0", "C. 12.0"),
            solution="<answer>C</answer>",
            path="MMVU/videos/Mechanical_Engineering/0.mp4",
            data_source="MMVU/Mechanical Engineering",
        )
    ]


def test_mvbench(tmp_path):
    for task, row in own_files.MVBENCH.items():
        write_json(tmp_path / f"MVBench/json/{task}.json", [row])
    antonym, sequence, episodic = read(tmp_path, "MVBench", "MVBench/json", media="MVBench/video")
    assert sequence == Record(
        problem_id="action_sequence/0",
        problem="What happened before?",
        data_type="video",
        problem_type="multiple choice",
        options=("A. Opened the bag.", "B. Closed the closet."),
        solution="<answer>B</answer>",
        path="MVBench/video/star/Charades_v1_480/XFRYR.mp4",
        data_source="MVBench/Action Sequence",
    )
    assert (antonym.path, antonym.data_source) == (
        "MVBench/video/ssv2_video/166583.webm",
        "MVBench/Action Antonym",
    )
    # A folder of frames is asked for as the video made of it; the blank after the answer does not count.
    assert episodic.path == "MVBench/video/tvqa/frames_fps3_hq/castle_s06e18_seg02_clip_23.mp4"
    assert episodic.solution == "<answer>A</answer>"


@pytest.mark.parametrize("parquet", [False, True])
def test_tempcompass(tmp_path, parquet):
    for manner, (question, answer) in own_files.TEMPCOMPASS.items():
        asked = {"question": question, "answer": answer}
        if parquet:
            rows = [{"video_id": "1034_reverse", "dim": "speed", **asked}]
            write_parquet(tmp_path / f"TempCompass/q/{manner}/test-00000-of-00001.parquet", rows)
        else:
            write_json(tmp_path / f"TempCompass/q/{manner}.json", {"1034_reverse": {"speed": [asked]}})
    matching, choice, yes_no = read(tmp_path, "TempCompass", "TempCompass/q", media="TempCompass/videos")
    assert choice == Record(
        problem_id="multi-choice/1034_reverse/speed/0",
        problem="What is done?",
        data_type="video",
        problem_type="multiple choice",
        options=("A. dunking", "B. running at 1.5x"),
        solution="<answer>B</answer>",
        path="TempCompass/videos/1034_reverse.mp4",
        data_source="TempCompass/multi-choice speed",
    )
    assert (matching.problem, matching.options, matching.solution, matching.data_source) == (
        "Which is better?",
        ("A. He passes.", "B. He dunks: so."),
        "<answer>B</answer>",
        "TempCompass/caption_matching speed",
    )
    assert (yes_no.options, yes_no.solution) == (("A. yes", "B. no"), "<answer>B</answer>")
    assert yes_no.data_source == "TempCompass/yes_no speed"


def test_videomme(tmp_path):
    write_parquet(tmp_path / "videomme/test-00000-of-00001.parquet", own_files.VIDEOMME)
    assert read(tmp_path, "VideoMME", "videomme", media="data") == [
        Record(
            problem_id="001-1",
            problem="Which is most?",
            data_type="video",
            problem_type="multiple choice",
            options=("A. Apples.", "B. Candles."),
            solution="<answer>B</answer>",
            path="data/fFjv93ACGo8.mp4",
            data_source="VideoMME/long",
        )
    ]


def vsi(**changed):
    return own_files.VSI_BENCH[1] | changed


@pytest.mark.parametrize(
    ("name", "file", "content", "complaint"),
    [
        (
            "VSI-Bench",
            "t.json",
            [vsi(question=None)],
            "t.json: record 0: 'question' must be a string, got None",
        ),
        ("VSI-Bench", "t.json", [vsi(question_type="x")], "record 0: 'question_type' must be one of"),
        ("VSI-Bench", "t.json", [vsi(ground_truth="AB")], "'AB' is the letter of none of the 2 options"),
        ("VSI-Bench", "t.json", [vsi(options=None)], "'B' is the letter of none of the 0 options"),
        ("VSI-Bench", "t.json", [vsi(options="A. x")], "'options' must be a list of strings, got 'A. x'"),
        (
            "VSI-Bench",
            "t.json",
            [own_files.VSI_BENCH[0] | {"ground_truth": "four"}],
            "'ground_truth' of object_counting must be a number, got 'four'",
        ),
        ("VSI-Bench", "t.json", [vsi(), vsi()], "the question 957 comes twice"),
        ("VSI-Bench", "t.json", [vsi(), 3], "t.json: record 1: expected an object, got int"),
        ("VSI-Bench", "t.json", [], "t.json: no question of VSI-Bench in it"),
        ("VSI-Bench", "t.parquet", [], "t.parquet: no parquet file"),
        ("VSI-Bench", "t.jsonl", [vsi()], "t.jsonl: record 0: expected an object, got list"),
        ("Video-MMMU", "Tracks/t.json", own_files.VIDEO_MMMU["Adaptation"], "is named after a track"),
        (
            "Video-MMMU",
            "Adaptation/t.json",
            [own_files.VIDEO_MMMU["Adaptation"][0] | {"id": "new_Magic_1"}],
            "'id' names no subject of Video-MMMU: 'new_Magic_1'",
        ),
        ("MMVU", "t.json", own_files.MMVU[:1], "no question of MMVU in it"),
        (
            "MMVU",
            "t.json",
            [own_files.MMVU[1] | {"video": "a/0.mp4"}],
            "'video' must end in videos/<Subject>/",
        ),
        (
            "MMVU",
            "t.json",
            [own_files.MMVU[1] | {"choices": ["x"]}],
            "'choices' must be an object of strings",
        ),
        ("MVBench", "action.json", [], "not named after a task of MVBench"),
        (
            "MVBench",
            "action_antonym.json",
            [own_files.MVBENCH["action_antonym"] | {"answer": "No"}],
            "'No' is none of ['Not sure', 'Piling something up']",
        ),
        ("TempCompass", "q.json", {}, "neither file nor folder is named after a format"),
        ("TempCompass", "yes_no.json", {"1": []}, "yes_no.json: 1: expected an object of aspects, got []"),
        (
            "TempCompass",
            "yes_no.json",
            {"1": {"order": [3]}},
            "yes_no.json: 1, order: expected a list of objects",
        ),
        (
            "TempCompass",
            "multi-choice.json",
            {"1": {"order": [{"question": "What?", "answer": "A. x"}]}},
            "1, order, record 0: 'question' must end in lines of the form <label>. <option>",
        ),
        ("VideoMME", "t.json", [own_files.VIDEOMME[0] | {"duration": "1:00"}], "'duration' must be one of"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, file, content, complaint):
    write_json(tmp_path / file, content)
    with pytest.raises(RecordError) as caught:
        read(tmp_path, name, file)
    assert complaint in str(caught.value)
    assert str(tmp_path / file) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(RecordError, match=r"none\.json: No such file"):
        read(tmp_path, "MMVU", "none.json")
    with pytest.raises(RecordError, match=r"no \.json, \.jsonl or \.parquet file in this folder"):
        read(tmp_path, "MMVU", ".")
    (tmp_path / "cut.json").write_text('[{"id": ')
    with pytest.raises(RecordError, match=r"cut\.json: broken JSON at byte"):
        read(tmp_path, "MMVU", "cut.json")
