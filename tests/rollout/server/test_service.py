"""The service around an engine that is none."""

from __future__ import annotations

import re
import threading

import pytest

from tests.vllm import needs_vllm
from videor1.rollout.server.service import Service, application
from videor1.rollout.server.wire import pack_prompts


@needs_vllm
def test_after_an_unforeseen_error_a_server_is_no_more():
    """The request gets one line; whoever runs the service gets the error itself."""
    from fastapi.testclient import TestClient

    class Broken:
        version = None

        def read(self, prompts):
            raise KeyError("several\nlines")

    service = Service(Broken(), "policy")
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
