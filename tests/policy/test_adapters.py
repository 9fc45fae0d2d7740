"""LoRA: group pass and engine work through real adapters, of the language model and the vision tower."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from tests.policy.plain import plain_logprobs
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import load_policy
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine


@pytest.fixture(scope="module")
def adapted(world):
    """The tiny model with adapters that do something; only they are trained."""
    torch.manual_seed(0)
    model = load_policy(str(world / "model"))
    targets = ["q_proj", "v_proj", "down_proj", "qkv"]
    model = inject_adapter_in_model(LoraConfig(r=4, target_modules=targets, lora_dropout=0.0), model)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_adapters_learn_as_in_the_per_sample_pass(adapted, media_prompts):
    prompts = [media_prompts["video"], media_prompts["image"]]
    responses = [[torch.tensor([30, 31, 32]), torch.tensor([40])], [torch.tensor([50, 51])]]
    scored = score_responses(adapted, prompts, responses)
    rows = [
        plain_logprobs(adapted, prompt, response)
        for prompt, group in zip(prompts, responses, strict=True)
        for response in group
    ]
    assert (scored.logprobs[scored.mask] - torch.cat(rows)).abs().max() <= 1e-5
    results = []
    for logprobs in (scored.logprobs[scored.mask], torch.cat(rows)):
        adapted.zero_grad()
        (logprobs * torch.arange(1, 7)).sum().backward()
        results.append({name: p.grad.clone() for name, p in adapted.named_parameters() if p.grad is not None})
    found, expected = results
    assert (
        found.keys() == expected.keys() == {name for name, _ in adapted.named_parameters() if "lora" in name}
    )
    assert any("visual" in name for name in found)
    for name, gradient in found.items():
        assert (gradient - expected[name]).norm() <= 1e-5 * expected[name].norm() + 1e-9, name


def test_rollouts_are_drawn_through_the_adapters(adapted, tiny_processor, media_prompts):
    prompts = list(media_prompts.values())
    engine = HFEngine(adapted, tiny_processor)
    groups = engine.generate(prompts, [3] * len(prompts), Sampling(max_new_tokens=10), seed=0)
    responses = [[response.token_ids for response in group] for group in groups]
    with torch.no_grad():
        scored = score_responses(adapted, prompts, responses, forbidden=torch.tensor(engine.forbidden_ids))
    found = torch.cat([response.logprobs for group in groups for response in group])
    assert (found - scored.logprobs[scored.mask]).abs().max() <= 1e-4
