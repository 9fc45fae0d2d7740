"""The whole reward of a group: r = accuracy + format + temporal bonus + length bonus (arXiv 2503.21776)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from videor1.errors import ConfigError
from videor1.rewards.accuracy import Rules, accuracy
from videor1.rewards.format import format_reward
from videor1.rewards.length import length_bonus
from videor1.rewards.temporal import TemporalRule, temporal_bonus
from videor1.types import Rewards


@dataclass(frozen=True, kw_only=True)
class RewardSettings:
    """What a response earns. The defaults are the paper's.

    The authors' code is `rules: released`, `temporal_rule: released`, `min_correct: 2`; plain GRPO is
    `alpha: 0`.

    Args:
        rules: how accuracy is judged: "paper" is the tidy reading, "released" the authors' code.
        correct_above: a response is correct, for both bonuses, when its accuracy is above this, in [0, 1).
        alpha: temporal bonus of a correct response; 0 switches it off.
        temporal_rule: when it is paid: share correct >= shuffled share ("paper"), or mean accuracy >=
            0.8 x shuffled mean accuracy ("released").
        omega: length bonus of a correct response; 0 switches it off.
        l_min: shortest response, in tokens, that earns the length bonus.
        l_max: longest response, in tokens, that earns the length bonus.
        min_correct: the length bonus needs a group with at least this many correct responses (released: 2).
    """

    rules: Rules = "paper"
    correct_above: float = 0.1
    alpha: float = 0.3
    temporal_rule: TemporalRule = "paper"
    omega: float = 0.2
    l_min: int = 320
    l_max: int = 512
    min_correct: int = 1

    def __post_init__(self) -> None:
        for key, known in (("rules", get_args(Rules)), ("temporal_rule", get_args(TemporalRule))):
            if getattr(self, key) not in known:
                raise ConfigError(f"model.rewards.{key} must be one of {known}, not {getattr(self, key)!r}")
        for key in ("alpha", "omega"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"model.rewards.{key} must be a finite number of at least 0, not {value}")
        if not 0 <= self.correct_above < 1:
            raise ConfigError(f"model.rewards.correct_above must lie in [0, 1), not {self.correct_above}")
        if not 0 <= self.l_min <= self.l_max:
            raise ConfigError(
                f"model.rewards.l_min and model.rewards.l_max must satisfy 0 <= l_min <= l_max, "
                f"not l_min = {self.l_min}, l_max = {self.l_max}"
            )
        if self.min_correct < 1:
            raise ConfigError(f"model.rewards.min_correct must be at least 1, not {self.min_correct}")


def score_group(
    responses: Sequence[str],
    lengths: Sequence[int],
    shuffled: Sequence[str],
    solution: str,
    problem_type: str,
    settings: RewardSettings,
) -> Rewards:
    """Reward the G responses to one question, term by term (float32, on the CPU).

    `lengths` counts the tokens of each response. `shuffled` are the G~ responses to the same clip with its
    frames permuted: they are measured, never rewarded; none for an image. Raises ValueError for an empty
    group, when `lengths` does not match, and for what `accuracy` refuses.
    """
    if not responses or len(responses) != len(lengths):
        raise ValueError(
            f"a group needs responses and one length for each, not {len(responses)} responses "
            f"and {len(lengths)} lengths"
        )

    def judge(texts: Sequence[str]) -> Tensor:
        values = [accuracy(text, solution, problem_type, rules=settings.rules) for text in texts]
        return torch.tensor(values, dtype=torch.float32)

    ordered_accuracy, shuffled_accuracy = judge(responses), judge(shuffled)
    well_formed = torch.tensor([format_reward(text) for text in responses], dtype=torch.float32)
    temporal = temporal_bonus(
        ordered_accuracy,
        shuffled_accuracy,
        alpha=settings.alpha,
        threshold=settings.correct_above,
        rule=settings.temporal_rule,
    )
    length = length_bonus(
        ordered_accuracy,
        torch.tensor(list(lengths), dtype=torch.int64),
        omega=settings.omega,
        l_min=settings.l_min,
        l_max=settings.l_max,
        min_correct=settings.min_correct,
        threshold=settings.correct_above,
    )
    return Rewards(
        accuracy=ordered_accuracy,
        format=well_formed,
        temporal=temporal,
        length=length,
        total=ordered_accuracy + well_formed + temporal + length,
        shuffled_accuracy=shuffled_accuracy,
    )
