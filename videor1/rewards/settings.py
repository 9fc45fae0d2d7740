"""What of a response is rewarded and by how much: the keys of `model.rewards`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import get_args

from videor1.errors import ConfigError
from videor1.rewards.accuracy import Rules
from videor1.rewards.custom import RewardTerm
from videor1.rewards.overlong import OverlongSettings
from videor1.rewards.temporal import TemporalRule

BUILT_IN = ("accuracy", "format", "temporal", "length", "overlong", "untimed", "total")
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class RewardWeights:
    """What the terms without a bonus of their own are multiplied by; the paper's are 1.

    Args:
        accuracy: of the accuracy, which lies in [0, 1]. Bonuses ask for the accuracy itself.
        format: of the format, which is 0 or 1.
    """

    accuracy: float = 1.0
    format: float = 1.0

    def __post_init__(self) -> None:
        for key in ("accuracy", "format"):
            _check_amount(f"weights.{key}", getattr(self, key))


@dataclass(frozen=True, kw_only=True)
class RewardSettings:
    """What a response earns. The defaults are the paper's.

    The authors' code is `rules: released`, `temporal_rule: released`, `min_correct: 2`; plain GRPO is
    `alpha: 0`.

    Args:
        rules: how accuracy is judged: "paper" is the tidy reading, "released" the authors' code.
        correct_above: a response is correct, for both bonuses, when its accuracy is above this, in [0, 1).
        alpha: temporal bonus of a correct response; 0 switches it off.
        temporal_rule: when it is paid: share correct >= shuffled share ("paper"), mean accuracy >=
            margin x shuffled mean accuracy ("released"), or the probability that the first rate is the higher
            one >= confidence ("probable").
        margin: see temporal_rule; of "released" alone.
        confidence: see temporal_rule; of "probable" alone, in (0, 1).
        omega: length bonus of a correct response; 0 switches it off.
        l_min: shortest response, in tokens, that earns the length bonus.
        l_max: longest response, in tokens, that earns the length bonus.
        min_correct: the length bonus needs a group with at least this many correct responses (released: 2).
        weights: of accuracy and format; those of the bonuses are alpha and omega.
        overlong: penalty of a response that ends too late; null for none.
        custom: terms of your own, each a class_path and its init_args.
    """

    rules: Rules = "paper"
    correct_above: float = 0.1
    alpha: float = 0.3
    temporal_rule: TemporalRule = "paper"
    margin: float = 0.8
    confidence: float = 0.9
    omega: float = 0.2
    l_min: int = 320
    l_max: int = 512
    min_correct: int = 1
    weights: RewardWeights = field(default_factory=RewardWeights)
    overlong: OverlongSettings | None = None
    custom: tuple[RewardTerm, ...] = ()

    def __post_init__(self) -> None:
        for key, known in (("rules", get_args(Rules)), ("temporal_rule", get_args(TemporalRule))):
            if getattr(self, key) not in known:
                raise ConfigError(f"model.rewards.{key} must be one of {known}, not {getattr(self, key)!r}")
        for key in ("alpha", "omega", "margin"):
            _check_amount(key, getattr(self, key))
        if not 0 <= self.correct_above < 1:
            raise ConfigError(f"model.rewards.correct_above must lie in [0, 1), not {self.correct_above}")
        if not 0 < self.confidence < 1:
            raise ConfigError(f"model.rewards.confidence must lie in (0, 1), not {self.confidence}")
        if not 0 <= self.l_min <= self.l_max:
            raise ConfigError(
                f"model.rewards.l_min and model.rewards.l_max must satisfy 0 <= l_min <= l_max, "
                f"not l_min = {self.l_min}, l_max = {self.l_max}"
            )
        if self.min_correct < 1:
            raise ConfigError(f"model.rewards.min_correct must be at least 1, not {self.min_correct}")
        _check_custom(self.custom)


def _check_amount(key: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"model.rewards.{key} must be a finite number of at least 0, not {value}")


def _check_custom(terms: tuple[RewardTerm, ...]) -> None:
    names: set[str] = set()
    for place, term in enumerate(terms):
        key = f"model.rewards.custom[{place}]"
        if not math.isfinite(term.weight):
            raise ConfigError(f"{key}.weight must be a finite number, not {term.weight}")
        if not term.name or term.name in BUILT_IN:
            raise ConfigError(f"{key}.name must not be empty or one of {BUILT_IN}, not {term.name!r}")
        if not _NAME.fullmatch(term.name):
            raise ConfigError(
                f"{key}.name may have letters, digits, '_', '-' and '.', as curves have, not {term.name!r}"
            )
        if term.name in names:
            raise ConfigError(f"{key}.name {term.name!r} is taken by a term before it; give each its own")
        names.add(term.name)
