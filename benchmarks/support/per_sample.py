"""Scoring as other trainers do it: every response beside its own copy of prompt and media, in one batch."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from videor1.policy.packing import prompt_positions
from videor1.policy.pixels import normalise
from videor1.types import Prompt


def score_per_sample(model: Qwen2_5_VLForConditionalGeneration, prompt: Prompt, responses: Tensor) -> Tensor:
    """(G, C) responses of one length → (G, C) log-probs, by transformers' own forward.

    Only the logits of responses are made, as in TRL; the released trainer made those of the prompts as well.
    """
    group, length = responses.shape
    before = prompt_positions(model.config, prompt)
    after = (torch.arange(length) + int(before.max()) + 1).expand(3, -1)
    kind = "video" if prompt.clip.is_video else "image"
    media = {
        "pixel_values_videos" if kind == "video" else "pixel_values": normalise(prompt.patches).repeat(
            group, 1
        ),
        f"{kind}_grid_thw": prompt.grid_thw.repeat(group, 1),
    }
    ids = torch.cat([prompt.input_ids.expand(group, -1), responses], dim=1)
    logits = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        position_ids=torch.cat([before, after.to(before.device)], dim=1)[:, None].expand(-1, group, -1),
        logits_to_keep=length + 1,
        use_cache=False,
        **media,
    ).logits[:, :-1]
    rows = zip(logits, responses, strict=True)
    return torch.stack([row.float().log_softmax(-1).gather(-1, ids[:, None])[:, 0] for row, ids in rows])
