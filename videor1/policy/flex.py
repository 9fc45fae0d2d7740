"""The same blocks for GPUs: flex_attention compiles a kernel that skips what no query sees.

Memory and time follow the blocks that are seen, not S². Without a GPU flex_attention computes every score and
masks: exact and slow, good for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexLayout:
    """Attends through a block mask; on any device, made for GPUs."""

    mask: BlockMask

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = 1."""
        kernel = _compiled() if query.is_cuda else flex_attention
        out: Tensor = kernel(query, key, value, block_mask=self.mask, scale=scaling, enable_gqa=True)
        return out.transpose(1, 2)


def flex_layout(
    prompts: Sequence[int], responses: Sequence[Sequence[int]], device: torch.device
) -> FlexLayout:
    """Layout of a row [prompt 1 | its responses | prompt 2 | …], by lengths in tokens."""
    questions, segments = [], []
    for number, (length, group) in enumerate(zip(prompts, responses, strict=True)):
        sizes = torch.tensor([length, *group])
        segments.append(torch.arange(len(sizes)).repeat_interleave(sizes))
        questions.append(torch.full((int(sizes.sum()),), number))
    question, segment = torch.cat(questions).to(device), torch.cat(segments).to(device)

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        shared = (segment[key] == 0) | (segment[key] == segment[query])
        return (query >= key) & (question[query] == question[key]) & shared

    size = len(question)
    return FlexLayout(mask=create_block_mask(sees, None, None, size, size, device=device))


@cache
def _compiled() -> Any:
    return torch.compile(flex_attention, dynamic=True)
