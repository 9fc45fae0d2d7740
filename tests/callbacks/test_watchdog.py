"""A run of two ranks that stalls tells where each of them is, and ends; one that is merely slow goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from callbacks import Watchdog
from tests.runs import ROOT, SHORT
from videor1.errors import ConfigError

SECONDS = 8
STEPS = 3


def train(world: Path, folder: Path, *, step: int, seconds: float) -> subprocess.CompletedProcess[str]:
    """Two ranks train by DDP; rank 1 sleeps so many seconds in a step."""
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "cli.py"]
    words += ["fit", "-c", "configs/quickstart/sft.yaml", *SHORT, "--data.batch_size", "1"]
    words += ["--model.policy", str(world / "model"), "--data.root", str(world)]
    words += ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.max_steps", str(STEPS)]
    words += ["--trainer.default_root_dir", str(folder)]
    words += ["--trainer.callbacks+", "callbacks.Watchdog", "--trainer.callbacks.seconds", str(SECONDS)]
    words += ["--trainer.callbacks+", "tests.modules.recorder.Sleeps", "--trainer.callbacks.step", str(step)]
    words += ["--trainer.callbacks.seconds", str(seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_rank_that_hangs_and_the_one_that_waits_for_it_say_where(world, tmp_path):
    started = time.monotonic()
    done = train(world, tmp_path, step=2, seconds=3600)
    assert time.monotonic() - started < 60
    assert done.returncode != 0
    assert not (tmp_path / "hf").exists()
    lines = done.stderr.splitlines()
    for rank in (0, 1):
        block = [line for line in lines if line.startswith(f"[rank {rank}] ")]
        assert block[0].startswith(f"[rank {rank}] rank {rank} of 2 on ")
        assert block[0].endswith(f": nothing happened for {SECONDS} s, last in step 2")
        assert any(line.endswith("MainThread (innermost call first):") for line in block)
        assert any("sleep_in_the_step" in line for line in block) == (rank == 1)
        assert any("in LightningModule.backward" in line for line in block) == (rank == 0)
    assert "exitcode  : 75" in done.stderr


@pytest.mark.nightly
def test_a_slow_step_below_the_limit_is_left_alone(world, tmp_path):
    done = train(world, tmp_path, step=1, seconds=SECONDS / 2)
    assert done.returncode == 0, done.stderr
    assert "nothing happened" not in done.stderr
    assert (tmp_path / "stage.json").exists()


def test_no_time_at_all_is_refused():
    with pytest.raises(ConfigError, match=r"^callbacks.Watchdog.seconds must be above 0, got 0$"):
        Watchdog(seconds=0)
