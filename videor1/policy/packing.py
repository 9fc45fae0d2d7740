"""Questions and their responses → one row that holds every token once.

    [prompt 1 | response 1.1 | … | response 1.G | prompt 2 | response 2.1 | …]

Positions go on after the prompt for every response, and a response sees its prompt and itself, so each is
computed as if it stood alone behind the prompt. There is no padding: a row of long and short questions and
responses costs the tokens it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from videor1.errors import ConfigError
from videor1.policy.attention import Layout
from videor1.policy.masked import dense_layout, flex_layout
from videor1.policy.mrope import position_ids
from videor1.policy.shared_prefix import CascadeLayout, row_blocks
from videor1.types import Prompt

Attention = Literal["auto", "cascade", "flex", "dense"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRow:
    """B questions with N responses of M tokens together, S tokens in all."""

    ids: Tensor  # (S,)
    positions: Tensor  # (3, 1, S) M-RoPE
    layout: Layout
    predictors: Tensor  # (M,) places in the row whose hidden states predict …
    targets: Tensor  # (M,) … the tokens of the responses, in order
    prompts: tuple[slice, ...]  # B, where each prompt lies


def pack(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    responses: Sequence[Sequence[Tensor]],
    *,
    attention: Attention = "auto",
) -> PackedRow:
    """The row of some questions; a question may have no responses.

    Args:
        model: whose configuration says what is a vision token and how it is placed.
        prompts: B questions.
        responses: for each question its responses, each (C,) ids.
        attention: "cascade" on a CPU, "flex" on Nvidia and AMD GPUs, "dense" anywhere; "auto" takes the one
            that is made for the device.

    Raises:
        ConfigError: an attention that this device has not.
    """
    ids, positions, predictors, places, start = [], [], [], [], 0
    for prompt, group in zip(prompts, responses, strict=True):
        before = prompt_positions(model.config, prompt)
        after = [torch.arange(len(response)) + int(before.max()) + 1 for response in group]
        ids += [prompt.input_ids, *group]
        positions += [before, *[row.expand(3, -1).to(before.device) for row in after]]
        length = len(prompt.input_ids)
        places.append(slice(start, start + length))
        predictors += _predictors(start, length, [len(response) for response in group])
        start += length + sum(len(response) for response in group)
    device = ids[0].device
    prompt_lengths = [len(prompt.input_ids) for prompt in prompts]
    response_lengths = [[len(response) for response in group] for group in responses]
    targets = [response for group in responses for response in group]
    return PackedRow(
        ids=torch.cat(ids),
        positions=torch.cat(positions, dim=1)[:, None],
        layout=_layout(prompt_lengths, response_lengths, attention, device),
        predictors=torch.tensor(predictors, dtype=torch.long, device=device),
        targets=torch.cat(targets) if targets else ids[0][:0],
        prompts=tuple(places),
    )


def prompt_positions(config: Qwen2_5_VLConfig, prompt: Prompt) -> Tensor:
    """(3, P) M-RoPE positions of one prompt, timed by its clip."""
    video = prompt.clip.is_video
    return position_ids(
        prompt.input_ids,
        image_grid_thw=None if video else prompt.grid_thw,
        video_grid_thw=prompt.grid_thw if video else None,
        second_per_grid_ts=[prompt.clip.seconds_per_grid] if video else None,
        image_token_id=config.image_token_id,
        video_token_id=config.video_token_id,
        spatial_merge_size=config.vision_config.spatial_merge_size,
        tokens_per_second=config.vision_config.tokens_per_second,
    )


def embed(model: Qwen2_5_VLForConditionalGeneration, ids: Tensor, vision: Tensor) -> Tensor:
    """(S,) ids of a row → (1, S, hidden) embeddings, vision tokens replaced by their features in order.

    Also where there are none: the features then pass on a gradient of zeros.
    """
    embeddings: Tensor = model.get_input_embeddings()(ids)
    is_vision = (ids == model.config.image_token_id) | (ids == model.config.video_token_id)
    if int(is_vision.sum()) != len(vision):
        raise ValueError(f"{int(is_vision.sum())} vision tokens but {len(vision)} vision features")
    return embeddings.masked_scatter(is_vision[:, None], vision.to(embeddings.dtype))[None]


def _layout(
    prompts: list[int], responses: list[list[int]], attention: Attention, device: torch.device
) -> Layout:
    if attention == "auto":
        made_for: dict[str, Attention] = {"cpu": "cascade", "cuda": "flex"}
        attention = made_for.get(device.type, "dense")
    if attention == "cascade" and device.type != "cpu":
        raise ConfigError(f"model.attention: 'cascade' is for the CPU, not for {device.type}")
    if attention == "flex" and device.type != "cuda" and torch.is_grad_enabled():
        raise ConfigError(f"model.attention: 'flex' has no backward pass on {device.type}; take 'auto'")
    blocks = row_blocks(prompts, responses)
    if attention == "cascade":
        return CascadeLayout(blocks=blocks)
    return flex_layout(blocks, device) if attention == "flex" else dense_layout(blocks, device)


def _predictors(start: int, length: int, responses: Sequence[int]) -> list[int]:
    """Place in the row that predicts each response token: the one before it, or the prompt's last."""
    places, last = [], start + length - 1
    start += length
    for size in responses:
        places += [last, *range(start, start + size - 1)] if size else []
        start += size
    return places
