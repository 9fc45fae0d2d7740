"""Hidden states → log-probs of tokens, without ever holding the logits of all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.utils.checkpoint import checkpoint

# Most logits that are made at one time: 441 tokens of Qwen's 152k vocabulary. In float32 they are 256 MiB;
# with their softmax and its gradient up to four times that is held.
MOST_LOGITS = 2**26

Entropy = Literal["none", "watch", "learn"]  # not at all, without gradient, with gradient
Project = Callable[[Tensor], Tensor]  # (M, hidden) → (M, vocabulary)


class Head(nn.Linear):
    """A model's head that can do more than its product while its weight is there.

    ZeRO-3 and FSDP2 gather a module's weight when it is called. Called once a chunk, ranks with responses of
    different lengths would gather it differently often and wait for each other for ever.
    """

    def forward(self, states: Tensor, then: Callable[[Project, Tensor], Any] | None = None) -> Any:
        product = super().forward
        return product(states) if then is None else then(product, states)


def score_tokens(
    head: nn.Module,
    states: Tensor,
    targets: Tensor,
    *,
    forbidden: Tensor | None = None,
    temperature: float = 1.0,
    entropy: Entropy = "watch",
    most_logits: int = MOST_LOGITS,
) -> tuple[Tensor, Tensor | None]:
    """Log-probs, in float32, of the tokens that hidden states predict.

    When the logits do not fit, they are made in chunks, and made again chunk by chunk in the backward pass.

    Args:
        head: maps (M, hidden) to (M, vocabulary); it is called once if it is a `Head`.
        states: (M, hidden).
        targets: (M,) token ids.
        forbidden: (K,) ids left out of the softmax, as in sampling.
        temperature: the one of sampling, which divides the logits.
        entropy: whether to return also that of each distribution, and whether it has a gradient; with one it
            keeps no more until the backward pass, where it takes the room of two more logits.
        most_logits: how many may exist at one time.

    Returns:
        (M,) log-probs and (M,) entropies in nats, or None in place of these.
    """
    vocabulary = head.out_features
    assert isinstance(vocabulary, int)
    rows = max(1, most_logits // vocabulary)
    score = partial(_score, forbidden=forbidden, temperature=temperature, entropy=entropy)

    def in_chunks(project: Project, states: Tensor) -> tuple[Tensor, Tensor | None]:
        if len(states) <= rows:
            return score(project, states, targets)
        chunks = zip(states.split(rows), targets.split(rows), strict=True)
        pieces = [checkpoint(score, project, *chunk, use_reentrant=False) for chunk in chunks]
        logprobs, entropies = zip(*pieces, strict=True)
        return torch.cat(logprobs), torch.cat(entropies) if entropy != "none" else None

    scores: tuple[Tensor, Tensor | None] = (
        head(states, in_chunks) if isinstance(head, Head) else in_chunks(head, states)
    )
    return scores


def _score(
    project: Project,
    states: Tensor,
    targets: Tensor,
    *,
    forbidden: Tensor | None,
    temperature: float,
    entropy: Entropy,
) -> tuple[Tensor, Tensor | None]:
    logits = project(states).float()
    if temperature != 1.0:
        logits = logits / temperature
    if forbidden is not None:
        # the lowest number and not -inf: 0 times it, as in the entropy, is 0
        logits.index_fill_(-1, forbidden, torch.finfo(logits.dtype).min)
    logprobs = logits.log_softmax(-1)
    chosen = logprobs.gather(-1, targets[:, None])[:, 0]
    if entropy == "none":
        return chosen, None
    if entropy == "learn":
        return chosen, cast(Tensor, _EntropyOf.apply(logprobs))
    return chosen, _entropy(logprobs.detach())


class _EntropyOf(torch.autograd.Function):
    """Entropies (M,) of log-probs (M, vocabulary), with a gradient that keeps nothing but these.

    log_softmax keeps them anyway. Autograd's own would keep p as well, and give NaN at forbidden ids, whose
    log-prob is the lowest number: it multiplies that by the incoming gradient before it does by p = 0.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, logprobs: Tensor) -> Tensor:
        ctx.save_for_backward(logprobs)
        return _entropy(logprobs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (logprobs,) = ctx.saved_tensors
        return logprobs.exp().mul_(logprobs + 1).mul_(-gradient[:, None])


def _entropy(logprobs: Tensor) -> Tensor:
    return -logprobs.exp().mul_(logprobs).sum(-1)
