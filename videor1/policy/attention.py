"""Attention that knows how its row is built, hung into transformers by its public registry.

transformers hands `attention_mask` through to the attention function untouched. Where it is a `Layout` in
place of a tensor, the layout does the attending: it knows which tokens see which, so no mask has to say it.
With a tensor or nothing the function is transformers' own `sdpa`; the model stays usable by everybody else.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "layout"  # the name under which transformers' configs know it


@runtime_checkable
class Layout(Protocol):
    """Which tokens of a row see which."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Softmax attention of one layer.

        Args:
            layer: number of the layer.
            query: (B, H, S, D).
            key: (B, K, S, D), each key head shared by H / K query heads.
            value: (B, K, S, D).
            scaling: factor of the scores.

        Returns:
            (B, S, H, D).
        """
        ...


def as_mask(layout: Layout) -> dict[str, Layout]:
    """What to pass to a language model as its attention_mask; a dictionary is taken as it is."""
    return {"full_attention": layout}


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **settings: Any
) -> tuple[Tensor, None]:
    if isinstance(attention_mask, Layout):
        layer: Any = module.layer_idx
        return attention_mask.attend(layer, query, key, value, settings["scaling"]), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
