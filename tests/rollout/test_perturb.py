"""What perturbed rollouts see: never the clip itself, tied to run, step and record, exact in the pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.rollout.blind import vision_token_ids
from videor1.rollout.perturb import draw_order, perturb, reorder_prompt
from videor1.types import PERTURBATIONS

OF_FRAMES = [kind for kind in PERTURBATIONS if kind != "blind"]


def perturbed(prompt, kinds, *, seed=0, step=0, vision_ids=()):
    return perturb(prompt, kinds, seed=seed, step=step, vision_ids=vision_ids)


@given(kind=st.sampled_from(OF_FRAMES), frames=st.integers(2, 64), seed=st.integers(0, 1000))
def test_an_order_never_shows_all_frames_at_their_own_times(kind, frames, seed):
    order = draw_order(kind, frames, np.random.default_rng(seed))
    assert len(order) == frames
    assert set(order) <= set(range(frames))
    assert list(order) != list(range(frames))
    if kind in ("shuffled", "reversed"):
        assert sorted(order) == list(range(frames))
    if kind == "reversed":
        assert list(order) == sorted(order, reverse=True)
    if kind == "frozen":
        assert len(set(order)) == 1
    if kind == "dropped":
        assert len(set(order)) == frames - frames // 2
        assert all(shown <= time for time, shown in enumerate(order))
        assert all(order[shown] == shown for shown in order)


def test_frozen_and_dropped_frames_are_chosen_anew():
    for kind in ("frozen", "dropped"):
        assert len({draw_order(kind, 16, np.random.default_rng(seed)) for seed in range(20)}) > 5


@pytest.mark.parametrize("kind", OF_FRAMES)
def test_one_frame_has_no_other_order(kind):
    with pytest.raises(ValueError, match="frames"):
        draw_order(kind, 1, np.random.default_rng(0))


def test_what_is_seen_depends_on_run_step_and_record_alone(media_prompts):
    prompt = media_prompts["long video"]

    def indices(prompt, seed, step):
        return perturbed(prompt, ["shuffled"], seed=seed, step=step)[1].clip.indices

    other = replace(prompt, record=replace(prompt.record, problem_id="another"))
    base = indices(prompt, 0, 0)
    assert base == indices(prompt, 0, 0)
    assert base not in [indices(prompt, 1, 0), indices(prompt, 0, 1), indices(other, 0, 0)]


def test_kinds_share_the_questions_evenly(media_prompts):
    kinds = [perturbed(media_prompts["video"], ["reversed", "frozen"], step=step)[0] for step in range(200)]
    assert set(kinds) == {"reversed", "frozen"}
    assert 70 < kinds.count("frozen") < 130  # 4 standard deviations


@pytest.mark.parametrize("kind", OF_FRAMES)
def test_perturbed_patches_are_those_of_perturbed_frames(prompt_builder, media_prompts, kind):
    prompt = media_prompts["long video"]
    named, seen = perturbed(prompt, [kind], step=3)
    order = [prompt.clip.indices.index(index) for index in seen.clip.indices]
    direct = prompt_builder.build(prompt.record, replace(prompt.clip, frames=prompt.clip.frames[order]))
    assert named == kind
    assert torch.equal(seen.patches, direct.patches)
    assert not torch.equal(seen.patches, prompt.patches)
    assert torch.equal(seen.input_ids, prompt.input_ids)
    assert seen.clip.seconds_per_grid == prompt.clip.seconds_per_grid


def test_the_blind_see_no_frames(media_prompts, tiny_processor):
    ids = vision_token_ids(tiny_processor)
    kind, seen = perturbed(media_prompts["video"], ["blind"], vision_ids=ids)
    assert kind == "blind"
    assert len(seen.patches) == len(seen.grid_thw) == 0
    assert not torch.isin(seen.input_ids, torch.tensor(ids)).any()


def test_the_same_order_is_the_same_prompt(media_prompts):
    prompt = media_prompts["video"]
    again = reorder_prompt(prompt, range(len(prompt.clip.frames)))
    assert torch.equal(again.patches, prompt.patches)
    assert again.clip.indices == prompt.clip.indices
