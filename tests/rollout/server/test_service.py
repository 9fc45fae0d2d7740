"""The service around an engine that is none."""

from __future__ import annotations

import re
import threading

import pytest
import torch

from tests.vllm import needs_vllm
from videor1.errors import EngineError
from videor1.rollout.engine import Sampling
from videor1.rollout.server.publication import pack_publication, publish
from videor1.rollout.server.service import Broken, Service, application
from videor1.rollout.server.wire import pack_prompts, pack_request


@needs_vllm
def test_after_an_unforeseen_error_a_server_is_no_more():
    """The request gets one line; whoever runs the service gets the error itself."""
    from fastapi.testclient import TestClient

    class Failing:
        version = None

        def read(self, prompts):
            raise KeyError("several\nlines")

    service = Service(Failing(), "policy")
    ended: list[str] = []

    def work() -> None:
        with pytest.raises(KeyError) as caught:
            service.work()
        ended.append(str(caught.value))

    thread = threading.Thread(target=work)
    thread.start()
    client = TestClient(application(service, None), raise_server_exceptions=False)
    answer = client.post("/read", content=pack_prompts([]))
    thread.join(5)
    assert answer.status_code == 500
    assert re.fullmatch(r"KeyError: .*several.*lines.*", answer.json()["error"])
    assert len(ended) == 1


def test_an_engine_that_fails_in_the_middle_is_no_refusal(tmp_path):
    """vLLM cannot go on with half of its layers replaced, or with requests of a call that has failed."""

    class Failing:
        version = None

        def load(self, tensors):
            raise EngineError("no such tensor")

        def generate(self, prompts, counts, sampling, *, seed):
            raise EngineError("vLLM fails")

    service = Service(Failing(), "policy")
    publish(tmp_path / "weights-1", [("a", torch.zeros(1))])
    with pytest.raises(Broken, match="no such tensor"):
        service.load(pack_publication(tmp_path / "weights-1", 1))
    assert service.publication is None
    with pytest.raises(Broken, match="vLLM fails"):
        service.generate(pack_request([], [], Sampling(), 0))
