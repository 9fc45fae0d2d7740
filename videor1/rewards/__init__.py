"""What a response earns: accuracy, format, temporal and length terms, as pure functions of text.

`videor1.rewards.accuracy` is the function, not the module of that name.
"""

from videor1.rewards.accuracy import accuracy
from videor1.rewards.answer import extract_answer, reasoning_of
from videor1.rewards.format import format_reward
from videor1.rewards.length import length_bonus
from videor1.rewards.temporal import temporal_bonus
from videor1.rewards.total import RewardSettings, score_group

__all__ = [
    "RewardSettings",
    "accuracy",
    "extract_answer",
    "format_reward",
    "length_bonus",
    "reasoning_of",
    "score_group",
    "temporal_bonus",
]
