"""What an engine may get wrong is found: frame rate, tokens, weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from videor1.errors import ConfigError, EngineError
from videor1.policy.group_pass import score_responses
from videor1.rollout.agreement import Agreement, AgreementSettings
from videor1.rollout.hf import HFEngine, HFEngineSettings
from videor1.rollout.packed_linear import has_products


class WrongClock(HFEngine):
    """Takes every clip for one of 24 frames a second, as engines did that dropped the rate they got."""

    says_so = True

    def generate(self, prompts, counts, sampling, *, seed):
        return super().generate([self.misread(prompt) for prompt in prompts], counts, sampling, seed=seed)

    def read(self, prompts):
        return super().read([self.misread(prompt) for prompt in prompts] if self.says_so else prompts)

    def misread(self, prompt):
        fps = 24.0 if prompt.clip.is_video else prompt.clip.fps
        return replace(prompt, clip=replace(prompt.clip, fps=fps))


class DropsAToken(HFEngine):
    def read(self, prompts):
        return [replace(reading, token_ids=reading.token_ids[1:]) for reading in super().read(prompts)]


def agreement(engine, model, dtype=torch.float32, **settings):
    forbidden = torch.tensor(engine.forbidden_ids)

    def score(prompts, responses):
        if not prompts:
            return None
        with torch.no_grad():
            return score_responses(model, prompts, responses, forbidden=forbidden)

    return Agreement(engine, score, model.config, AgreementSettings(**settings), dtype=dtype)


def test_engine_and_trainer_agree(tiny_policy, tiny_processor, media_prompts):
    check = agreement(HFEngine(tiny_policy, tiny_processor), tiny_policy, tokens=20)
    difference = check.check(list(media_prompts.values()), step=0)
    assert difference.mean <= difference.largest < 1e-4
    assert check.check([], step=1) is None


def test_a_wrong_frame_rate_is_found_and_named(tiny_policy, tiny_processor, media_prompts):
    check = agreement(WrongClock(tiny_policy, tiny_processor), tiny_policy)
    video = media_prompts["long video"]
    message = rf"record {video.record.problem_id}: the engine puts token \d+ at time \d+, .* frames a second"
    with pytest.raises(EngineError, match=message):
        check.check([media_prompts["image"], video], step=0)


def test_a_wrong_frame_rate_shows_in_the_logprobs_too(tiny_policy, tiny_processor, media_prompts):
    """An engine that computes with another rate than it says."""
    engine = WrongClock(tiny_policy, tiny_processor)
    engine.says_so = False
    with pytest.raises(EngineError, match=r"differ by .* in the log-prob of a token on average"):
        agreement(engine, tiny_policy).check([media_prompts["long video"]], step=0)


def test_other_tokens_are_found(tiny_policy, tiny_processor, media_prompts):
    check = agreement(DropsAToken(tiny_policy, tiny_processor), tiny_policy)
    with pytest.raises(EngineError, match=r"the engine reads \d+ tokens that are not the trainer's \d+"):
        check.check([media_prompts["image"]], step=0)


def test_weights_one_step_old_are_found(tiny_policy, tiny_processor, media_prompts):
    """One step of AdamW at the quickstart's learning rate."""
    policy = deepcopy(tiny_policy)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=2e-4)
    score_responses(policy, [media_prompts["video"]], [[torch.tensor([30, 31])]]).logprobs.sum().backward()
    optimizer.step()
    check = agreement(HFEngine(tiny_policy, tiny_processor), policy)
    with pytest.raises(EngineError, match="the engine has other weights"):
        check.check(list(media_prompts.values()), step=0)


@pytest.mark.skipif(not has_products(torch.bfloat16), reason="this CPU has no products of bfloat16")
def test_bfloat16_is_allowed_more(tiny_policy, tiny_processor, media_prompts):
    engine = HFEngine(tiny_policy, tiny_processor, HFEngineSettings(products="bfloat16"))
    difference = agreement(engine, tiny_policy).check(list(media_prompts.values()), step=0)
    assert 1e-4 < difference.largest < 0.2
    with pytest.raises(EngineError, match="allowed are 1e-06"):
        agreement(engine, tiny_policy, threshold=1e-6).check([media_prompts["image"]], step=0)


def test_when_a_check_is_due(tiny_policy, tiny_processor, media_prompts):
    engine = HFEngine(tiny_policy, tiny_processor)
    every = agreement(engine, tiny_policy, every=3, tokens=2)
    checked = []
    for step in (7, 8, 9, 10, 12, 15, 16):  # resumed at 7; with inner updates some steps have no rollouts
        if every.due(step):
            every.check([media_prompts["image"]], step=step)
            checked.append(step)
    assert checked == [7, 10, 15]
    assert not agreement(engine, tiny_policy, every=0).due(0)


@pytest.mark.parametrize("key", ["every", "questions", "tokens", "threshold"])
def test_settings_name_their_key(key):
    with pytest.raises(ConfigError, match=rf"rollout\.agreement\.{key}"):
        AgreementSettings(**{key: -1})
