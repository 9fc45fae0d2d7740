"""Hidden states → log-probs of tokens, without ever holding the logits of all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Most logits that are made at one time: 441 tokens of Qwen's 152k vocabulary. In float32 they are 256 MiB;
# with their softmax and its gradient up to four times that is held.
MOST_LOGITS = 2**26

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
    entropy: bool = True,
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
        entropy: whether to return also that of each distribution; without gradient.
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
        return torch.cat(logprobs), torch.cat(entropies) if entropy else None

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
    entropy: bool,
) -> tuple[Tensor, Tensor | None]:
    logits = project(states).float()
    if temperature != 1.0:
        logits = logits / temperature
    if forbidden is not None:
        # the lowest number and not -inf: 0 times it, as in the entropy, is 0
        logits.index_fill_(-1, forbidden, torch.finfo(logits.dtype).min)
    logprobs = logits.log_softmax(-1)
    chosen = logprobs.gather(-1, targets[:, None])[:, 0]
    if not entropy:
        return chosen, None
    with torch.no_grad():
        return chosen, -logprobs.exp().mul_(logprobs).sum(-1)
