"""An examination that is killed, or shared by ranks, ends as if nothing had happened: byte for byte."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

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


@pytest.mark.parametrize("ranks", [pytest.param(2, marks=pytest.mark.nightly), 3])
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


def test_a_lost_identity_does_not_lend_answers_to_another_model(world, sft, tmp_path):
    folder = tmp_path / "run"
    cli.main(command(world, sft / "hf", folder))
    before = (folder / "predictions.jsonl").read_bytes()
    (folder / "examination.json").write_text("{", encoding="utf-8")
    cli.main(command(world, world / "model", folder))
    assert (folder / "earlier_1/predictions.jsonl").read_bytes() == before
    assert (folder / "earlier_1/report.json").is_file()  # which compare still reads
    assert (folder / "predictions.jsonl").read_bytes() != before


def test_weights_of_a_checkpoint_are_other_weights(world, sft, tmp_path, capsys):
    folder = tmp_path / "run"
    cli.main(command(world, world / "model", folder))
    before = (folder / "predictions.jsonl").read_bytes()
    (checkpoint,) = (sft / "checkpoints").glob("last.ckpt")
    cli.main(command(world, world / "model", folder, "--ckpt_path", str(checkpoint)))
    assert "judgements made with another model, weights are now in" in capsys.readouterr().out
    assert (folder / "predictions.jsonl").read_bytes() != before
    assert json.loads((folder / "report.json").read_text())["model"] == str(checkpoint)


def test_what_was_missing_is_asked_when_it_is_there(undisturbed, world, sft, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(world, root)
    film = root / json.loads((root / "held_out.json").read_text())[0]["path"]
    film.rename(film.with_suffix(".away"))
    folder, lenient = tmp_path / "run", ["--data.max_bad_share", "1"]
    cli.main(command(root, sft / "hf", folder, *lenient))
    assert json.loads((folder / "report.json").read_text())["benchmarks"]["temporal"]["missing"] == 1
    film.with_suffix(".away").rename(film)
    cli.main(command(root, sft / "hf", folder, *lenient))
    same(folder, undisturbed)


def test_two_examinations_in_one_folder_are_refused(world, sft, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    with FileLock(folder / "examination.lock"):
        assert cli.run(command(world, sft / "hf", folder)) == 2
    assert f"error: {folder}: another examination is under way here" in capsys.readouterr().err


def test_a_limit_that_leaves_questions_out_is_refused(world, sft, tmp_path, capsys):
    assert cli.run(command(world, sft / "hf", tmp_path, "--trainer.limit_val_batches", "2")) == 2
    assert "error: trainer.limit_val_batches" in capsys.readouterr().err


def test_a_damaged_journal_is_named(world, sft, tmp_path, capsys):
    folder = tmp_path / "run"
    cli.main(command(world, sft / "hf", folder))
    with (folder / "predictions.jsonl").open("ab") as file:
        file.write(b'{"question": 3}\n')
    assert cli.run(command(world, sft / "hf", folder)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith(f"error: {folder}/predictions.jsonl: byte ")
    assert "damaged, or of another version" in told
