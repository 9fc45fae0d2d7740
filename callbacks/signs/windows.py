"""The first and the last steps of curves, and how sure their means are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

SURE = 3.0  # standard errors that a difference must exceed to be more than noise; it is looked at every step


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean of a curve over a window of steps."""

    value: float
    error: float  # standard error, from how the steps differ

    @property
    def sure(self) -> bool:
        """Whether it differs from 0 by more than noise does."""
        return abs(self.value) > SURE * self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """What a curve was in its first window and is in its last one."""

    first: float
    last: float
    error: float = 0.0  # standard error of the difference

    @property
    def by(self) -> float:
        """last - first."""
        return self.last - self.first

    def reaches(self, threshold: float) -> bool:
        """Whether it rose by `threshold` or more, and by more than noise does."""
        return self.by >= threshold and self.by > SURE * self.error

    def __str__(self) -> str:
        return f"{self.first:.3f} → {self.last:.3f}"


class Windows:
    """The first and the last `size` steps of each curve, of the steps in which it had a value."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.first: dict[str, list[float]] = {}
        self.last: dict[str, list[float]] = {}  # begins where `first` is full

    def add(self, figures: Mapping[str, float]) -> None:
        """One more step."""
        for name, value in figures.items():
            first = self.first.setdefault(name, [])
            if len(first) < self.size:
                first.append(value)
            else:
                self.last[name] = [*self.last.get(name, []), value][-self.size :]

    def mean(self, name: str) -> Mean | None:
        """Of the newest window; None before there is a whole one."""
        values = self._newest(name)
        if len(values) < self.size:
            return None
        return Mean(value=fmean(values), error=math.sqrt(_variance(values) / self.size))

    def latest(self, name: str) -> float | None:
        """Mean of the newest window, which may be a part of one; None for a curve without values."""
        values = self._newest(name)
        return fmean(values) if values else None

    def rise(self, name: str) -> Rise | None:
        """From the first window to the last; None before there are two that share no step."""
        first, last = self.first.get(name, []), self.last.get(name, [])
        if len(last) < self.size:
            return None
        error = math.sqrt((_variance(first) + _variance(last)) / self.size)
        return Rise(first=fmean(first), last=fmean(last), error=error)

    def state(self) -> dict[str, dict[str, list[float]]]:
        """What a checkpoint keeps."""
        return {"first": self.first, "last": self.last}

    def load(self, state: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """Goes on from `state`."""
        self.first = {name: list(values) for name, values in state["first"].items()}
        self.last = {name: list(values) for name, values in state["last"].items()}

    def _newest(self, name: str) -> list[float]:
        return [*self.first.get(name, []), *self.last.get(name, [])][-self.size :]


def _variance(values: Sequence[float]) -> float:
    return variance(values) if len(values) > 1 else 0.0
