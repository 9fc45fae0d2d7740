"""The shared-prefix pass equals per-sample scoring: log-probs, losses and every gradient, in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from tests.policy.plain import plain_logprobs
from videor1.errors import ConfigError
from videor1.objective import policy_loss
from videor1.policy.group_pass import GroupPass, score_responses
from videor1.policy.loading import load_policy
from videor1.policy.vision import encode

TOLERANCE = 1e-5
KINDS = ["video", "image", "long video", "text"]


@pytest.fixture(scope="module")
def prompts_of(media_prompts):
    """Prompts by kind; of every kind of media, and one without any."""
    image = media_prompts["image"]
    words = image.input_ids[int((image.input_ids >= 500).nonzero()[-1]) - 20 :]  # behind the vision tokens
    assert not torch.isin(words, torch.tensor([524, 525])).any()
    text = replace(image, input_ids=words, patches=image.patches[:0], grid_thw=image.grid_thw[:0])
    return {**media_prompts, "text": text}


def random_responses(lengths, vocabulary, seed=0):
    generator = torch.Generator().manual_seed(seed)
    least = 20  # past the special tokens
    return [
        [torch.randint(least, vocabulary, (length,), generator=generator) for length in group]
        for group in lengths
    ]


def plain_pass(model, prompts, responses) -> GroupPass:
    """The same scores, each response beside its own copy of prompt and media."""
    rows = [
        plain_logprobs(model, prompt, response)
        for prompt, group in zip(prompts, responses, strict=True)
        for response in group
    ]
    marks = [torch.ones_like(row, dtype=torch.bool) for row in rows]
    return GroupPass(
        logprobs=pad_sequence(rows, batch_first=True),
        entropy=None,
        mask=pad_sequence(marks, batch_first=True),
    )


def gradients(model, scored: GroupPass, weights: torch.Tensor):
    """Of a T-GRPO loss in which every token counts differently; the model's are left empty."""
    model.zero_grad()
    result = policy_loss(
        scored.logprobs,
        scored.mask,
        weights[: len(scored.mask)],
        reference_logprobs=weights[: scored.mask.numel()].view_as(scored.logprobs) - 4,
    )
    result.loss.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return result.loss.item(), found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    checkpointed=st.booleans(),
    data=st.data(),
)
def test_every_logprob_and_gradient_equals_the_per_sample_pass(
    tiny_policy, prompts_of, kinds, checkpointed, data
):
    lengths = [data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)) for _ in kinds]
    prompts = [prompts_of[kind] for kind in kinds]
    responses = random_responses(lengths, 300, seed=data.draw(st.integers(0, 99)))
    weights = torch.randn(9 * 12, generator=torch.Generator().manual_seed(1))
    if checkpointed:
        tiny_policy.gradient_checkpointing_enable({"use_reentrant": False})
        tiny_policy.train()  # transformers checkpoints in training only; the model has no dropout
    scored = score_responses(tiny_policy, prompts, responses)
    loss, found = gradients(tiny_policy, scored, weights)
    tiny_policy.gradient_checkpointing_disable()
    tiny_policy.eval()
    plain = plain_pass(tiny_policy, prompts, responses)
    plain_loss, expected = gradients(tiny_policy, plain, weights)

    assert torch.equal(scored.mask, plain.mask)
    assert (scored.logprobs - plain.logprobs).abs().max() <= TOLERANCE
    assert loss == pytest.approx(plain_loss, abs=1e-6)
    # the tower runs, and gets a gradient of zeros, also where there is nothing to see: ranks may wait for it
    tower = {name for name, _ in tiny_policy.named_parameters() if name.startswith("model.visual")}
    assert found.keys() == expected.keys() | tower
    assert bool(tower & expected.keys()) == (set(kinds) != {"text"})
    for name, gradient in found.items():
        wanted = expected.get(name, torch.zeros_like(gradient))
        assert (gradient - wanted).norm() <= TOLERANCE * wanted.norm() + 1e-9, name


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("kind", ["flex", "dense"])
def test_every_attention_gives_the_same(tiny_policy, prompts_of, kind):
    """Forward; torch has flex_attention's backward for GPUs only."""
    prompts = list(prompts_of.values())
    responses = random_responses([(5, 2, 7), (4,), (6, 6), (1, 9)], 300)
    with torch.no_grad():
        other, cascade = (
            score_responses(tiny_policy, prompts, responses, attention=each) for each in (kind, "cascade")
        )
    assert (other.logprobs - cascade.logprobs).abs().max() <= TOLERANCE


def test_an_attention_that_the_device_has_not_is_named(tiny_policy, media_prompts):
    with pytest.raises(ConfigError, match=r"model.attention: 'flex' has no backward pass on cpu"):
        score_responses(
            tiny_policy, [media_prompts["image"]], random_responses([(3,)], 300), attention="flex"
        )


def test_checkpointed_layers_run_twice(world, media_prompts):
    policy = load_policy(str(world / "model"))
    calls = []
    policy.model.language_model.layers[0].self_attn.register_forward_pre_hook(lambda *_: calls.append(1))
    for _ in range(2):
        scored = score_responses(policy, [media_prompts["image"]], random_responses([(3,)], 300))
        scored.logprobs.sum().backward()
        policy.gradient_checkpointing_enable({"use_reentrant": False})
    assert len(calls) == 1 + 2


def test_entropy_is_watched_learned_or_left_out(tiny_policy, media_prompts):
    prompts, responses = [media_prompts["image"]], random_responses([(3, 2)], 300)
    none, watched, learned = (
        score_responses(tiny_policy, prompts, responses, entropy=kind).entropy
        for kind in ("none", "watch", "learn")
    )
    assert none is None
    assert not watched.requires_grad
    assert torch.equal(watched, learned)
    (gradient,) = torch.autograd.grad(learned.sum(), tiny_policy.lm_head.weight)
    assert gradient.norm() > 0


def test_there_must_be_something_to_score(tiny_policy, media_prompts):
    with pytest.raises(ValueError, match="no responses to score"):
        score_responses(tiny_policy, [media_prompts["image"]], [[]])


@pytest.mark.parametrize("precision", ["bfloat16", "float64", "autocast"])
def test_other_precisions_score_and_learn(world, media_prompts, precision):
    prompts, responses = (
        [media_prompts["video"], media_prompts["image"]],
        random_responses([(3, 4), (5,)], 300),
    )
    exact = load_policy(str(world / "model"), dtype=torch.float64)
    with torch.no_grad():
        expected = score_responses(exact, prompts, responses).logprobs
    policy = load_policy(
        str(world / "model"), dtype=torch.float32 if precision == "autocast" else getattr(torch, precision)
    )
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
        scored = score_responses(policy, prompts, responses)
    scored.logprobs.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in policy.parameters())
    assert (scored.logprobs - expected).abs().max() < (1e-5 if precision == "float64" else 0.05)


def test_a_frozen_tower_is_run_once_for_policy_and_reference(world, media_prompts):
    prompts, responses = (
        [media_prompts["video"], media_prompts["image"]],
        random_responses([(3, 4), (5,)], 300),
    )
    policy, reference = (load_policy(str(world / "model")) for _ in range(2))
    policy.model.visual.requires_grad_(False)
    runs = []
    for model in (policy, reference):
        model.model.visual.register_forward_hook(lambda module, *_: runs.append(module))
    vision = encode(policy, prompts)
    shared = [score_responses(model, prompts, responses, vision=vision) for model in (policy, reference)]
    assert runs == [policy.model.visual]
    alone = [score_responses(model, prompts, responses) for model in (policy, reference)]
    for one, other in zip(shared, alone, strict=True):
        assert torch.equal(one.logprobs, other.logprobs)
    shared[0].logprobs.sum().backward()
    trained = {name for name, p in policy.named_parameters() if p.grad is not None}
    assert trained == {name for name, _ in policy.named_parameters() if not name.startswith("model.visual")}


def test_features_must_be_those_of_the_prompts(tiny_policy, media_prompts):
    vision = encode(tiny_policy, [media_prompts["image"]])
    with pytest.raises(ValueError, match="vision tokens but 4 vision features"):
        score_responses(tiny_policy, [media_prompts["video"]], random_responses([(3,)], 300), vision=vision)


def test_forbidden_tokens_take_no_probability(tiny_policy, media_prompts):
    prompts, responses = [media_prompts["image"]], random_responses([(4, 6)], 300)
    forbidden = torch.arange(10)
    with torch.no_grad():
        scored = score_responses(tiny_policy, prompts, responses, forbidden=forbidden)
        plain = plain_logprobs(tiny_policy, prompts[0], responses[0][1], forbidden)
    assert torch.allclose(scored.logprobs[1], plain, atol=TOLERANCE)
    assert (scored.logprobs[1] > score_responses(tiny_policy, prompts, responses).logprobs[1]).all()


def test_media_reaches_the_scores(tiny_policy, media_prompts):
    """The same words about other frames score otherwise: the vision tower is in the pass."""
    prompt, responses = media_prompts["video"], random_responses([(6,)], 300)
    dark = replace(prompt, patches=torch.zeros_like(prompt.patches))
    with torch.no_grad():
        seen, unseen = (score_responses(tiny_policy, [p], responses).logprobs for p in (prompt, dark))
    assert (seen - unseen).abs().max() > 1e-3
