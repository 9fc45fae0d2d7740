"""The command line that starts a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rollout.server.support import SERVE
from tests.vllm import needs_vllm
from videor1.rollout.server.__main__ import main
from videor1.rollout.server.service import KEY


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "example.org"])
def test_others_are_let_in_only_with_a_key(host, monkeypatch, capsys):
    monkeypatch.delenv(KEY, raising=False)
    assert main(["--policy", "x", "--host", host]) == 2
    assert re.fullmatch(rf"error: --host .*{KEY} must hold a key\n", capsys.readouterr().err)


def test_settings_that_do_not_exist_are_refused(capsys):
    for text in ("{", '{"nonsense": 1}', "[]", '{"timeout": 0}'):
        assert main(["--policy", "x", "--settings", text]) == 2
        assert re.fullmatch(r"error: .+\n", capsys.readouterr().err)


def test_help_is_quick():
    """Neither vLLM nor torch is imported for it."""
    check = (
        "import sys; from videor1.rollout.server.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'vllm', 'fastapi'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)


@needs_vllm
def test_a_server_ends_with_its_parent(world):
    """While it is still being built: it watches from the beginning."""
    start = (
        "import os, subprocess, sys, time\n"
        "server = subprocess.Popen([*sys.argv[1:], '--parent', str(os.getpid())])\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", start, *SERVE, "--policy", world / "model"], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    time.sleep(2)
    os.kill(pid, 0)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
