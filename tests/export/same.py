"""What every export has to be: a folder that plain transformers opens, with the policy's own answers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

from tests.policy.plain import plain_distributions

TOKENS = 12


def greedy(model: nn.Module, media_prompts) -> list[list[int]]:
    """Token by token by the model's own forward, prompts of all kinds of media."""
    written = []
    for prompt in media_prompts.values():
        ids: list[int] = []
        for _ in range(TOKENS):
            response = torch.tensor([*ids, 0])
            ids.append(int(plain_distributions(model, prompt, response)[-1].argmax()))
        written.append(ids)
    return written


@torch.no_grad()
def assert_same_policy(folder: Path, policy: nn.Module, media_prompts) -> Qwen2_5_VLForConditionalGeneration:
    """Opens `folder` and lets it answer beside `policy`, both in float32."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder).eval()
    answers = greedy(policy.eval(), media_prompts)
    assert len({tuple(ids) for ids in answers}) > 1  # it tells prompts apart
    assert greedy(model, media_prompts) == answers
    processor = AutoProcessor.from_pretrained(folder)
    assert processor.tokenizer("first <think>").input_ids
    return model


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder).state_dict()
