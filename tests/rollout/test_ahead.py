"""Rollouts begun early are those that would have been collected; what goes wrong in them comes out."""

from __future__ import annotations

import pytest

from videor1.errors import EngineError
from videor1.rollout.ahead import AheadOfTime
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.loop import GroupSettings, RolloutLoop


@pytest.fixture
def loop(tiny_policy, tiny_processor):
    settings = GroupSettings(group_size=3, shuffled_size=2, sampling=Sampling(max_new_tokens=6))
    return RolloutLoop(HFEngine(tiny_policy, tiny_processor), settings, seed=0)


def spoken(groups):
    return [[r.token_ids.tolist() for r in (*group.ordered, *group.shuffled)] for group in groups]


def test_groups_are_handed_out_once_and_to_their_own_batch(loop, media_prompts):
    prompts = [media_prompts["video"], media_prompts["image"]]
    ahead = AheadOfTime(loop)
    assert ahead.take(step=0, place=0) is None
    ahead.begin(prompts, step=4, place=1)
    ahead.settle()
    assert spoken(ahead.take(step=4, place=1)) == spoken(loop.collect(prompts, step=4))
    assert ahead.take(step=4, place=1) is None
    ahead.begin(prompts, step=4, place=1)
    assert ahead.take(step=5, place=1) is None


def test_an_engine_that_fails_fails_where_its_groups_are_wanted(loop, media_prompts, monkeypatch):
    def dies(*arguments, **options):
        raise EngineError("rollout.engine: died")

    monkeypatch.setattr(loop.engine, "generate", dies)
    ahead = AheadOfTime(loop)
    ahead.begin([media_prompts["image"]], step=0, place=0)
    ahead.settle()
    with pytest.raises(EngineError, match="died"):
        ahead.take(step=0, place=0)
