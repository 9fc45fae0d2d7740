"""Means of a step that stay exact over ranks with unequal shares."""

from __future__ import annotations

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor


class StepMeans:
    """Named means that stay exact over ranks with unequal shares, by one reduction for all of them.

    Every rank must add the same names in the same order; one that has nothing to average adds an empty
    tensor.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, name: str, values: Tensor | float, *, weight: float = 1.0) -> None:
        """Adds values (any shape, possibly empty) to the mean called `name`.

        `weight` is how many each of them stands for, where they are means themselves.
        """
        values = torch.as_tensor(values).detach().double()
        total, count = self._sums.get(name, (0.0, 0.0))
        self._sums[name] = (total + weight * float(values.sum()), count + weight * values.numel())

    def reduce(self, strategy: Strategy) -> dict[str, float]:
        """The means over all ranks; names that no rank had a value for are left out."""
        sums = torch.tensor(list(self._sums.values()), device=strategy.root_device, dtype=torch.float64)
        totals = strategy.reduce(sums, reduce_op="sum")
        assert isinstance(totals, Tensor)
        return {
            name: total / count
            for name, (total, count) in zip(self._sums, totals.tolist(), strict=True)
            if count
        }
