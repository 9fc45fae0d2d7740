"""Record files: both formats, what is filled in, and what each malformed file or record is told."""

from __future__ import annotations

import json

import pytest

from videor1.data.records import load_records
from videor1.errors import RecordError
from videor1.types import Record

PUBLISHED = {
    "problem_id": 2,
    "problem": "What happens first?",
    "data_type": "video",
    "problem_type": "multiple choice",
    "options": ["A. left", "B. right"],
    "solution": "<answer>B</answer>",
    "path": "./LLaVA-Video-178K/x.mp4",
    "data_source": "STAR",
    "process": "<think>left, then right</think>",
}
EXPECTED = Record(
    problem_id=2,
    problem="What happens first?",
    data_type="video",
    problem_type="multiple choice",
    options=("A. left", "B. right"),
    solution="<answer>B</answer>",
    path="./LLaVA-Video-178K/x.mp4",
    data_source="STAR",
    process="<think>left, then right</think>",
)
FREE = {"problem_type": "free-form", "options": []}


def write(tmp_path, records, *, lines=False):
    path = tmp_path / "records.json"
    text = "".join(json.dumps(record) + "\n" for record in records) if lines else json.dumps(records)
    path.write_text(text, encoding="utf-8")
    return path


def without(key):
    return {name: value for name, value in PUBLISHED.items() if name != key}


@pytest.mark.parametrize("lines", [False, True])
def test_array_and_lines_give_the_same_records_in_order(tmp_path, lines):
    second = PUBLISHED | FREE | {"problem_id": "b", "data_type": "image"}
    first, other = load_records(write(tmp_path, [PUBLISHED, second], lines=lines))
    assert first == EXPECTED
    assert (other.problem_id, other.data_type, other.problem_type, other.options) == (
        "b",
        "image",
        "free-form",
        (),
    )


def test_an_array_may_be_indented_and_lines_may_be_blank(tmp_path):
    array, lines = tmp_path / "array.json", tmp_path / "lines.jsonl"
    array.write_text("\n  " + json.dumps([PUBLISHED], indent=4) + "\n")
    lines.write_text("\n" + json.dumps(PUBLISHED) + "\r\n\n   \n" + json.dumps(PUBLISHED))  # no last newline
    assert load_records(array) == [EXPECTED]
    assert load_records(lines) == [EXPECTED, EXPECTED]


# U+2028 and U+0085 end a line for str.splitlines, but JSON lets them stand in a string as they are.
@pytest.mark.parametrize("problem", ["Qu'est-ce que « 中 » ?", "smile 😀", "one\u2028two", "one\u0085two"])
@pytest.mark.parametrize("as_array", [True, False])
def test_unicode_is_kept(tmp_path, problem, as_array):
    path = tmp_path / "unicode.json"
    record = PUBLISHED | {"problem": problem}
    path.write_text(json.dumps([record] if as_array else record, ensure_ascii=False), encoding="utf-8")
    assert [record.problem for record in load_records(path)] == [problem]


@pytest.mark.parametrize("record", [PUBLISHED | {"data_source": ""}, without("data_source")])
def test_a_source_left_empty_is_unknown(tmp_path, record):
    assert load_records(write(tmp_path, [record]))[0].data_source == "unknown"


def test_what_may_be_missing(tmp_path):
    path = write(tmp_path, [PUBLISHED, {key: PUBLISHED[key] for key in without("options")} | FREE])
    raw = json.loads(path.read_text())
    for key in ("problem_id", "options", "process"):
        del raw[1][key]
    path.write_text(json.dumps(raw))
    record = load_records(path)[1]
    assert record.options == ()
    assert record.process is None
    assert record.problem_id == f"{path}: record 1"


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (without("options"), "multiple choice without 'options'"),
        (PUBLISHED | {"options": []}, "multiple choice without 'options'"),
        (PUBLISHED | {"options": "A. left"}, "'options' must be a list of strings, got 'A. left'"),
        (PUBLISHED | {"options": ["A", 2]}, "'options' must be a list of strings, got ['A', 2]"),
        (PUBLISHED | {"data_type": "audio"}, "'data_type' must be 'video' or 'image', got 'audio'"),
        (PUBLISHED | {"problem_type": "essay"}, "got 'essay'"),
        (PUBLISHED | {"solution": 4}, "'solution' must be a string, got 4"),
        (PUBLISHED | {"path": None}, "'path' must be a string, got None"),
        (PUBLISHED | {"data_source": 7}, "'data_source' must be a string, got 7"),
        (PUBLISHED | {"process": ["a"]}, "'process' must be a string, got ['a']"),
        (without("problem"), "'problem' must be a string, got None"),
        (without("problem_type"), "'problem_type' must be a string, got None"),
        ("A. left", "expected an object, got str"),
        (None, "expected an object, got NoneType"),
    ],
)
@pytest.mark.parametrize("lines", [False, True])
def test_a_malformed_record_is_named(tmp_path, record, complaint, lines):
    path = write(tmp_path, [PUBLISHED, PUBLISHED, record], lines=lines)
    with pytest.raises(RecordError) as caught:
        load_records(path)
    assert str(caught.value).startswith(f"{path}: record 2: ")
    assert str(caught.value).endswith(complaint)


def test_the_number_counts_records_not_lines(tmp_path):
    path = tmp_path / "gaps.jsonl"
    path.write_text("\n\n" + json.dumps(PUBLISHED) + "\n\n" + json.dumps(PUBLISHED | {"solution": 4}))
    with pytest.raises(RecordError, match=r"gaps\.jsonl: record 1: 'solution'"):
        load_records(path)


GOOD = json.dumps(PUBLISHED)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f"[{GOOD},\n{GOOD}".encode(), "broken JSON at line 2: Expecting ',' delimiter"),  # no "]"
        (f"[{GOOD},\n{GOOD[:40]}".encode(), "broken JSON at line 2: "),  # cut within a string
        (f"{GOOD}\n\n{GOOD[:-1]}\n".encode(), "broken JSON at line 3: "),
        (b"id,question\n1,why\n", "broken JSON at line 1: Expecting value"),
        (b'[{"problem": "caf\xe9"}]', "not UTF-8 at byte 17"),  # Latin-1; [{"problem": "caf is 17 bytes
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, content, complaint):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        load_records(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(RecordError, match=r"none\.json: No such file or directory"):
        load_records(tmp_path / "none.json")
    with pytest.raises(RecordError, match="Is a directory"):
        load_records(tmp_path)


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_a_file_may_hold_no_record(tmp_path, text):
    path = tmp_path / "empty.json"
    path.write_text(text)
    assert load_records(path) == []
