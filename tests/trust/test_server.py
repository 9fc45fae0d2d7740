"""Who may ask a rollout server, and where its key does not appear. More of it: tests/rollout/server."""

from __future__ import annotations

from pathlib import Path

import pytest

from videor1.rollout.server.__main__ import _parser
from videor1.rollout.server.child import Child
from videor1.rollout.server.service import KEY, Service, application


def test_it_listens_on_this_machine_alone_by_default():
    assert _parser().parse_args(["--policy", "x"]).host == "127.0.0.1"


@pytest.mark.parametrize("path", ["/health", "/generate", "/read", "/weights", "/nowhere"])
def test_nobody_without_the_key_gets_further(path):
    pytest.importorskip("fastapi")
    client = pytest.importorskip("starlette.testclient").TestClient(
        application(Service(None, "x"), "the key: ключ"), raise_server_exceptions=False
    )
    for given in (None, b"", b"the key", b"Bearer ", b"Bearer the key: ", b"Bearer \xff\xfe", b"Basic Og=="):
        for method in ("GET", "POST"):
            headers = {} if given is None else {b"authorization": given}
            answer = client.request(method, path, headers=headers, content=b"x")
            assert (answer.status_code, answer.json()) == (401, {"error": f"another {KEY} is needed"})
    right = {b"authorization": "Bearer the key: ключ".encode()}
    assert client.get("/nowhere", headers=right).status_code == 404


def test_a_child_s_key_is_in_no_list_of_processes_and_in_no_file(tmp_path):
    child = Child({"policy": "x", "settings": "{"}, tmp_path / "rollout", 0)
    key = child._key.encode()
    assert len(key) == 32
    assert key not in Path(f"/proc/{child._process.pid}/cmdline").read_bytes()
    child._process.wait(60)  # with what is wrong with the settings
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert child.log in files
    assert b"error: --settings: " in child.log.read_bytes()
    assert all(key not in path.read_bytes() for path in files)
