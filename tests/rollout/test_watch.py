"""Who listens to an engine hears every token of every response, and nothing else is drawn for it."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch

from tests.rollout.support import ids
from tests.vllm import needs_vllm
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine, HFEngineSettings
from videor1.rollout.loop import GroupSettings, RolloutLoop
from videor1.rollout.vllm_settings import VLLMSettings


class Listener:
    """Remembers what it hears, piece by piece."""

    def __init__(self) -> None:
        self.pieces = []

    def __call__(self, response, tokens):
        self.pieces.append((response, list(tokens)))

    @property
    def responses(self):
        heard = defaultdict(list)
        for response, tokens in self.pieces:
            heard[response] += tokens
        return [heard[response] for response in sorted(heard)]


@pytest.mark.parametrize("max_rows", [512, 3], ids=["one turn", "several turns"])
def test_the_hf_engine_is_heard_and_not_changed(tiny_policy, tiny_processor, media_prompts, max_rows):
    engine = HFEngine(tiny_policy, tiny_processor, HFEngineSettings(max_rows=max_rows))
    prompts, counts, sampling = list(media_prompts.values()), [3, 2, 4], Sampling(max_new_tokens=150)
    listener = Listener()
    watched = engine.generate(prompts, counts, sampling, seed=4, watch=listener)
    assert ids(watched) == ids(engine.generate(prompts, counts, sampling, seed=4))
    assert listener.responses == [tokens for group in ids(watched) for tokens in group]
    lengths = {len(tokens) for tokens in listener.responses}
    assert len(lengths) > 2, "some end earlier, and are dropped"
    assert all(len(tokens) == 1 for _, tokens in listener.pieces)


def test_the_loop_passes_it_on(tiny_policy, tiny_processor, media_prompts):
    settings = GroupSettings(group_size=1, shuffled_size=0, sampling=Sampling(max_new_tokens=8))
    loop, listener = RolloutLoop(HFEngine(tiny_policy, tiny_processor), settings, seed=0), Listener()
    (group,) = loop.collect([media_prompts["video"]], step=0, watch=listener)
    assert listener.responses == [group.ordered[0].token_ids.tolist()]


@needs_vllm
def test_vllm_is_heard_where_each_prompt_has_one_response(world, tiny_processor, media_prompts):
    from videor1.rollout.vllm import VLLMEngine

    settings = VLLMSettings(cpu_kv_gigabytes=0.25)
    engine = VLLMEngine(world / "model", tiny_processor, settings, dtype=torch.float32, longest=1024)
    try:
        prompts, sampling = list(media_prompts.values()), Sampling(max_new_tokens=40)
        one, listener = [1, 0, 1], Listener()
        watched = engine.generate(prompts, one, sampling, seed=4, watch=listener)
        plain = engine.generate(prompts, one, sampling, seed=4)
        assert ids(watched) == ids(plain)
        for with_, without in zip(watched, plain, strict=True):
            assert [r.text for r in with_] == [r.text for r in without]
            assert all(torch.equal(a.logprobs, b.logprobs) for a, b in zip(with_, without, strict=True))
        assert listener.responses == [tokens for group in ids(watched) for tokens in group]
        assert len(listener.pieces) > 2, "piece by piece, not as a whole"
        several = Listener()
        watched = engine.generate(prompts, [2, 1, 1], sampling, seed=4, watch=several)
        assert ids(watched) == ids(engine.generate(prompts, [2, 1, 1], sampling, seed=4))
        assert several.pieces == []
    finally:
        engine.close()
