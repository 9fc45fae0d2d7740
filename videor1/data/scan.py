"""Record file → one `Span` a record: where it stands in the file, and its JSON or why it has none.

The file passes through a window of about one chunk; only a longer record makes the window grow.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from videor1.data.records import decode, is_well_framed
from videor1.errors import RecordError

# Bytes of one record. Real ones have about 1000, but after a lost quote or bracket a record seems to go on to
# the end of the file, and that much must not end up in memory.
LONGEST = 1 << 24

_BOM = b"\xef\xbb\xbf"
_FOREIGN = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "Zstandard", b"PAR1": "Parquet"}
# Nothing here backtracks (`++` and `*+` give nothing back), so a search is linear in what it passes over.
_INK = re.compile(rb"[^ \t\n\r]")
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+[\[\]{}]', re.DOTALL)  # none in a string
# A string, or a word that something follows: 12 at the end of the window may be the beginning of 123.
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(?!")[^"\s,\[\]{}]*+(?=.)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """The place of one record in its file, and what stands there."""

    start: int  # byte offset
    length: int  # bytes
    value: Any = None  # decoded JSON
    cause: str | None = None  # one line: why there is no value
    rest: bool = False  # stands for everything from here to the end of the file, not for one record


def scan(path: str | Path, *, chunk: int = 1 << 20) -> Iterator[Span]:
    """The records of a JSON array, or of JSON lines, in file order; `chunk` bytes are read at a time.

    The first character tells which: `[` is an array. A record that cannot be decoded costs itself only, but
    for broken JSON in an array: where the next record begins would be a guess, so one last span without a
    value stands for the rest of the file.

    Raises:
        RecordError: the file cannot be read, or is something else altogether: UTF-16, gzip and the like.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            window = _Window(file, chunk)
            _check_format(path, window)
            yield from (_array if window.peek() == b"[" else _lines)(window)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error


class _LostTrackError(Exception):
    """Where the record in hand ends cannot be told; the message says why."""


class _Window:
    """The part of the file that is in memory; `at` is how far into it all is done."""

    def __init__(self, file: BinaryIO, chunk: int) -> None:
        self.file, self.chunk = file, chunk
        self.data, self.at = b"", 0
        self.base = 0  # byte offset of data[0] in the file

    @property
    def offset(self) -> int:
        return self.base + self.at

    def more(self) -> bool:
        """Drops what is done and reads on; False at the end of the file.

        What is pending at least doubles, so all attempts to find a record's end are linear in its length.
        """
        pending = self.data[self.at :]
        fresh = self.file.read(max(self.chunk, len(pending)))
        self.base, self.data, self.at = self.offset, pending + fresh, 0
        return bool(fresh)

    def peek(self) -> bytes:
        """Passes over blanks; the byte that comes next, or b"" at the end of the file."""
        while (ink := _INK.search(self.data, self.at)) is None:
            self.at = len(self.data)
            if not self.more():
                return b""
        self.at = ink.start()
        return ink.group()

    def reach(self, end_of: Callable[[bytes, int], int]) -> int | None:
        """The index in `data` at which what begins at `at` ends; None where the file ends before it does.

        `end_of(data, at)` is that index, or -1 when it lies beyond `data`.
        """
        while (end := end_of(self.data, self.at)) < 0 and len(self.data) - self.at <= LONGEST:
            if not self.more():
                return None
        if not self.at <= end <= self.at + LONGEST:
            raise _LostTrackError(f"longer than {LONGEST} bytes")
        return end

    def rest(self, cause: str) -> Span:
        """What is not done yet, to the end of the file, as one span without a value."""
        length = os.fstat(self.file.fileno()).st_size - self.offset
        loss = f"; everything from byte {self.offset} on is left out" if length else ""
        return Span(self.offset, length, cause=cause + loss, rest=True)


def _check_format(path: str | Path, window: _Window) -> None:
    """Passes over UTF-8's byte order mark; raises RecordError when the file is no UTF-8 text at all."""
    while len(window.data) < 8 and window.more():
        pass
    for signature, name in _FOREIGN.items():
        if window.data.startswith(signature):
            raise RecordError(f"{path}: is a {name} file, must be a JSON array or JSON lines")
    encoding = json.detect_encoding(window.data)
    if not encoding.startswith("utf-8"):
        raise RecordError(f"{path}: seems to be {encoding.upper()}, must be UTF-8")
    if window.data.startswith(_BOM):
        window.at = len(_BOM)


def _lines(window: _Window) -> Iterator[Span]:
    while window.peek():  # which passes over blank lines
        start = window.offset
        try:
            end = window.reach(_end_of_line)
        except _LostTrackError as error:
            while (line_break := _end_of_line(window.data, window.at)) < 0:
                window.at = len(window.data)
                if not window.more():
                    break
            window.at = max(line_break, window.at)
            yield Span(start, window.offset - start, cause=str(error))
        else:  # the last line need not end in a line break
            yield _span(window.data[window.at : end].rstrip(b" \t\r"), start)
            window.at = len(window.data) if end is None else end


def _array(window: _Window) -> Iterator[Span]:
    window.at += 1
    try:
        ahead = window.peek()
        while ahead != b"]":
            if not ahead or (end := window.reach(_end_of_value)) is None:
                raise _LostTrackError(f"the array is cut off {'within' if ahead else 'before'} this record")
            span = _span(window.data[window.at : end], window.offset)
            if span.cause is not None and not is_well_framed(window.data[window.at : end]):
                raise _LostTrackError(span.cause)
            yield span
            window.at = end
            ahead = window.peek()
            if ahead == b",":
                window.at += 1
                ahead = window.peek()
                if ahead == b"]":
                    raise _LostTrackError("no record between ',' and ']'")
            elif ahead and ahead != b"]":
                raise _LostTrackError("expected ',' or ']'")
        window.at += 1
        if window.peek():
            raise _LostTrackError("text after the array's ']'")
    except _LostTrackError as error:
        yield window.rest(str(error))


def _span(raw: bytes, start: int) -> Span:
    try:
        return Span(start, len(raw), decode(raw, start))
    except RecordError as error:
        return Span(start, len(raw), cause=str(error))


def _end_of_line(data: bytes, start: int) -> int:
    return data.find(b"\n", start)  # not splitlines(), which breaks at U+2028 within strings


def _end_of_value(data: bytes, start: int) -> int:
    if data[start] not in b"[{":
        scalar = _SCALAR.match(data, start)
        return scalar.end() if scalar else -1
    at, depth = start, 0
    while bracket := _BRACKET.match(data, at):
        at = bracket.end()
        depth += 1 if data[at - 1] in b"[{" else -1
        if depth == 0:
            return at
    return -1
