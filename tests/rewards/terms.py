"""Reward terms as a user may write them; tests name them by their class path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from videor1.rewards import RewardTerm
from videor1.types import Record


class SaysWord(RewardTerm):
    """1 for a response that holds `word`; hands the base class what it does not know."""

    def __init__(self, word: str, **base: Any) -> None:
        super().__init__(**base)
        self.word = word

    def __call__(self, responses: Sequence[str], record: Record) -> list[float]:
        return [float(self.word in response) for response in responses]


class Brief(RewardTerm):
    """Without a constructor; minus the number of words, and it reads the record."""

    weight = 0.01
    name = "brief"

    def __call__(self, responses: Sequence[str], record: Record) -> list[float]:
        return [0.0 if record.data_type == "image" else -len(response.split()) for response in responses]


class Returns(RewardTerm):
    """Whatever it is told to, right or wrong."""

    def __init__(self, values: Any) -> None:  # the base class's constructor is not called
        self.values = values

    def __call__(self, responses: Sequence[str], record: Record) -> Any:
        return self.values
