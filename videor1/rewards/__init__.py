"""What a response earns, as pure functions of text: accuracy, format, bonuses, a penalty, a user's own terms.

`videor1.rewards.accuracy` is the function, not the module of that name.
"""

from videor1.rewards.accuracy import accuracy
from videor1.rewards.answer import extract_answer, reasoning_of
from videor1.rewards.custom import RewardTerm
from videor1.rewards.format import format_reward
from videor1.rewards.length import length_bonus
from videor1.rewards.overlong import OverlongSettings, overlong_penalty
from videor1.rewards.probability import probability_above
from videor1.rewards.settings import RewardSettings, RewardWeights
from videor1.rewards.temporal import order_helps, temporal_bonus
from videor1.rewards.total import score_group

__all__ = [
    "OverlongSettings",
    "RewardSettings",
    "RewardTerm",
    "RewardWeights",
    "accuracy",
    "extract_answer",
    "format_reward",
    "length_bonus",
    "order_helps",
    "overlong_penalty",
    "probability_above",
    "reasoning_of",
    "score_group",
    "temporal_bonus",
]
