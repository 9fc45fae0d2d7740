"""An examination that is killed, or shared by ranks, ends as if nothing had happened: byte for byte."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from tests.runs import ROOT, asking

KILLS = 10
LEFT_BEHIND = ["predictions.jsonl", "report.json", "report.md", "benchmarks.png", "tasks.png"]


def command(world: Path, policy: Path, folder: Path, *arguments: str) -> list[str]:
    short = ["--data.validation_batch_size", "1", "--model.evaluation.sampling.max_new_tokens", "32"]
    return asking("validate", world, policy, folder, *short, *arguments)


@pytest.fixture(scope="module")
def undisturbed(world, sft, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    cli.main(command(world, sft / "hf", folder))
    return {name: (folder / name).read_bytes() for name in LEFT_BEHIND}


def same(folder: Path, undisturbed: dict[str, bytes]) -> None:
    for name, content in undisturbed.items():
        assert (folder / name).read_bytes() == content, name
    assert not (folder / "predictions").exists()


def test_ten_kills_leave_no_trace(undisturbed, world, sft, tmp_path):
    program = [sys.executable, "-m", "tests.evaluation.killed", str(KILLS), str(tmp_path / "run")]
    program += command(world, sft / "hf", tmp_path / "run")
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    places = [int(size) for size in re.findall(r"^kill \d+ at (\d+) bytes$", done.stdout, re.MULTILINE)]
    assert len(places) == KILLS
    assert places == sorted(set(places)), "each start has gone further"
    same(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_make_no_difference(ranks, undisturbed, world, sft, tmp_path):
    """12 questions in batches of 5 and 3 ranks: neither divides them, and the last batch is short."""
    alone, together = tmp_path / "alone", tmp_path / "together"
    odd = ["--data.validation_batch_size", "5"]
    cli.main(command(world, sft / "hf", alone, *odd))
    program = [sys.executable, "cli.py", *command(world, sft / "hf", together, *odd)]
    program += ["--trainer.devices", str(ranks), "--trainer.strategy", "ddp"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    same(together, {name: (alone / name).read_bytes() for name in LEFT_BEHIND})


def test_half_done_by_two_ranks_is_finished_by_one(undisturbed, world, sft, tmp_path):
    """The judgements of all earlier ranks count, however many there were; a torn line does not."""
    lines = undisturbed["predictions.jsonl"].splitlines(keepends=True)
    folder = tmp_path / "run"
    cli.main(command(world, sft / "hf", folder))
    (folder / "predictions.jsonl").unlink()
    (folder / "predictions").mkdir()
    (folder / "predictions/0.jsonl").write_bytes(b"".join(lines[:7]) + lines[7][:40])
    (folder / "predictions/1.jsonl").write_bytes(b"".join(lines[20:29]))
    cli.main(command(world, sft / "hf", folder))
    same(folder, undisturbed)


def test_another_protocol_does_not_go_on_with_the_old_answers(world, sft, tmp_path, capsys):
    folder = tmp_path / "run"
    cli.main(command(world, sft / "hf", folder))
    before = (folder / "predictions.jsonl").read_bytes()
    cli.main(command(world, sft / "hf", folder, "--data.clip.max_frames", "4"))
    assert f"judgements made with another protocol are now in {folder}/earlier_1" in capsys.readouterr().out
    assert (folder / "earlier_1/predictions.jsonl").read_bytes() == before
    assert (folder / "predictions.jsonl").read_bytes() != before


def test_a_damaged_journal_is_named(world, sft, tmp_path, capsys):
    folder = tmp_path / "run"
    cli.main(command(world, sft / "hf", folder))
    with (folder / "predictions.jsonl").open("ab") as file:
        file.write(b'{"question": 3}\n')
    assert cli.run(command(world, sft / "hf", folder)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith(f"error: {folder}/predictions.jsonl: byte ")
    assert "delete the file to ask anew" in told
