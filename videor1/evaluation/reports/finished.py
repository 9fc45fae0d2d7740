"""Examinations that are over, read back from their folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videor1.data.record_index import Kind
from videor1.errors import UserError
from videor1.evaluation.journal import read_predictions
from videor1.evaluation.reports.report import FILE, read_report
from videor1.evaluation.scores import Marks, MarkTable

_PREDICTIONS = "predictions.jsonl"

# data_source, problem_id, problem, solution, and how often it came before in the same file
Question = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """What one examination found."""

    name: str
    folder: Path
    report: dict[str, Any]  # the content of report.json
    marks: Marks  # of its N questions
    questions: tuple[Question, ...]  # N, sorted: the same question is equal in any run

    @property
    def samples(self) -> int:
        """Sampled responses to each question."""
        return self.report["protocol"]["decoding"]["samples"]


def read_runs(folders: Sequence[str]) -> list[FinishedRun]:
    """The examinations in `folders`, or in the folder `validation` of each.

    Raises:
        UserError: a folder is named twice, holds no finished examination, or damaged files.
    """
    if twice := [folder for folder, count in Counter(map(Path, folders)).items() if count > 1]:
        raise UserError(f"{twice[0]}: named twice")
    return [
        _read(_locate(Path(folder)), name=name)
        for folder, name in zip(folders, short_names(folders), strict=True)
    ]


def short_names(folders: Sequence[str]) -> list[str]:
    """Different paths without the parts that all of them begin and end with, one part left of each at least.

    runs/a/validation, runs/b/validation → a, b.
    """
    paths = [Path(folder).parts for folder in folders]
    room = min(map(len, paths)) - 1  # parts that may go
    first = 0
    while first < room and len({parts[first] for parts in paths}) == 1:
        first += 1
    last = 0
    while last < room - first and len({parts[-1 - last] for parts in paths}) == 1:
        last += 1
    return ["/".join(parts[first : len(parts) - last]) or "." for parts in paths]


def _locate(folder: Path) -> Path:
    for found in (folder, folder / "validation"):
        if (found / FILE).is_file() and (found / _PREDICTIONS).is_file():
            return found
    raise UserError(
        f"{folder}: neither it nor its folder validation holds {FILE} and {_PREDICTIONS};"
        " has it been validated?"
    )


def _read(folder: Path, *, name: str) -> FinishedRun:
    file = folder / _PREDICTIONS
    kinds: dict[int, Kind] = {}
    asked: dict[int, Question] = {}
    for one in read_predictions(file):
        kinds[one.question] = Kind(
            data_type=one.data_type, problem_type=one.problem_type, data_source=one.data_source
        )
        asked[one.question] = (one.data_source, str(one.problem_id), one.problem, one.solution, 0)
    times: Counter[Question] = Counter()
    for number, question in sorted(asked.items()):
        asked[number] = (*question[:4], times[question])
        times[question] += 1
    numbers = sorted(asked, key=asked.__getitem__)
    rows = {number: row for row, number in enumerate(numbers)}
    table = MarkTable([kinds[number] for number in numbers])
    table.update(replace(one, question=rows[one.question]) for one in read_predictions(file))
    return FinishedRun(
        name=name,
        folder=folder,
        report=read_report(folder / FILE),
        marks=table.marks(),
        questions=tuple(asked[number] for number in numbers),
    )
