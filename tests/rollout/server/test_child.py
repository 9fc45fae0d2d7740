"""A server that a run has started, a real one: its start, its death, its hanging, its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import replace
from itertools import chain

import pytest
import torch

from tests.rollout.server.support import DRAWN, SMALL, health, move
from tests.rollout.support import ids
from tests.vllm import needs_vllm
from videor1.errors import EngineError
from videor1.policy.weights import PolicyWeights
from videor1.rollout.server.child import Child, environment
from videor1.rollout.server.remote import RemoteEngine
from videor1.rollout.server.service import KEY
from videor1.rollout.vllm_settings import VLLMSettings


@needs_vllm
def test_a_child_that_dies_or_hangs(world, policy, media_prompts, tmp_path):
    """One child after the other in one test, since each takes seconds to start."""
    settings = VLLMSettings(mode="server", timeout=120.0, **SMALL)
    engine = RemoteEngine(world / "model", settings, dtype=torch.float32, longest=1024, folder=tmp_path)
    move(policy, 7)
    engine.sync(PolicyWeights(policy), version=7)
    arguments = (list(media_prompts.values()), [3, 2, 1], DRAWN)
    for sent in (signal.SIGTERM, signal.SIGINT):  # to all of a job: the trainer still has to end its step
        os.kill(health(engine)["pid"], sent)
    expected = engine.generate(*arguments, seed=3)

    os.kill(health(engine)["pid"], signal.SIGKILL)
    with pytest.raises(EngineError, match=r"^.* died: signal 9; no part of the step was applied; .*-0\.log$"):
        engine.generate(*arguments, seed=3)

    engine.settings = replace(settings, restarts=1)
    with pytest.warns(UserWarning, match=r"died: signal 9; it is started again \(1 of 1\)"):
        found = engine.generate(*arguments, seed=3)
    assert ids(found) == ids(expected)
    for one, other in zip(chain(*found), chain(*expected), strict=True):
        assert torch.equal(one.logprobs, other.logprobs)
    state = health(engine)
    assert state["version"] == 7

    os.kill(state["pid"], signal.SIGSTOP)
    engine.settings = replace(engine.settings, timeout=2.0)
    with pytest.raises(
        EngineError, match=r"^.* hangs: no answer for 2 s; no part of the step was applied; .*$"
    ):
        engine.generate(*arguments, seed=3)
    with pytest.raises(ProcessLookupError):
        os.kill(state["pid"], 0)


@needs_vllm
def test_a_child_that_does_not_start(world, tmp_path):
    model = shutil.copytree(world / "model", tmp_path / "model")
    config = model / "processor_config.json"
    config.write_text(config.read_text().replace("0.48145466", "0.5"))

    def start(**changed) -> RemoteEngine:
        settings = VLLMSettings(mode="server", **changed)
        return RemoteEngine(model, settings, dtype=torch.float32, longest=64, folder=tmp_path, rank=2)

    with pytest.raises(
        EngineError, match=r"status 2: error: .* image_mean .* while starting; its log: .*-2\.log$"
    ):
        start()
    with pytest.raises(EngineError, match=r"no server within 0\.1 s; its log: .*-2\.log$"):
        start(timeout=0.1)


def test_a_child_is_ended_with_its_engine(tmp_path):
    for end in (Child.end, Child.kill, lambda child: None):
        child = Child({"policy": "x"}, tmp_path, 0)
        process = child._process
        end(child)
        del child
        assert process.returncode is not None


def test_a_child_is_no_rank(monkeypatch):
    """Else torch in it would wait for the store that torchrun's agent keeps for the trainer's ranks."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_USE_AGENT_STORE"):
        monkeypatch.setenv(name, "1")
    found = environment("key")
    assert not {name for name in found if re.search("RANK|WORLD|MASTER|ELASTIC", name)}
    assert found[KEY] == "key"
    assert found["PATH"] == os.environ["PATH"]
