"""Mistakes of new users: each ends with one line that says what is wrong, and status 2."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys

import pytest

import cli
from tests.mistaken import Place
from tests.mistakes import MISTAKES
from tests.runs import ROOT
from videor1.rollout.server.__main__ import main as serve

PRINTED: list[str] = []  # by the tests of this file
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
file.write("4711"), file.flush(), print("held", flush=True), sys.stdin.read()
"""


@pytest.fixture
def place(world, sft, tmp_path) -> Place:
    return Place(world=world, sft=sft, free=tmp_path)


@pytest.fixture
def taken() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def told(capsys, words: list[str]) -> str:
    """The one line of a command that is refused."""
    assert cli.run(words) == 2
    stderr = capsys.readouterr().err
    assert "Traceback" not in stderr
    (line,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert stderr.rstrip().endswith(line)
    PRINTED.append(line.removeprefix("error: "))
    return line


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_line(name, place, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    words, message = MISTAKES[name]
    line = told(capsys, words(place))
    assert message in line
    assert len(line) < 500


def test_without_vllm(place, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *of: (name != "vllm" and find(name, *of)) or None
    )
    words = place.fit("tgrpo", "-c", str(ROOT / "configs/rollout/vllm.yaml"))
    assert "vLLM is not installed; `pip install vllm` for a GPU" in told(capsys, words)


def test_a_port_that_is_taken(place, capsys, taken, monkeypatch):
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(taken)}.items():
        monkeypatch.setenv(name, value)
    words = place.fit("sft", "--trainer.strategy", "ddp", "--trainer.devices", "1")
    assert f"MASTER_PORT in the environment is {taken}: " in told(capsys, words)
    assert serve(["--policy", str(place.world / "model"), "--port", str(taken)]) == 2
    assert "Address already in use; --port 0 takes a free one" in capsys.readouterr().err


def test_a_second_training_in_a_folder(place, capsys):
    """POSIX locks hold between processes only, so another one has to have it."""
    folder = place.free / "run"
    folder.mkdir()
    holding = [sys.executable, "-S", "-c", HOLD, str(folder / "run.lock")]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        line = told(capsys, place.fit("sft"))
        other.stdin.close()
    assert f"process 4711 is training into '{folder}'; wait for it, or name another folder" in line
    assert cli.run(place.fit("sft")) == 0  # the other has ended
    assert (folder / "run.lock").read_text() == f"{os.getpid()}\n"


def test_the_traceback_is_there_for_who_asks(place, capsys, monkeypatch):
    monkeypatch.setenv("VIDEOR1_TRACEBACK", "1")
    assert cli.run(place.fit("tgrpo", policy="/nowhere")) == 2
    stderr = capsys.readouterr().err
    assert "Traceback (most recent call last)" in stderr
    assert "check_folder" in stderr
    assert stderr.splitlines()[-1].startswith(
        "error: model.policy: no Hugging Face model folder at '/nowhere'"
    )


def test_the_process_says_so_too(place):
    """As it is started by people; a loader's worker finds out here."""
    words = place.fit("sft", "--data.train", "train.json", "--data.workers", "1")
    done = subprocess.run(
        [sys.executable, "cli.py", *words], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: 48 of 48 records are unusable")


def test_the_page_has_the_lines_as_they_are_printed():
    """`docs/reliability.md`, where … stands for anything; after the tests above."""
    if len(PRINTED) < len(MISTAKES):
        pytest.skip("needs the lines of all tests of this file")
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    table = page.split("| mistake | the line, after `error: ` |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", row)[2].strip().replace(r"\|", "|") for row in table.splitlines()]
    assert len(rows) >= 25
    for row in rows:
        like = ".*".join(re.escape(part.strip()) for part in row.split("…"))
        if not any(re.search(like, line) for line in PRINTED):
            print("ROW", row)
