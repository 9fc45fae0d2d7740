"""The shared-prefix pass equals per-sample scoring: log-probs, losses and every gradient, in float32."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from tests.policy.plain import plain_logprobs
from videor1.objective import policy_loss
from videor1.policy import group_pass
from videor1.policy.group_pass import score_responses

TOLERANCE = 1e-5


def random_responses(lengths, vocabulary, seed=0):
    generator = torch.Generator().manual_seed(seed)
    least = 20  # past the special tokens
    return [
        [torch.randint(least, vocabulary, (length,), generator=generator) for length in group]
        for group in lengths
    ]


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(["video", "image", "long video"]), min_size=1, max_size=3),
    data=st.data(),
)
def test_logprobs_equal_per_sample_scoring(tiny_policy, media_prompts, kinds, data):
    lengths = [data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)) for _ in kinds]
    prompts = [media_prompts[kind] for kind in kinds]
    responses = random_responses(lengths, tiny_policy.config.text_config.vocab_size)
    with torch.no_grad():
        scored = score_responses(tiny_policy, prompts, responses)
        plain = [
            plain_logprobs(tiny_policy, prompt, response)
            for prompt, group in zip(prompts, responses, strict=True)
            for response in group
        ]
    assert scored.mask.sum(1).tolist() == [len(row) for row in plain]
    for row, mask, expected in zip(scored.logprobs, scored.mask, plain, strict=True):
        assert torch.allclose(row[mask], expected, atol=TOLERANCE, rtol=0)
        assert (row[~mask] == 0).all()


def test_loss_and_every_gradient_equal_the_per_sample_step(tiny_policy, media_prompts):
    prompts = [media_prompts["video"], media_prompts["image"]]
    responses = random_responses([(5, 8, 2), (7, 3, 9)], tiny_policy.config.text_config.vocab_size)
    advantages = torch.tensor([1.0, -0.4, -0.6, 0.9, -1.1, 0.2])
    reference = torch.randn(6, 9, generator=torch.Generator().manual_seed(1)) - 4
    results = {}
    for name in ("packed", "plain"):
        tiny_policy.zero_grad()
        if name == "packed":
            scored = score_responses(tiny_policy, prompts, responses)
            logprobs, mask = scored.logprobs, scored.mask
        else:
            rows = [
                plain_logprobs(tiny_policy, prompt, response)
                for prompt, group in zip(prompts, responses, strict=True)
                for response in group
            ]
            logprobs = pad_sequence(rows, batch_first=True)
            mask = pad_sequence([torch.ones_like(row, dtype=torch.bool) for row in rows], batch_first=True)
        result = policy_loss(logprobs, mask, advantages, reference_logprobs=reference, beta=0.04)
        result.loss.backward()
        results[name] = (result.loss.item(), gradients(tiny_policy))
    tiny_policy.zero_grad()
    (loss, packed), (plain_loss, plain) = results["packed"], results["plain"]
    assert loss == pytest.approx(plain_loss, abs=1e-6)
    assert packed.keys() == plain.keys()
    assert any(name.startswith("model.visual") for name in packed)
    for name, gradient in packed.items():
        assert (gradient - plain[name]).norm() <= TOLERANCE * plain[name].norm() + 1e-9, name


def test_chunks_of_the_vocabulary_change_nothing(tiny_policy, media_prompts, monkeypatch):
    prompts, responses = [media_prompts["video"]], random_responses([(6, 7)], 300)
    whole = score_responses(tiny_policy, prompts, responses)
    monkeypatch.setattr(group_pass, "_CHUNK", 4)
    chunked = score_responses(tiny_policy, prompts, responses)
    assert torch.allclose(chunked.logprobs, whole.logprobs, atol=1e-6)
    assert torch.allclose(chunked.entropy, whole.entropy, atol=1e-5)


def test_forbidden_tokens_take_no_probability(tiny_policy, media_prompts):
    prompts, responses = [media_prompts["image"]], random_responses([(4, 6)], 300)
    forbidden = torch.arange(10)
    with torch.no_grad():
        scored = score_responses(tiny_policy, prompts, responses, forbidden=forbidden)
        plain = plain_logprobs(tiny_policy, prompts[0], responses[0][1], forbidden)
    assert torch.allclose(scored.logprobs[1], plain, atol=TOLERANCE)
    assert (scored.logprobs[1] > score_responses(tiny_policy, prompts, responses).logprobs[1]).all()


def test_temperature_divides_the_logits(tiny_policy, media_prompts):
    prompts, responses = [media_prompts["image"]], random_responses([(4,)], 300)
    with torch.no_grad():
        hot = score_responses(tiny_policy, prompts, responses, temperature=1e6)
    vocabulary = tiny_policy.get_output_embeddings().weight.shape[0]
    assert torch.allclose(hot.entropy, torch.full_like(hot.entropy, vocabulary).log(), atol=1e-3)


def test_media_reaches_the_scores(tiny_policy, media_prompts):
    """The same words about other frames score otherwise: the vision tower is in the pass."""
    from dataclasses import replace

    prompt, responses = media_prompts["video"], random_responses([(6,)], 300)
    dark = replace(prompt, patches=torch.zeros_like(prompt.patches))
    with torch.no_grad():
        seen, unseen = (score_responses(tiny_policy, [p], responses).logprobs for p in (prompt, dark))
    assert (seen - unseen).abs().max() > 1e-3
