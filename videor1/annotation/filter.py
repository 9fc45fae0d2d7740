"""Which of a model's responses to a record become its chain of thought."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from videor1.errors import ConfigError
from videor1.evaluation.judge import Judgement

_REASONING_ENDS = re.compile(r"</think>(?=\s*+<answer>)")
PASSED = "passed"


@dataclass(frozen=True, kw_only=True)
class FilterSettings:
    """The rule that responses have to pass; arXiv 2503.21776 keeps those with accuracy above 0.6.

    Args:
        accuracy_above: accuracy reward that a response must exceed.
        min_tokens: fewest tokens of a response.
        max_tokens: most tokens of a response; null for no limit.
        keep: most responses kept of one record, the most accurate first, then the earliest.
    """

    accuracy_above: float = 0.6
    min_tokens: int = 0
    max_tokens: int | None = None
    keep: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy_above < 1:
            raise ConfigError(f"filter.accuracy_above must lie in [0, 1), got {self.accuracy_above}")
        if self.max_tokens is not None and self.max_tokens < self.min_tokens:
            raise ConfigError(
                f"filter.max_tokens must be at least min_tokens = {self.min_tokens}, got {self.max_tokens}"
            )
        if self.keep < 1:
            raise ConfigError(f"filter.keep must be at least 1, got {self.keep}")


def verdict(judgement: Judgement, settings: FilterSettings) -> str:
    """`PASSED`, or the first reason against a response."""
    if judgement.missing is not None:
        return "media missing"
    if not judgement.finished:
        return "cut off"
    if not judgement.format:
        return "format"
    if judgement.tokens < settings.min_tokens:
        return "too short"
    if settings.max_tokens is not None and judgement.tokens > settings.max_tokens:
        return "too long"
    return PASSED if judgement.accuracy > settings.accuracy_above else "wrong"


def choose(judgements: Sequence[Judgement], settings: FilterSettings) -> list[Judgement]:
    """The responses to one record that are kept, best first; of equal ones only the first."""
    passed = [one for one in judgements if verdict(one, settings) == PASSED]
    distinct = {process(one.response): one for one in reversed(passed)}.values()
    return sorted(distinct, key=lambda one: (-one.accuracy, one.sample))[: settings.keep]


def process(response: str) -> str:
    """The reasoning of a well-formed response with its tags, as the field `process` of the CoT files."""
    end = _REASONING_ENDS.search(response)
    assert end is not None, "the format rule demands it"
    return response[: end.end()]
