"""Logits → tokens and their log-probs."""

from __future__ import annotations

import torch
from torch import Tensor

from videor1.rollout.engine import Sampling


def draw_tokens(
    logits: Tensor, sampling: Sampling, *, forbidden: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One token a row, and the log-prob with which it was drawn: at this temperature, after top_p.

    Args:
        logits: (N, vocabulary) float32; changed in place.
        sampling: temperature and top_p.
        forbidden: (K,) ids that are not drawn.
        generator: gives one random number a row.

    Returns:
        (N,) ids and (N,) log-probs.
    """
    logits.index_fill_(-1, forbidden, -torch.inf)
    if sampling.temperature == 0:
        ids = logits.argmax(-1)
        return ids, _chosen(logits.log_softmax(-1), ids)
    if sampling.temperature != 1:
        logits /= sampling.temperature
    logprobs = logits.log_softmax(-1)
    probabilities = logprobs.exp()
    order = None
    if sampling.top_p < 1:
        probabilities, order = probabilities.sort(-1, descending=True)
        probabilities[probabilities.cumsum(-1) - probabilities >= sampling.top_p] = 0
        logprobs = logprobs - probabilities.sum(-1, keepdim=True).log()
    # inverse of the cumulative distribution: one random number a row; multinomial draws one a token
    cumulative = probabilities.cumsum(-1, dtype=torch.float64)
    uniform = torch.rand(len(logits), 1, generator=generator, device=logits.device, dtype=torch.float64)
    place = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    ids = (place if order is None else order.gather(-1, place))[:, 0]
    return ids, _chosen(logprobs, ids)


def _chosen(logprobs: Tensor, ids: Tensor) -> Tensor:
    return logprobs.gather(-1, ids[:, None])[:, 0]
