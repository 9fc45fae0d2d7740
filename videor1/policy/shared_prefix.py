"""Exact attention over rows in which many segments share a prefix; no mask, and nothing grows with S².

What the tokens of [prompt | response 1 | … | response G] see falls into blocks that are each dense or causal:

    prompt × prompt (causal)    all responses × prompt (dense)    response i × response i (causal)

so the kernels that need no mask do all the work. A query whose keys lie in two blocks gets both partial
results, merged by their log-sum-exps l₁, l₂ (cascade inference, as in Hydragen, arXiv 2402.05099):

    l = log(exp l₁ + exp l₂)        out = exp(l₁ − l) · out₁ + exp(l₂ − l) · out₂

Backward needs no more than that: the gradient of a block is the kernel's own backward when it is given the
merged `out` and `l` (as in ring attention, arXiv 2310.01889), so memory is q, k, v, out and l. Measured on 2
cores in float32 against `sdpa` with a dense mask: 2.4 times as fast at a prompt of 254 tokens and 8 responses
of 96, 3.2 times at 1,086 and 8 × 400; results and gradients equal to 2e-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Queries and the keys they see: all of them, or causally those up to themselves.

    With `rows` above 1 both are that many segments of equal length, one behind the other, each for itself.
    """

    queries: slice
    keys: slice
    causal: bool
    rows: int = 1


def row_blocks(prompts: Sequence[int], responses: Sequence[Sequence[int]]) -> tuple[Block, ...]:
    """Blocks of a row [prompt 1 | its responses | prompt 2 | its responses | …], by lengths in tokens."""
    return tuple(_row_blocks(prompts, responses))


def _row_blocks(prompts: Sequence[int], responses: Sequence[Sequence[int]]) -> Iterator[Block]:
    start = 0
    for length, group in zip(prompts, responses, strict=True):
        written = [size for size in group if size]
        if len(written) < 2:  # nobody shares the prompt: it and its response are one causal segment
            whole = slice(start, start + length + sum(written))
            start = whole.stop
            yield Block(queries=whole, keys=whole, causal=True)
            continue
        prompt = slice(start, start + length)
        start = prompt.stop
        yield Block(queries=prompt, keys=prompt, causal=True)
        yield Block(queries=slice(start, start + sum(written)), keys=prompt, causal=False)
        for size, equal in groupby(written):
            rows = len(list(equal))
            own = slice(start, start + rows * size)
            start = own.stop
            yield Block(queries=own, keys=own, causal=True, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeLayout:
    """Attends block by block; on the CPU."""

    blocks: tuple[Block, ...]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = 1."""
        row = [part[0].to(_kernel_type(value)) for part in (query, key, value)]
        out: Tensor = _BlockAttention.apply(*row, self.blocks, scaling)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        return out.transpose(0, 1)[None]


class _BlockAttention(torch.autograd.Function):
    """(H, S, D) queries, (K, S, D) keys and values → (H, S, D)."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, blocks: tuple[Block, ...], scaling: float
    ) -> Tensor:
        keys, values = _for_all_heads(key, query), _for_all_heads(value, query)
        out = torch.zeros_like(query)
        accurate = torch.promote_types(query.dtype, torch.float32)  # what the kernel sums in
        lse = torch.full(query.shape[:2], -torch.inf, dtype=accurate)
        for block in blocks:
            queries, rows = block.queries, block.rows
            part = _forward(
                _segments(query, queries, rows),
                _segments(keys, block.keys, rows),
                _segments(values, block.keys, rows),
                is_causal=block.causal,
                scale=scaling,
            )
            _merge(_segments(out, queries, rows), _segments(lse, queries, rows), *part)
        ctx.save_for_backward(query, key, value, out, lse)
        ctx.blocks, ctx.scaling = blocks, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, lse = ctx.saved_tensors
        keys, values = _for_all_heads(key, query), _for_all_heads(value, query)
        grad_query, grad_keys, grad_values = (torch.zeros_like(full) for full in (query, keys, values))
        for block in ctx.blocks:
            queries, rows = block.queries, block.rows
            parts = _backward(
                _segments(grads[0], queries, rows),
                _segments(query, queries, rows),
                _segments(keys, block.keys, rows),
                _segments(values, block.keys, rows),
                _segments(out, queries, rows),
                _segments(lse, queries, rows),
                0.0,
                block.causal,
                scale=ctx.scaling,
            )
            _segments(grad_query, queries, rows).add_(parts[0])
            _segments(grad_keys, block.keys, rows).add_(parts[1])
            _segments(grad_values, block.keys, rows).add_(parts[2])
        shared = (len(key), -1)
        return (
            grad_query,
            grad_keys.unflatten(0, shared).sum(1),
            grad_values.unflatten(0, shared).sum(1),
            None,
            None,
        )


def partial_attention(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Every query over every key, without gradient, in a form that `merge_parts` can put together.

    (B, K, M, D) queries, (B, K, T, D) keys and values, a mask to be added to the scores (B, 1, 1, T)
    → (B, K, M, D) and (B, K, M) log-sum-exps in float32.
    """
    query, key = query.to(value.dtype), key.to(value.dtype)
    if _on_cpu(query):
        added = None if mask is None else mask.to(query.dtype)
        out, lse = _forward(query, key, value, attn_mask=added, scale=scaling)
        return out, lse
    # products of bfloat16 would be rounded to it: scores of 100 to the next half
    scores = query.float() @ key.float().transpose(-1, -2) * scaling
    if mask is not None:
        scores = scores + mask
    lse = scores.logsumexp(-1)
    return (scores - lse[..., None]).exp().to(value.dtype) @ value, lse


def merge_parts(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    """What attention over the keys of both parts together would have given."""
    share = (second[1] - first[1]).sigmoid()[..., None]
    return torch.lerp(first[0], second[0], share.to(first[0].dtype))


def _merge(out: Tensor, lse: Tensor, part: Tensor, part_lse: Tensor) -> None:
    """Adds a part to `out` and `lse` in place; both start as nothing, 0 and -inf."""
    merged = torch.logaddexp(lse, part_lse)
    out.mul_((lse - merged).exp_()[..., None]).add_(part * (part_lse - merged).exp_()[..., None])
    lse.copy_(merged)


def _kernel_type(value: Tensor) -> torch.dtype:
    """One type for queries, keys and values; under autocast rotary positions leave them different."""
    kind = value.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else value.dtype


def _on_cpu(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu"


def _segments(whole: Tensor, where: slice, rows: int) -> Tensor:
    """(H, S, …) → a view (rows, H, length, …)."""
    return whole[:, where].unflatten(1, (rows, -1)).transpose(0, 1)


def _for_all_heads(shared: Tensor, query: Tensor) -> Tensor:
    """(K, S, D) → (H, S, D)."""
    return shared.repeat_interleave(len(query) // len(shared), dim=0)
