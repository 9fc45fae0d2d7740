"""One record of timing: change the clip's frame rate alone, and the temporal ids follow everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from videor1.evaluation.judge import Evaluator
from videor1.evaluation.ways import EvaluationSettings
from videor1.policy.group_pass import score_responses
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine

FEW = Sampling(max_new_tokens=2)


def trainer(model, processor, prompt):
    score_responses(model, [prompt], [[torch.tensor([5, 6])]])


def engine(model, processor, prompt):
    HFEngine(model, processor).generate([prompt], [2], FEW, seed=0)


def evaluation(model, processor, prompt):
    settings = EvaluationSettings(samples=1, greedy=False, shuffled=False, sampling=FEW)
    Evaluator(HFEngine(model, processor), processor, settings, seed=0).judge([prompt], [0], stream=0)


def positions_used(use, model, processor, prompt):
    """(3, P) position ids with which the language model first read the prompt."""
    seen = []
    hook = model.model.language_model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["position_ids"]), with_kwargs=True
    )
    with torch.no_grad():
        use(model, processor, prompt)
    hook.remove()
    return seen[0][:, 0, : len(prompt.input_ids)]


@pytest.mark.parametrize("use", [trainer, engine, evaluation])
def test_temporal_ids_follow_the_frame_rate(use, media_prompts, tiny_policy, tiny_processor):
    prompt = media_prompts["long video"]
    rows, height, width = prompt.grid_thw[0].tolist()
    is_vision = prompt.input_ids == tiny_policy.config.video_token_id
    a_second = tiny_policy.config.vision_config.tokens_per_second
    before = None
    for fps in (8.0, 2.0, 0.5, 0.3):
        clip = replace(prompt.clip, fps=fps)
        ids = positions_used(use, tiny_policy, tiny_processor, replace(prompt, clip=clip))
        first = int(is_vision.nonzero()[0])
        start = int(ids[0, first])
        expected = torch.tensor([int(row * 2 / fps * a_second) for row in range(rows)])
        temporal = ids[0, is_vision].view(rows, -1) - start
        assert torch.equal(temporal, expected[:, None].expand(-1, height * width // 4))
        places = ids[1:, is_vision] - start
        if before is not None:
            assert torch.equal(places, before)  # height and width stay
        before = places
        after = ids[:, int(is_vision.nonzero()[-1]) + 1 :]
        assert int(after[0, 0]) == start + max(int(expected[-1]), height // 2 - 1, width // 2 - 1) + 1
