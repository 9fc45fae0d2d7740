"""Each form of temporal credit against hand computations, and what of it survives normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from videor1.objective import (
    BY_RESPONSES,
    Credit,
    Measured,
    credited_advantages,
    group_advantages,
    token_weights,
)

RIGHT, WRONG = 2.0, 1.0  # accuracy 1 or 0 with a well-formed answer


def measured(right, shuffled_right, *, alpha=0.3, gained=None, helps=None):
    """A group of 0/1 answers, the temporal rule being p >= p~ unless said otherwise."""
    correct = torch.tensor(right, dtype=torch.bool)
    shuffled = torch.tensor(shuffled_right, dtype=torch.float32)
    accuracy = correct.float()
    if helps is None:
        helps = bool(accuracy.mean() >= shuffled.mean())
    return Measured(
        rewards=torch.where(correct, RIGHT, WRONG),
        bonus=alpha * helps * accuracy,
        accuracy=accuracy,
        correct=correct,
        shuffled_rewards=torch.where(shuffled > 0, RIGHT, WRONG),
        shuffled_accuracy=shuffled,
        gained=None if gained is None else torch.tensor(gained),
    )


def credited(group, credit, alpha=0.3, scale="std"):
    return credited_advantages(group, credit, alpha=alpha, scale=scale)


HALF = measured([1, 1, 0, 0], [1, 0, 0, 0], gained=[1.0, -6.0, 1.0, 4.0])
# rewards 2 2 1 1: mean 1.5, unbiased deviation sqrt(4 * 0.25 / 3) = 0.57735
PLAIN = torch.tensor([0.5, 0.5, -0.5, -0.5]) / (0.57735 + 1e-4)
# joint over 2 2 1 1 2 1 1 1: mean 1.375, deviation sqrt((3 * 0.625^2 + 5 * 0.375^2) / 7) = 0.517549
JOINT = torch.tensor([0.625, 0.625, -0.375, -0.375]) / (0.517549 + 1e-4)


@pytest.mark.parametrize(
    ("credit", "expected"),
    [
        ("none", PLAIN),
        ("advantage", PLAIN + torch.tensor([0.3, 0.3, 0.0, 0.0])),
        ("correct", PLAIN + torch.tensor([0.3, 0.3, 0.0, 0.0])),
        ("joint", JOINT),
        ("gap_weight", PLAIN * 0.5),  # (1/2 - 1/4) / 0.5
        ("shuffled_weight", PLAIN * 0.75),
        ("ordered_weight", PLAIN * 0.5),
        ("log_ratio", PLAIN + torch.tensor([0.15, -0.3, 0.0, 0.0])),  # 1 nat of 2; -6 nats clipped
        ("log_prob", PLAIN + torch.tensor([0.15, -0.3, 0.0, 0.0])),  # the mean gained is 0
        ("token_ratio", PLAIN),
        ("token_entropy", PLAIN),
    ],
)
def test_advantages_by_hand(credit, expected):
    torch.testing.assert_close(credited(HALF, credit), expected, atol=1e-5, rtol=0)


def test_log_prob_is_centred_where_log_ratio_is_not():
    group = measured([1, 1], [0, 0], gained=[3.0, 1.0])
    torch.testing.assert_close(credited(group, "log_ratio"), torch.tensor([0.3, 0.15]))
    torch.testing.assert_close(credited(group, "log_prob"), torch.tensor([0.15, -0.15]))


def test_the_papers_form_is_undone_by_the_division():
    plain, paper = credited(HALF, "none"), credited(HALF, "reward")
    torch.testing.assert_close(paper, plain, atol=1e-4, rtol=0)
    assert torch.cosine_similarity(paper, plain, dim=0) == pytest.approx(1.0, abs=1e-6)


def test_without_the_division_the_papers_form_weighs_groups():
    plain, paper = credited(HALF, "none", scale="none"), credited(HALF, "reward", scale="none")
    torch.testing.assert_close(plain, torch.tensor([0.5, 0.5, -0.5, -0.5]))
    torch.testing.assert_close(paper, 1.3 * plain)


def test_no_credit_where_order_did_not_help():
    group = measured([1, 1, 0, 0], [1, 1, 1, 1])
    for credit in ("reward", "advantage"):
        torch.testing.assert_close(credited(group, credit), credited(group, "none"))


@pytest.mark.parametrize("credit", ["reward", "advantage", "log_ratio", "correct", "shuffled_weight"])
def test_nothing_right_is_no_success_of_order(credit):
    nothing = measured([0, 0, 0, 0], [0, 0], gained=[1.0, 2.0, 3.0, 4.0])
    assert credited(nothing, credit).abs().sum() == 0


@pytest.mark.parametrize(
    ("credit", "expected"),
    [
        ("none", 0.0),
        ("reward", 0.0),
        ("advantage", 0.3),
        ("log_ratio", 0.3),
        # 2 2 2 2 and 1 1 shuffled: mean 5/3, deviation 0.5164
        ("joint", (2 - 5 / 3) / (0.516398 + 1e-4)),
        ("gap_weight", 0.0),
    ],
)
def test_who_still_teaches_when_all_are_right(credit, expected):
    group = measured([1, 1, 1, 1], [0, 0], gained=[2.0] * 4)
    torch.testing.assert_close(credited(group, credit), torch.full((4,), expected), atol=1e-5, rtol=0)


def test_joint_pays_less_what_the_shuffled_clip_gives_too():
    needs_time = credited(measured([1, 1, 0, 0], [0, 0, 0, 0]), "joint")
    does_not = credited(measured([1, 1, 0, 0], [1, 1, 1, 1]), "joint")
    assert needs_time[0] > does_not[0] > 0
    assert does_not[2] < needs_time[2] < 0


def test_weights_are_bounded():
    hurts = measured([1, 0, 0, 0], [1, 1, 1, 1])
    torch.testing.assert_close(credited(hurts, "gap_weight"), 0.1 * credited(hurts, "none"))
    assert credited(hurts, "shuffled_weight").abs().sum() == 0
    clear = measured([1, 1, 1, 0], [0, 0, 0, 0])
    torch.testing.assert_close(credited(clear, "gap_weight"), credited(clear, "none"))


@pytest.mark.parametrize("credit", get_args(Credit))
def test_alpha_zero_leaves_only_weights_and_joint(credit):
    group = replace(HALF, bonus=torch.zeros(4))
    same = credited(group, credit, alpha=0.0)
    if credit not in ("joint", "gap_weight", "shuffled_weight", "ordered_weight"):
        torch.testing.assert_close(same, group_advantages(group.rewards[None])[0])


@pytest.mark.parametrize("credit", BY_RESPONSES)
def test_a_credit_by_responses_needs_them(credit):
    with pytest.raises(ValueError, match="perturbed"):
        credited(measured([1, 0], []), credit)


@pytest.mark.parametrize("credit", ["log_ratio", "log_prob"])
def test_a_credit_by_tokens_needs_log_probs(credit):
    with pytest.raises(ValueError, match="log-probs"):
        credited(measured([1, 0], []), credit)


def test_token_weights_by_hand():
    signal = torch.tensor([[3.0, 1.0, 0.0, 99.0], [0.0, 0.0, 99.0, 99.0]])
    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    # mean of the first response 4/3: 1/2 + 1/2 * (9/4, 3/4, 0)
    expected = torch.tensor([[1.625, 0.875, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(token_weights(signal, mask), expected)


def test_what_stands_in_padding_has_no_influence():
    mask = torch.tensor([[True, False]])
    signal = torch.tensor([[2.0, float("nan")]])
    torch.testing.assert_close(token_weights(signal, mask), torch.ones(1, 2))
