"""Prompts → vision features, the vision tower run once on the media of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLVisionAttention,
    apply_rotary_pos_emb_vision,
)

from videor1.policy.pixels import normalise
from videor1.types import Prompt

_ONE_TOKEN = torch.tensor([1, 2, 2])  # patches in time, height and width, before two by two are merged


def encode(model: Qwen2_5_VLForConditionalGeneration, prompts: Sequence[Prompt]) -> Tensor:
    """(V, hidden) features of all vision tokens of all prompts, in their order; V = 0 without any media.

    The tower runs even then, on one token of black that leaves nothing but the way of the gradient: a rank
    that left it out would let the others wait, in ZeRO-3 and FSDP2 for its weights, in DDP for gradients.
    """
    patches = torch.cat([prompt.patches for prompt in prompts])
    grids = torch.cat([prompt.grid_thw for prompt in prompts])
    seen = patches if len(patches) else patches.new_zeros(int(_ONE_TOKEN.prod()), patches.shape[1])
    features: Tensor = model.model.visual(
        normalise(seen).to(model.dtype), grid_thw=grids if len(grids) else _ONE_TOKEN.to(grids.device)[None]
    ).pooler_output
    return features[: len(features) if len(patches) else 0]


def speed_up(model: Qwen2_5_VLForConditionalGeneration) -> None:
    """Gives the vision tower faster ways to the same numbers; weights, their names and hooks stay.

    transformers attends window by window and cuts patches by a convolution over a grid of one.
    """
    for block in model.model.visual.blocks:
        block.attn.__class__ = _WindowAttention
    model.model.visual.patch_embed.proj.__class__ = _PatchProjection


class _PatchProjection(nn.Conv3d):
    """The convolution whose kernel is as large as its input: a matrix product."""

    def forward(self, patches: Tensor) -> Tensor:
        return linear(patches.flatten(1), self.weight.flatten(1))


class _WindowAttention(Qwen2_5_VLVisionAttention):
    """Windows of equal length that lie side by side are attended to by one call of the kernel."""

    def forward(
        self,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        **settings: Any,
    ) -> Tensor:
        assert position_embeddings is not None
        query, key, value = self.qkv(hidden_states).unflatten(-1, (3, self.num_heads, -1)).unbind(1)
        query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        parts, start = [], 0
        for length, equal in groupby(cu_seqlens.diff().tolist()):
            rows = len(list(equal))
            run = slice(start, start + rows * length)
            start = run.stop
            windows = [part[run].unflatten(0, (rows, length)).transpose(1, 2) for part in (query, key, value)]
            parts.append(_attend(*windows, scale=self.scaling).transpose(1, 2).flatten(0, 1))
        projected: Tensor = self.proj(torch.cat(parts).flatten(1))
        return projected


def _attend(query: Tensor, key: Tensor, value: Tensor, *, scale: float) -> Tensor:
    return scaled_dot_product_attention(query, key, value, scale=scale)
