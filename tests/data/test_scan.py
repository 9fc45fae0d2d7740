"""Record files as spans: whatever the layout and the size of the chunks, and what damage costs."""

from __future__ import annotations

import json
import re
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from videor1.data import scan as module
from videor1.data.scan import scan
from videor1.errors import RecordError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
RECORDS = st.lists(JSON, max_size=6)
CHUNKS = st.integers(1, 40)
LINE_BREAKS = st.sampled_from(["\n", "\r\n", "\n\n \t\n"])
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 3, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" ,\r\n ", " : ")]),
    }
)
on_disk = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ONE, TWO = '{"a": "é, \\"]}"}', '{"b": [1, {}, -2.5e3]}'
VALUES = [json.loads(ONE), json.loads(TWO)]


def write(folder, content):
    path = folder / "records.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def spans_of(folder, content, chunk=1 << 20):
    """All spans, after a check that each says the truth about where its value stands."""
    path = write(folder, content)
    spans = list(scan(path, chunk=chunk))
    raw = path.read_bytes()
    for span in spans:
        assert 0 <= span.start <= span.start + span.length <= len(raw)
        if span.cause is None:
            assert json.loads(raw[span.start : span.start + span.length]) == span.value
        else:
            assert span.value is None
            assert len(span.cause.splitlines()) == 1
    return spans


def values(spans):
    return [span.value for span in spans if span.cause is None]


def causes(spans):
    return [span.cause for span in spans if span.cause is not None]


@on_disk
@given(records=RECORDS, chunk=CHUNKS, layout=LAYOUTS, before=st.sampled_from(["", "\ufeff", " \r\n"]))
def test_an_array_gives_back_what_was_written(tmp_path, records, chunk, layout, before):
    spans = spans_of(tmp_path, before + json.dumps(records, **layout) + "\n", chunk)
    assert values(spans) == records
    assert causes(spans) == []


@on_disk
@given(records=RECORDS, chunk=CHUNKS, ascii_only=st.booleans(), line_break=LINE_BREAKS, last=st.booleans())
def test_lines_give_back_what_was_written(tmp_path, records, chunk, ascii_only, line_break, last):
    if records and isinstance(records[0], list):
        records = [{}, *records]  # a file that begins with "[" is an array
    text = line_break.join(json.dumps(record, ensure_ascii=ascii_only) for record in records)
    spans = spans_of(tmp_path, text + line_break * last, chunk)
    assert values(spans) == records
    assert causes(spans) == []


@on_disk
@given(records=RECORDS, layout=LAYOUTS, chunk=CHUNKS, data=st.data())
def test_a_cut_array_keeps_every_whole_record(tmp_path, records, layout, chunk, data):
    content = json.dumps(records, **layout).encode()
    kept = data.draw(st.integers(1, len(content) - 1))
    whole = [span.start + span.length for span in spans_of(tmp_path, content)]
    spans = spans_of(tmp_path, content[:kept], chunk)
    # a word or number that ends where the file does may be the beginning of a longer one
    sure = sum(end < kept or (end == kept and content[end - 1] in b'"]}') for end in whole)
    assert values(spans) == records[:sure]
    assert len(causes(spans)) == 1
    assert spans[-1].cause.startswith("the array is cut off ")
    assert spans[-1].start + spans[-1].length == kept


@on_disk
@given(records=RECORDS, layout=LAYOUTS, chunk=CHUNKS, data=st.data())
def test_damage_never_costs_what_stands_before_it_nor_goes_unseen(tmp_path, records, layout, chunk, data):
    content = bytearray(json.dumps(records, **layout).encode())
    place = data.draw(st.integers(1, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assume(0 not in content[:4])  # which is how UTF-16 and UTF-32 are told
    before = spans_of(tmp_path, json.dumps(records, **layout))
    spans = spans_of(tmp_path, bytes(content), chunk)
    untouched = sum(span.start + span.length < place for span in before)
    assert values(spans)[:untouched] == records[:untouched]
    try:
        expected = json.loads(content.decode())
    except ValueError:
        assert causes(spans)
    else:
        assert causes(spans) or values(spans) == expected  # a constant, a surrogate: JSON for Python only


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("content", "kept", "cause"),
    [
        (f"[{ONE}, {TWO}", VALUES, "the array is cut off before this record"),
        (f"[{ONE}, {TWO}, ", VALUES, "the array is cut off before this record"),
        (f"[{ONE}, {TWO[:-1]}", VALUES[:1], "the array is cut off within this record"),
        (f"[{ONE}, {TWO[:4]}", VALUES[:1], "the array is cut off within this record"),  # in a string
        (f"[{ONE}, 12", VALUES[:1], "the array is cut off within this record"),
        ("[", [], "the array is cut off before this record"),
        (
            f"[{ONE}, {TWO},\n]",
            VALUES,
            "no record between ',' and ']'; everything from byte 44 on is left out",
        ),
        (f"[,{ONE}]", [], "broken JSON at byte 1: Expecting value; everything from byte 1 on is left out"),
        (f"[{ONE},, {TWO}]", VALUES[:1], "broken JSON at byte 19: Expecting value; everything from "),
        (f"[{ONE} {TWO}]", VALUES[:1], "expected ',' or ']'; everything from byte 19 on is left out"),
        (
            f"[{ONE}]\n{TWO}",
            VALUES[:1],
            "text after the array's ']'; everything from byte 20 on is left out",
        ),
        (f"[{ONE}, {{'b': 1}}, {TWO}]", VALUES[:1], "broken JSON at byte 21: Expecting property name"),
        (
            f"[{ONE}, [1}}, {TWO}]",
            VALUES[:1],
            "broken JSON at byte 22: Expecting ',' delimiter; everything from ",
        ),
        (f"[{ONE}, nul, {TWO}]", VALUES[:1], "broken JSON at byte 20: Expecting value; everything from "),
    ],
)
def test_a_broken_array_costs_what_follows(tmp_path, content, kept, cause, chunk):
    spans = spans_of(tmp_path, content, chunk)
    assert values(spans) == kept
    assert len(spans) == len(kept) + 1
    assert spans[-1].cause.startswith(cause)
    assert [span.rest for span in spans] == [False] * len(kept) + [True]
    assert spans[-1].start + spans[-1].length == len(content.encode())


@pytest.mark.parametrize("chunk", [1, 5, 1 << 20])
@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (b'{"a": "caf\xe9"}', "not UTF-8 at byte "),
        (b'{"a": "nul \x00"}', "broken JSON at byte "),
        (b'{"a": "\\ud800"}', "the lone surrogate '\\ud800' is no character"),
        (b'{"a": NaN}', "a number that cannot be read: NaN is no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number that cannot be read: Exceeds the limit"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_a_record_that_cannot_be_decoded_costs_itself(tmp_path, bad, cause, lines, chunk):
    parts = [ONE.encode(), bad, TWO.encode()]
    spans = spans_of(tmp_path, b"\n".join(parts) if lines else b"[" + b",".join(parts) + b"]", chunk)
    assert values(spans) == VALUES
    assert spans[1].cause.startswith(cause)
    assert not spans[1].rest


@pytest.mark.parametrize("bad", ['{"b": 1', '"b": 1}', "{'b': 1}", ONE + TWO, "\ufeff" + ONE, "]", "x\x0cy"])
def test_a_broken_line_costs_itself(tmp_path, bad):
    spans = spans_of(tmp_path, f"{ONE}\n{bad}\r\n{TWO}\n")
    assert values(spans) == VALUES
    assert spans[1].cause.startswith("broken JSON at byte ")


def test_bytes_are_counted_in_the_whole_file(tmp_path):
    content = ("\ufeff[" + ONE + ", ").encode() + b'{"b": "caf\xe9"}]'
    assert causes(spans_of(tmp_path, content)) == [f"not UTF-8 at byte {content.index(0xE9, 25)}"]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "[]", " [\n ]\r\n"])
def test_a_file_may_hold_no_record(tmp_path, content):
    assert spans_of(tmp_path, content, 1) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[{}]".encode("utf-16"), "seems to be UTF-16, must be UTF-8"),
        ("[{}]".encode("utf-16-le"), "seems to be UTF-16-LE, must be UTF-8"),
        ("[{}]".encode("utf-32"), "seems to be UTF-32, must be UTF-8"),
        ('{"a": 1}'.encode("utf-32-be"), "seems to be UTF-32-BE, must be UTF-8"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "is a gzip file, must be a JSON array or JSON lines"),
        (b"PAR1\x15\x04" + bytes(20), "is a Parquet file, must be a JSON array or JSON lines"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_another_format_is_named(tmp_path, content, complaint, chunk):
    path = write(tmp_path, content)
    with pytest.raises(RecordError) as caught:
        list(scan(path, chunk=chunk))
    assert str(caught.value) == f"{path}: {complaint}"


@pytest.mark.parametrize(
    ("name", "reason"), [("none.json", "No such file or directory"), ("", "Is a directory")]
)
def test_the_reason_of_the_system_is_passed_on(tmp_path, name, reason):
    path = tmp_path / name
    with pytest.raises(RecordError, match=f"^{re.escape(str(path))}: {reason}$"):
        list(scan(path))


def test_a_record_may_be_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 100)
    fits, long = json.dumps("x" * 98), json.dumps("x" * 99)
    for chunk in (1, 30, 1 << 20):
        spans = spans_of(tmp_path, f"{fits}\n{long}\n{fits}\n{long}", chunk)
        assert [span.cause for span in spans] == [None, "longer than 100 bytes"] * 2
        assert [span.length for span in spans] == [100, 101] * 2
        spans = spans_of(tmp_path, f"[{fits}, {long}, {fits}]", chunk)
        assert values(spans) == ["x" * 98]
        assert causes(spans) == ["longer than 100 bytes; everything from byte 103 on is left out"]


@pytest.mark.parametrize("value", ["x" * (1 << 22), [""] * (1 << 20), ["\n"] * (1 << 20)], ids=len)
def test_a_record_larger_than_the_chunk_takes_linear_time(tmp_path, value):
    text = json.dumps(value)
    path = write(tmp_path, f"[{text}, {text}]")
    start = time.perf_counter()
    assert [span.length for span in scan(path, chunk=1 << 10)] == [len(text)] * 2
    assert time.perf_counter() - start < 5  # a second; 4000 passes over it would take minutes


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("damage", [b"", b'{"lost": "quote}, '], ids=["sound", "damaged"])
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch, lines, damage):
    monkeypatch.setattr(module, "LONGEST", 1 << 16)
    record = json.dumps({"a": "x" * 1000}).encode()
    parts = [record] * 1000 + [damage + record] + [record] * 9000  # 10 MB
    path = write(tmp_path, b"\n".join(parts) if lines else b"[" + b",".join(parts) + b"]")
    tracemalloc.start()
    kept = sum(span.cause is None for span in scan(path, chunk=1 << 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept == 10_001 if not damage else kept == (10_000 if lines else 1000)
    assert peak < 1 << 20
