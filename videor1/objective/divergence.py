"""Estimates of KL(policy ‖ reference) from tokens that the policy has drawn, and what they pull at as a loss.

    x   = logp_reference - logp, bounded to ±clamp
    k1  = -x                    unbiased, of either sign
    k2  = x² / 2                biased, ≥ 0
    k3  = exp(x) - x - 1        unbiased, ≥ 0; what GRPO has in its loss

An unbiased value need not have a useful gradient. In the loss, for tokens drawn from the policy itself, the
expected gradient given the tokens before is

    k1  E[∇logp] = 0, so it pulls nowhere and only adds noise
    k2  E[(logp - logp_reference) ∇logp] = ∇KL(policy ‖ reference), the reverse KL's own
    k3  E[(1 - exp(x)) ∇logp] = ∇KL(reference ‖ policy), the forward KL's; near x = 0 the two agree

In the reward it is the other way round: the policy gradient of a reward of -k1 is that of the reverse KL of
whole responses, so `kl_penalty` sums k1.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

Estimator = Literal["k1", "k2", "k3"]


def k1(logprobs: Tensor, reference: Tensor, *, clamp: float = math.inf) -> Tensor:
    """Per-token log-ratio, in nats; its mean is KL(policy ‖ reference)."""
    return -_log_ratio(logprobs, reference, clamp)


def k2(logprobs: Tensor, reference: Tensor, *, clamp: float = math.inf) -> Tensor:
    """Half the squared log-ratio of each token, ≥ 0: as a loss it has the gradient of the reverse KL."""
    return _log_ratio(logprobs, reference, clamp).square() / 2


def k3(logprobs: Tensor, reference: Tensor, *, clamp: float = math.inf) -> Tensor:
    """Per-token estimate, ≥ 0 and shaped as its inputs, of KL(policy ‖ reference), in nats.

    `clamp` bounds |reference - logprobs|; where it bites the gradient is zero.
    """
    x = _log_ratio(logprobs, reference, clamp)
    return x.exp() - x - 1


ESTIMATORS = {"k1": k1, "k2": k2, "k3": k3}


def kl_penalty(logprobs: Tensor, reference: Tensor, mask: Tensor, *, clamp: float = math.inf) -> Tensor:
    """(N,) sum over a response's tokens of k1, in nats, without gradient; times beta it comes off the reward.

    `logprobs` (N, L) of the policy that sampled, `reference` (N, L), `mask` (N, L) bool, True at response
    tokens; what stands elsewhere, NaN included, has no influence. `clamp` bounds each token's share.
    """
    return k1(logprobs.detach(), reference.detach(), clamp=clamp).masked_fill(~mask, 0.0).sum(dim=1)


def _log_ratio(logprobs: Tensor, reference: Tensor, clamp: float) -> Tensor:
    return (reference - logprobs).clamp(-clamp, clamp)
