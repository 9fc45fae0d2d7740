"""The two losses, as functions of the log-probabilities of response tokens.

T-GRPO (arXiv 2503.21776) and what may be chosen in its place, minimised, for N responses of at most L tokens:

    gain    = w · min(ratio · A, clip(ratio, 1 - low, 1 + high) · A) - beta · kl + bonus · H
    loss    = - aggregate(gain): "grpo", "dr_grpo" or "token_mean", see `aggregate.py`

    ratio   "token"     exp(logp - logp_old); 1 in value when the policy updated has sampled
            "sequence"  exp(mean over the response's tokens of logp - logp_old), GSPO (arXiv 2507.18071)
    kl      "k1", "k2" or "k3" to the reference, see `divergence.py`; not in the loss when it is in the reward
    H       entropy of the distribution that the token was drawn from, with gradient
    w       1, times the weight of `correction.py` where another policy than π_old has sampled, times the
            token's share of the credit where one is given; they do not weigh kl and H

The sequence ratio s has the gradient s · mean over tokens of ∇logp, in the form of GSPO-token (its section
4.3): each token has the ratio sg(s) · exp(logp - sg(logp)), sg for "no gradient". Without w it is the same
under every aggregation; with w each token's part of the gradient gets the weight of that token.

The defaults are the paper's. The released code takes one update a rollout, so its ratio is always 1 and it
does not clip; it also clamps the log-ratio of k3 to ±10 (`kl_clamp=10`), beyond which the reference pulls no
more.

SFT: mean over responses of the mean of -logp over a response's tokens, as with one response a batch. It is
the same however a global batch is cut into ranks and accumulated batches; a mean over all tokens is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videor1.objective.aggregate import aggregate, mean_by_response, mean_by_token, response_means
from videor1.objective.divergence import ESTIMATORS
from videor1.objective.loss_settings import LossSettings, RatioLevel

_DEFAULTS = LossSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """A loss and what to log about it: scalars, all but `loss` without gradient.

    `kl`, `ratio` and `clip_share` are over all responses, also those that `mask_truncated` leaves out, and
    mean the same under every aggregation; `penalty` and `bonus` are terms of the loss.
    """

    loss: Tensor  # () to minimise: penalty - bonus - the aggregated clipped gains
    kl: Tensor  # () settings.kl to the reference, mean over responses of token means; 0 without a reference
    ratio: Tensor  # () mean importance ratio over all tokens
    clip_share: Tensor  # () share of all tokens whose gain is clipped, in [0, 1]
    penalty: Tensor  # () beta times the aggregated KL; 0 when it is not in the loss
    bonus: Tensor  # () entropy_bonus times the aggregated entropy


def policy_loss(
    logprobs: Tensor,
    mask: Tensor,
    advantages: Tensor,
    settings: LossSettings = _DEFAULTS,
    *,
    old_logprobs: Tensor | None = None,
    reference_logprobs: Tensor | None = None,
    weights: Tensor | None = None,
    token_weights: Tensor | None = None,
    entropy: Tensor | None = None,
    finished: Tensor | None = None,
    longest: int | None = None,
) -> PolicyLoss:
    """The policy loss over N responses padded to L tokens.

    Args:
        logprobs: (N, L), carries the gradient.
        mask: (N, L) bool, True at response tokens; what stands elsewhere, NaN included, has no influence. A
            response without tokens counts as a gain of 0.
        advantages: (N,).
        settings: what the loss is made of.
        old_logprobs: (N, L) of the policy that sampled, or None when it is the policy updated.
        reference_logprobs: (N, L); may be None only when beta = 0.
        weights: (N, L) multiply what a token gains: those of an importance correction.
        token_weights: (N, L) likewise: those of credit given to tokens.
        entropy: (N, L), with gradient; needed for an entropy bonus only.
        finished: (N,) bool, False for responses that were cut off; needed for `mask_truncated` only.
        longest: the most tokens a response may have; needed for "dr_grpo" only.

    Raises:
        ValueError: shapes that do not fit, N = 0, or something missing that the settings need.
    """
    _check(logprobs, advantages, reference_logprobs, settings)
    logprobs, learned = _blank(logprobs, mask), mask
    if settings.mask_truncated:
        if finished is None or finished.shape != advantages.shape:
            raise ValueError("mask_truncated needs finished, (N,) bool")
        learned = mask & finished.to(mask.device).unsqueeze(1)
        # detached, and not only left out of the sum: 0 times an infinite gradient would be NaN
        logprobs = torch.where(learned, logprobs, logprobs.detach())
    old = logprobs.detach() if old_logprobs is None else _blank(old_logprobs.detach(), mask)
    advantage = advantages.detach().unsqueeze(1)

    ratio = _ratio(logprobs, old, mask, settings.ratio)
    free = ratio * advantage
    clipped = ratio.clamp(1 - settings.clip_low, 1 + settings.clip_high) * advantage
    gain = torch.minimum(free, clipped)
    for weight in (weights, token_weights):
        if weight is not None:
            gain = gain * _blank(weight.detach(), mask)

    def total(values: Tensor) -> Tensor:
        return aggregate(values, learned, by=settings.aggregation, longest=longest)

    kl = torch.zeros_like(logprobs)
    if reference_logprobs is not None:
        estimate = ESTIMATORS[settings.kl]
        kl = estimate(logprobs, _blank(reference_logprobs.detach(), mask), clamp=settings.clamp)
    penalty = bonus = logprobs.new_zeros(())
    # With beta = 0 the divergence is only watched: 0 · inf would be NaN.
    if settings.beta > 0 and settings.kl_in == "loss":
        penalty = settings.beta * total(kl)
    if settings.entropy_bonus > 0:
        bonus = settings.entropy_bonus * total(_learning(entropy, logprobs, mask))
    return PolicyLoss(
        loss=penalty - bonus - total(gain),
        kl=mean_by_response(kl, mask).detach(),
        ratio=mean_by_token(ratio, mask).detach(),
        clip_share=mean_by_token((clipped < free).to(logprobs.dtype), mask).detach(),
        penalty=penalty.detach(),
        bonus=bonus.detach(),
    )


def sft_loss(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean negative log-probability, a scalar in nats: over a response's tokens, then over responses.

    `logprobs` and `mask` (bool) are (N, L), True at the tokens of a response.
    """
    return -mean_by_response(_blank(logprobs, mask), mask)


def _ratio(logprobs: Tensor, old: Tensor, mask: Tensor, level: RatioLevel) -> Tensor:
    """(N, L) importance ratios; see the module for the gradient of those of sequences."""
    if level == "token":
        return (logprobs - old).exp()
    mean = response_means(logprobs.detach() - old, mask).unsqueeze(1)
    return (mean + (logprobs - logprobs.detach())).exp()


def _learning(entropy: Tensor | None, logprobs: Tensor, mask: Tensor) -> Tensor:
    if entropy is None or (logprobs.requires_grad and not entropy.requires_grad):
        raise ValueError("entropy_bonus needs the entropy with its gradient")
    return _blank(entropy, mask)


def _check(logprobs: Tensor, advantages: Tensor, reference: Tensor | None, settings: LossSettings) -> None:
    if settings.beta > 0 and reference is None:
        raise ValueError(
            f"beta = {settings.beta} needs reference_logprobs; set beta = 0 to train without them"
        )
    if len(logprobs) == 0 or advantages.shape != logprobs.shape[:1]:
        raise ValueError(
            f"advantages must be (N,) and logprobs (N, L) with N > 0, "
            f"not {tuple(advantages.shape)} and {tuple(logprobs.shape)}"
        )


def _blank(values: Tensor, mask: Tensor) -> Tensor:
    """`values` with zeros off the mask: masking after exp() would let a NaN or inf in padding through."""
    if values.ndim != 2 or values.shape != mask.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"log-probabilities and mask must both be (N, L), the mask bool; "
            f"not {tuple(values.shape)} and {tuple(mask.shape)} {mask.dtype}"
        )
    return values.masked_fill(~mask, 0.0)
