"""Every option of the policy loss against loops over tokens in float64, its gradient, and figures by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from videor1.errors import ConfigError
from videor1.objective import LossSettings, PolicyLoss, policy_loss

LN2 = math.log(2)
N, L, LONGEST = 4, 5, 8
LENGTHS = (5, 3, 1, 0)


def batch(seed: int = 0, junk: float = 0.0) -> dict[str, Any]:
    """Arguments of `policy_loss`: float64, ratios on both sides of the clip, `junk` in the padding."""
    generator = torch.Generator().manual_seed(seed)

    def draw(width: float, centre: float = 0.0) -> Tensor:
        return centre + width * torch.randn(N, L, generator=generator, dtype=torch.float64)

    mask = torch.arange(L) < torch.tensor(LENGTHS)[:, None]
    logprobs = draw(1.0, -3.0)
    made = {
        "logprobs": logprobs,
        "old_logprobs": logprobs + draw(0.3),
        "reference_logprobs": logprobs + draw(0.5),
        "weights": draw(0.2, 1.0),
        "token_weights": draw(0.3, 1.0),
        "entropy": draw(0.1, 2.0),
    }
    made = {name: values.masked_fill(~mask, junk) for name, values in made.items()}
    for name in ("logprobs", "entropy"):
        made[name].requires_grad_()
    return {
        **made,
        "mask": mask,
        "advantages": torch.tensor([1.0, -0.5, 2.0, -1.0], dtype=torch.float64),
        "finished": torch.tensor([True, False, True, True]),
        "longest": LONGEST,
    }


def by_loops(options: LossSettings, given: dict[str, Any]) -> Tensor:
    """The loss token by token; the sequence ratio carries its own gradient, so it must have no weights."""
    sums, lengths = [], []
    for row, length in enumerate(LENGTHS):
        gone = options.mask_truncated and not given["finished"][row]
        gaps = [given["logprobs"][row, t] - given["old_logprobs"][row, t] for t in range(length)]
        total = torch.zeros((), dtype=torch.float64)
        for t in range(0 if gone else length):
            ratio = torch.exp(sum(gaps) / length if options.ratio == "sequence" else gaps[t])
            low, high = 1 - options.clip_low, 1 + options.clip_high
            advantage = given["advantages"][row]
            gain = min(ratio * advantage, ratio.clamp(low, high) * advantage)
            for name in ("weights", "token_weights"):
                if given[name] is not None:
                    gain = gain * given[name][row, t]
            x = given["reference_logprobs"][row, t] - given["logprobs"][row, t]
            kl = {"k1": -x, "k2": x * x / 2, "k3": torch.exp(x) - x - 1}[options.kl]
            total = total + gain + options.entropy_bonus * given["entropy"][row, t]
            if options.kl_in == "loss":
                total = total - options.beta * kl
        sums.append(total)
        lengths.append(0 if gone else length)
    if options.aggregation == "grpo":
        return -sum(s / max(n, 1) for s, n in zip(sums, lengths, strict=True)) / N
    return -sum(sums) / (N * LONGEST if options.aggregation == "dr_grpo" else sum(lengths))


def run(options: LossSettings, given: dict[str, Any]) -> PolicyLoss:
    rest = dict(given)
    return policy_loss(rest.pop("logprobs"), rest.pop("mask"), rest.pop("advantages"), options, **rest)


def gradients(loss: Tensor, given: dict[str, Any]) -> list[Tensor]:
    inputs = [given["logprobs"], given["entropy"]]
    return list(torch.autograd.grad(loss, inputs, materialize_grads=True))


OPTIONS = st.builds(
    LossSettings,
    beta=st.sampled_from([0.0, 0.3]),
    clip_high=st.sampled_from([0.2, 0.5]),
    aggregation=st.sampled_from(["grpo", "dr_grpo", "token_mean"]),
    ratio=st.sampled_from(["token", "sequence"]),
    kl=st.sampled_from(["k1", "k2", "k3"]),
    kl_in=st.sampled_from(["loss", "reward"]),
    mask_truncated=st.booleans(),
    entropy_bonus=st.sampled_from([0.0, 0.7]),
)


@settings(max_examples=80, deadline=None)
@given(options=OPTIONS, seed=st.integers(0, 5))
def test_any_mix_of_options_equals_the_loops_in_value_and_gradient(options: LossSettings, seed: int) -> None:
    given = batch(seed)
    if options.ratio == "sequence":
        given |= {"weights": None, "token_weights": None}
    got, wanted = run(options, given), by_loops(options, given)
    torch.testing.assert_close(got.loss, wanted, atol=1e-12, rtol=1e-12)
    for one, other in zip(gradients(got.loss, given), gradients(wanted, given), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(options=OPTIONS, junk=st.sampled_from([7.0, float("nan"), float("inf"), -float("inf")]))
def test_padding_has_no_influence_under_any_option(options: LossSettings, junk: float) -> None:
    clean, soiled = batch(), batch(junk=junk)
    one, other = run(options, clean), run(options, soiled)
    for field in PolicyLoss.__slots__:
        assert torch.equal(getattr(one, field), getattr(other, field)), field
    for before, after in zip(gradients(one.loss, clean), gradients(other.loss, soiled), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("aggregation", "loss", "weights"),
    [
        # advantages 1 and -3 of responses of 2 tokens and 1 token, at most 4
        ("grpo", -(1 - 3) / 2, [[1 / 4, 1 / 4], [1 / 2, 0]]),
        ("dr_grpo", -(2 - 3) / 8, [[1 / 8, 1 / 8], [1 / 8, 0]]),
        ("token_mean", -(2 - 3) / 3, [[1 / 3, 1 / 3], [1 / 3, 0]]),
    ],
)
def test_aggregation_by_hand(aggregation: Any, loss: float, weights: list[list[float]]) -> None:
    logprobs = torch.tensor([[-1.0, -2.0], [-3.0, -9.0]], requires_grad=True)
    mask, advantages = torch.tensor([[True, True], [True, False]]), torch.tensor([1.0, -3.0])
    options = LossSettings(beta=0, aggregation=aggregation)
    got = policy_loss(logprobs, mask, advantages, options, longest=4)
    assert got.loss.item() == pytest.approx(loss)
    (gradient,) = torch.autograd.grad(got.loss, logprobs)
    torch.testing.assert_close(gradient, -advantages[:, None] * torch.tensor(weights))


def test_a_sequence_is_clipped_as_a_whole() -> None:
    logprobs = torch.zeros(2, 2, requires_grad=True)
    old = -torch.tensor([[4 * LN2, -2 * LN2], [4 * LN2, -4 * LN2]])  # mean log-ratios ln 2 and 0
    mask, options = torch.ones(2, 2, dtype=torch.bool), LossSettings(beta=0, ratio="sequence")
    got = policy_loss(logprobs, mask, torch.ones(2), options, old_logprobs=old)
    assert got.loss.item() == pytest.approx(-(1.2 + 1) / 2)
    (gradient,) = torch.autograd.grad(got.loss, logprobs)
    assert gradient.tolist() == [[0.0, 0.0], [-0.25, -0.25]]  # by token the tokens of ratio 1/4, 1/16 learn
    assert (got.ratio.item(), got.clip_share.item()) == (pytest.approx(1.5), 0.5)


def test_token_weights_reach_their_tokens_under_a_sequence_ratio() -> None:
    logprobs = torch.zeros(1, 2, requires_grad=True)
    mask, options = torch.ones(1, 2, dtype=torch.bool), LossSettings(beta=0, ratio="sequence")
    weights = torch.tensor([[0.5, 2.0]])
    got = policy_loss(logprobs, mask, torch.ones(1), options, weights=weights, token_weights=weights)
    assert got.loss.item() == -(0.25 + 4) / 2
    (gradient,) = torch.autograd.grad(got.loss, logprobs)
    assert gradient.tolist() == [[-0.125, -2.0]]


@pytest.mark.parametrize(("aggregation", "divisor"), [("grpo", 4), ("dr_grpo", 16), ("token_mean", 2)])
def test_truncated_responses_teach_nothing_and_what_divides_the_others(
    aggregation: Any, divisor: int
) -> None:
    logprobs = torch.zeros(2, 2, requires_grad=True)
    mask, finished = torch.ones(2, 2, dtype=torch.bool), torch.tensor([True, False])
    options = LossSettings(beta=0.1, aggregation=aggregation, mask_truncated=True)
    reference = torch.tensor([[0.0, 0.0], [200.0, 0.0]])  # k3 = inf where nothing is learned
    got = policy_loss(
        logprobs, mask, torch.tensor([1.0, -9.0]), options, finished=finished, longest=8,
        reference_logprobs=reference,
    )  # fmt: skip
    assert got.loss.item() == -2 / divisor
    (gradient,) = torch.autograd.grad(got.loss, logprobs)
    assert gradient.tolist() == [[-1 / divisor, -1 / divisor], [0.0, 0.0]]
    assert got.kl.item() == math.inf  # figures are over all responses


def test_a_batch_of_truncated_responses_still_has_a_backward_pass() -> None:
    for aggregation in ("grpo", "dr_grpo", "token_mean"):
        logprobs = torch.zeros(1, 2, requires_grad=True)
        options = LossSettings(beta=0, mask_truncated=True, aggregation=aggregation)
        mask = torch.ones(1, 2, dtype=torch.bool)
        got = policy_loss(logprobs, mask, torch.ones(1), options, finished=torch.tensor([False]), longest=2)
        assert got.loss.item() == 0
        assert torch.autograd.grad(got.loss, logprobs)[0].tolist() == [[0.0, 0.0]]


def test_terms_add_up_to_the_loss() -> None:
    given = batch()
    whole = run(LossSettings(beta=0.3, entropy_bonus=0.7), given)
    bare = run(LossSettings(beta=0), given)
    torch.testing.assert_close(whole.loss, bare.loss + whole.penalty - whole.bonus)
    assert whole.penalty > 0
    entropies = given["entropy"].detach()
    by_response = [entropies[row, :length].mean() for row, length in enumerate(LENGTHS) if length]
    torch.testing.assert_close(whole.bonus, 0.7 * sum(by_response) / N)


def test_what_an_option_needs_is_named() -> None:
    logprobs = torch.zeros(1, 2, requires_grad=True)
    mask, advantages = torch.ones(1, 2, dtype=torch.bool), torch.zeros(1)
    for options, message in (
        (LossSettings(beta=0, aggregation="dr_grpo"), "longest"),
        (LossSettings(beta=0, mask_truncated=True), "finished"),
        (LossSettings(beta=0, entropy_bonus=0.1), "entropy with its gradient"),
        (LossSettings(beta=0.1), "reference_logprobs"),
        (LossSettings(beta=0.1, kl_in="reward"), "reference_logprobs"),
    ):
        with pytest.raises(ValueError, match=message):
            policy_loss(logprobs, mask, advantages, options, entropy=torch.zeros(1, 2))
    with pytest.raises(ValueError, match="longest"):
        options = LossSettings(beta=0, aggregation="dr_grpo")
        policy_loss(logprobs, mask, advantages, options, longest=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("beta", -0.1), ("beta", math.nan), ("clip_low", 1.1), ("clip_low", -0.1), ("clip_high", -1.0),
        ("kl_clamp", 0.0), ("entropy_bonus", -0.01), ("entropy_bonus", math.inf), ("aggregation", "mean"),
        ("ratio", "word"), ("kl", "k4"), ("kl_in", "advantage"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_name_their_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"model\.loss\.{key} must"):
        LossSettings(**{key: value})
