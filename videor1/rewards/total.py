"""The whole reward of a group, term by term.

untimed = w_a · accuracy + w_f · format + length bonus + w_o · overlong penalty + Σ custom terms
total   = untimed + temporal bonus                  (arXiv 2503.21776 with w_a = w_f = 1 and no more)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from videor1.rewards.accuracy import accuracy
from videor1.rewards.custom import custom_reward
from videor1.rewards.format import format_reward
from videor1.rewards.length import length_bonus
from videor1.rewards.overlong import overlong_penalty
from videor1.rewards.settings import RewardSettings
from videor1.rewards.temporal import temporal_bonus
from videor1.types import Record, Rewards


def score_group(
    responses: Sequence[str],
    lengths: Sequence[int],
    shuffled: Sequence[str],
    shuffled_lengths: Sequence[int],
    record: Record,
    settings: RewardSettings,
) -> Rewards:
    """Reward the G responses to one question, term by term (float32, on the CPU).

    `lengths` counts the tokens of each response. `shuffled` are the G~ responses to the same clip with its
    frames permuted or otherwise perturbed, none for an image; they get every term but the temporal one.

    Raises:
        ValueError: the group is empty, lengths do not match, or what `accuracy` refuses.
        RewardError: see `custom_reward`.
    """
    if not responses:
        raise ValueError("a group needs responses")
    for texts, counts, of in ((responses, lengths, ""), (shuffled, shuffled_lengths, "shuffled ")):
        if len(texts) != len(counts):
            raise ValueError(
                f"each {of}response needs a length: {len(texts)} responses, {len(counts)} lengths"
            )
    ordered = _Untimed(responses, lengths, record, settings)
    other = _Untimed(shuffled, shuffled_lengths, record, settings)
    temporal = temporal_bonus(
        ordered.accuracy,
        other.accuracy,
        alpha=settings.alpha,
        threshold=settings.correct_above,
        rule=settings.temporal_rule,
        margin=settings.margin,
        confidence=settings.confidence,
    )
    return Rewards(
        accuracy=ordered.accuracy,
        format=ordered.format,
        temporal=temporal,
        length=ordered.length,
        overlong=ordered.overlong,
        custom=ordered.custom,
        untimed=ordered.total,
        shuffled_accuracy=other.accuracy,
        shuffled_untimed=other.total,
    )


class _Untimed:
    """The terms that do not look at the other order, (n,) each, of the n responses to one order."""

    def __init__(
        self, texts: Sequence[str], lengths: Sequence[int], record: Record, settings: RewardSettings
    ) -> None:
        tokens = torch.tensor(list(lengths), dtype=torch.int64)
        self.accuracy = torch.tensor(
            [accuracy(text, record.solution, record.problem_type, rules=settings.rules) for text in texts],
            dtype=torch.float32,
        )
        self.format = torch.tensor([format_reward(text) for text in texts], dtype=torch.float32)
        self.length = length_bonus(
            self.accuracy,
            tokens,
            omega=settings.omega,
            l_min=settings.l_min,
            l_max=settings.l_max,
            min_correct=settings.min_correct,
            threshold=settings.correct_above,
        )
        late = settings.overlong
        self.overlong = torch.zeros(len(texts))
        if late is not None:
            self.overlong = late.weight * overlong_penalty(tokens, longest=late.longest, margin=late.margin)
        self.custom = {term.name: custom_reward(term, texts, record) for term in settings.custom}
        self.total: Tensor = (
            settings.weights.accuracy * self.accuracy + settings.weights.format * self.format + self.length
        )
        for value in (self.overlong, *self.custom.values()):
            self.total = self.total + value
