"""KL estimators: values by hand, means and expected gradients against the sums over a whole distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from videor1.objective import LossSettings, k3, kl_penalty, policy_loss
from videor1.objective.divergence import ESTIMATORS, k1, k2

LN2 = math.log(2)
NAN, INF = float("nan"), float("inf")
POLICY = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
REFERENCE = torch.tensor([0.3, 0.3, 0.4], dtype=torch.float64)


def kl(one: Tensor, other: Tensor) -> Tensor:
    return (one * (one / other).log()).sum()


def test_values_by_hand() -> None:
    logprobs, reference = torch.tensor([-1.0, -1.0]), torch.tensor([-1.0 + LN2, -1.0 - LN2])
    assert k1(logprobs, reference).tolist() == pytest.approx([-LN2, LN2])
    assert k2(logprobs, reference).tolist() == pytest.approx([LN2**2 / 2, LN2**2 / 2])
    assert k3(logprobs, reference).tolist() == pytest.approx([1 - LN2, LN2 - 0.5])


@pytest.mark.parametrize("estimate", [k1, k3])
def test_k1_and_k3_average_to_the_divergence(estimate: Callable[..., Tensor]) -> None:
    estimates = estimate(POLICY.log(), REFERENCE.log())
    torch.testing.assert_close((POLICY * estimates).sum(), kl(POLICY, REFERENCE))
    assert (k3(POLICY.log(), REFERENCE.log()) >= 0).all()


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_expected_gradient_as_a_loss(kind: str) -> None:
    """k1: none; k2: that of KL(policy ‖ reference); k3: that of KL(reference ‖ policy)."""
    logits = POLICY.log().clone().requires_grad_()
    logprobs = logits.log_softmax(0)
    # tokens drawn from the policy: what the gradient is averaged with is a constant
    expected = (POLICY * ESTIMATORS[kind](logprobs, REFERENCE.log())).sum()
    (got,) = torch.autograd.grad(expected, logits)
    again = logits.softmax(0)
    wanted = {"k1": 0 * again.sum(), "k2": kl(again, REFERENCE), "k3": kl(REFERENCE, again)}[kind]
    torch.testing.assert_close(got, torch.autograd.grad(wanted, logits)[0], atol=1e-12, rtol=0)


def test_clamp_is_where_the_reference_stops_pulling() -> None:
    logprobs = torch.tensor([[-20.0, 0.0, -LN2]], requires_grad=True)
    reference = torch.tensor([[0.0, -20.0, 0.0]])
    got = k3(logprobs, reference, clamp=10)
    assert got[0].tolist() == pytest.approx([math.exp(10) - 11, math.exp(-10) + 9, 1 - LN2])
    (gradient,) = torch.autograd.grad(got.sum(), logprobs)
    assert gradient[0].tolist() == pytest.approx([0.0, 0.0, -1.0])
    mask = torch.ones(1, 3, dtype=torch.bool)
    for kind, estimate in ESTIMATORS.items():
        settings = LossSettings(kl=kind, kl_clamp=10)
        clamped = policy_loss(logprobs, mask, torch.zeros(1), settings, reference_logprobs=reference)
        torch.testing.assert_close(clamped.kl, estimate(logprobs, reference, clamp=10).mean().detach())


def test_kl_penalty_sums_the_tokens_of_a_response() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, NAN], [-3.0, INF, NAN]], requires_grad=True)
    reference = torch.tensor([[-2.0, -1.5, INF], [-33.0, NAN, INF]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    got = kl_penalty(logprobs, reference, mask)
    assert got.tolist() == [1.0 - 0.5, 30.0]
    assert not got.requires_grad
    assert kl_penalty(logprobs, reference, mask, clamp=10.0).tolist() == [0.5, 10.0]


def test_in_the_reward_the_loss_has_no_such_term_but_reports_it() -> None:
    logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    mask, reference = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[-1.0 + LN2, -2.0]])
    settings = LossSettings(beta=0.5, kl_in="reward")
    got = policy_loss(logprobs, mask, torch.tensor([3.0]), settings, reference_logprobs=reference)
    assert (got.loss.item(), got.penalty.item()) == (-3.0, 0.0)
    assert got.kl.item() == pytest.approx((1 - LN2) / 2)
    (gradient,) = torch.autograd.grad(got.loss, logprobs)
    assert gradient.tolist() == [[-1.5, -1.5]]
