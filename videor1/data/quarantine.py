"""Records that cannot be used: written down with their cause, counted, and too many of them stop the run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videor1.errors import UserError
from videor1.files import append_lines, read_lines
from videor1.types import Record

_LEAST_SEEN = 1000  # a share of fewer records than this (or than there are) says little


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One unusable record."""

    file: str  # its record file
    record: int  # its position there, counted from 0
    problem_id: int | str | None
    path: str  # its media file, as written in the record; "" when the record could not be read
    cause: str  # one line


def quarantined(record: Record, error: UserError, file: Path, position: int) -> Quarantined:
    """A record that was read and then failed; its cause no longer repeats which file or record it is."""
    cause = str(error)
    for named in (f"{Path(record.path).name}: ", f"record {record.problem_id}: "):
        cause = cause.split(named, 1)[-1]
    return Quarantined(
        file=str(file), record=position, problem_id=record.problem_id, path=record.path, cause=cause
    )


class BadShareError(UserError):
    """More records are unusable than the user accepts."""


class Quarantine:
    """The unusable records of one record file in one run, in memory and in `quarantine.jsonl`.

    Args:
        file: where lines are added; several runs, ranks and splits may share it.
        records: how many records the file holds, sound or not.
        max_bad_share: share of them that may be unusable.
    """

    def __init__(self, file: Path, *, records: int, max_bad_share: float) -> None:
        self.file = file
        self.records = records
        self.max_bad_share = max_bad_share
        self.seen = 0  # draws
        self.refused = 0  # by opening the file
        self.found: dict[int, Quarantined] = {}  # by position
        self._written: set[str] | None = None

    def refuse(self, rejected: Iterable[Quarantined]) -> None:
        """Takes in the records that opening the file refused.

        Raises:
            BadShareError: they are too many of the whole file.
        """
        refused = {one.record: one for one in rejected}
        self.refused = len(refused)
        self._write(refused.values())
        self._check(refused, of=self.records, before=0.0)

    def admit(self, found: Iterable[Quarantined], *, seen: int) -> None:
        """Takes in what a batch met beside its `seen` sound records.

        Raises:
            BadShareError: too many of the records seen so far are unusable, those included that opening
                the file refused; of the first 1000, they may be as many as of 1000.
        """
        new = {one.record: one for one in found if one.record not in self.found}
        self.seen += seen + len(new)
        self.found |= new
        self._write(new.values())
        of = min(self.records, max(self.seen, _LEAST_SEEN))
        self._check(self.found, of=of, before=self.refused / self.records)

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "found": [asdict(one) for one in self.found.values()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]
        self.found = {one["record"]: Quarantined(**one) for one in state["found"]}

    def _write(self, found: Iterable[Quarantined]) -> None:
        if not (rows := [asdict(one) for one in found]):
            return
        if self._written is None:
            self._written = {json.dumps(row) for row in read_lines(self.file)}
        new = {json.dumps(row): row for row in rows}
        append_lines(self.file, [row for line, row in new.items() if line not in self._written])
        self._written |= new.keys()

    def _check(self, bad: dict[int, Quarantined], *, of: int, before: float) -> None:
        if len(bad) / max(of, 1) + before <= self.max_bad_share:
            return
        causes = Counter(one.cause for one in bad.values()).most_common(3)
        first = {one.cause: one.path or f"record {one.record}" for one in reversed(bad.values())}
        told = "; ".join(f"{count} × {cause} ({first[cause]})" for cause, count in causes)
        raise BadShareError(
            f"{len(bad)} of {of} records are unusable, more than data.max_bad_share = {self.max_bad_share:g}:"
            f" {told}. All are in {self.file}; mend them, or data.root, or allow a larger share"
        )


def read_quarantine(file: str | Path) -> list[Quarantined]:
    """The records in a `quarantine.jsonl`.

    Raises:
        UserError: the file is missing or is not one.
    """
    try:
        with Path(file).open(encoding="utf-8") as lines:
            return [Quarantined(**json.loads(line)) for line in lines]
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{file}: no quarantine file, as data.exclude names: {error}") from error
