"""Record files of any bytes: each record is read, or left out with a cause of one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.amount import cases
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import ANY_TEXT, RECORDS, SOUND_RECORD, VALUES, as_json, record_files
from videor1.data.media import MediaReader
from videor1.data.record_file import RecordFile
from videor1.data.records import decode, find_fault, parse_record
from videor1.data.scan import scan
from videor1.errors import MediaError, RecordError
from videor1.types import Record


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("records")


@cases(40, 4000)
@given(content=record_files(), strict=st.booleans())
def test_a_file_is_read_or_refused(folder, content, strict):
    path = folder / "records.json"
    path.write_bytes(content)
    file = answer(lambda: RecordFile.open(path, strict=strict), RecordError)
    if file is None:
        return
    assert all(record.path and record.data_type in ("video", "image") for record in file)
    numbers = sorted([*file.positions.tolist(), *(one.number for one in file.rejected)])
    assert numbers == list(range(len(numbers)))  # none is lost in silence
    assert all(len(one.cause.splitlines()) == 1 for one in file.rejected)
    kept = RecordFile.open(path, index_folder=folder / "index")
    again = RecordFile.open(path, index_folder=folder / "index")
    assert list(kept) == list(again) == list(file)
    assert kept.rejected == again.rejected == file.rejected


@cases(20, 2000)
@given(content=record_files(), chunk=st.integers(1, 40))
def test_the_window_does_not_show(folder, content, chunk):
    path = folder / "scanned.json"
    path.write_bytes(content)
    found = answer(lambda: list(scan(path)), RecordError)
    assert repr(answer(lambda: list(scan(path, chunk=chunk)), RecordError)) == repr(found)  # NaN is not NaN


@cases(20, 2000)
@given(values=st.lists(RECORDS | VALUES, max_size=4), ascii_only=st.booleans(), as_lines=st.booleans())
def test_sound_json_loses_no_record(folder, values, ascii_only, as_lines):
    """Whatever strings and numbers hold, a file that json.dumps wrote has as many records as went in."""
    written = [as_json(value, ascii_only=ascii_only) for value in values]
    path = folder / "sound.json"
    path.write_bytes(b"\n".join(written) if as_lines else b"[" + b", ".join(written) + b"]")
    if as_lines and written[:1] and written[0].startswith(b"["):  # which makes it an array
        return
    if (file := answer(lambda: RecordFile.open(path), RecordError)) is not None:
        assert len(file) + len(file.rejected) == len(values)


@cases(30, 4000)
@given(raw=RECORDS | VALUES, strict=st.booleans())
def test_a_record_is_sound_or_has_a_fault(raw, strict):
    fault = find_fault(raw, strict=strict)
    record = answer(lambda: parse_record(raw, where="here", strict=strict), RecordError)
    assert (record is None) == (fault is not None)


@cases(20, 2000)
@given(raw=st.binary() | VALUES.map(as_json) | st.text().map(str.encode))
def test_bytes_are_json_or_refused(raw):
    value = answer(lambda: decode(raw), RecordError)
    if value is not None:
        json.dumps(value, ensure_ascii=False).encode()  # a tokenizer can take all of its strings


@cases(20, 2000)
@given(
    path=ANY_TEXT | st.sampled_from(["../x", "a/../../x", "/etc/passwd", "x" * 5000, ".", "a" + "/b" * 3000])
)
def test_a_path_stays_inside(folder, path):
    record = Record(**SOUND_RECORD | {"path": path, "options": ()})
    found = answer(lambda: MediaReader(folder).locate(record), MediaError)
    assert found is None or found.is_relative_to(folder.resolve())
