"""The engine on a server that is started by hand, a real one: what it writes, its weights, its key."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests
import torch

from tests.rollout.server.support import DRAWN, SERVE, SMALL, health, move
from tests.rollout.support import ids, off_the_trainer
from tests.vllm import needs_vllm
from videor1.errors import ConfigError, EngineError
from videor1.policy.weights import PolicyWeights
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.server.publication import pack_publication
from videor1.rollout.server.remote import RemoteEngine
from videor1.rollout.server.service import KEY
from videor1.rollout.vllm_settings import VLLMSettings

GREEDY = Sampling(max_new_tokens=16, temperature=0.0)


@pytest.fixture(scope="module")
def server(world, tmp_path_factory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server started by hand, and its address; tests reach it with the key in the environment."""
    ready = tmp_path_factory.mktemp("server") / "ready.json"
    flags = ["--policy", world / "model", "--longest", "1024", "--settings", json.dumps(SMALL)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, "a key: ключ")
        patch.setenv("NO_PROXY", "*")
        process = subprocess.Popen([*SERVE, *flags, "--ready", ready])
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.05)
        yield process, f"127.0.0.1:{json.loads(ready.read_text())['port']}"
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address(server) -> str:
    return server[1]


@pytest.fixture
def remote(world, address, tmp_path):
    def build(**changed) -> RemoteEngine:
        settings = VLLMSettings(mode="server", addresses=[address], timeout=120.0)
        arguments = {"dtype": torch.float32, "longest": 1024, "folder": tmp_path} | changed
        return RemoteEngine(world / "model", settings, **arguments)

    return build


class Unwanted:
    """Weights that nobody should ask for."""

    def tensors(self, **_):
        raise AssertionError("asked for weights that the server has")


@needs_vllm
def test_greedy_responses_and_readings_are_those_of_the_policy(
    remote, tiny_policy, tiny_processor, media_prompts
):
    engine, hf = remote(), HFEngine(tiny_policy, tiny_processor)
    engine.sync(PolicyWeights(tiny_policy), version=0)
    prompts, counts = list(media_prompts.values()), [1, 1, 1]
    found, expected = (one.generate(prompts, counts, GREEDY, seed=0) for one in (engine, hf))
    assert ids(found) == ids(expected)
    assert [[(r.text, r.finished) for r in group] for group in found] == [
        [(r.text, r.finished) for r in group] for group in expected
    ]
    for one, other in zip(engine.read(prompts), hf.read(prompts), strict=True):
        assert torch.equal(one.token_ids, other.token_ids)
        assert torch.equal(one.positions, other.positions)
    assert engine.generate([], [], GREEDY, seed=0) == []


@needs_vllm
def test_the_seed_decides(remote, tiny_policy, tiny_processor, media_prompts):
    engine, prompts = remote(), list(media_prompts.values())
    engine.sync(PolicyWeights(tiny_policy), version=0)
    first, again, other = (engine.generate(prompts, [3, 2, 1], DRAWN, seed=seed) for seed in (5, 5, 6))
    assert ids(first) == ids(again) != ids(other)
    forbidden = HFEngine(tiny_policy, tiny_processor).forbidden_ids
    assert off_the_trainer(tiny_policy, forbidden, prompts, first).max() <= 1e-4


@needs_vllm
def test_the_policys_weights_reach_the_server(remote, policy, tiny_processor, media_prompts, tmp_path):
    """Each version once, also when two ranks share a server; another run's version of that number too."""
    hf, weights, prompts = (
        HFEngine(policy, tiny_processor),
        PolicyWeights(policy),
        list(media_prompts.values()),
    )
    barriers: list[int] = []
    leader = remote(barrier=lambda: barriers.append(0))
    follower = remote(rank=1, leader=False, barrier=lambda: barriers.append(1))
    before = None
    for version in (3, 4):
        move(policy, version)
        for engine in (leader, follower):
            engine.sync(weights, version=version)
            engine.sync(Unwanted(), version=version)
        expected = ids(hf.generate(prompts, [1, 1, 1], GREEDY, seed=0))
        assert expected != before
        before = expected
        for engine in (leader, follower):
            assert ids(engine.generate(prompts, [1, 1, 1], GREEDY, seed=0)) == expected
        assert health(leader)["version"] == version
        assert [path.name for path in tmp_path.iterdir()] == [f"weights-{version}"]
    assert barriers == [0, 0, 1, 1] * 2

    move(policy, 5)
    resumed = remote()
    resumed.sync(weights, version=4)
    found, expected = (one.generate(prompts, [1, 1, 1], GREEDY, seed=0) for one in (resumed, hf))
    assert ids(found) == ids(expected)
    assert ids(found) != before

    follower.close()
    assert [path.name for path in tmp_path.iterdir()] == ["weights-4"]
    leader.close()
    assert list(tmp_path.iterdir()) == []


def test_no_weights_are_left_after_a_run(world, tmp_path, monkeypatch):
    """They go last: a server that is ending may still be reading them."""
    left: list[list[str]] = []

    class Ending:
        """In place of a server process and of its client."""

        def __init__(self, arguments, folder, rank): ...

        def answering(self, timeout):
            return self

        def ask(self, path, body=None, *, timeout):
            return json.dumps({"dtype": "float32", "longest": 1024}).encode()

        def end(self):
            left.append(sorted(path.name for path in tmp_path.iterdir()))

    class Weights:
        def tensors(self, **_):
            yield "a", torch.zeros(1)

    monkeypatch.setattr("videor1.rollout.server.remote.Child", Ending)
    settings, arguments = VLLMSettings(mode="server"), {"dtype": torch.float32, "longest": 1024}
    follower, leader = (
        RemoteEngine(world / "model", settings, folder=tmp_path, leader=leader, **arguments)
        for leader in (False, True)
    )
    leader.sync(Weights(), version=3)
    (tmp_path / "weights-4.unfinished").mkdir()
    (tmp_path / "server-0.log").touch()
    for engine in (follower, leader, leader):
        engine.close()
    everything = ["server-0.log", "weights-3", "weights-4.unfinished"]
    assert left == [everything, everything, ["server-0.log"]]
    assert [path.name for path in tmp_path.iterdir()] == ["server-0.log"]


@needs_vllm
@pytest.mark.parametrize("key", [None, "another key"])
def test_without_the_key_nothing_is_answered(remote, address, monkeypatch, key):
    given = {"Authorization": f"Bearer {key}"} if key else {}
    for method, path in [("GET", "health"), ("POST", "generate"), ("POST", "weights"), ("GET", "docs")]:
        assert requests.request(method, f"http://{address}/{path}", headers=given).status_code == 401
    if key:
        monkeypatch.setenv(KEY, key)
    else:
        monkeypatch.delenv(KEY)
    with pytest.raises(EngineError, match=rf"{address} refuses: another {KEY}"):
        remote()


@needs_vllm
def test_what_the_server_cannot_use_is_refused(
    remote, address, tiny_policy, tiny_processor, media_prompts, tmp_path
):
    """And it works on, unless it was in the middle of loading: then it ends."""
    engine = remote()
    given = {"Authorization": f"Bearer {os.environ[KEY]}".encode()}
    for path in ("generate", "read", "weights"):
        answer = requests.post(f"http://{address}/{path}", data=b"no safetensors", headers=given)
        assert answer.status_code == 400
        assert "malformed" in answer.json()["error"]
    with pytest.raises(EngineError, match=r"refuses: .*needs \d+ tokens.* room for 1024"):
        engine.generate([media_prompts["image"]], [1], Sampling(max_new_tokens=1024), seed=0)
    with pytest.raises(EngineError, match=r"no published weights that the server can see at .*elsewhere"):
        engine._ask("weights", pack_publication(tmp_path / "elsewhere", 1))
    engine.sync(PolicyWeights(tiny_policy), version=1)
    hf = HFEngine(tiny_policy, tiny_processor)
    found, expected = (one.generate([media_prompts["image"]], [1], GREEDY, seed=0) for one in (engine, hf))
    assert ids(found) == ids(expected)


@needs_vllm
def test_a_server_must_suit_the_run(world, remote, address, tmp_path):
    with pytest.raises(ConfigError, match=f"{address} computes in float32, the run in torch.bfloat16"):
        remote(dtype=torch.bfloat16)
    with pytest.raises(ConfigError, match=f"{address} has room for 1024 tokens, the run needs 1025"):
        remote(longest=1025)
    settings = VLLMSettings(mode="server", addresses=["127.0.0.1:9"])
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9 cannot be reached: Connection refused"):
        RemoteEngine(world / "model", settings, dtype=torch.float32, longest=64, folder=tmp_path)


@needs_vllm
def test_the_server_ends_when_it_is_told_to(server, remote, media_prompts):
    process, address = server
    engine = remote()
    process.terminate()
    assert process.wait(10) == 0
    with pytest.raises(
        EngineError, match=rf"^.*{address} cannot be reached: Connection refused; no part of.*$"
    ):
        engine.generate([media_prompts["image"]], [1], DRAWN, seed=0)
