"""Groups → `Experience`: rewards, advantages, and the log-probs that an update compares itself with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from videor1.objective import Scale, group_advantages
from videor1.rewards import RewardSettings, score_group
from videor1.types import Experience, Group, Rewards


def reward_groups(groups: Sequence[Group], settings: RewardSettings) -> tuple[Rewards, ...]:
    """The rewards of each group's responses."""
    return tuple(
        score_group(
            [response.text for response in group.ordered],
            [len(response.token_ids) for response in group.ordered],
            [response.text for response in group.shuffled],
            [len(response.token_ids) for response in group.shuffled],
            group.prompt.record,
            settings,
        )
        for group in groups
    )


def make_experience(
    groups: tuple[Group, ...],
    rewards: tuple[Rewards, ...],
    *,
    scale: Scale,
    old: Tensor | None,
    reference: Tensor | None,
    vision: Tensor | None,
) -> Experience:
    """Advantages by question beside everything else; shuffled responses end here."""
    advantages = group_advantages(torch.stack([reward.total for reward in rewards]), scale=scale)
    sampled = [response.logprobs for group in groups for response in group.ordered]
    return Experience(
        groups=groups,
        rewards=rewards,
        advantages=advantages.flatten().to(groups[0].prompt.input_ids.device),
        sampled_logprobs=pad_sequence(sampled, batch_first=True),
        old_logprobs=old,
        reference_logprobs=reference,
        vision=vision,
    )
