"""Groups → rewards → advantages: what of a batch is learned, before anything is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from videor1.objective import Credit, Measured, Scale, credited_advantages, group_advantages
from videor1.rewards import RewardSettings, score_group
from videor1.types import Group, Prompt, Rewards

ZeroVariance = Literal["keep", "skip", "resample"]
_ROUNDING = 1e-12  # variance of rewards that differ by no more than float32 rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantages:
    """What B groups of G responses are learned with."""

    credited: Tensor  # (B, G)
    plain: Tensor  # (B, G) without temporal credit


def reward_groups(groups: Sequence[Group], settings: RewardSettings) -> tuple[Rewards, ...]:
    """The rewards of each group's ordered responses."""
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


def has_variance(rewards: Rewards) -> bool:
    """Whether rewards say that one response is better than another.

    By variance and not by being all 0 or all 1: equal fractions, as a free-form question may have, teach as
    little.
    """
    return float(rewards.total.double().var()) > _ROUNDING


def sample_again(
    groups: tuple[Group, ...],
    rewards: tuple[Rewards, ...],
    *,
    limit: int,
    collect: Callable[[list[Prompt], int], tuple[Group, ...]],
    reward: Callable[[tuple[Group, ...]], tuple[Rewards, ...]],
) -> tuple[tuple[Group, ...], tuple[Rewards, ...]]:
    """Replaces groups without variance by new responses to the same questions, at most `limit` times each.

    The questions stay, so batches stay those that data order and seed say; DAPO (arXiv 2503.14476) takes new
    questions instead. `collect(prompts, attempt)` brings new groups.
    """
    group_list, reward_list = list(groups), list(rewards)
    for attempt in range(1, limit + 1):
        flat = [number for number, reward in enumerate(reward_list) if not has_variance(reward)]
        if not flat:
            break
        new = collect([group_list[number].prompt for number in flat], attempt)
        for number, group, marks in zip(flat, new, reward(new), strict=True):
            group_list[number], reward_list[number] = group, marks
    return tuple(group_list), tuple(reward_list)


def advantages_of(
    groups: Sequence[Group],
    rewards: Sequence[Rewards],
    *,
    credit: Credit,
    scale: Scale,
    settings: RewardSettings,
    penalties: Tensor | None = None,
    gained: Tensor | None = None,
) -> Advantages:
    """Advantages by question; shuffled responses end here.

    Args:
        groups: B.
        rewards: of each.
        credit: see `videor1.objective.credit`; it is given to videos.
        scale: see `group_advantages`.
        settings: alpha, and above which accuracy a response is correct.
        penalties: (B * G,) taken off the rewards.
        gained: (B * G,) nats, see `Measured.gained`.
    """
    untimed = torch.stack([reward.untimed for reward in rewards])
    if penalties is not None:
        untimed = untimed - penalties.cpu().view_as(untimed)
    if gained is not None:
        gained = gained.cpu().view_as(untimed)
    plain = group_advantages(untimed, scale=scale)
    credited = plain.clone()
    for number, (group, reward) in enumerate(zip(groups, rewards, strict=True)):
        if group.prompt.clip.is_video:
            measured = Measured(
                rewards=untimed[number],
                bonus=reward.temporal,
                accuracy=reward.accuracy,
                correct=reward.accuracy > settings.correct_above,
                shuffled_rewards=reward.shuffled_untimed,
                shuffled_accuracy=reward.shuffled_accuracy,
                gained=None if gained is None else gained[number],
            )
            credited[number] = credited_advantages(measured, credit, alpha=settings.alpha, scale=scale)
    return Advantages(credited=credited, plain=plain)


def to_learn(advantages: Tensor, zero_variance: ZeroVariance) -> tuple[int, ...]:
    """Numbers of the groups, of advantages (B, G), that the update passes over.

    With "skip" those that have an advantage: a group without one would only be pulled to the reference.
    """
    if zero_variance != "skip":
        return tuple(range(len(advantages)))
    return tuple((advantages != 0).any(dim=1).nonzero()[:, 0].tolist())
