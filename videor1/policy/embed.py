"""Prompts → the language model's inputs: positions of each, and embeddings with vision merged in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.policy.mrope import position_ids
from videor1.policy.pixels import normalise
from videor1.types import Prompt


def prompt_positions(model: Qwen2_5_VLForConditionalGeneration, prompt: Prompt) -> Tensor:
    """(3, P) M-RoPE positions of one prompt, timed by its clip."""
    video = prompt.clip.is_video
    return position_ids(
        prompt.input_ids,
        image_grid_thw=None if video else prompt.grid_thw,
        video_grid_thw=prompt.grid_thw if video else None,
        second_per_grid_ts=[prompt.clip.seconds_per_grid] if video else None,
        image_token_id=model.config.image_token_id,
        video_token_id=model.config.video_token_id,
        spatial_merge_size=model.config.vision_config.spatial_merge_size,
        tokens_per_second=model.config.vision_config.tokens_per_second,
    )


def embed(model: Qwen2_5_VLForConditionalGeneration, ids: Tensor, prompts: Sequence[Prompt]) -> Tensor:
    """(B, S) ids, row b holding the tokens of prompt b once → (B, S, hidden) embeddings.

    The vision tower runs once, on the media of all rows together.
    """
    embeddings = model.get_input_embeddings()(ids)
    pixels = normalise(torch.cat([prompt.patches for prompt in prompts]))
    grids = torch.cat([prompt.grid_thw for prompt in prompts])
    vision = model.model.visual(pixels.to(model.dtype), grid_thw=grids).pooler_output
    is_vision = (ids == model.config.image_token_id) | (ids == model.config.video_token_id)
    if int(is_vision.sum()) != len(vision):
        raise ValueError(f"{int(is_vision.sum())} vision tokens but {len(vision)} vision features")
    return embeddings.masked_scatter(is_vision[..., None], vision.to(embeddings.dtype))
