"""Record files: JSON arrays or JSON lines in the published Video-R1 format → `Record`s."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from videor1.errors import RecordError
from videor1.types import PROBLEM_TYPES, Record

_REQUIRED = ("problem", "data_type", "problem_type", "solution", "path")
_OPTIONAL = ("data_source", "process")


def load_records(path: str | Path) -> list[Record]:
    """All records of one file, in file order.

    Raises:
        RecordError: the file is missing, not UTF-8, no JSON, or a record lacks a field or holds a wrong one;
            the message names the file and, counted from 0, the record.
    """
    path = Path(path)
    return [parse_record(raw, where=f"{path}: record {number}") for number, raw in enumerate(_read(path))]


def parse_record(raw: Any, *, where: str) -> Record:
    """One JSON object as a `Record`; `where` names it in errors."""
    if not isinstance(raw, dict):
        raise RecordError(f"{where}: expected an object, got {type(raw).__name__}")
    for key in _REQUIRED:
        if not isinstance(raw.get(key), str):
            raise RecordError(f"{where}: '{key}' must be a string, got {raw.get(key)!r}")
    for key in _OPTIONAL:
        if not isinstance(raw.get(key), str | None):
            raise RecordError(f"{where}: '{key}' must be a string, got {raw[key]!r}")
    if raw["data_type"] not in ("video", "image"):
        raise RecordError(f"{where}: 'data_type' must be 'video' or 'image', got {raw['data_type']!r}")
    if raw["problem_type"] not in PROBLEM_TYPES:
        raise RecordError(
            f"{where}: 'problem_type' must be one of {PROBLEM_TYPES}, got {raw['problem_type']!r}"
        )
    options = raw.get("options") or ()
    if not isinstance(options, list | tuple) or not all(isinstance(option, str) for option in options):
        raise RecordError(f"{where}: 'options' must be a list of strings, got {options!r}")
    if raw["problem_type"] == "multiple choice" and not options:
        raise RecordError(f"{where}: multiple choice without 'options'")
    return Record(
        problem_id=raw.get("problem_id", where),
        problem=raw["problem"],
        data_type=raw["data_type"],
        problem_type=raw["problem_type"],
        options=tuple(options),
        solution=raw["solution"],
        path=raw["path"],
        data_source=raw.get("data_source") or "unknown",  # one published source leaves it empty
        process=raw.get("process"),
    )


def _read(path: Path) -> Iterator[Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not UTF-8 at byte {error.start}") from error
    if text.lstrip().startswith("["):
        try:
            yield from json.loads(text)
        except json.JSONDecodeError as error:
            raise RecordError(f"{path}: broken JSON at line {error.lineno}: {error.msg}") from error
        return
    for number, line in enumerate(text.split("\n")):  # splitlines() also breaks at U+2028, inside strings
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise RecordError(f"{path}: broken JSON at line {number + 1}: {error.msg}") from error
