"""Logits → tokens and their log-probs, by random numbers that belong to a response and to nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from videor1.rollout.engine import Sampling
from videor1.types import Prompt


def uniforms(prompts: Sequence[Prompt], counts: Sequence[int], tokens: int, *, seed: int) -> Tensor:
    """(N, tokens) float64 in [0, 1), a row a response: `counts[i]` responses to `prompts[i]`.

    They depend on the seed, the question, its order of frames and the response's number alone. So a response
    is the same, to rounding, beside whichever others it is written and on whichever rank.
    """
    rows = [
        torch.rand(tokens, generator=_generator(seed, prompt, number), dtype=torch.float64)
        for prompt, count in zip(prompts, counts, strict=True)
        for number in range(count)
    ]
    return torch.stack(rows)


def identity(prompt: Prompt) -> int:
    """A number for the question and the order of its frames, the same in every process."""
    shown = (prompt.record.problem_id, prompt.record.path, prompt.clip.indices)
    return zlib.crc32(repr(shown).encode())


def _generator(seed: int, prompt: Prompt, number: int) -> torch.Generator:
    # hash: of integers it is the same in every process
    return torch.Generator().manual_seed(hash((seed, identity(prompt), number)) % 2**63)


def draw_tokens(
    logits: Tensor, sampling: Sampling, *, forbidden: Tensor, uniform: Tensor
) -> tuple[Tensor, Tensor]:
    """One token a row, and the log-prob with which it was drawn: at this temperature, after top_p.

    Args:
        logits: (N, vocabulary) float32; changed in place.
        sampling: temperature and top_p.
        forbidden: (K,) ids that are not drawn.
        uniform: (N,) float64 random numbers in [0, 1); of no use at temperature 0.

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
    place = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)
    ids = (place if order is None else order.gather(-1, place))[:, 0]
    return ids, _chosen(logprobs, ids)


def _chosen(logprobs: Tensor, ids: Tensor) -> Tensor:
    return logprobs.gather(-1, ids[:, None])[:, 0]
