"""One record file as a run uses it: opened, its unusable records set apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from videor1.data.mixture import EpochOrder, Share
from videor1.data.quarantine import Quarantine, Quarantined, read_quarantine
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError, RecordError

_LOOKED_AT = 200  # records
_LETTER_ASKED = re.compile(r"\s*(?:<answer>)?\s*[A-Z]\s*(?:</answer>)?\s*")
_LETTERED = re.compile(r"\W*[A-Z](\W|$)")  # "A. red", "(A) red", "A"


class Split:
    """The records of `data.train` or `data.validate`.

    Args:
        file: the record file.
        index_folder: where its index is kept.
        strict: stop at the first unusable record.
        quarantine: file that unusable records are written to.
        max_bad_share: share of unusable records at which the run stops.
        exclude: quarantine files of earlier runs; their records are left out and not counted.

    Raises:
        ConfigError: there is no such file, or its options have no letters where its solutions are letters.
        RecordError: the file cannot be read, or, if strict, holds a malformed record.
        BadShareError: it holds too many of them.
    """

    def __init__(
        self,
        file: Path,
        *,
        index_folder: Path,
        strict: bool,
        quarantine: Path,
        max_bad_share: float,
        exclude: Sequence[str] = (),
    ) -> None:
        if not file.exists():
            raise ConfigError(
                f"there is no record file '{file}'; data.train and data.validate are relative to data.root"
            )
        self.records = RecordFile.open(file, strict=strict, index_folder=index_folder)
        _refuse_broken(self.records, max_bad_share)
        everything = len(self.records) + len(self.records.rejected)
        named = [one for name in exclude for one in _excluded(name, self.records)]
        malformed = {one.record for one in named if not one.path}
        self.quarantine = Quarantine(quarantine, records=everything, max_bad_share=max_bad_share)
        self.quarantine.refuse(
            Quarantined(
                file=str(file), record=one.number, problem_id=one.problem_id, path="", cause=one.cause
            )
            for one in self.records.rejected
            if one.number not in malformed
        )
        _refuse_letterless(self.records)
        self._excluded = self._numbers(one.record for one in named if one.path)

    def known_bad(self) -> np.ndarray:
        """Numbers of the records that need not be tried again."""
        return np.union1d(self._excluded, self._numbers(self.quarantine.found))

    def numbers(self) -> np.ndarray:
        """(M,) numbers of the records that are not excluded, in file order."""
        return np.setdiff1d(np.arange(len(self.records)), self._excluded)

    def digest(self) -> str:
        """Hexadecimal digits that stand for the content of the file and for what is excluded."""
        with self.records.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        content.update(self._excluded.tobytes())
        return content.hexdigest()

    def order(self, mixture: Sequence[Share], *, seed: int) -> EpochOrder:
        """The order of the epochs."""
        numbers = self.numbers()
        codes = self.records.kind_codes[numbers]
        return EpochOrder(codes, self.records.kinds, numbers=numbers, mixture=mixture, seed=seed)

    def _numbers(self, positions: Iterable[int]) -> np.ndarray:
        """Record numbers at these positions of the file; a position that holds no sound record has none."""
        return np.flatnonzero(np.isin(self.records.positions, list(positions)))


def _refuse_letterless(records: RecordFile) -> None:
    """Options reach the model as they are written; without letters none of them could be named."""
    chosen = [
        record
        for record in islice(records, _LOOKED_AT)
        if record.problem_type == "multiple choice" and _LETTER_ASKED.fullmatch(record.solution)
    ]
    if chosen and not any(_LETTERED.match(option) for record in chosen for option in record.options):
        raise ConfigError(
            f"{records.path}: record {chosen[0].problem_id}: its solution is a letter, and no option has one"
            f" ({chosen[0].options[0]!r}), as everywhere in this file; write 'A. {chosen[0].options[0]}'"
        )


def _refuse_broken(records: RecordFile, max_bad_share: float) -> None:
    """Where an array is broken the rest of it counts as one rejected record, however much that is."""
    for one in records.rejected:
        if one.lost_bytes > max_bad_share * records.path.stat().st_size:
            raise RecordError(f"{records.path}: record {one.number}: {one.cause}; mend it there")


def _excluded(name: str, records: RecordFile) -> Iterator[Quarantined]:
    """The lines of a quarantine file that are about this record file.

    Raises:
        ConfigError: the record that a line names is another one here.
    """
    sound = dict(zip(records.positions.tolist(), range(len(records)), strict=True))
    rejected = {one.number for one in records.rejected}
    for one in read_quarantine(name):
        if Path(one.file).name != records.path.name:
            continue
        if one.path and one.record in sound:
            record = records[sound[one.record]]
            same = (one.problem_id, one.path) == (record.problem_id, record.path)
        else:
            same = not one.path and one.record in rejected
        if not same:
            raise ConfigError(
                f"data.exclude: {name} is about another {records.path.name}: its record {one.record} is"
                f" {one.problem_id} with '{one.path}', not the one of {records.path}"
            )
        yield one
