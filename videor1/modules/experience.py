"""Groups → `Experience`: rewards, advantages, and the log-probs that an update compares itself with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.objective import Scale, group_advantages
from videor1.policy.group_pass import GroupPass, score_responses
from videor1.rewards import RewardSettings, score_group
from videor1.types import Experience, Group, Rewards


def reward_groups(groups: Sequence[Group], settings: RewardSettings) -> tuple[Rewards, ...]:
    """The rewards of each group's ordered responses."""
    return tuple(
        score_group(
            [response.text for response in group.ordered],
            [len(response.token_ids) for response in group.ordered],
            [response.text for response in group.shuffled],
            group.prompt.record.solution,
            group.prompt.record.problem_type,
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
) -> Experience:
    """Advantages by question beside everything else; shuffled responses end here."""
    advantages = group_advantages(torch.stack([reward.total for reward in rewards]), scale=scale)
    return Experience(
        groups=groups,
        rewards=rewards,
        advantages=advantages.flatten().to(groups[0].prompt.input_ids.device),
        old_logprobs=old,
        reference_logprobs=reference,
    )


def score_groups(
    model: Qwen2_5_VLForConditionalGeneration,
    groups: Sequence[Group],
    *,
    forbidden: Tensor,
    temperature: float,
) -> GroupPass:
    """The group pass over the ordered responses, under the distribution they were sampled from."""
    return score_responses(
        model,
        [group.prompt for group in groups],
        [[response.token_ids for response in group.ordered] for group in groups],
        forbidden=forbidden,
        temperature=temperature,
    )
