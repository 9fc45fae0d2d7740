"""Hugging Face folder → policy, frozen reference, processor."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

import torch
from transformers import (
    AutoProcessor,
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
)
from transformers.initialization import no_init_weights
from transformers.modeling_utils import set_zero3_state
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLTextConfig

from videor1.errors import ConfigError
from videor1.policy.attention import ATTENTION
from videor1.policy.fit_folder import check_folder, check_processor, in_one_line
from videor1.policy.model import Policy
from videor1.policy.pixels import check_normalisation
from videor1.policy.untrusted import NO_CODE, running_nothing


def load_policy(path: str, *, dtype: torch.dtype = torch.float32) -> Policy:
    """A Qwen2.5-VL of any size, ready to train.

    Raises:
        ConfigError: the folder is missing or holds another kind of model, not all of its weights, one with
            another attention, or weights that would run code.
    """
    check_folder(path)
    with running_nothing(path, "model.policy"), in_one_line(path, "model.policy"):
        model, told = Policy.from_pretrained(
            path, dtype=dtype, attn_implementation={"text_config": ATTENTION}, output_loading_info=True
        )
    if missing := sorted(told["missing_keys"]):  # transformers would make them up
        raise ConfigError(f"model.policy: '{path}' lacks {', '.join(missing[:3])} …")
    _check_attention(model.config.text_config)
    return model.train()


def hold_still(model: Policy) -> None:
    """Makes a policy a frozen reference, which the KL term holds the trained one to."""
    model.eval().requires_grad_(False)


def empty_copy(model: Policy, *, dtype: torch.dtype, device: torch.device) -> Policy:
    """A model of the same kind, whole and plain, whose weights have yet to be given to it."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        # set_zero3_state: with ZeRO-3 transformers would cut this one up too
        with device, set_zero3_state(), no_init_weights():
            copy = Policy(deepcopy(model.config))
        copy.tie_weights()
    finally:
        torch.set_default_dtype(default)
    copy.generation_config = deepcopy(model.generation_config)
    return copy.eval().requires_grad_(False)


def load_processor(path: str) -> Qwen2_5_VLProcessor:
    """Tokenizer, chat template and pixel processing of the same folder.

    Raises:
        ConfigError: the folder is missing or another kind of model's, its pixels are prepared otherwise than
            Qwen2.5-VL's, its tokenizer lacks the tokens of media, or it wants to run code of its own.
    """
    check_folder(path)
    with running_nothing(path, "model.policy"), in_one_line(path, "model.policy"):
        processor = AutoProcessor.from_pretrained(path, **NO_CODE)
        config = Qwen2_5_VLConfig.from_pretrained(path)
    check_processor(processor, config, path)
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
