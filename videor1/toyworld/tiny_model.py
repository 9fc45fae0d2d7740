"""A Qwen2.5-VL of about 1 M parameters: the real classes, random weights, a tokenizer made on the spot.

Saved as an ordinary Hugging Face folder. Nothing outside this package knows that it is tiny.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

_SPECIAL = [  # Qwen2.5-VL's own
    f"<|{name}|>"
    for name in (
        *("endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start", "box_end"),
        *("quad_start", "quad_end", "vision_start", "vision_end", "vision_pad", "image_pad", "video_pad"),
    )
]
# One token each, to keep responses short; the 7B spells them with several, so nothing may look for their ids.
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_WORDS = Regex(  # Qwen2's own split of text into words
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Qwen2.5-VL's chat format without its default system message, which says nothing to a model this small.
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, kw_only=True)
class TinyShape:
    """Size of the model; the defaults learn the toy world in minutes on two cores.

    Args:
        hidden: width of the language model; a multiple of 4 heads x 8.
        layers: of the language model.
        vision_hidden: width of the vision tower.
        vision_layers: of the vision tower; the last one attends to whole frames.
        vocabulary: entries of the tokenizer, special ones apart.
        initializer_range: standard deviation of the first weights; 0.02 learns far slower.
    """

    hidden: int = 128
    layers: int = 3
    vision_hidden: int = 96
    vision_layers: int = 2
    vocabulary: int = 512
    initializer_range: float = 0.05


def write_tiny_model(folder: Path, corpus: Iterable[str], *, shape: TinyShape, seed: int) -> int:
    """Writes model, tokenizer and processor into `folder`; returns the number of parameters."""
    tokenizer = _tokenizer(corpus, shape.vocabulary)
    pixels = {"min_pixels": 4 * 28 * 28, "max_pixels": 64 * 28 * 28}
    Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**pixels),
        video_processor=Qwen2VLVideoProcessor(**pixels),
        tokenizer=tokenizer,
        chat_template=_CHAT,
    ).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(_config(tokenizer, shape))
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.generation_config = GenerationConfig(eos_token_id=[end, pad], pad_token_id=pad)
    model.save_pretrained(folder)
    return model.num_parameters()


def _tokenizer(corpus: Iterable[str], vocabulary: int) -> Qwen2TokenizerFast:
    """Byte-level BPE, as Qwen's, trained on the world's words."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(corpus, trainer)
    learned = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2TokenizerFast(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        unk_token=None,
        bos_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=_SPECIAL,
        chat_template=_CHAT,
        model_max_length=4096,
    )
    tokenizer.add_tokens(list(_TAGS))
    return tokenizer


def _config(tokenizer: Qwen2TokenizerFast, shape: TinyShape) -> Qwen2_5_VLConfig:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL}
    heads, half = 4, shape.hidden // 8  # half a head's width, which the three axes of M-RoPE share
    section = [half - 2 * (3 * half // 8), 3 * half // 8, 3 * half // 8]
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": shape.hidden,
            "intermediate_size": 3 * shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads // 2,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": section},
            "initializer_range": shape.initializer_range,
            "bos_token_id": None,
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_heads": 2,
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
