"""Hugging Face folder → policy, frozen reference, processor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import (
    AutoProcessor,
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
)
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLTextConfig

from videor1.errors import ConfigError
from videor1.policy.attention import ATTENTION
from videor1.policy.pixels import check_normalisation
from videor1.policy.vision import speed_up


def load_policy(path: str, *, dtype: torch.dtype = torch.float32) -> Qwen2_5_VLForConditionalGeneration:
    """A Qwen2.5-VL of any size, ready to train.

    Raises:
        ConfigError: the folder is missing or holds another kind of model, or one with another attention.
    """
    _check_folder(path)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        path, dtype=dtype, attn_implementation={"text_config": ATTENTION}
    )
    _check_attention(model.config.text_config)
    speed_up(model)
    return model.train()


def load_reference(path: str, *, dtype: torch.dtype = torch.float32) -> Qwen2_5_VLForConditionalGeneration:
    """The same model, frozen: what the KL term holds the policy to."""
    return load_policy(path, dtype=dtype).eval().requires_grad_(False)


def load_processor(path: str) -> Qwen2_5_VLProcessor:
    """Tokenizer, chat template and pixel processing of the same folder.

    Raises:
        ConfigError: the folder is missing, or its pixels are prepared otherwise than Qwen2.5-VL's.
    """
    _check_folder(path)
    processor = AutoProcessor.from_pretrained(path)
    check_normalisation(processor)
    return processor


def compute_dtype(precision: str) -> torch.dtype:
    """What a model computes in under a Trainer's `precision`."""
    kinds = {"bf16": torch.bfloat16, "16": torch.float16, "32": torch.float32, "64": torch.float64}
    return kinds[str(precision).split("-")[0]]


def end_token_ids(generation: GenerationConfig) -> list[int]:
    """Ids that end a response."""
    ids = generation.eos_token_id
    return [ids] if isinstance(ids, int) else list(ids)


def unspeakable_token_ids(
    config: Qwen2_5_VLConfig, generation: GenerationConfig, processor: Qwen2_5_VLProcessor
) -> list[int]:
    """Ids that no response may contain: vision and chat tokens, and rows past the tokenizer.

    A sampled vision token could not be scored again (features and tokens would not match). Sampling and
    scoring both leave these ids out of the softmax, so the two stay one distribution.
    """
    special = {id_ for id_, token in processor.tokenizer.added_tokens_decoder.items() if token.special}
    beyond: Iterable[int] = range(len(processor.tokenizer), config.text_config.vocab_size)
    return sorted((special | set(beyond)) - set(end_token_ids(generation)))


def _check_attention(config: Qwen2_5_VLTextConfig) -> None:
    if set(config.layer_types) != {"full_attention"} or config.attention_dropout:
        raise ConfigError(
            "model.policy: layers with sliding windows or dropout in attention are not supported; its"
            f" config.json has layer_types {sorted(set(config.layer_types))} and"
            f" attention_dropout {config.attention_dropout}"
        )


def _check_folder(path: str) -> None:
    # a bare hub name ("Qwen/Qwen2.5-VL-7B-Instruct") is left to transformers; a path that is not there is not
    if not (Path(path) / "config.json").is_file() and (path.count("/") != 1 or Path(path).parent.is_dir()):
        raise ConfigError(f"model.policy: no Hugging Face model folder at '{path}' (config.json is missing)")
