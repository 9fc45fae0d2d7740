"""Marks → the score of a benchmark: by its own definition, and by that of Video-R1's script.

    official   sum over strata s of  w_s · (mean mark in s),   the weights w_s sum to 1
    released   mean mark of regression questions, and of all others, apart

A micro benchmark is one stratum. In a macro benchmark each task is one, and w = 1 / (groups · tasks of its
group): VSI-Bench counts the three difficulties of relative direction as one of eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videor1.evaluation.benchmarks import Benchmark

Marks = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Questions whose marks are averaged with equal weight."""

    questions: NDArray[np.intp]  # (n,) positions, n >= 1
    weight: float  # of their mean in the score


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """A benchmark's score by its own definition, in [0, 1]."""

    score: float | None  # None: it cannot be said, see `why`
    by_group: dict[
        str, float
    ]  # the columns of the benchmark's table; tasks it does not know by their own name
    why: str | None  # one line on what the score lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The two means of Video-R1's script, in [0, 1]; None where there is no such question."""

    accuracy: float | None  # over all questions but regression
    mra: float | None  # over regression


def official_score(benchmark: Benchmark, tasks: Sequence[str], marks: Marks) -> Official:
    """Score of `marks` (N,) for questions of `tasks` (N).

    A macro benchmark has no score while a question's task is unknown to it. Where whole tasks are missing
    the mean is over those present.

    Raises ValueError for other shapes.
    """
    check_shapes(tasks, marks)
    by_task = _by_task(benchmark, tasks)
    by_group: dict[str, float] = {}
    for group in benchmark.groups:
        columns = [marks[by_task[task]] for task in group.tasks if task in by_task]
        if columns:
            pooled = [column.mean() for column in columns] if benchmark.macro else np.concatenate(columns)
            by_group[group.name] = float(np.mean(pooled))
    unknown = [task for task in by_task if task not in benchmark.tasks]
    by_group |= {task: float(marks[by_task[task]].mean()) for task in unknown if task}
    parts = strata(benchmark, tasks)
    score = sum(part.weight * float(marks[part.questions].mean()) for part in parts) if parts else None
    return Official(score=score, by_group=by_group, why=_why(benchmark, by_task, unknown))


def released_score(problem_types: Sequence[str], marks: Marks) -> Released:
    """Means of the released `marks` (N,) by type. The script's own are float32, so they agree to 7 digits.

    Raises ValueError for other shapes.
    """
    check_shapes(problem_types, marks)
    regression = np.array([problem_type == "regression" for problem_type in problem_types], dtype=bool)
    return Released(accuracy=_mean(marks[~regression]), mra=_mean(marks[regression]))


def strata(benchmark: Benchmark, tasks: Sequence[str]) -> tuple[Stratum, ...]:
    """The strata of the official score over questions of `tasks` (N); none where there is no such score."""
    if not tasks:
        return ()
    if not benchmark.macro:
        return (Stratum(questions=np.arange(len(tasks)), weight=1.0),)
    by_task = _by_task(benchmark, tasks)
    if any(task not in benchmark.tasks for task in by_task):
        return ()
    present = [[task for task in group.tasks if task in by_task] for group in benchmark.groups]
    groups = [group for group in present if group]
    return tuple(
        Stratum(questions=by_task[task], weight=1 / (len(groups) * len(group)))
        for group in groups
        for task in group
    )


def check_shapes(names: Sequence[str], marks: Marks) -> None:
    """Raises ValueError unless `marks` is (N,) for N `names`."""
    if marks.shape != (len(names),):
        raise ValueError(f"marks must be ({len(names)},), one a question, not {marks.shape}")


def _by_task(benchmark: Benchmark, tasks: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Positions of the questions of each task, in the benchmark's spelling where it knows the task."""
    spelled = {task: benchmark.spelling(task) or task for task in set(tasks)}
    positions: dict[str, list[int]] = {}
    for position, task in enumerate(tasks):
        positions.setdefault(spelled[task], []).append(position)
    return {task: np.array(numbers, dtype=np.intp) for task, numbers in positions.items()}


def _why(benchmark: Benchmark, by_task: dict[str, NDArray[np.intp]], unknown: list[str]) -> str | None:
    if not by_task:
        return f"{benchmark.name}: no questions"
    if unknown:
        count = sum(len(by_task[task]) for task in unknown)
        line = f"{benchmark.name}: no score, the task of {count} questions is unknown ({unknown[0]!r})"
        return line if benchmark.macro else None
    missing = [task for task in benchmark.tasks if task not in by_task]
    return f"{benchmark.name}: no questions of {', '.join(missing)}" if missing else None


def _mean(marks: Marks) -> float | None:
    return float(marks.mean()) if marks.size else None
