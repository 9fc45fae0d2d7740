"""A record file as a sequence: an index is in memory, each record is read from disk when it is asked for."""

from __future__ import annotations

import hashlib
import os
import stat
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from videor1.data.record_index import (
    VERSION,
    Kind,
    RecordIndex,
    Rejected,
    build_index,
    load_index,
    save_index,
)
from videor1.data.records import NO_SOURCE, decode, parse_record
from videor1.errors import DiskError, RecordError
from videor1.types import Record

__all__ = ["Kind", "RecordFile", "Rejected"]


class RecordFile(Sequence[Record]):
    """The sound records of a JSON array or of JSON lines, in file order; made by `open`.

    It goes into other processes, forked or pickled, without records (24 bytes each) and without an open file.

    Attributes:
        path: the file.
        positions: (N,) int64, where in the file each sound record stands, from 0.
        kind_codes: (N,) int32, index into `kinds` of each.
        kinds: by first appearance.
        rejected: the records left out, by position; in a broken array the last stands for all from there on.
    """

    def __init__(self, path: Path, state: tuple[int, int], index: RecordIndex) -> None:
        self.path = path
        self.positions, self.kind_codes = index.positions, index.kind_codes
        self.kinds, self.rejected = index.kinds, index.rejected
        self._starts, self._lengths = index.starts, index.lengths
        self._state = state
        self._opened: tuple[int, int] | None = None  # process id, descriptor

    @classmethod
    def open(
        cls, path: str | Path, *, strict: bool = False, index_folder: str | Path | None = None
    ) -> RecordFile:
        """Reads the whole file once and remembers where its records are.

        Args:
            path: the file.
            strict: refuse the file if a record is rejected or has no data_source.
            index_folder: where to keep what is remembered, under the hash of the file's content: opening the
                file again is then a matter of hashing it. None keeps nothing.

        Raises:
            RecordError: the file cannot be read, is no record file, changes meanwhile, or `strict` refuses
                it; or the index folder cannot be read or written.
        """
        path = Path(path)
        with _named_errors(path):
            state = _state(path)
            if index_folder is None:
                index = _build(path, state)
            else:
                index = _keep(Path(index_folder) / f"{_digest(path)}-{VERSION}.index", path, state)
        if strict:
            _refuse_flaws(path, index)
        return cls(path, state, index)

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        """Raises RecordError when the file cannot be read any more or was changed after it was opened."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = int(self._starts[number])
        raw = self._read(start, int(self._lengths[number]))
        where = self.where(number)
        try:
            value = decode(raw, start)
            record = parse_record(value, where=where)
        except RecordError as error:  # it was sound before
            raise RecordError(f"{where}: the file changed after it was opened") from error
        if value.get("problem_id") is None:
            return replace(record, problem_id=int(self.positions[number]))
        return record

    def __iter__(self) -> Iterator[Record]:
        return (self[number] for number in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def where(self, index: int) -> str:
        """A record as errors name it, by its position: "records.json: record 17"."""
        return f"{self.path}: record {self.positions[index]}"

    def _read(self, start: int, length: int) -> bytes:
        with _named_errors(self.path):
            descriptor = self._descriptor()
            if _state(descriptor) != self._state:
                raise RecordError(f"{self.path}: the file changed after it was opened")
            return os.pread(descriptor, length, start)

    def _descriptor(self) -> int:
        """Each process opens the file for itself, at the first record it reads."""
        if self._opened is None or self._opened[0] != os.getpid():
            descriptor = os.open(self.path, os.O_RDONLY)
            weakref.finalize(self, os.close, descriptor)
            self._opened = os.getpid(), descriptor
        return self._opened[1]


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Makes RecordErrors that name the file out of the system's errors."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error


def _state(file: Path | int) -> tuple[int, int]:
    """What tells that a file changed: its size in bytes and the time of its last change in ns."""
    status = os.stat(file)
    if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):  # reading refuses a folder
        raise RecordError(f"{file}: not a regular file, which is needed to read records in any order")
    return status.st_size, status.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(kept: Path, path: Path, state: tuple[int, int]) -> RecordIndex:
    with _named_errors(kept):
        index = load_index(kept)
    if index is None:
        index = _build(path, state)
        try:
            save_index(index, kept)
        except DiskError as error:
            raise RecordError(f"data.cache.folder: {error}") from error
    return index


def _build(path: Path, state: tuple[int, int]) -> RecordIndex:
    index = build_index(path)
    if _state(path) != state:
        raise RecordError(f"{path}: changed while it was read")
    return index


def _refuse_flaws(path: Path, index: RecordIndex) -> None:
    """Raises RecordError for the first record that is rejected or has no data_source."""
    flaws = [(one.number, one.cause) for one in index.rejected[:1]]
    if index.nameless is not None:
        flaws.append((index.nameless, NO_SOURCE))
    for number, cause in sorted(flaws)[:1]:
        raise RecordError(f"{path}: record {number}: {cause}")
