"""Figures of a T-GRPO step, averaged over what they are means of: responses, groups, videos, tokens."""

from __future__ import annotations

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from videor1.objective import Correction, PolicyLoss, Scale, group_advantages
from videor1.policy.group_pass import GroupPass
from videor1.types import Experience, Group, Rewards


class StepMeans:
    """Named means that stay exact over ranks with unequal shares, by one reduction for all of them.

    Every rank must add the same names in the same order; one that has nothing to average adds an empty
    tensor.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, name: str, values: Tensor | float, *, weight: float = 1.0) -> None:
        """Adds values (any shape, possibly empty) to the mean called `name`.

        `weight` is how many each of them stands for, where they are means themselves.
        """
        values = torch.as_tensor(values).detach().double()
        total, count = self._sums.get(name, (0.0, 0.0))
        self._sums[name] = (total + weight * float(values.sum()), count + weight * values.numel())

    def reduce(self, strategy: Strategy) -> dict[str, float]:
        """The means over all ranks; names that no rank had a value for are left out."""
        sums = torch.tensor(list(self._sums.values()), device=strategy.root_device, dtype=torch.float64)
        totals = strategy.reduce(sums, reduce_op="sum")
        assert isinstance(totals, Tensor)
        return {
            name: total / count
            for name, (total, count) in zip(self._sums, totals.tolist(), strict=True)
            if count
        }


def add_rollouts(means: StepMeans, experience: Experience, *, scale: Scale) -> None:
    """What the rollouts of a micro-batch show; ordered against shuffled over videos alone."""
    for group, reward in zip(experience.groups, experience.rewards, strict=True):
        _add_group(means, group, reward, scale)


def add_update(
    means: StepMeans, loss: Tensor, result: PolicyLoss, scored: GroupPass, correction: Correction
) -> None:
    """What the loss of a micro-batch, `loss` by its share of the block, shows."""
    responses, tokens = len(scored.mask), int(scored.mask.sum())
    means.add("loss", loss)
    means.add("policy/kl", result.kl, weight=responses)
    means.add("policy/ratio", result.ratio, weight=tokens)
    means.add("policy/clip_share", result.clip_share, weight=tokens)
    means.add("engine/difference", correction.difference, weight=tokens)
    means.add("engine/kl", correction.kl, weight=tokens)
    if correction.weights is not None:
        means.add("engine/weight", correction.weights[scored.mask])
        by_sequence = correction.level == "sequence"
        means.add("engine/truncated", correction.truncated, weight=responses if by_sequence else tokens)
    assert scored.entropy is not None
    means.add("policy/entropy", scored.entropy[scored.mask])


def _add_group(means: StepMeans, group: Group, reward: Rewards, scale: Scale) -> None:
    for term in ("total", "accuracy", "format", "temporal", "length"):
        means.add(f"reward/{term}", getattr(reward, term))
    nothing = torch.empty(0)
    video = len(group.shuffled) > 0
    gap = reward.accuracy.mean() - reward.shuffled_accuracy.mean()
    means.add("accuracy/ordered", reward.accuracy if video else nothing)
    means.add("accuracy/shuffled", reward.shuffled_accuracy)
    means.add("accuracy/gap", gap if video else nothing)
    means.add("temporal/changed_groups", _temporal_acted(reward, scale) if video else nothing)
    means.add("group/zero_variance", float(reward.total.std() < 1e-6))
    lengths = torch.tensor([len(response.token_ids) for response in group.ordered])
    means.add("response/tokens", lengths)
    means.add("response/truncated", torch.tensor([not response.finished for response in group.ordered]))


def _temporal_acted(reward: Rewards, scale: Scale) -> float:
    """1 when the temporal term moved an advantage of this group by more than 0.01, else 0."""
    with_bonus, without = (
        group_advantages(total[None], scale=scale) for total in (reward.total, reward.total - reward.temporal)
    )
    return float((with_bonus - without).abs().max() > 0.01)
