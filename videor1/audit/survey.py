"""What the records themselves say, before any media file is opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from videor1.audit.answers import AnswerTally
from videor1.audit.content import plain_path, question_key, text_key
from videor1.data.record_file import RecordFile


@dataclass(frozen=True, kw_only=True)
class Survey:
    """M records of a file, in file order."""

    numbers: np.ndarray  # (M,) int64 record numbers
    positions: np.ndarray  # (M,) int64 positions in the file
    paths: list[str]  # M plain paths, see `plain_path`
    questions: np.ndarray  # (M,) uint64, see `question_key`
    solutions: np.ndarray  # (M,) uint64, see `text_key`
    answers: dict[str, Any]  # see `AnswerTally`

    def units(self, numbers: Iterable[int]) -> list[list[int]]:
        """These record numbers, those of one media file together."""
        wanted = set(numbers)
        units: dict[str, list[int]] = {}
        for number, path in zip(self.numbers.tolist(), self.paths, strict=True):
            if number in wanted:
                units.setdefault(path, []).append(number)
        return list(units.values())


def survey(records: RecordFile, numbers: np.ndarray) -> Survey:
    """Reads the records of these numbers once.

    Raises:
        RecordError: the file has changed since it was opened.
    """
    tally = AnswerTally()
    paths: list[str] = []
    questions, solutions = (np.empty(len(numbers), np.uint64) for _ in range(2))
    for place, number in enumerate(numbers.tolist()):
        record = records[number]
        paths.append(plain_path(record.path))
        questions[place] = question_key(record)
        solutions[place] = text_key([record.solution])
        tally.add(record, int(records.positions[number]))
    return Survey(
        numbers=numbers,
        positions=records.positions[numbers],
        paths=paths,
        questions=questions,
        solutions=solutions,
        answers=tally.summary(),
    )
