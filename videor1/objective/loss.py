"""The two losses, as functions of the log-probabilities of response tokens.

T-GRPO (arXiv 2503.21776), minimised, for N responses of L tokens or fewer:

    ratio   = exp(logp - logp_old)                       1 in value when the policy updated has sampled
    gain    = w · min(ratio · A, clip(ratio, 1 - low, 1 + high) · A) - beta · k3
    k3      = exp(x) - x - 1,  x = logp_reference - logp
    loss    = - mean over responses of (mean over its tokens of gain)
    w       = 1, or the weight of `correction.py` where another policy than π_old has sampled

The released code takes one update a rollout, so its ratio is always 1 and it does not clip; it also clamps
x to ±10 (`kl_clamp=10`), beyond which the reference pulls no more.

SFT: mean over responses of the mean of -logp over a response's tokens, as with one response a batch. It is
the same however a global batch is cut into ranks and accumulated batches; a mean over all tokens is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """A loss and what to log about it: scalars, all but `loss` without gradient."""

    loss: Tensor  # () to minimise
    kl: Tensor  # () k3 to the reference, averaged as the loss is; 0 without a reference
    ratio: Tensor  # () mean importance ratio over all tokens
    clip_share: Tensor  # () share of all tokens whose gain is clipped, in [0, 1]


def k3(logprobs: Tensor, reference: Tensor, *, clamp: float = math.inf) -> Tensor:
    """Per-token estimate, ≥ 0 and shaped as its inputs, of KL(policy ‖ reference), in nats.

    `clamp` bounds |reference - logprobs|; where it bites the gradient is zero.
    """
    x = (reference - logprobs).clamp(-clamp, clamp)
    return x.exp() - x - 1


def policy_loss(
    logprobs: Tensor,
    mask: Tensor,
    advantages: Tensor,
    *,
    old_logprobs: Tensor | None = None,
    reference_logprobs: Tensor | None = None,
    weights: Tensor | None = None,
    beta: float = 0.04,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    kl_clamp: float = math.inf,
) -> PolicyLoss:
    """Clipped policy loss with a KL penalty, over N responses padded to L tokens.

    `logprobs` (N, L) carries the gradient; `mask` (N, L) bool is True at response tokens, and what stands
    elsewhere, NaN included, has no influence. `advantages` (N,). `old_logprobs` (N, L) of the policy that
    sampled, or None when it is the policy updated. `reference_logprobs` (N, L) may be None only when
    beta = 0. `weights` (N, L) multiply what a token gains, before the penalty. A response without tokens
    counts as a gain of 0.

    Raises ValueError for shapes that do not fit, N = 0, beta < 0, or beta > 0 without a reference.
    """
    if beta < 0:
        raise ValueError(f"beta must be at least 0, not {beta}")
    if beta > 0 and reference_logprobs is None:
        raise ValueError(f"beta = {beta} needs reference_logprobs; set beta = 0 to train without them")
    if len(logprobs) == 0 or advantages.shape != logprobs.shape[:1]:
        raise ValueError(
            f"advantages must be (N,) and logprobs (N, L) with N > 0, "
            f"not {tuple(advantages.shape)} and {tuple(logprobs.shape)}"
        )
    logprobs = _blank(logprobs, mask)
    old = logprobs.detach() if old_logprobs is None else _blank(old_logprobs.detach(), mask)
    advantage = advantages.detach().unsqueeze(1)

    ratio = (logprobs - old).exp()
    free, clipped = ratio * advantage, ratio.clamp(1 - clip_low, 1 + clip_high) * advantage
    gain = torch.minimum(free, clipped)
    if weights is not None:
        gain = gain * _blank(weights.detach(), mask)
    kl = torch.zeros_like(logprobs)
    if reference_logprobs is not None:
        kl = k3(logprobs, _blank(reference_logprobs.detach(), mask), clamp=kl_clamp)
        # With beta = 0 the penalty is only watched: 0 · inf would be NaN.
        if beta > 0:
            gain = gain - beta * kl
    return PolicyLoss(
        loss=-_mean_by_response(gain, mask),
        kl=_mean_by_response(kl, mask).detach(),
        ratio=_mean_by_token(ratio, mask).detach(),
        clip_share=_mean_by_token((clipped < free).to(logprobs.dtype), mask).detach(),
    )


def sft_loss(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean negative log-probability, a scalar in nats: over a response's tokens, then over responses.

    `logprobs` and `mask` (bool) are (N, L), True at the tokens of a response.
    """
    return -_mean_by_response(_blank(logprobs, mask), mask)


def _blank(values: Tensor, mask: Tensor) -> Tensor:
    """`values` with zeros off the mask: masking after exp() would let a NaN or inf in padding through."""
    if values.ndim != 2 or values.shape != mask.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"log-probabilities and mask must both be (N, L), the mask bool; "
            f"not {tuple(values.shape)} and {tuple(mask.shape)} {mask.dtype}"
        )
    return values.masked_fill(~mask, 0.0)


def _mean_by_response(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each response (0 for one without tokens), then over responses."""
    return ((values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()


def _mean_by_token(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over all marked tokens, 0 when there are none."""
    return (values * mask).sum() / mask.sum().clamp(min=1)
