"""The losses and their gradients by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from videor1.objective import LossSettings, policy_loss, sft_loss

LN2 = math.log(2)
FREE = LossSettings(beta=0)  # of a reference
NAN, INF = float("nan"), float("inf")


def leaf(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, requires_grad=True)


def gradient(loss: Tensor, logprobs: Tensor) -> list[Any]:
    (grad,) = torch.autograd.grad(loss, logprobs)
    return [pytest.approx(row) for row in grad.tolist()]


def test_first_update_has_ratio_one_and_the_policy_gradient() -> None:
    logprobs = leaf([[-1.0, -2.0], [-3.0, -9.0]])
    mask = torch.tensor([[True, True], [True, False]])
    got = policy_loss(logprobs, mask, torch.tensor([1.0, -3.0]), FREE)
    # responses gain 1 and -3: the mean over tokens (1 + 1 - 3) / 3 would be another number
    assert got.loss.item() == pytest.approx(-(1 - 3) / 2)
    # - A / tokens of the response / 2 responses
    assert gradient(got.loss, logprobs) == [[-0.25, -0.25], [1.5, 0.0]]
    assert (got.ratio.item(), got.clip_share.item(), got.kl.item()) == (1.0, 0.0, 0.0)
    assert (got.penalty.item(), got.bonus.item()) == (0.0, 0.0)


def test_clipping_takes_the_lesser_gain() -> None:
    logprobs = leaf([[-1.0, -2.0], [-1.0, -2.0]])
    old = logprobs.detach() - torch.tensor([[LN2, -LN2], [LN2, -LN2]])  # ratios 2 and 1/2
    advantages = torch.tensor([1.0, -1.0])
    got = policy_loss(logprobs, torch.ones(2, 2, dtype=torch.bool), advantages, FREE, old_logprobs=old)
    # A = 1: min(2, 1.2) = 1.2 and min(.5, .8) = .5, mean .85
    # A = -1: min(-2, -1.2) = -2 and min(-.5, -.8) = -.8, mean -1.4
    assert got.loss.item() == pytest.approx(-(0.85 - 1.4) / 2)
    # d ratio = ratio; a clipped token has no gradient; each token weighs 1/4
    assert gradient(got.loss, logprobs) == [[0.0, -0.5 / 4], [2 / 4, 0.0]]
    assert got.ratio.item() == pytest.approx(1.25)
    assert got.clip_share.item() == 0.5


@pytest.mark.parametrize(
    ("advantage", "low", "high", "gain"),
    [(1.0, 0.2, 0.5, (1.5 + 0.5) / 2), (-1.0, 0.3, 0.2, (-2 - 0.7) / 2)],
)
def test_clip_bounds_are_apart(advantage: float, low: float, high: float, gain: float) -> None:
    logprobs, old = torch.zeros(1, 2), torch.tensor([[-LN2, LN2]])  # ratios 2 and 1/2
    mask, advantages = torch.ones(1, 2, dtype=torch.bool), torch.tensor([advantage])
    got = policy_loss(
        logprobs, mask, advantages, LossSettings(beta=0, clip_low=low, clip_high=high), old_logprobs=old
    )
    assert got.loss.item() == pytest.approx(-gain)


def test_reference_penalty() -> None:
    logprobs = leaf([[-1.0, -2.0], [-3.0, -4.0]])
    mask = torch.tensor([[True, True], [True, False]])
    reference = logprobs.detach() + torch.tensor([[LN2, 0.0], [0.0, 5.0]])
    got = policy_loss(logprobs, mask, torch.zeros(2), reference_logprobs=reference)
    # k3(ln 2) = 2 - ln 2 - 1 at one of two tokens of one of two responses
    assert got.kl.item() == pytest.approx((1 - LN2) / 4)
    assert got.loss.item() == pytest.approx(0.04 * (1 - LN2) / 4)
    # d k3 / d logp = 1 - exp(x) = -1
    assert gradient(got.loss, logprobs) == [[-0.04 / 4, 0.0], [0.0, 0.0]]
    assert not got.kl.requires_grad


def test_beta_zero_only_watches_the_reference() -> None:
    logprobs = leaf([[-200.0]])
    got = policy_loss(
        logprobs, torch.tensor([[True]]), torch.ones(1), FREE, reference_logprobs=torch.zeros(1, 1)
    )
    assert got.kl.item() == INF  # exp(200) in float32
    assert got.loss.item() == -1.0
    assert gradient(got.loss, logprobs) == [[-1.0]]


def test_padding_has_no_influence_whatever_stands_there() -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    advantages = torch.tensor([1.0, -2.0])
    results = []
    for junk in (0.0, NAN, INF, -INF):
        logprobs = leaf([[-1.0, -2.0, junk], [-3.0, junk, junk]])
        old = torch.tensor([[-1.5, -2.0, junk], [-3.1, junk, junk]])
        reference = torch.tensor([[-1.2, -2.5, junk], [-3.0, junk, junk]])
        got = policy_loss(logprobs, mask, advantages, old_logprobs=old, reference_logprobs=reference)
        sft = sft_loss(logprobs, mask)
        values = [got.loss, got.kl, got.ratio, got.clip_share, sft]
        grads = torch.autograd.grad(got.loss + sft, logprobs)
        results.append(torch.cat([torch.stack(values), grads[0].flatten()]).detach())
    assert results[0].isfinite().all()
    assert all(result.equal(results[0]) for result in results)


def test_a_response_without_tokens_counts_as_no_gain() -> None:
    logprobs = leaf([[-1.0, -2.0], [-3.0, -4.0]])
    mask = torch.tensor([[True, True], [False, False]])
    got = policy_loss(logprobs, mask, torch.tensor([1.0, 5.0]), FREE)
    assert got.loss.item() == pytest.approx(-(1 + 0) / 2)
    assert gradient(got.loss, logprobs) == [[-0.25, -0.25], [0.0, 0.0]]


def test_a_batch_without_tokens_still_has_a_backward_pass() -> None:
    # Ranks of a sharded model must all run backward, whatever they drew.
    logprobs, mask = leaf([[-1.0]]), torch.tensor([[False]])
    for loss in (policy_loss(logprobs, mask, torch.ones(1), FREE).loss, sft_loss(logprobs, mask)):
        assert loss.item() == 0.0
        assert gradient(loss, logprobs) == [[0.0]]


def test_sft_loss_is_the_mean_over_responses_however_long_they_are() -> None:
    logprobs = leaf([[-1.0, -2.0], [-6.0, -9.0]])
    loss = sft_loss(logprobs, torch.tensor([[True, True], [True, False]]))
    assert loss.item() == pytest.approx((1.5 + 6) / 2)  # by token it would be (1 + 2 + 6) / 3
    assert gradient(loss, logprobs) == [[-1 / 4, -1 / 4], [-1 / 2, 0.0]]


def test_errors_name_what_is_wrong() -> None:
    logprobs, mask, advantages = torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2)
    with pytest.raises(ValueError, match="reference_logprobs"):
        policy_loss(logprobs, mask, advantages)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        policy_loss(logprobs, mask, torch.zeros(3), FREE)
    with pytest.raises(ValueError, match="N > 0"):
        policy_loss(logprobs[:0], mask[:0], advantages[:0], FREE)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        policy_loss(logprobs, mask, advantages, FREE, old_logprobs=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="int64"):
        sft_loss(logprobs, mask.long())
