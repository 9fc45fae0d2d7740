"""The files that Video-R1 released: the task of each record, and records of one's own."""

from __future__ import annotations

import pytest

from tests.data.annotations.own_files import RELEASED, write_json
from videor1.data.annotations.benchmark_file import BenchmarkFile, read_benchmark
from videor1.data.record_file import RecordFile
from videor1.errors import RecordError


def read(root, name, media=None):
    file, rows = RELEASED[name]
    write_json(root / file, rows)
    return read_benchmark(BenchmarkFile(name=name, annotations=file, media=media), root)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("VSI-Bench", ["VSI-Bench/object_counting", "VSI-Bench/obj_appearance_order"]),
        (
            "Video-MMMU",  # by number; none beyond 900, nor where number and path disagree
            [
                "Video-MMMU/adaptation",
                "Video-MMMU/comprehension",
                "Video-MMMU/perception",
                "Video-MMMU",
                "Video-MMMU",
            ],
        ),
        ("MMVU", ["MMVU/Mechanical Engineering"]),  # the free-form record is left out
        (
            "MVBench",  # by number where the folder agrees
            [
                "MVBench/Action Antonym",
                "MVBench/Action Sequence",
                "MVBench/Episodic Reasoning",
                "MVBench/Unexpected Action",
                "MVBench",
            ],
        ),
        ("TempCompass", ["TempCompass"]),
        ("VideoMME", ["VideoMME/short"]),
    ],
)
def test_the_task_comes_into_the_source(tmp_path, name, sources):
    records = read(tmp_path, name)
    assert [record.data_source for record in records] == sources
    kept = RELEASED[name][1][: len(records)]
    for record, raw in zip(records, kept, strict=True):
        assert (record.problem_id, record.problem) == (raw["problem_id"], raw["problem"])
        assert (record.problem_type, record.solution) == (raw["problem_type"], raw["solution"])
        assert record.options == tuple(raw["options"] or ())
        assert (record.path, record.data_type) == (raw["path"], "video")


def test_paths_may_begin_in_a_folder_of_the_root(tmp_path):
    assert [record.path for record in read(tmp_path, "VideoMME", media="eval")] == [
        "eval/Evaluation/VideoMME/fFjv93ACGo8.mp4"
    ]


def test_a_record_without_number_is_known_by_its_position(tmp_path):
    rows = [
        {key: value for key, value in row.items() if key != "problem_id"} for row in RELEASED["MVBench"][1]
    ]
    write_json(tmp_path / "e.json", rows)
    records = read_benchmark(BenchmarkFile(name="MVBench", annotations="e.json"), tmp_path)
    assert [(record.problem_id, record.data_source) for record in records[:2]] == [
        (0, "MVBench"),
        (1, "MVBench"),
    ]


def test_a_malformed_record_is_named(tmp_path):
    write_json(tmp_path / "e.json", [*RELEASED["MMVU"][1], {"problem": "x", "solution": "y"}])
    with pytest.raises(RecordError, match=r"e\.json: record 2: 'data_type' must be a string, got None"):
        read_benchmark(BenchmarkFile(name="MMVU", annotations="e.json"), tmp_path)


def test_the_folder_of_all_released_files_is_refused(tmp_path):
    for name in RELEASED:
        read(tmp_path, name)
    with pytest.raises(RecordError, match=r"eval_mmvu\.json: a file of Video-R1's; name the file"):
        read_benchmark(BenchmarkFile(name="VideoMME", annotations="."), tmp_path)


def test_own_records_keep_everything(world):
    file = BenchmarkFile(name="records", annotations="held_out.json")
    records = read_benchmark(file, world)
    assert records == list(RecordFile.open(world / "held_out.json"))
    assert len({record.data_source for record in records}) > 1


def test_own_records_below_a_folder_and_malformed_ones(tmp_path):
    _, rows = RELEASED["VideoMME"]
    write_json(tmp_path / "mine.json", rows)
    file = BenchmarkFile(name="records", annotations="mine.json", media="films")
    (record,) = read_benchmark(file, tmp_path)
    assert record.path == "films/Evaluation/VideoMME/fFjv93ACGo8.mp4"
    assert record.data_source == "unknown"
    write_json(tmp_path / "mine.json", [*rows, {"problem": "x"}])
    with pytest.raises(RecordError, match=r"mine\.json: record 1: 'data_type' must be a string"):
        read_benchmark(file, tmp_path)
