"""How large a Qwen2.5-VL is: the figures of its config.json that memory and time follow from.

Parameters, with H hidden, I intermediate, K = kv_heads · head_dim, V vocabulary; h, i of the vision tower:

    layer of language   H(H + 1) + 2 K(H + 1) + H² + 3 H I + 2 H
    block of vision     3 h(h + 1) + h(h + 1) + 3 h i + 2 i + h + 2 h
    merger              h + 4h(4h + 1) + H(4h + 1)

The embedding has V · H, and so has the head unless the two are tied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MERGED = 4  # patches that become one token: 2 x 2


@dataclass(frozen=True, kw_only=True)
class LanguageShape:
    """The language model."""

    hidden: int  # features of a token
    intermediate: int  # width of its MLPs
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool  # whether the head is the embedding

    @property
    def kv(self) -> int:
        """Features of a token's keys in a layer; its values have as many."""
        return self.hidden // self.heads * self.kv_heads

    @property
    def linear_parameters(self) -> int:
        """Of the matrices of one layer."""
        return 2 * self.hidden * (self.hidden + self.kv) + 3 * self.hidden * self.intermediate

    @property
    def layer_parameters(self) -> int:
        return self.linear_parameters + self.hidden + 2 * self.kv + 2 * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Of the embedding, and of the head as well unless it is the same."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.hidden + self.embedding_parameters


@dataclass(frozen=True, kw_only=True)
class VisionShape:
    """The vision tower and the merger behind it."""

    hidden: int  # features of a patch
    intermediate: int
    depth: int
    heads: int
    out: int  # features of a token of the language model
    patch: int  # numbers in a patch: 3 colours x 2 frames x 14 x 14 pixels
    window: int  # patches that attend to each other in a windowed block
    full_blocks: int  # blocks in which all patches of a row of frames attend to each other

    @property
    def linear_parameters(self) -> int:
        """Of the matrices of one block."""
        return 4 * self.hidden**2 + 3 * self.hidden * self.intermediate

    @property
    def block_parameters(self) -> int:
        return self.linear_parameters + 7 * self.hidden + 2 * self.intermediate

    @property
    def tower_parameters(self) -> int:
        return self.patch * self.hidden + self.depth * self.block_parameters

    @property
    def merger_parameters(self) -> int:
        wide = _MERGED * self.hidden
        return self.hidden + wide * (wide + 1) + self.out * (wide + 1)


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A whole model."""

    language: LanguageShape
    vision: VisionShape

    @property
    def parameters(self) -> int:
        return self.language.parameters + self.vision.tower_parameters + self.vision.merger_parameters


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """The shape in a `config.json`, as the released folders have it or as transformers 5 writes it.

    Raises:
        KeyError: a figure is missing.
    """
    text, vision = config.get("text_config") or config, config["vision_config"]
    merge = vision.get("spatial_merge_size", 2)
    if merge**2 != _MERGED:
        raise KeyError(f"spatial_merge_size {merge}: only 2 is known")
    side = vision.get("patch_size", 14)
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
    return ModelShape(
        language=LanguageShape(
            hidden=text["hidden_size"],
            intermediate=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_key_value_heads"],
            vocabulary=text["vocab_size"],
            tied=bool(tied),
        ),
        vision=VisionShape(
            hidden=vision["hidden_size"],
            intermediate=vision["intermediate_size"],
            depth=vision["depth"],
            heads=vision["num_heads"],
            out=vision["out_hidden_size"],
            patch=vision.get("in_channels", 3) * vision.get("temporal_patch_size", 2) * side**2,
            window=(vision["window_size"] // side) ** 2,
            full_blocks=len(vision["fullatt_block_indexes"]),
        ),
    )
