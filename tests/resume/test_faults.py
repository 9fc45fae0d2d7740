"""What the machine does to a run: disks that are full, file systems that go, workers that are killed.

Each run ends with one line that names what happened; nothing that it leaves is half-written, and once the
machine is well again the same command ends as an undisturbed run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from tests.resume.compared import assert_as_undisturbed, assert_same, curves, steady
from tests.resume.trouble import read_only
from tests.runs import ROOT

KILLED = -signal.SIGKILL
STEPS = ["--trainer.max_steps", "6", "--data.workers", "1"]
MB = 1 << 20


@pytest.fixture(scope="module")
def calm(driver, command, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    assert driver.run(command("sft", folder, *STEPS), folder) == [0]
    return folder


@pytest.fixture
def disk(tmp_path):
    """Makes file systems of their own below this folder."""
    mounted = []

    def make(name: str, megabytes: int) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def line_of(folder: Path) -> str:
    """The one line that the run ended with; what it said stands beside its folder, which may be full."""
    said = (folder.parent / "said.txt").read_text()
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said.splitlines()[-1] == lines[0]
    return lines[0]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_goes_on(driver, words: list[str], folder: Path, calm: Path) -> None:
    assert driver.run([*words, "--ckpt_path", "last"], folder.parent) == [0]
    assert_as_undisturbed(folder, calm)


def test_a_disk_that_is_full_when_a_checkpoint_is_written(driver, command, calm, disk, tmp_path):
    folder = disk("run", 80)
    trouble = {"plan": ["3:fill"], "place": str(folder), "leave": MB}
    words = command("sft", folder, *STEPS, trouble=trouble)
    assert driver.run(words, tmp_path) == [2]
    told = line_of(folder)
    assert f"{folder}/checkpoints/step=000004.ckpt: not saved: No space left on device" in told
    assert files(folder / "checkpoints") == {"step=000002.ckpt", "last.ckpt"}
    (folder / "filler").unlink()
    assert_goes_on(driver, words, folder, calm)


def test_a_disk_that_is_full_when_curves_are_written(driver, command, calm, disk, tmp_path):
    folder = disk("run", 80)
    trouble = {"plan": ["2:fill"], "place": str(folder)}
    words = command("sft", folder, *STEPS, trouble=trouble)
    assert driver.run(words, tmp_path) == [2]
    assert "No space left on device" in line_of(folder)
    curves(folder)  # a reader gets as far as there are whole points
    (folder / "filler").unlink()
    assert_goes_on(driver, words, folder, calm)


def test_a_disk_that_is_full_when_the_model_is_exported(driver, command, calm, disk, tmp_path):
    folder = disk("run", 80)
    trouble = {"plan": ["6:fill"], "place": str(folder), "leave": MB}
    words = command("sft", folder, *STEPS, trouble=trouble)
    assert driver.run(words, tmp_path) == [2]
    assert f"{folder}/hf: cannot be written: " in line_of(folder)
    assert not any(name.startswith("hf") for name in files(folder))
    (folder / "filler").unlink()
    assert_goes_on(driver, words, folder, calm)


def test_a_cache_on_a_full_disk_costs_time_alone(driver, command, calm, disk, tmp_path):
    cache, folder = disk("cache", 1), tmp_path / "run"
    cached = ["--data.cache.folder", str(cache), "--data.cache.gigabytes", "0.5"]
    words = command("sft", folder, *STEPS, *cached)
    assert driver.run(words, tmp_path) == [0]
    assert "frames are not kept" in (tmp_path / "said.txt").read_text()
    assert_as_undisturbed(folder, calm)


def test_a_run_folder_that_becomes_read_only(driver, command, calm, disk, tmp_path):
    folder = disk("run", 80)
    checkpoints = folder / "checkpoints"
    words = command("sft", folder, *STEPS, trouble={"plan": ["3:read_only"], "place": str(checkpoints)})
    assert driver.run(words, tmp_path) == [2]
    assert "step=000004.ckpt: not saved: Read-only file system" in line_of(folder)
    (tmp_path / "said.txt").unlink()
    subprocess.run(["umount", checkpoints], check=True)
    read_only(folder)
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path) == [2]
    assert f"trainer.default_root_dir: nothing can be written into '{folder}'" in line_of(folder)
    subprocess.run(["umount", folder], check=True)
    assert_goes_on(driver, words, folder, calm)


def test_media_whose_file_system_goes(driver, command, calm, disk, world, tmp_path):
    folder, root = tmp_path / "run", disk("world", 200)
    shutil.copytree(world, root, dirs_exist_ok=True)
    words = command("sft", folder, *STEPS, trouble={"plan": ["1:unmount"], "place": str(root)})
    words += ["--data.root", str(root)]
    assert driver.run(words, tmp_path) == [75]
    assert f"error: {root}/videos/" in line_of(folder)
    assert "was there and is gone" in line_of(folder)
    assert not (folder / "quarantine.jsonl").exists()
    shutil.copytree(world, disk("world", 200), dirs_exist_ok=True)
    assert_goes_on(driver, words, folder, calm)


def test_a_worker_that_is_killed(driver, command, calm, tmp_path):
    folder = tmp_path / "run"
    words = command("sft", folder, *STEPS, trouble={"plan": ["3:kill_worker"]})
    assert driver.run(words, tmp_path) == [75]
    assert "data.workers: a worker of the loader was killed by signal: Killed" in line_of(folder)
    assert_goes_on(driver, words, folder, calm)


def test_a_killed_trainer_leaves_no_process_behind(driver, command, tmp_path):
    trouble = {"plan": ["2:tell_group"], "place": str(tmp_path)}
    words = command("sft", tmp_path / "run", *STEPS, plan=("3:backward",), trouble=trouble)
    assert driver.run(words, tmp_path) == [KILLED]
    group = int((tmp_path / "group").read_text())
    end = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):  # the loader's worker and its decoder notice within seconds
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.1)


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.nightly), 1])
def test_a_rank_of_two_that_is_killed(driver, command, rank, tmp_path):
    ranks = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "2"]
    folder = tmp_path / "run"
    words = command("sft", folder, *STEPS, *ranks, plan=("3:backward",), alone=rank)
    assert driver.run(words, tmp_path, ranks=2) == [KILLED if one == rank else 75 for one in range(2)]
    assert "another rank has ended" in line_of(folder)
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path, ranks=2) == [0, 0]
    rows = [json.loads(line) for line in (folder / "seen.jsonl").read_text().splitlines()]
    losses = {(row["step"], *row["records"]): row["loss"] for row in rows}
    assert len(losses) == 2 * 6
    assert all(losses[row["step"], *row["records"]] == row["loss"] for row in rows)
    assert [step for step, _ in steady(folder)["loss"]] == list(range(6))


@pytest.mark.parametrize("shift", ["a_day_later", pytest.param("a_day_earlier", marks=pytest.mark.nightly)])
def test_a_clock_that_jumps_changes_nothing(driver, command, calm, shift, tmp_path):
    folder = tmp_path / "run"
    words = command("sft", folder, *STEPS, trouble={"plan": [f"3:{shift}"]})
    assert driver.run(words, tmp_path) == [0]
    assert_as_undisturbed(folder, calm)


def test_a_clock_that_is_set_back_between_two_starts_is_told_of(driver, command, calm, tmp_path):
    folder = tmp_path / "run"
    for clock, status in ((86400, KILLED), (0, 0)):
        trouble = {"plan": [], "clock": clock}
        words = command("sft", folder, *STEPS, plan=("5:backward",), trouble=trouble)
        assert driver.run([*words, "--ckpt_path", "last"], tmp_path) == [status]
    assert "The clock has been set back" in (tmp_path / "said.txt").read_text()
    # the readers of TensorBoard go by the names of files, which tell when they were begun
    points = {name: sorted(found) for name, found in steady(folder).items()}
    assert points == {name: sorted(found) for name, found in steady(calm).items()}
    ends = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (folder, calm)]
    assert_same(*(end["state_dict"] for end in ends))


@pytest.mark.nightly
@pytest.mark.parametrize("strategy", ["zero2", "fsdp2"])
def test_a_disk_that_is_full_when_two_ranks_write_a_sharded_checkpoint(
    driver, command, disk, strategy, tmp_path
):
    folder = disk("run", 120)
    ranks = [
        "--trainer.devices",
        "2",
        "--data.batch_size",
        "2",
        "-c",
        str(ROOT / f"configs/strategy/{strategy}.yaml"),
    ]
    trouble = {"plan": ["3:fill"], "place": str(folder), "leave": MB}
    words = command("sft", folder, *STEPS, *ranks, trouble=trouble)
    ends = driver.run(words, tmp_path, ranks=2)
    assert 2 in ends  # who wrote
    assert set(ends) <= {2, 75}  # who waited for it
    said = (tmp_path / "said.txt").read_text()
    assert "step=000004.ckpt: not saved: No space left on device" in said
    assert "Traceback" not in said
    (folder / "filler").unlink()
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path, ranks=2) == [0, 0]
    assert files(folder / "checkpoints") == {"step=000004.ckpt", "step=000006.ckpt", "last.ckpt"}
    assert [step for step, _ in steady(folder)["loss"]] == list(range(6))
