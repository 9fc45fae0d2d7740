"""How the gains of tokens become one number, for N responses padded to L tokens.

    "grpo"          mean over responses of the mean over a response's tokens (arXiv 2402.03300)
    "dr_grpo"       mean over responses of the sum over tokens / most tokens a response may have: the
                    divisor is constant, so a token weighs the same in a long response (arXiv 2503.20783)
    "token_mean"    mean over all tokens of the micro-batch (DAPO, arXiv 2503.14476)

The first two are the same however a global batch is cut into micro-batches; "token_mean" is not.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Aggregation = Literal["grpo", "dr_grpo", "token_mean"]


def aggregate(values: Tensor, mask: Tensor, *, by: Aggregation, longest: int | None = None) -> Tensor:
    """One number of `values` (N, L) where `mask` (N, L) bool is True; 0 when it is nowhere.

    `longest` is the most tokens that a response may have, the divisor of "dr_grpo". Raises ValueError when
    that is missing or below L.
    """
    if by == "grpo":
        return mean_by_response(values, mask)
    if by == "token_mean":
        return mean_by_token(values, mask)
    if longest is None or longest < max(1, mask.shape[1]):
        raise ValueError(f'"dr_grpo" needs longest, at least the {mask.shape[1]} of L, got {longest}')
    return _marked(values, mask).sum() / (len(mask) * longest)


def response_means(values: Tensor, mask: Tensor) -> Tensor:
    """(N,) mean over the tokens of each response, 0 for one without tokens."""
    return _marked(values, mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def mean_by_response(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each response (0 for one without tokens), then over responses."""
    return response_means(values, mask).mean()


def mean_by_token(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over all marked tokens, 0 when there are none."""
    return _marked(values, mask).sum() / mask.sum().clamp(min=1)


def _marked(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0)  # 0 times infinity would be NaN
