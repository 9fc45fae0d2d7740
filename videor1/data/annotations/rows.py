"""Annotation files as published: JSON, JSON lines or parquet → rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videor1.data.records import decode, shown
from videor1.errors import RecordError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object of an annotation file. Its text comes without blanks around it."""

    where: str  # "test.jsonl: record 17", as errors name it
    number: int  # position in the file, from 0
    values: dict[str, Any]

    def text(self, key: str) -> str:
        """A field that must be a string, and not an empty one."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"'{key}' must be a string, got {shown(value)}")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """A field that must be a list of strings; empty where it is null or missing."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(f"'{key}' must be a list of strings, got {shown(value)}")
        return tuple(one.strip() for one in value)

    def error(self, cause: str) -> RecordError:
        """What to raise about this row."""
        return RecordError(f"{self.where}: {cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationFile:
    """The rows of a file, in its order; a file that is one JSON object is one row."""

    path: Path
    rows: tuple[Row, ...]


def read_annotations(path: Path) -> list[AnnotationFile]:
    """The annotation file at `path`, or those of the folder at `path`, by name.

    In a folder it is the JSON files that count; where there are none, the parquet files in it and down to
    two folders below, as data sets are published: `Perception/test-00000-of-00001.parquet`.

    Raises:
        RecordError: there is none, or one cannot be read. The message names file and record.
    """
    try:
        paths = _in_folder(path) if path.is_dir() else [path]
        return [AnnotationFile(path=one, rows=tuple(_rows(one))) for one in paths]
    except OSError as error:
        raise RecordError(f"{error.filename or path}: {error.strerror or error}") from error


def _in_folder(folder: Path) -> list[Path]:
    for patterns in (("*.json", "*.jsonl"), ("*.parquet", "*/*.parquet", "*/*/*.parquet")):
        if found := sorted(path for pattern in patterns for path in folder.glob(pattern)):
            return found
    raise RecordError(f"{folder}: no .json, .jsonl or .parquet file in this folder")


def _rows(path: Path) -> Iterator[Row]:
    for number, value in enumerate(_values(path)):
        where = f"{path}: record {number}"
        if not isinstance(value, dict):
            raise RecordError(f"{where}: expected an object, got {type(value).__name__}")
        yield Row(where=where, number=number, values=value)


def _values(path: Path) -> list[Any]:
    if path.suffix == ".parquet":
        return _parquet(path)
    raw = path.read_bytes()
    if path.suffix == ".jsonl":
        lines = [line for line in raw.splitlines() if line.strip()]
        return [_decode(line, f"{path}: record {number}") for number, line in enumerate(lines)]
    value = _decode(raw, str(path))
    return value if isinstance(value, list) else [value]


def _decode(raw: bytes, where: str) -> Any:
    try:
        return decode(raw)
    except RecordError as error:
        raise RecordError(f"{where}: {error}") from error


def _parquet(path: Path) -> list[Any]:
    import pyarrow  # here, since only those need it who read parquet
    import pyarrow.parquet

    with path.open("rb") as file:
        try:
            return pyarrow.parquet.read_table(file).to_pylist()
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:  # damaged pages too
            raise RecordError(f"{path}: no parquet file: {' '.join(str(error).split())}") from error
