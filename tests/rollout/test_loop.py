"""Grouped rollouts on the real engine: sizes, frame orders, one call a batch, and the same again by seed."""

from __future__ import annotations

import pytest
import torch

from videor1.errors import ConfigError
from videor1.rollout.blind import vision_token_ids
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.loop import GroupSettings, RolloutLoop

SETTINGS = GroupSettings(group_size=3, shuffled_size=2, sampling=Sampling(max_new_tokens=6))


class Counting(HFEngine):
    """The real engine, which also remembers what it was asked."""

    def generate(self, prompts, counts, sampling, *, seed):
        self.calls = [*getattr(self, "calls", []), (list(prompts), list(counts), seed)]
        return super().generate(prompts, counts, sampling, seed=seed)


@pytest.fixture
def engine(tiny_policy, tiny_processor):
    return Counting(tiny_policy, tiny_processor)


def spoken(groups):
    return [[r.token_ids.tolist() for r in (*group.ordered, *group.shuffled)] for group in groups]


def test_one_call_brings_both_orders_of_all_questions(engine, media_prompts):
    prompts = [media_prompts["video"], media_prompts["image"], media_prompts["long video"]]
    groups = RolloutLoop(engine, SETTINGS, seed=0).collect(prompts, step=4)
    assert len(engine.calls) == 1
    assert engine.calls[0][1] == [3, 3, 3, 2, 2]
    assert [len(group.ordered) for group in groups] == [3, 3, 3]
    assert [len(group.shuffled) for group in groups] == [2, 0, 2]
    assert [group.prompt for group in groups] == prompts
    for asked, group in zip(engine.calls[0][0][3:], (groups[0], groups[2]), strict=True):
        assert asked is group.perturbed
        assert group.perturbation == "shuffled"
        assert sorted(asked.clip.indices) == sorted(group.prompt.clip.indices)
        assert asked.clip.indices != group.prompt.clip.indices
        assert not torch.equal(asked.patches, group.prompt.patches)
    assert groups[1].perturbation is None
    assert groups[1].perturbed is None


def test_groups_depend_on_seed_step_and_stream_alone(engine, media_prompts):
    prompts = [media_prompts["video"]]

    def collect(seed, step, stream):
        loop = RolloutLoop(engine, SETTINGS, seed=seed)
        return spoken(loop.collect(prompts, step=step, stream=stream))

    first = collect(0, 0, 0)
    assert collect(0, 0, 0) == first
    assert collect(1, 0, 0) != first
    assert collect(0, 1, 0) != first
    assert collect(0, 0, 1) != first


def test_without_shuffled_rollouts_it_is_plain_grpo(engine, media_prompts):
    settings = GroupSettings(group_size=2, shuffled_size=0, sampling=Sampling(max_new_tokens=4))
    (group,) = RolloutLoop(engine, settings, seed=0).collect([media_prompts["video"]], step=0)
    assert group.shuffled == ()
    assert group.perturbed is None


def test_the_perturbed_clip_is_there_without_responses_to_it(engine, media_prompts):
    settings = GroupSettings(group_size=2, shuffled_size=0, sampling=Sampling(max_new_tokens=4))
    prompts = [media_prompts["video"], media_prompts["image"]]
    video, image = RolloutLoop(engine, settings, seed=0, perturbs=True).collect(prompts, step=0)
    assert engine.calls[0][1] == [2, 2]
    assert video.shuffled == image.shuffled == ()
    assert video.perturbed is not None
    assert image.perturbed is None


def test_each_question_is_perturbed_in_one_of_the_named_ways(engine, media_prompts, tiny_processor):
    settings = GroupSettings(
        group_size=1,
        shuffled_size=2,
        perturbations=["reversed", "blind"],
        sampling=Sampling(max_new_tokens=4),
    )
    loop = RolloutLoop(engine, settings, seed=0, vision_ids=vision_token_ids(tiny_processor))
    seen = {}
    for step in range(12):
        (group,) = loop.collect([media_prompts["video"]], step=step)
        assert len(group.shuffled) == 2
        seen[group.perturbation] = group.perturbed
    assert set(seen) == {"reversed", "blind"}
    assert seen["reversed"].clip.indices == media_prompts["video"].clip.indices[::-1]
    assert len(seen["blind"].patches) == 0


@pytest.mark.parametrize("kinds", [[], ["upside down"]])
def test_unknown_perturbations_name_their_key(kinds):
    with pytest.raises(ConfigError, match=r"rollout\.perturbations"):
        GroupSettings(perturbations=kinds)


@pytest.mark.parametrize(("key", "value"), [("group_size", 0), ("shuffled_size", -1)])
def test_impossible_sizes_name_their_key(key, value):
    with pytest.raises(ConfigError, match=rf"rollout\.{key}"):
        GroupSettings(**{key: value})
