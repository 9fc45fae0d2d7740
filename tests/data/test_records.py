"""One record: what is filled in, and what malformed bytes, values and fields are told."""

from __future__ import annotations

import json

import pytest

from videor1.data.records import decode, is_well_framed, parse_record
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


def without(key):
    return {name: value for name, value in PUBLISHED.items() if name != key}


def test_every_field_is_kept():
    assert parse_record(PUBLISHED, where="here") == EXPECTED
    other = parse_record(PUBLISHED | FREE | {"problem_id": "b", "data_type": "image"}, where="here")
    assert (other.problem_id, other.data_type, other.problem_type, other.options) == (
        "b",
        "image",
        "free-form",
        (),
    )


def test_what_may_be_missing():
    raw = {key: PUBLISHED[key] for key in PUBLISHED if key not in ("problem_id", "options", "process")}
    record = parse_record(raw | {"problem_type": "free-form"}, where="x.json: record 1")
    assert (record.options, record.process, record.problem_id) == ((), None, "x.json: record 1")


@pytest.mark.parametrize(
    "record",
    [PUBLISHED | {"data_source": ""}, PUBLISHED | {"data_source": None}, without("data_source")],
)
def test_a_source_left_empty_is_unknown_or_strictly_refused(record):
    assert parse_record(record, where="here").data_source == "unknown"
    with pytest.raises(RecordError, match=r"^here: 'data_source' is missing or empty$"):
        parse_record(record, where="here", strict=True)
    assert parse_record(PUBLISHED, where="here", strict=True) == EXPECTED


def test_the_letter_of_the_solution_is_not_judged():
    record = PUBLISHED | {"solution": "<answer>Z</answer>"}
    assert parse_record(record, where="here", strict=True).solution == "<answer>Z</answer>"


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (without("options"), "multiple choice without 'options'"),
        (PUBLISHED | {"options": []}, "multiple choice without 'options'"),
        (PUBLISHED | {"options": "A. left"}, "'options' must be a list of strings, got 'A. left'"),
        (PUBLISHED | {"options": {"A": "left"}}, "'options' must be a list of strings, got {'A': 'left'}"),
        (PUBLISHED | {"options": ["A", 2]}, "'options' must be a list of strings, got ['A', 2]"),
        (PUBLISHED | {"data_type": "audio"}, "'data_type' must be 'video' or 'image', got 'audio'"),
        (PUBLISHED | {"problem_type": "essay"}, "got 'essay'"),
        (PUBLISHED | {"solution": 4}, "'solution' must be a string, got 4"),
        (PUBLISHED | {"path": None}, "'path' must be a string, got None"),
        (PUBLISHED | {"path": ""}, "'path' is empty"),
        (PUBLISHED | {"data_source": 7}, "'data_source' must be a string, got 7"),
        (PUBLISHED | {"process": ["a"]}, "'process' must be a string, got ['a']"),
        (PUBLISHED | {"problem_id": True}, "'problem_id' must be an integer or a string, got True"),
        (PUBLISHED | {"problem_id": 2.0}, "'problem_id' must be an integer or a string, got 2.0"),
        (PUBLISHED | {"problem_id": [2]}, "'problem_id' must be an integer or a string, got [2]"),
        (without("problem"), "'problem' must be a string, got None"),
        (without("problem_type"), "'problem_type' must be a string, got None"),
        ("A. left", "expected an object, got str"),
        (None, "expected an object, got NoneType"),
    ],
)
def test_a_malformed_record_is_told_which_field(record, complaint):
    with pytest.raises(RecordError) as caught:
        parse_record(record, where="x.json: record 2")
    assert str(caught.value).startswith("x.json: record 2: ")
    assert str(caught.value).endswith(complaint)


def test_a_complaint_stays_one_short_line():
    with pytest.raises(RecordError) as caught:
        parse_record(PUBLISHED | {"solution": ["line\nbreak\u2028" * 10_000]}, where="here")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("raw", "complaint", "framed"),
    [
        (b'{"a" 1}', "broken JSON at byte 105: Expecting ':' delimiter", False),
        ('{"é" 1}'.encode(), "broken JSON at byte 106: Expecting ':' delimiter", False),  # é is 2 bytes
        (b'{"a": 1,}', "broken JSON at byte 10", False),
        (b'{"a": "\\q"}', "broken JSON at byte 107: Invalid \\escape", False),
        (b'{"a": 1} 2', "broken JSON at byte 109: Extra data", False),
        (b"", "broken JSON at byte 100: Expecting value", False),
        (b'{"a": "caf\xe9"}', "not UTF-8 at byte 110", True),  # Latin-1
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 101", True),  # a surrogate in bytes
        (b'{"caf\xe9" 1}', "not UTF-8 at byte 105", False),
        (b'"nul \x00"', "broken JSON at byte 105: Invalid control character at", True),
        (b'"\\ud800 and on"', "the lone surrogate '\\ud800' is no character", True),
        (b'{"\\uDC00": [2]}', "the lone surrogate '\\udc00' is no character", True),
        (b"NaN", "a number that cannot be read: NaN is no JSON", True),
        (b"[-Infinity]", "a number that cannot be read: -Infinity is no JSON", True),
        (b"[" + b"9" * 5000 + b"]", "a number that cannot be read: Exceeds the limit (4300 digits)", True),
        (DEEP, "nested too deeply", True),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_bytes_that_are_no_json_are_told_where(raw, complaint, framed):
    with pytest.raises(RecordError) as caught:
        decode(raw, start=100)
    assert str(caught.value).startswith(complaint)
    assert len(str(caught.value).splitlines()) == 1
    assert is_well_framed(raw) == framed


@pytest.mark.parametrize("value", ["smile 😀", "\\ud800 as text", "one\u2028two\u0085\x00", 10**4000, None])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_bytes_become_the_value_they_stand_for(value, ascii_only):
    raw = json.dumps({"key": value}, ensure_ascii=ascii_only).encode()
    assert decode(raw) == {"key": value}
    assert is_well_framed(raw)
