"""An audit that was stopped goes on; what was sound and has not changed is not read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.corpus import CLIP, TRAIN, timeless, write_records, write_world
from tests.data.videos import write_video
from videor1.data.cache import CacheSettings
from videor1.data.media import MediaReader
from videor1.errors import UserError

SOUND = {"videos/a.mp4", "videos/copy.mp4", "videos/b.mp4", "images/red.png", "images/big.png"}
SOUND |= {"videos/same_as_b.mp4", "images/green.png"}
# Read each time: a damaged file, and one with a record that is no prompt.
FAULTY = {"videos/cut.mp4", "videos/b.mp4"}

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.audit.corpus import World
from videor1.data.media import MediaReader

root, policy, folder, reads = sys.argv[1:]
read, left = MediaReader.read, [int(reads)]

def read_and_die(self, record, clip):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(self, record, clip)

MediaReader.read = read_and_die
World(root=Path(root), policy=Path(policy)).audit(Path(folder), benchmarks=("bench.json",))
"""


@pytest.fixture
def corpus(world, tmp_path):
    return write_world(tmp_path / "corpus", world / "model")


@pytest.fixture
def reads(monkeypatch):
    """Paths that are read from now on."""
    seen = []
    read = MediaReader.read

    def spy(self, record, clip):
        seen.append(record.path.removeprefix("./"))
        return read(self, record, clip)

    monkeypatch.setattr(MediaReader, "read", spy)
    return seen


def journal(folder: Path) -> list[str]:
    return (folder / "audit/findings.jsonl").read_text(encoding="utf-8").splitlines()


def test_an_audit_after_kill_9_goes_on_and_comes_to_the_same(corpus, tmp_path, reads):
    whole = corpus.audit(tmp_path / "whole", benchmarks=("bench.json",))
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(corpus.root), str(corpus.policy), str(folder), "4"]
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *sys.path])
    child = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True)
    assert child.returncode == -9, child.stderr.decode()
    lines = journal(folder)[1:]
    sound = {TRAIN[one["record"]]["path"] for one in map(json.loads, lines) if "fault" not in one}
    assert 0 < len(lines) < len(TRAIN)
    assert not (folder / "audit/audit.json").exists()
    with (folder / "audit/findings.jsonl").open("a") as file:
        file.write('{"split": "train", "record": 1')  # a line that the kill tore
    reads.clear()
    resumed = corpus.audit(folder, benchmarks=("bench.json",))
    assert timeless(resumed) == timeless(whole)
    assert set(reads) == (SOUND | FAULTY) - ({path.removeprefix("./") for path in sound} - FAULTY)
    assert len(reads) == len(set(reads))  # each file once, however many ask about it


def test_only_what_was_faulty_or_has_changed_is_read_again(corpus, tmp_path, reads):
    corpus.audit(tmp_path)
    reads.clear()
    first = corpus.audit(tmp_path)
    assert set(reads) == FAULTY
    reads.clear()
    write_video(corpus.root / "videos/copy.mp4", frames=10)  # now neither a copy nor the old file
    write_video(corpus.root / "videos/cut.mp4", frames=9)  # repaired
    second = corpus.audit(tmp_path)
    assert set(reads) == FAULTY | {"videos/copy.mp4"}
    assert first["splits"]["train"]["records"]["usable"] + 1 == second["splits"]["train"]["records"]["usable"]
    assert second["splits"]["train"]["duplicates"]["media"]["under_several_paths"] == 0
    (corpus.root / "videos/a.mp4").unlink()
    third = corpus.audit(tmp_path)
    assert third["splits"]["train"]["faults"]["missing"]["records"] == 3


def test_ctrl_c_leaves_what_is_known(corpus, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        left = [3]
        read = MediaReader.read

        def interrupted(self, record, clip):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return read(self, record, clip)

        patch.setattr(MediaReader, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            corpus.audit(tmp_path)
    assert "the same command goes on from there" in capsys.readouterr().out
    known = len(journal(tmp_path))
    assert known > 1
    report = corpus.audit(tmp_path)
    assert len(journal(tmp_path)) > known
    assert report["splits"]["train"]["records"]["all"] == 16


def test_other_settings_start_anew_and_say_which(corpus, tmp_path, reads, capsys):
    corpus.audit(tmp_path)
    reads.clear()
    corpus.audit(tmp_path, max_prompt_tokens=9999)
    assert set(reads) == SOUND | FAULTY
    told = capsys.readouterr().out
    assert "another train.max_prompt_tokens, validate.max_prompt_tokens; starting anew" in told
    write_records(corpus.root / "train.json", TRAIN[:2])
    assert corpus.audit(tmp_path, max_prompt_tokens=9999)["splits"]["train"]["records"]["all"] == 2
    assert "another train.records; starting anew" in capsys.readouterr().out


def test_a_journal_that_is_none_is_not_overwritten(corpus, tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit/findings.jsonl").write_text("no journal\n")
    with pytest.raises(UserError, match=r"findings\.jsonl: no journal of an audit"):
        corpus.audit(tmp_path)
    assert journal(tmp_path) == ["no journal"]


def test_the_cache_is_filled_for_the_run(corpus, tmp_path):
    cache = CacheSettings(folder=str(tmp_path / "cache"), gigabytes=0.5)
    corpus.audit(tmp_path)
    corpus.audit(tmp_path, cache=cache)  # all is known, but no frames are kept yet
    frames = cache.frames()
    assert frames is not None
    for path in ("videos/a.mp4", "videos/b.mp4"):
        file = Path(os.path.realpath(corpus.root / path))
        assert frames.get(frames.key(file, "video", CLIP), file) is not None
