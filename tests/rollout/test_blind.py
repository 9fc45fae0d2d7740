"""The blind control: the same words without anything to look at."""

from __future__ import annotations

import pytest
import torch

from videor1.rollout.blind import blind_prompt, vision_token_ids
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine

KINDS = ["video", "image", "long video"]


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_stands_for_media_goes(kind, media_prompts, tiny_processor):
    prompt = media_prompts[kind]
    blind = blind_prompt(prompt, vision_token_ids(tiny_processor))
    vision = set(vision_token_ids(tiny_processor))
    assert blind.input_ids.tolist() == [id_ for id_ in prompt.input_ids.tolist() if id_ not in vision]
    assert len(vision) == 4
    assert len(prompt.input_ids) - len(blind.input_ids) == int(prompt.grid_thw.prod()) // 4 + 2
    text = tiny_processor.tokenizer.decode(blind.input_ids)
    assert "vision" not in text
    assert prompt.record.problem in text
    assert (len(blind.patches), len(blind.grid_thw), blind.clip.is_video) == (0, 0, False)


def test_it_is_answered_alike_whatever_there_was_to_see(media_prompts, tiny_policy, tiny_processor):
    engine = HFEngine(tiny_policy, tiny_processor)
    vision = vision_token_ids(tiny_processor)
    once = Sampling(max_new_tokens=8, temperature=0.0)
    video, longer = media_prompts["video"], media_prompts["long video"]
    blind = [blind_prompt(prompt, vision) for prompt in (video, longer)]
    assert torch.equal(blind[0].input_ids, blind[1].input_ids)
    (one,), (other,) = engine.generate(blind, [1, 1], once, seed=0)
    assert one.token_ids.tolist() == other.token_ids.tolist()
