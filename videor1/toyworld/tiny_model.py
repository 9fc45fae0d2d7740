"""A Qwen2.5-VL of about 1 M parameters: the real classes, random weights, a tokenizer made on the spot.

Saved as an ordinary Hugging Face folder; nothing outside this package knows that it is tiny.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from videor1.errors import ConfigError
from videor1.toyworld.tokenizer import CHAT_TEMPLATE, SPECIAL, train_tokenizer

_MAX_LENGTH = 4096  # tokens
_PIXELS = {"min_pixels": 2 * 28 * 2 * 28, "max_pixels": 128 * 28 * 28}  # the least is one toy frame


@dataclass(frozen=True, kw_only=True)
class TinyShape:
    """Size of the model; the defaults learn the toy world in minutes on two cores.

    Args:
        hidden: width of the language model.
        layers: of the language model.
        heads: of its attention; hidden / heads must be a multiple of 8, for three axes of position to share.
        kv_heads: of its keys and values; divides heads.
        intermediate: width of its MLPs.
        rope_theta: base of its rotary positions; small, since toy prompts are short.
        vision_hidden: width of the vision tower.
        vision_layers: of the vision tower; the last one attends to whole frames, the others to windows.
        vision_heads: of its attention; vision_hidden / vision_heads must be a multiple of 4.
        vision_intermediate: width of its MLPs.
        vocabulary: entries of the tokenizer, special tokens and tags apart.
        initializer_range: standard deviation of the first weights; 0.02 learns far slower.
    """

    hidden: int = 128
    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    intermediate: int = 384
    rope_theta: float = 1e4
    vision_hidden: int = 96
    vision_layers: int = 2
    vision_heads: int = 2
    vision_intermediate: int = 192
    vocabulary: int = 512
    initializer_range: float = 0.05

    def __post_init__(self) -> None:
        if self.hidden % (8 * self.heads):
            raise ConfigError(f"model.hidden must be a multiple of {8 * self.heads}, got {self.hidden}")
        if self.heads % self.kv_heads:
            raise ConfigError(f"model.kv_heads must divide heads = {self.heads}, got {self.kv_heads}")
        if self.vision_hidden % (4 * self.vision_heads):
            raise ConfigError(
                f"model.vision_hidden must be a multiple of {4 * self.vision_heads}, got {self.vision_hidden}"
            )
        if self.vocabulary < 256:
            raise ConfigError(f"model.vocabulary must hold the 256 bytes, got {self.vocabulary}")

    @property
    def mrope_section(self) -> list[int]:
        """Rotary frequencies for time, height and width, about 1 : 1.5 : 1.5 as in Qwen2.5-VL."""
        frequencies = self.hidden // self.heads // 2
        across = 3 * frequencies // 8
        return [frequencies - 2 * across, across, across]


def write_tiny_model(
    folder: Path, corpus: Iterable[str], *, seed: int, shape: TinyShape = TinyShape()
) -> int:
    """Writes config, weights, tokenizer and processor; the folder gets its name only when all is in it.

    Args:
        folder: where to; must not exist.
        corpus: texts for the tokenizer to learn from.
        seed: of the weights; the global random state is left alone.
        shape: size of the model.

    Returns:
        The number of parameters.
    """
    tokenizer = train_tokenizer(corpus, vocabulary=shape.vocabulary, max_length=_MAX_LENGTH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(_config(tokenizer, shape))
    model.generation_config = GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,  # as the released one, but from the whole, untempered distribution
        temperature=1.0,
        top_p=1.0,
        top_k=0,
    )
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**_PIXELS),
        video_processor=Qwen2VLVideoProcessor(**_PIXELS),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )
    unfinished = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    processor.save_pretrained(unfinished)
    model.save_pretrained(unfinished)
    unfinished.rename(folder)
    return int(model.num_parameters())


def _config(tokenizer: Qwen2TokenizerFast, shape: TinyShape) -> Qwen2_5_VLConfig:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),  # no id without a token: sampling could not decode it
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "max_position_embeddings": _MAX_LENGTH,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": shape.rope_theta,
                "mrope_section": shape.mrope_section,
            },
            "initializer_range": shape.initializer_range,
            "bos_token_id": None,
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": shape.vision_intermediate,
            "num_heads": shape.vision_heads,
            "out_hidden_size": shape.hidden,
            "window_size": 112,
            "fullatt_block_indexes": [shape.vision_layers - 1],
            "tokens_per_second": 2,
            "initializer_range": shape.initializer_range,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
