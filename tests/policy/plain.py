"""Scoring as everyone else does it: each response beside its own copy of the prompt and the media."""

from __future__ import annotations

import torch
from torch import Tensor

from videor1.policy.packing import prompt_positions
from videor1.policy.pixels import normalise
from videor1.types import Prompt


def plain_distributions(model, prompt: Prompt, response: Tensor, forbidden: Tensor | None = None) -> Tensor:
    """(C, vocabulary) log-probs before each token of a response, by the model's own forward."""
    ids = torch.cat([prompt.input_ids, response])[None]
    positions = prompt_positions(model.config, prompt)
    after = positions.max() + 1 + torch.arange(len(response))
    kind = "video" if prompt.clip.is_video else "image"
    media = {
        "pixel_values_videos" if kind == "video" else "pixel_values": normalise(prompt.patches),
        f"{kind}_grid_thw": prompt.grid_thw,
    }
    if not len(prompt.grid_thw):
        media = {}
    logits = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        position_ids=torch.cat([positions, after.expand(3, -1)], dim=1)[:, None],
        use_cache=False,
        **media,
    ).logits[0]
    if forbidden is not None:
        logits = logits.index_fill(-1, forbidden, -torch.inf)
    return logits[len(prompt.input_ids) - 1 : -1].log_softmax(-1)


def plain_logprobs(model, prompt: Prompt, response: Tensor, forbidden: Tensor | None = None) -> Tensor:
    """(C,) log-probs of the tokens of one response."""
    return plain_distributions(model, prompt, response, forbidden).gather(-1, response[:, None])[:, 0]
