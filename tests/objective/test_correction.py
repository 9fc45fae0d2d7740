"""Truncated importance weights against sums done by hand, and what they do to the loss."""

from __future__ import annotations

import math

import pytest
import torch

from videor1.errors import ConfigError
from videor1.objective import CorrectionSettings, LossSettings, importance_correction, policy_loss

# two responses of 3 and 1 tokens: log π - log μ = ln 2, 0, ln ½ | ln 8
TRAINER = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, float("nan"), 7.0]])
GAPS = torch.tensor([[math.log(2), 0.0, -math.log(2)], [math.log(8), 0.0, 0.0]])
MASK = torch.tensor([[True, True, True], [True, False, False]])
ENGINE = TRAINER - GAPS


def correct(level, cap=2.0):
    return importance_correction(TRAINER, ENGINE, MASK, level=level, cap=cap)


def test_token_weights_are_ratios_up_to_the_cap():
    found = correct("token", cap=4.0)
    assert torch.allclose(found.weights[MASK], torch.tensor([2.0, 1.0, 0.5, 4.0]))
    assert found.truncated == 1 / 4
    assert correct("token", cap=1.5).truncated == 2 / 4


def test_sequence_weights_are_products_up_to_the_cap():
    found = correct("sequence", cap=4.0)  # 2 · 1 · ½ = 1 and 8 → 4
    assert torch.allclose(found.weights[MASK], torch.tensor([1.0, 1.0, 1.0, 4.0]))
    assert found.truncated == 1 / 2


@pytest.mark.parametrize("level", ["off", "token", "sequence"])
def test_the_difference_is_measured_at_every_level(level):
    found = correct(level)
    assert found.difference == pytest.approx((2 * math.log(2) + math.log(8)) / 4)
    assert found.kl == pytest.approx(-math.log(8) / 4)


def test_off_weighs_nothing():
    assert correct("off").weights is None
    assert correct("off").truncated == 0


def test_weights_multiply_the_gain_and_not_the_penalty():
    logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    mask, weights = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[0.5, 2.0]])
    reference = torch.tensor([[-1.5, -2.0]])
    result = policy_loss(
        logprobs,
        mask,
        torch.tensor([3.0]),
        LossSettings(beta=0.1),
        reference_logprobs=reference,
        weights=weights,
    )
    penalty = 0.1 * (math.exp(-0.5) + 0.5 - 1)
    assert float(result.loss) == pytest.approx(-(0.5 * 3 - penalty + 2.0 * 3) / 2)
    result.loss.backward()
    # d ratio = 1 · A · w, d k3 = 1 - exp(x)
    expected = [-(0.5 * 3 - 0.1 * (1 - math.exp(-0.5))) / 2, -(2.0 * 3) / 2]
    assert logprobs.grad[0].tolist() == pytest.approx(expected)


def test_weights_carry_no_gradient_and_ignore_padding():
    trainer = torch.zeros(1, 2, requires_grad=True)
    engine = torch.tensor([[-1.0, float("nan")]])
    found = importance_correction(trainer, engine, torch.tensor([[True, False]]), level="token", cap=2.0)
    assert not found.weights.requires_grad
    assert found.weights[0, 0] == 2.0
    assert torch.isfinite(found.difference)


def test_auto_is_off_only_where_both_are_the_same_policy():
    assert CorrectionSettings().resolve(exact=True) == "off"
    assert CorrectionSettings().resolve(exact=False) == "token"
    assert CorrectionSettings(level="sequence").resolve(exact=True) == "sequence"
    assert CorrectionSettings(level="off").resolve(exact=False) == "off"


def test_a_cap_below_one_names_its_key():
    with pytest.raises(ConfigError, match=r"model\.correction\.cap must be at least 1"):
        CorrectionSettings(cap=0.9)
