"""The blind control: a question without its media, to see how much of an answer the words alone give away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from transformers import Qwen2_5_VLProcessor

from videor1.types import NO_CLIP, Prompt

_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def vision_token_ids(processor: Qwen2_5_VLProcessor) -> list[int]:
    """Ids of the tokens that stand for media; a record's own words never hold one."""
    ids: list[int] = processor.tokenizer.convert_tokens_to_ids(list(_VISION))
    return ids


def blind_prompt(prompt: Prompt, vision_ids: Collection[int]) -> Prompt:
    """The same words, with nothing to look at: neither patches nor the tokens that stand for them.

    Args:
        prompt: of any kind.
        vision_ids: see `vision_token_ids`.
    """
    seen = torch.isin(prompt.input_ids, prompt.input_ids.new_tensor(list(vision_ids)))
    return replace(
        prompt,
        clip=NO_CLIP,
        input_ids=prompt.input_ids[~seen],
        patches=prompt.patches[:0],
        grid_thw=prompt.grid_thw[:0],
    )
