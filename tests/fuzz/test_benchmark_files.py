"""Annotation files of benchmarks, by their authors or somebody else: records, or one RecordError."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import SOUND_RECORD, VALUES, as_json, changed, damaged
from videor1.data.annotations.benchmark_file import RECORDS, BenchmarkFile, read_benchmark
from videor1.data.annotations.known import BENCHMARKS
from videor1.errors import RecordError

LETTERS = [chr(65 + number) for number in range(40)]  # more options than there are letters
LONG = {letter: f"option {letter}" for letter in LETTERS}
SOUND: dict[str, dict[str, Any]] = {  # a row of each benchmark's own file
    "VSI-Bench": {
        "id": 1,
        "dataset": "scannet",
        "scene_name": "scene0",
        "question_type": "route_planning",
        "question": "Where?",
        "options": ["A. left", "B. right"],
        "ground_truth": "A",
    },
    "Video-MMMU": {"id": "dev_Biology_1", "question": "Which?", "options": ["x", "y"], "answer": "B"},
    "MMVU": {
        "id": "validation_1",
        "video": "https://x/videos/Art/1.mp4",
        "question_type": "multiple-choice",
        "question": "Which?",
        "choices": {"A": "x", "B": "y"},
        "answer": "A",
    },
    "MVBench": {"video": "1.mp4", "question": "Which?", "candidates": ["x", "y"], "answer": "y"},
    "TempCompass": {"video_id": "1", "dim": "speed", "question": "Which?\nA. x\nB. y", "answer": "A. x"},
    "VideoMME": {
        "question_id": "1",
        "duration": "short",
        "videoID": "x",
        "question": "Which?",
        "options": ["A. x", "B. y"],
        "answer": "A",
    },
    RECORDS: SOUND_RECORD,
}
ODD = {
    "options": [[], None, LETTERS, ["A. x"], ["\ud800", "x"]],
    "candidates": [LETTERS, ["y"] * 40, []],
    "choices": [LONG, {"A": ""}, {}, {"\ud800": "x"}],
    "answer": ["A", "Z", "a", "", "AB", LETTERS[-1], "yes", "3.5", "nan", "1_0"],
    "ground_truth": ["A", "3.5", "nan", "1e400"],
    "question_type": ["object_counting", "open-ended", "multiple-choice"],
    "question": [
        "A. x",
        "x\n\n\n",
        "\x1c",
        "\n".join(f"{one}. x" for one in LETTERS),
        "Which?\nCaption A: x",
    ],
    "dim": ["", "a/b"],
    "id": [None, "validation_1", "dev__1", "dev_Art_Theory_1", 10**400],
    "problem_id": [1, 4000, True, -1],
    "data_type": ["frame", "image"],
}
RELEASED = SOUND_RECORD | {"original_question_type": "route_planning", "duration": "short"}
NAMES = {"MVBench": "action_count", "TempCompass": "multi-choice", "Video-MMMU": "perception/test"}


@st.composite
def files(draw: st.DrawFn, name: str) -> bytes:
    rows: list[Any] = draw(st.lists(changed(draw(st.sampled_from([SOUND[name], RELEASED])), ODD), max_size=3))
    match draw(st.integers(0, 4)):
        case 0:
            rows.insert(draw(st.integers(0, len(rows))), draw(VALUES))
        case 1 if name == "TempCompass":
            rows = [{"video": {"speed": rows}}, draw(st.dictionaries(st.text(), VALUES, max_size=2))]
        case 2:
            return draw(damaged(as_json(rows)))
    return as_json(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("benchmarks")


def sound_or_refused(name: str, annotations: str, root: Path, media: str | None = None) -> None:
    entry = BenchmarkFile(name=name, annotations=annotations, media=media, questions=2)
    for record in answer(lambda: read_benchmark(entry, root), RecordError) or ():
        assert record.problem
        assert record.path


@pytest.mark.parametrize("name", SOUND)
@cases(12, 2000)
@given(data=st.data(), media=st.sampled_from([None, "media", "/", "../.."]))
def test_a_file_is_read_or_refused(name, folder, data, media):
    path = folder / f"{NAMES.get(name, name)}.{data.draw(st.sampled_from(['json', 'json', 'jsonl']))}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(files(name)))
    sound_or_refused(name, str(path.relative_to(folder)), folder, media)


def as_parquet(rows: list[dict[str, Any]], compression: str) -> bytes:
    whole = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), whole, compression=compression)
    return whole.getvalue()


PARQUET = {
    name: [as_parquet([SOUND[name]] * 3, compression) for compression in ("none", "snappy")]
    for name in ("VSI-Bench", "Video-MMMU", "TempCompass", "VideoMME")
}


@cases(25, 3000)
@given(data=st.data(), name=st.sampled_from(sorted(PARQUET)))
def test_a_parquet_file_is_read_or_refused(folder, data, name):
    path = folder / f"{NAMES.get(name, name)}.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged(data.draw(st.sampled_from(PARQUET[name])))))
    sound_or_refused(name, str(path.relative_to(folder)), folder)


def test_all_benchmarks_are_here():
    assert set(SOUND) == {*BENCHMARKS, RECORDS}


@pytest.mark.parametrize("name", SOUND)
def test_the_sound_row_is_sound(name, folder):
    """So that what is changed about it is what is tried."""
    path = folder / f"{NAMES.get(name, name)}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(as_json([SOUND[name]]))
    assert len(read_benchmark(BenchmarkFile(name=name, annotations=str(path)), folder)) == 1
