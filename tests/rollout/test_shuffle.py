"""Frame orders: never the identity, tied to run, step and record, and exact in the pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.rollout.shuffle import draw_permutation, reorder_prompt


@given(frames=st.integers(2, 64), seed=st.integers(0, 10), step=st.integers(0, 10_000), record=st.integers())
def test_an_order_is_a_permutation_other_than_the_identity(frames, seed, step, record):
    order = draw_permutation(frames, seed=seed, step=step, problem_id=record)
    assert sorted(order) == list(range(frames))
    assert list(order) != list(range(frames))
    assert order == draw_permutation(frames, seed=seed, step=step, problem_id=record)


def test_orders_change_with_run_step_and_record():
    base = draw_permutation(16, seed=0, step=0, problem_id="a")
    others = [
        draw_permutation(16, seed=1, step=0, problem_id="a"),
        draw_permutation(16, seed=0, step=1, problem_id="a"),
        draw_permutation(16, seed=0, step=0, problem_id="b"),
    ]
    assert base not in others


def test_one_frame_has_no_other_order():
    with pytest.raises(ValueError, match="frames"):
        draw_permutation(1, seed=0, step=0, problem_id=0)


def test_reordered_patches_are_those_of_reordered_frames(prompt_builder, media_prompts):
    prompt = media_prompts["long video"]
    order = draw_permutation(len(prompt.clip.frames), seed=0, step=3, problem_id=1)
    shuffled = reorder_prompt(prompt, order)
    direct = prompt_builder.build(prompt.record, replace(prompt.clip, frames=prompt.clip.frames[list(order)]))
    assert torch.equal(shuffled.patches, direct.patches)
    assert not torch.equal(shuffled.patches, prompt.patches)
    assert torch.equal(shuffled.input_ids, prompt.input_ids)
    assert shuffled.clip.seconds_per_grid == prompt.clip.seconds_per_grid
    assert shuffled.clip.indices == tuple(prompt.clip.indices[i] for i in order)
