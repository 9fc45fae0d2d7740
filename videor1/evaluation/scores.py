"""Judgements → marks by question, exactly also over many ranks → scores by benchmark and task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from videor1.data.record_index import Kind
from videor1.evaluation.averages import official_score, released_score
from videor1.evaluation.benchmarks import Benchmark, benchmark_of, task_of
from videor1.evaluation.judge import Judgement
from videor1.evaluation.mra import mean_relative_accuracy

__all__ = ["DECODINGS", "ORDERS", "MarkTable", "Marks", "curves", "mean_relative_accuracy", "scores"]

DECODINGS = ("sampled", "greedy")
ORDERS = ("ordered", "shuffled", "blind")
MANNERS = ("format", "temporal", "reflective", "finished", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What each of N questions earned; NaN where a question was not asked in a way."""

    kinds: tuple[Kind, ...]  # N
    accuracy: np.ndarray  # (N, 2 decodings, 3 orders) means over responses, by the benchmark's own marks
    released: np.ndarray  # the same shape, by those of Video-R1's script
    manner: np.ndarray  # (N, 5) means over sampled ordered responses, see MANNERS
    missing: np.ndarray  # (N,) bool: its media could not be read, and its marks are 0

    def of(self, benchmark: str) -> Marks:
        """Those of one benchmark."""
        return self.where([benchmark_of(kind.data_source).name == benchmark for kind in self.kinds])

    def where(self, chosen: Sequence[bool] | np.ndarray) -> Marks:
        """Those of the questions that are chosen."""
        rows = np.flatnonzero(chosen)
        return Marks(
            kinds=tuple(self.kinds[row] for row in rows),
            accuracy=self.accuracy[rows],
            released=self.released[rows],
            manner=self.manner[rows],
            missing=self.missing[rows],
        )

    @property
    def benchmarks(self) -> list[str]:
        """Names, by first appearance."""
        return list(dict.fromkeys(benchmark_of(kind.data_source).name for kind in self.kinds))

    @property
    def headline(self) -> tuple[Benchmark, list[str], np.ndarray]:
        """What the official score of one benchmark is made of: sampled responses to ordered frames."""
        return benchmark_of(self.kinds[0].data_source), self.tasks, self.accuracy[:, 0, 0]

    @property
    def tasks(self) -> list[str]:
        """(N,) the task of each question."""
        return [task_of(kind.data_source) for kind in self.kinds]


class MarkTable(Metric):
    """Judgements of questions that many ranks were asked, one row a question.

    Each row is filled by one rank and all others hold zeros there, so their sum is exact, and whatever is
    computed from it depends on neither the ranks nor the order in which questions were asked.

    An image has one order of frames: its responses count in both columns, so that ordered and shuffled are
    always means over the same questions.
    """

    accuracy: Tensor  # (N, 2 decodings, 3 orders) sums over responses
    released: Tensor  # the same shape
    count: Tensor  # the same shape
    manner: Tensor  # (N, 5) sums over sampled ordered responses
    missing: Tensor  # (N,)
    asked: Tensor  # (N,) how often: once, or a rank was asked what another was

    def __init__(self, kinds: Sequence[Kind], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kinds = tuple(kinds)
        n, ways = len(self.kinds), (len(DECODINGS), len(ORDERS))
        for name, shape in (
            ("accuracy", (n, *ways)),
            ("released", (n, *ways)),
            ("count", (n, *ways)),
            ("manner", (n, len(MANNERS))),
            ("missing", (n,)),
            ("asked", (n,)),
        ):
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, judgements: Iterable[Judgement]) -> None:
        """Adds all judgements of some questions."""
        seen = set()
        for one in judgements:
            row, decoding = one.question, DECODINGS.index(one.decoding)
            alike = one.data_type == "image" and one.order == "ordered"
            for order in ("ordered", "shuffled") if alike else (one.order,):
                cell = row, decoding, ORDERS.index(order)
                self.accuracy[cell] += one.accuracy
                self.released[cell] += one.released
                self.count[cell] += 1
            if (one.decoding, one.order) == ("sampled", "ordered"):
                told = [float(getattr(one, name)) for name in MANNERS]
                self.manner[row] += self.manner.new_tensor(told)
            self.missing[row] = float(one.missing is not None)
            seen.add(row)
        self.asked[list(seen)] += 1

    def compute(self) -> dict[str, Tensor]:
        """Means over the responses to each question of all ranks, by the names of `Marks`.

        Raises:
            ValueError: a question was asked twice, which would count it twice.
        """
        if twice := torch.nonzero(self.asked > 1).flatten().tolist():
            raise ValueError(f"questions {twice[:3]} … were asked more than once")
        return {
            "accuracy": self.accuracy / self.count,  # 0 / 0 is NaN
            "released": self.released / self.count,
            "manner": self.manner / self.count[:, :1, 0],
            "missing": self.missing > 0,
        }

    def marks(self) -> Marks:
        """The same as a value, which a Metric cannot compute."""
        means = {name: mean.cpu().numpy() for name, mean in self.compute().items()}
        means["missing"] = means["missing"].reshape(-1)  # of a single question a Metric makes a scalar
        return Marks(kinds=self.kinds, **means)


def scores(marks: Marks) -> dict[str, Any]:
    """Scores by benchmark: `report.json`'s "benchmarks", but for the intervals.

    The headline is that of sampled responses to ordered frames. A cell that was not asked for is None, and so
    is an official score that cannot be computed; "why" then says why. Missing questions count as wrong in all
    of them; "answered" is the headline without them.
    """
    asked = marks.where(~np.isnan(marks.accuracy).all(axis=(1, 2)))
    return {name: _benchmark(asked.of(name)) for name in asked.benchmarks}


def curves(marks: Marks) -> dict[str, float]:
    """`<benchmark>/<decoding>/<order>`, the temporal gap of each decoding, and how responses were written.

    Where media are missing, their share of the questions too.
    """
    named: dict[str, float | None] = {}
    for benchmark, found in scores(marks).items():
        for decoding, cells in found["cells"].items():
            named |= {f"{benchmark}/{decoding}/{order}": score for order, score in cells.items()}
            if cells["ordered"] is not None and cells["shuffled"] is not None:
                named[f"{benchmark}/{decoding}/gap"] = cells["ordered"] - cells["shuffled"]
        named |= {f"{benchmark}/{name}": mean for name, mean in found["manner"].items()}
        if found["missing"]:
            named[f"{benchmark}/missing"] = found["missing"] / found["questions"]
    return {name: value for name, value in named.items() if value is not None}


def _benchmark(marks: Marks) -> dict[str, Any]:
    answered = marks.where(~marks.missing)
    headline = official_score(*marks.headline)
    types = [kind.problem_type for kind in marks.kinds]
    released = released_score(types, marks.released[:, 0, 0])
    return {
        "questions": len(marks.kinds),
        "missing": int(marks.missing.sum()),
        "official": {"score": headline.score, "why": headline.why},
        "answered": official_score(*answered.headline).score if len(answered.kinds) else None,
        "released": {"accuracy": released.accuracy, "mra": released.mra},
        "cells": _cells(marks),
        "tasks": {
            task: {
                "questions": marks.tasks.count(task),
                **_cells(marks.where([other == task for other in marks.tasks])),
            }
            for task in sorted(set(marks.tasks))
        },
        "manner": _manner(answered),
    }


def _cells(marks: Marks) -> dict[str, dict[str, float | None]]:
    """Official score by decoding and order."""
    benchmark, tasks, _ = marks.headline
    return {
        decoding: {
            order: None
            if np.isnan(marks.accuracy[:, i, j]).any()
            else official_score(benchmark, tasks, marks.accuracy[:, i, j]).score
            for j, order in enumerate(ORDERS)
        }
        for i, decoding in enumerate(DECODINGS)
    }


def _manner(marks: Marks) -> dict[str, float | None]:
    means = marks.manner.mean(axis=0) if len(marks.kinds) else [float("nan")] * len(MANNERS)
    return {name: None if np.isnan(mean) else float(mean) for name, mean in zip(MANNERS, means, strict=True)}
