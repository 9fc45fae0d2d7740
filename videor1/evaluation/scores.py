"""Judgements → scores, exactly also over many ranks; and the MRA of VSI-Bench."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from videor1.evaluation.judge import Judgement

DECODINGS = ("sampled", "greedy")
ORDERS = ("ordered", "shuffled")


def mean_relative_accuracy(prediction: float, target: float) -> float:
    """Official MRA of VSI-Bench: mean over theta in {0.50, 0.55, …, 0.95} of [|p − t| / |t| ≤ 1 − theta].

    A tie counts, also where floating point puts it a hair beyond its bound: an error of 0.1 meets 1 − 0.9.

    Raises:
        ValueError: target 0, for which a relative error does not exist.
    """
    if target == 0:
        raise ValueError("mean_relative_accuracy needs a target other than 0")
    error = abs(prediction - target) / abs(target)
    bounds = [0.05 * k for k in range(1, 11)]
    return sum(error <= bound or math.isclose(error, bound) for bound in bounds) / 10


class ScoreTable(Metric):
    """Mean accuracy by data source, decoding and frame order; format rate and length of sampled responses.

    An image has one order of frames: its responses count in both columns, so that ordered and shuffled are
    always means over the same questions.
    """

    accuracy: Tensor  # (sources, 2 decodings, 2 orders) sums
    count: Tensor  # the same shape
    questions: Tensor  # (sources,)
    manner: Tensor  # (3,) sums over sampled ordered responses: format, tokens, number of responses

    def __init__(self, sources: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sources = sorted(set(sources))
        for name, shape in (
            ("accuracy", (len(self.sources), 2, 2)),
            ("count", (len(self.sources), 2, 2)),
            ("questions", (len(self.sources),)),
            ("manner", (3,)),
        ):
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, judgements: Sequence[Judgement]) -> None:
        """Adds all judgements of some questions."""
        asked = {(judgement.data_source, judgement.problem_id) for judgement in judgements}
        for source, _ in asked:
            self.questions[self.sources.index(source)] += 1
        for judgement in judgements:
            row, column = self.sources.index(judgement.data_source), DECODINGS.index(judgement.decoding)
            orders = ORDERS if judgement.data_type == "image" else (judgement.order,)
            for order in orders:
                self.accuracy[row, column, ORDERS.index(order)] += judgement.accuracy
                self.count[row, column, ORDERS.index(order)] += 1
            if judgement.decoding == "sampled" and judgement.order == "ordered":
                self.manner += self.manner.new_tensor([judgement.format, judgement.tokens, 1])

    def compute(self) -> dict[str, Any]:
        """Scores by source and by family (the part of a source before '/'), as in `scores.json`.

        A cell that was not asked for is None. A family weighs its questions equally.
        """
        families = sorted({source.split("/")[0] for source in self.sources})
        members = {family: [source.split("/")[0] == family for source in self.sources] for family in families}
        return {
            "questions": {family: int(self.questions[rows].sum()) for family, rows in members.items()},
            "families": {family: self._cells(rows) for family, rows in members.items()},
            "sources": {
                source: self._cells([row == number for row in range(len(self.sources))])
                for number, source in enumerate(self.sources)
            },
            "format_rate": float(self.manner[0] / self.manner[2]),
            "response_tokens": float(self.manner[1] / self.manner[2]),
        }

    def _cells(self, rows: list[bool]) -> dict[str, dict[str, float | None]]:
        accuracy, count = self.accuracy[rows].sum(0), self.count[rows].sum(0)
        return {
            decoding: {
                order: float(accuracy[i, j] / count[i, j]) if count[i, j] else None
                for j, order in enumerate(ORDERS)
            }
            for i, decoding in enumerate(DECODINGS)
        }
