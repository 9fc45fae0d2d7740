"""Figures of a T-GRPO step, averaged over what they are means of: responses, groups, videos, tokens.

| curves | of | what |
|---|---|---|
| `reward/…` | responses | each term; a custom one under its name |
| `accuracy/ordered`, `accuracy/<perturbation>`, `accuracy/gap` | videos | by what was seen |
| `temporal/changed_groups` | videos | share in which the temporal credit moved an advantage by over 0.01 |
| `temporal/change` | responses to videos | mean abs(advantage - advantage without the credit) |
| `temporal/token_weight_spread` | tokens | mean abs(weight - 1), where the credit weighs tokens |
| `temporal/order_helped` | videos | share in which the rule held and something was right |
| `group/zero_variance` | groups | share that teaches nothing: all advantages are 0 |
| `length/in_band`, `accuracy/in_band`, `accuracy/out_of_band` | responses | l_min … l_max tokens, or not |
| `letters/A` … | responses with a letter | share that says A - share whose solution is A |
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from videor1.modules.step_means import StepMeans
from videor1.objective import Correction, PolicyLoss
from videor1.policy.group_pass import GroupPass
from videor1.rewards import RewardSettings, extract_answer
from videor1.rewards.answer import parse_choice
from videor1.types import Experience, Group, Perturbation, Rewards

LETTERS = "ABCDE"
_MOVED = 0.01  # an advantage that moved by less is as it was
_NOTHING = torch.empty(0)


def add_rollouts(means: StepMeans, experience: Experience, *, rewards: RewardSettings) -> None:
    """What the rollouts of a micro-batch show; ordered against perturbed over videos alone."""
    sizes = [len(group.ordered) for group in experience.groups]
    advantages = experience.advantages.cpu().split(sizes)
    plain = experience.plain_advantages.cpu().split(sizes)
    weights: list[Tensor | None] = [None] * len(sizes)
    if experience.token_weights is not None:
        of_learned = experience.token_weights.cpu().split([sizes[number] for number in experience.learned])
        for number, tokens in zip(experience.learned, of_learned, strict=True):
            weights[number] = tokens
    for group, reward, *credited in zip(
        experience.groups, experience.rewards, advantages, plain, weights, strict=True
    ):
        _add_rewards(means, group, reward, rewards)
        _add_accuracy(means, group, reward)
        _add_credit(means, group, *credited)
        paid = rewards.alpha > 0 and len(group.shuffled) > 0
        means.add("temporal/order_helped", float((reward.temporal > 0).any()) if paid else _NOTHING)
        _add_letters(means, group)


def add_update(
    means: StepMeans, loss: Tensor, result: PolicyLoss, scored: GroupPass, correction: Correction
) -> None:
    """What the loss of a micro-batch, `loss` by its share of the block, shows."""
    responses, tokens = len(scored.mask), int(scored.mask.sum())
    means.add("loss", loss)
    means.add("policy/kl", result.kl, weight=responses)
    means.add("policy/ratio", result.ratio, weight=tokens)
    means.add("policy/clip_share", result.clip_share, weight=tokens)
    means.add("policy/penalty", result.penalty, weight=responses)
    means.add("policy/bonus", result.bonus, weight=responses)
    means.add("engine/difference", correction.difference, weight=tokens)
    means.add("engine/kl", correction.kl, weight=tokens)
    if correction.weights is not None:
        means.add("engine/weight", correction.weights[scored.mask])
        by_sequence = correction.level == "sequence"
        means.add("engine/truncated", correction.truncated, weight=responses if by_sequence else tokens)
    assert scored.entropy is not None
    means.add("policy/entropy", scored.entropy[scored.mask])


def _add_rewards(means: StepMeans, group: Group, reward: Rewards, settings: RewardSettings) -> None:
    for term in ("total", "accuracy", "format", "temporal", "length", "overlong"):
        means.add(f"reward/{term}", getattr(reward, term))
    for name, values in reward.custom.items():
        means.add(f"reward/{name}", values)
    lengths = _lengths(group)
    in_band = (lengths >= settings.l_min) & (lengths <= settings.l_max)
    means.add("response/tokens", lengths)
    means.add("response/truncated", torch.tensor([not response.finished for response in group.ordered]))
    means.add("length/in_band", in_band)
    means.add("accuracy/in_band", reward.accuracy[in_band])
    means.add("accuracy/out_of_band", reward.accuracy[~in_band])


def _add_accuracy(means: StepMeans, group: Group, reward: Rewards) -> None:
    means.add("accuracy/ordered", reward.accuracy if group.prompt.clip.is_video else _NOTHING)
    for kind in get_args(Perturbation):
        means.add(f"accuracy/{kind}", reward.shuffled_accuracy if kind == group.perturbation else _NOTHING)
    gap = reward.accuracy.mean() - reward.shuffled_accuracy.mean()
    means.add("accuracy/gap", gap if len(group.shuffled) else _NOTHING)


def _add_credit(
    means: StepMeans, group: Group, advantages: Tensor, plain: Tensor, weights: Tensor | None
) -> None:
    """`advantages` and `plain` (G,), `weights` (G, L) of a group.

    What counts as a change is what reaches the update, so weights on an advantage of 0 do not.
    """
    change = (advantages - plain).abs()
    largest, spread = change.max(), _NOTHING
    if weights is not None:
        mask = torch.arange(weights.shape[1]) < _lengths(group)[:, None]
        spread = (weights[mask] - 1).abs()
        largest = ((advantages[:, None] * weights - plain[:, None]).abs() * mask).max()
    video = group.prompt.clip.is_video
    means.add("temporal/changed_groups", float(largest > _MOVED) if video else _NOTHING)
    means.add("temporal/change", change if video else _NOTHING)
    means.add("temporal/token_weight_spread", spread if video else _NOTHING)
    means.add("group/zero_variance", float((advantages == 0).all()))


def _add_letters(means: StepMeans, group: Group) -> None:
    """Only of responses that name a letter, so that one without an answer speaks for no letter."""
    record = group.prompt.record
    gold, answered = None, []
    if record.problem_type == "multiple choice":
        gold = parse_choice(extract_answer(record.solution) or record.solution)
        answered = [parse_choice(extract_answer(response.text) or "") for response in group.ordered]
    named = [letter for letter in answered if letter is not None and gold is not None]
    for letter in LETTERS:
        excess = [float(said == letter) - float(gold == letter) for said in named]
        means.add(f"letters/{letter}", torch.tensor(excess))


def _lengths(group: Group) -> Tensor:
    """(G,) tokens."""
    return torch.tensor([len(response.token_ids) for response in group.ordered])
