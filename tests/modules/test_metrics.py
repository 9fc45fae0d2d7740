"""Figures of a step: exact means over unequal shares, and where the temporal term really acted."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from videor1.modules.metrics import StepMeans, add_rollouts
from videor1.objective import group_advantages
from videor1.types import Experience, Group, Response, Rewards

HERE = SingleDeviceStrategy(torch.device("cpu"))


def responses(*lengths, finished=True):
    return tuple(
        Response(
            token_ids=torch.zeros(n, dtype=torch.long), logprobs=torch.zeros(n), text="", finished=finished
        )
        for n in lengths
    )


def rewarded(accuracy, *, temporal=0.0, length=(0.0, 0.0, 0.0, 0.0), shuffled=()):
    accuracy = torch.tensor(accuracy)
    bonus = temporal * (accuracy > 0.1).float()
    length = torch.tensor(length)
    return Rewards(
        accuracy=accuracy,
        format=torch.ones(4),
        temporal=bonus,
        length=length,
        overlong=torch.zeros(4),
        custom={},
        untimed=accuracy + 1 + length,
        shuffled_accuracy=torch.tensor(shuffled),
        shuffled_untimed=torch.tensor(shuffled) + 1,
    )


def figures(*pairs, scale="std"):
    groups, rewards = zip(*pairs, strict=True)
    advantages = group_advantages(torch.stack([reward.total for reward in rewards]), scale=scale).flatten()
    experience = Experience(
        groups=groups,
        rewards=rewards,
        advantages=advantages,
        sampled_logprobs=torch.zeros(len(advantages), 5),
        old_logprobs=None,
        reference_logprobs=None,
        vision=None,
    )
    means = StepMeans()
    add_rollouts(means, experience, scale=scale)
    return means.reduce(HERE)


def video(*lengths, shuffled=2):
    return Group(
        prompt=None, ordered=responses(*lengths), shuffled=responses(*[5] * shuffled), permutation=(1, 0)
    )


def image(*lengths):
    return Group(prompt=None, ordered=responses(*lengths, finished=False), shuffled=(), permutation=())


def test_means_weigh_values_not_calls():
    means = StepMeans()
    means.add("x", torch.tensor([1.0, 2.0, 3.0]))
    means.add("x", 10.0)
    means.add("nothing", torch.empty(0))
    means.add("means", 1.0, weight=3)
    means.add("means", 5.0, weight=1)
    assert means.reduce(HERE) == {"x": 4.0, "means": 2.0}


def test_ordered_and_shuffled_accuracy_are_of_videos_alone():
    got = figures(
        (video(10, 20, 30, 40), rewarded([1.0, 1.0, 0.0, 0.0], shuffled=[1.0, 0.0])),
        (video(10, 10, 10, 10), rewarded([1.0, 1.0, 1.0, 1.0], shuffled=[0.0, 0.0])),
        (image(8, 8, 8, 8), rewarded([0.0, 0.0, 0.0, 0.0])),
    )
    assert got["accuracy/ordered"] == 0.75  # (2 + 4) / 8
    assert got["accuracy/shuffled"] == 0.25
    assert got["accuracy/gap"] == 0.5  # (0.5 - 0.5 + 1 - 0) / 2
    assert got["reward/accuracy"] == 0.5  # all 12
    assert got["response/tokens"] == pytest.approx((100 + 40 + 32) / 12)
    assert got["response/truncated"] == pytest.approx(4 / 12)
    assert got["group/zero_variance"] == pytest.approx(2 / 3)


def test_images_alone_leave_no_temporal_figures():
    got = figures((image(8, 8, 8, 8), rewarded([0.0, 1.0, 0.0, 0.0])))
    assert not {"accuracy/ordered", "accuracy/shuffled", "accuracy/gap", "temporal/changed_groups"} & set(got)


@pytest.mark.parametrize(
    ("accuracy", "length", "scale", "acted"),
    [
        ([1.0, 1.0, 0.0, 0.0], (0.0,) * 4, "std", 0.0),  # 0/1 accuracy: the division takes the bonus back
        ([1.0, 1.0, 0.0, 0.0], (0.0,) * 4, "none", 1.0),  # without it the bonus stays
        ([1.0, 0.4, 0.0, 0.0], (0.0,) * 4, "std", 1.0),  # fractional accuracy
        ([1.0, 1.0, 0.0, 0.0], (0.2, 0.0, 0.0, 0.0), "std", 1.0),  # the length bonus beside it
        ([0.0, 0.0, 0.0, 0.0], (0.0,) * 4, "none", 0.0),  # nobody right, nobody paid
    ],
)
def test_changed_groups_are_those_whose_advantages_moved(accuracy, length, scale, acted):
    pair = (video(9, 9, 9, 9), rewarded(accuracy, temporal=0.3, length=length, shuffled=[0.0, 0.0]))
    assert figures(pair, scale=scale)["temporal/changed_groups"] == acted
