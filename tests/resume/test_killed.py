"""Runs killed at chosen moments and started again leave what an undisturbed run leaves, to the bit."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from tests.resume.compared import TGRPO, assert_as_undisturbed, seen, steady

KILLED, TERMINATED = -signal.SIGKILL, 128 + signal.SIGTERM
# A run that counts epochs, of 4 steps: Lightning restarts it in other ways.
SFT = ["--trainer.max_steps", "-1", "--trainer.max_epochs", "3", "--trainer.limit_train_batches", "4"]


@pytest.fixture(scope="module")
def whole_sft(driver, command, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole_sft")
    assert driver.run(command("sft", folder, *SFT), folder) == [0]
    return folder


def test_rl_killed_everywhere_ends_as_undisturbed(driver, command, whole, tmp_path):
    plan = (
        "1:backward",  # there is no checkpoint yet
        "4:writing",
        "6:written",
        "8:named",  # at the end of an epoch
        "8:backward",
        "10:trained",  # nothing is left to train
        "10:exported",
    )
    ends = driver.run_until_done(command("tgrpo", tmp_path, *TGRPO, plan=plan), tmp_path)
    # A run that has only its folder of the model left to write does not end training once more.
    assert ends == [[KILLED]] * (len(plan) - 1) + [[0]]
    assert_as_undisturbed(tmp_path, whole)
    assert (tmp_path / "length_curve.csv").read_text() == (whole / "length_curve.csv").read_text()


def test_a_write_that_was_cut_short_left_the_checkpoint_before_it(driver, command, tmp_path):
    words = command("sft", tmp_path, *SFT, plan=("4:writing",))
    assert driver.run(words, tmp_path) == [KILLED]
    folder = tmp_path / "checkpoints"
    whole, half = folder / "step=000002.ckpt", folder / "step=000004.ckpt.partial"
    assert {path.name for path in folder.iterdir()} == {whole.name, half.name, "last.ckpt"}
    assert 0 < half.stat().st_size < 0.6 * whole.stat().st_size
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 2


def test_sft_by_epochs_killed_at_their_end_and_after_ends_as_undisturbed(
    driver, command, whole_sft, tmp_path
):
    plan = ("4:unpruned", "6:unpruned", "8:named", "9:backward")
    ends = driver.run_until_done(command("sft", tmp_path, *SFT, plan=plan), tmp_path)
    assert ends == [[KILLED]] * len(plan) + [[0]]
    assert_as_undisturbed(tmp_path, whole_sft)


def test_sigterm_saves_the_step_under_way_and_ends_with_143(driver, command, whole, tmp_path):
    """The signal reaches the loader's worker and the decoder too, while a first half of a step is done."""
    words = command("tgrpo", tmp_path, *TGRPO, plan=("4:terminate",))
    assert driver.run(words, tmp_path) == [TERMINATED]
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 5
    assert "Traceback" not in (tmp_path / "said.txt").read_text()
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path) == [0]
    assert seen(tmp_path) == seen(whole)
    assert steady(tmp_path) == steady(whole)
    assert not (tmp_path / "quarantine.jsonl").exists()


@pytest.mark.parametrize("alone", [pytest.param(None, marks=pytest.mark.nightly), 1])
def test_sigterm_stops_all_ranks_after_the_same_step(driver, command, tmp_path, alone):
    """Whether it reaches all processes at once, as SLURM sends it, or one that is not rank 0."""
    few = ["--trainer.max_steps", "5", "--data.batch_size", "2"]
    ranks = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    harm = {} if alone is None else {"alone": alone}
    words = command("sft", tmp_path, *few, *ranks, plan=("2:terminate",), **harm)
    assert driver.run(words, tmp_path, ranks=2) == [TERMINATED, TERMINATED]
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 3
    if alone is not None:
        assert driver.run([*words, "--ckpt_path", "last"], tmp_path, ranks=2) == [0, 0]
        steps = [step for step, _ in steady(tmp_path)["loss"]]
        assert steps == [0, 1, 2, 3, 4]
