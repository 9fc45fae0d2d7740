"""The blocks of a row as masks, for devices that have no other way to attend to them.

`flex` is for GPUs: torch compiles a kernel that skips the tiles no query sees, so time and memory follow the
blocks, not S²; its backward pass exists on CUDA and ROCm only. `dense` masks every score and works anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from videor1.policy.shared_prefix import Block

_TILE = 128  # tokens; flex_attention's own


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayout:
    """Attends by `sdpa` through a mask of all pairs."""

    mask: Tensor  # (S, S) bool, True where the query, by row, sees the key

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = 1."""
        shared = query.shape[1] // key.shape[1]
        keys, values = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
        out = scaled_dot_product_attention(query, keys, values, attn_mask=self.mask, scale=scaling)
        return out.transpose(1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexLayout:
    """Attends tile by tile."""

    mask: BlockMask

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = 1."""
        kernel = _compiled() if query.is_cuda else flex_attention
        out: Tensor = kernel(query, key, value, block_mask=self.mask, scale=scaling, enable_gqa=True)
        return out.transpose(1, 2)


def dense_layout(blocks: Sequence[Block], device: torch.device) -> DenseLayout:
    """The layout of a row of these blocks."""
    size = max(block.queries.stop for block in blocks)
    mask = torch.zeros(size, size, dtype=torch.bool, device=device)
    for queries, keys, causal in _segments(blocks):
        mask[queries, keys] = True
        if causal:
            mask[queries, keys] = mask[queries, keys].tril()
    return DenseLayout(mask=mask)


def flex_layout(blocks: Sequence[Block], device: torch.device) -> FlexLayout:
    """The layout of a row of these blocks; the tiles are found from the blocks, no S × S mask is made."""
    size = max(block.queries.stop for block in blocks)
    # A token sees the shared keys of its question, and what comes from its own segment up to itself.
    prefix_start, prefix_stop, own_start = torch.zeros(3, size, dtype=torch.long).unbind()
    tiles = -(-size // _TILE)
    some, whole = torch.zeros(2, tiles, tiles, dtype=torch.bool).unbind()
    for queries, keys, causal in _segments(blocks):
        if causal:
            own_start[queries] = queries.start
        else:
            prefix_start[queries], prefix_stop[queries] = keys.start, keys.stop
        touched = _touched(queries), _touched(keys)
        some[touched] = True
        covered = torch.zeros(tiles, tiles, dtype=torch.bool)
        covered[_covered(queries), _covered(keys)] = True
        whole |= covered.tril(-1) if causal else covered
    some = some.tril()
    places = [place.to(device) for place in (prefix_start, prefix_stop, own_start)]

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        start, stop, own = (place[query] for place in places)
        return ((key >= start) & (key < stop)) | ((key >= own) & (key <= query))

    part = some & ~whole
    mask = BlockMask.from_kv_blocks(
        *_listed(part, device),
        *_listed(whole, device),
        BLOCK_SIZE=_TILE,
        mask_mod=sees,
        seq_lengths=(size, size),
    )
    return FlexLayout(mask=mask)


def _segments(blocks: Sequence[Block]) -> list[tuple[slice, slice, bool]]:
    """Queries, keys and whether causally, one segment after the other."""
    found = []
    for block in blocks:
        if block.rows == 1:
            found.append((block.queries, block.keys, block.causal))
            continue
        length = (block.queries.stop - block.queries.start) // block.rows
        for start in range(block.queries.start, block.queries.stop, length):
            own = slice(start, start + length)
            found.append((own, own, block.causal))
    return found


def _touched(tokens: slice) -> slice:
    """Tiles with at least one of these tokens."""
    return slice(tokens.start // _TILE, -(-tokens.stop // _TILE))


def _covered(tokens: slice) -> slice:
    """Tiles all of whose tokens are among these."""
    return slice(-(-tokens.start // _TILE), tokens.stop // _TILE)


def _listed(tiles: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """(T, T) bool → (1, 1, T) how many tiles of keys each tile of queries has, (1, 1, T, T) these first."""
    order = tiles.int().argsort(dim=1, descending=True, stable=True)
    return tiles.sum(1, dtype=torch.int32)[None, None].to(device), order.int()[None, None].to(device)


@cache
def _compiled() -> Any:
    return torch.compile(flex_attention, dynamic=True)
