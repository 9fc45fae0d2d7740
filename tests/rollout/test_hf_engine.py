"""The Hugging Face engine against transformers' own `generate` and against the group pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.policy.plain import plain_distributions
from tests.rollout.support import ids, off_the_trainer
from videor1.errors import ConfigError
from videor1.policy.loading import load_policy
from videor1.policy.pixels import normalise
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine, HFEngineSettings
from videor1.rollout.packed_linear import has_products


@pytest.fixture(scope="module")
def engine(tiny_policy, tiny_processor):
    return HFEngine(tiny_policy, tiny_processor)


def test_greedy_equals_generate_for_images(engine, tiny_policy, media_prompts):
    """Images: transformers places text after an image by the same rule as Qwen, so its loop is a peer."""
    prompt = media_prompts["image"]
    expected = tiny_policy.generate(
        input_ids=prompt.input_ids[None],
        attention_mask=torch.ones_like(prompt.input_ids)[None],
        pixel_values=normalise(prompt.patches),
        image_grid_thw=prompt.grid_thw,
        mm_token_type_ids=(prompt.input_ids == tiny_policy.config.image_token_id).long()[None],
        max_new_tokens=24,
        do_sample=False,
        suppress_tokens=engine.forbidden_ids,
    )[0, len(prompt.input_ids) :]
    ((response,),) = engine.generate([prompt], [1], Sampling(max_new_tokens=24, temperature=0.0), seed=0)
    assert response.token_ids.tolist() == expected.tolist()


def test_greedy_is_the_argmax_of_plain_scoring_for_videos(engine, tiny_policy, media_prompts):
    prompt = media_prompts["long video"]
    ((response,),) = engine.generate([prompt], [1], Sampling(max_new_tokens=8, temperature=0.0), seed=0)
    with torch.no_grad():
        rows = plain_distributions(
            tiny_policy, prompt, response.token_ids, torch.tensor(engine.forbidden_ids)
        )
    assert rows.argmax(-1).tolist() == response.token_ids.tolist()


def test_prompts_of_different_length_and_kind_do_not_disturb_each_other(engine, media_prompts):
    sampling = Sampling(max_new_tokens=12, temperature=0.0)
    prompts = list(media_prompts.values())
    together = engine.generate(prompts, [1] * len(prompts), sampling, seed=0)
    alone = [engine.generate([prompt], [1], sampling, seed=0)[0] for prompt in prompts]
    assert ids(together) == ids(alone)


def test_counts_seeds_and_turns(engine, tiny_policy, tiny_processor, media_prompts):
    prompts, sampling = [media_prompts["video"], media_prompts["image"]], Sampling(max_new_tokens=10)
    first = engine.generate(prompts, [3, 2], sampling, seed=7)
    assert [len(group) for group in first] == [3, 2]
    assert ids(first) == ids(engine.generate(prompts, [3, 2], sampling, seed=7))
    assert ids(first) != ids(engine.generate(prompts, [3, 2], sampling, seed=8))
    small = HFEngine(tiny_policy, tiny_processor, HFEngineSettings(max_rows=2))
    greedy = Sampling(max_new_tokens=10, temperature=0.0)
    assert ids(small.generate(prompts, [3, 2], greedy, seed=0)) == ids(
        engine.generate(prompts, [3, 2], greedy, seed=0)
    )
    assert engine.generate([], [], sampling, seed=0) == []


def test_special_tokens_are_never_sampled(engine, media_prompts):
    """A random model would sample vision tokens, and the response could not be scored again."""
    (group,) = engine.generate([media_prompts["image"]], [48], Sampling(max_new_tokens=24), seed=1)
    spoken = torch.cat([response.token_ids for response in group])
    assert not torch.isin(spoken, torch.tensor(engine.forbidden_ids)).any()
    assert set(engine.end_ids).isdisjoint(engine.forbidden_ids)


def test_a_response_ends_at_its_first_end_token(engine, media_prompts):
    (group,) = engine.generate([media_prompts["image"]], [128], Sampling(max_new_tokens=32), seed=2)
    finished = [response for response in group if response.finished]
    assert finished, "128 random responses of 32 tokens: some hit an end token"
    for response in group:
        tokens = response.token_ids.tolist()
        assert not set(tokens[:-1]) & set(engine.end_ids)
        assert response.finished == (tokens[-1] in engine.end_ids)
        assert response.finished or len(tokens) == 32


def test_sampling_follows_the_model(engine, tiny_policy, media_prompts):
    """First tokens of 4,000 responses against the model's own probabilities, and top_p cuts the tail."""
    prompt, temperature = media_prompts["image"], 0.2  # an untrained model is nearly indifferent at 1
    sampling = Sampling(max_new_tokens=1, temperature=temperature)
    (group,) = engine.generate([prompt], [4000], sampling, seed=3)
    drawn = torch.stack([response.token_ids[0] for response in group])
    with torch.no_grad():
        rows = plain_distributions(tiny_policy, prompt, drawn[:1], torch.tensor(engine.forbidden_ids))
    probabilities = (rows[0] / temperature).softmax(-1)
    share = torch.bincount(drawn, minlength=len(probabilities)) / len(drawn)
    likely = probabilities > 0.01
    assert likely.any()
    deviation = (probabilities * (1 - probabilities) / len(drawn)).sqrt()
    assert ((share - probabilities).abs()[likely] < 5 * deviation[likely]).all()
    (narrow,) = engine.generate([prompt], [500], replace(sampling, top_p=0.3), seed=3)
    kept = {int(response.token_ids[0]) for response in narrow}
    order = probabilities.argsort(descending=True)
    nucleus = int((probabilities[order].cumsum(0) < 0.3).sum()) + 1
    assert kept <= set(order[:nucleus].tolist())
    assert len(kept) > 1


def test_sampled_logprobs_are_the_trainers(engine, media_prompts):
    """Mixed prompts in one batch, rows dropped as they finish, room for keys doubled twice on the way."""
    prompts = list(media_prompts.values())
    sampling = Sampling(max_new_tokens=150, temperature=0.8)
    groups = engine.generate(prompts, [8] * len(prompts), sampling, seed=5)
    lengths = sorted(len(response.token_ids) for group in groups for response in group)
    assert lengths[0] < 100 < lengths[-1]
    assert off_the_trainer(engine.model, engine.forbidden_ids, prompts, groups, temperature=0.8).max() <= 1e-4


@pytest.mark.skipif(not has_products(torch.bfloat16), reason="this CPU has no products of bfloat16")
def test_bfloat16_products_change_the_distribution_little(tiny_policy, tiny_processor, media_prompts):
    prompts = list(media_prompts.values())
    engine = HFEngine(tiny_policy, tiny_processor, HFEngineSettings(products="bfloat16"))
    groups = engine.generate(prompts, [4] * len(prompts), Sampling(max_new_tokens=20), seed=5)
    difference = off_the_trainer(engine.model, engine.forbidden_ids, prompts, groups)
    assert 1e-6 < difference.max() < 0.1
    assert tiny_policy.dtype == torch.float32


def test_a_bfloat16_model_writes_whatever_the_default_type_is(world, tiny_processor, media_prompts):
    """Lightning's bf16-true makes bfloat16 the default type while it validates."""
    engine = HFEngine(load_policy(str(world / "model"), dtype=torch.bfloat16), tiny_processor)
    prompts, sampling = list(media_prompts.values()), Sampling(max_new_tokens=12)
    expected = engine.generate(prompts, [3, 2, 1], sampling, seed=0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = engine.generate(prompts, [3, 2, 1], sampling, seed=0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert ids(found) == ids(expected)
    assert found[0][0].logprobs.dtype == torch.float32


def test_the_model_is_left_in_the_mode_it_was_in(world, tiny_processor, media_prompts, monkeypatch):
    policy = load_policy(str(world / "model"))
    policy.model.visual.eval()
    modes = [module.training for module in policy.modules()]
    engine = HFEngine(policy, tiny_processor)
    engine.generate([media_prompts["image"]], [2], Sampling(max_new_tokens=2), seed=0)
    assert [module.training for module in policy.modules()] == modes
    monkeypatch.setattr(engine, "forbidden_ids", [10**6])
    with pytest.raises(IndexError):
        engine.generate([media_prompts["image"]], [2], Sampling(max_new_tokens=2), seed=0)
    assert [module.training for module in policy.modules()] == modes


def test_a_prompt_may_have_no_responses(engine, media_prompts):
    groups = engine.generate(list(media_prompts.values()), [0, 2, 0], Sampling(max_new_tokens=3), seed=0)
    assert [len(group) for group in groups] == [0, 2, 0]
    assert engine.generate([media_prompts["image"]], [0], Sampling(max_new_tokens=3), seed=0) == [[]]


def test_settings_name_their_key():
    with pytest.raises(ConfigError, match=r"rollout\.hf\.max_rows"):
        HFEngineSettings(max_rows=0)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_impossible_sampling_names_its_key(settings, key):
    with pytest.raises(ConfigError, match=key):
        Sampling(**settings)
