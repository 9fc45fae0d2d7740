"""Whether a run that is killed again and again ends as an undisturbed one, to the bit.

    python -m benchmarks.kills [--kills 20] [--steps 120] [--seed 0] [--folder FOLDER]

Makes a small toy world and an SFT model, trains it by the quickstart's T-GRPO once without disturbance and
once killed (SIGKILL, to all processes of the run) and started again with `--ckpt_path last`. Every second
kill comes while a checkpoint is being written, the others at random moments, the start of the process too;
before it up to two checkpoints are written. Then weights, optimizer, curves and `length_curve.csv` are
compared. The last line is one JSON object.

trainer.deterministic is set: without it some sums of torch depend on the timing of threads, and two
undisturbed runs differ in their last digits.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import cli
from benchmarks.support.measured import ROOT
from videor1.resume.folder import PARTIAL
from videor1.toyworld.build import build
from videor1.toyworld.settings import WorldSettings

SHORT = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
SHORT += ["--trainer.deterministic", "true"]
EVERY = 2  # steps between two checkpoints
LATER = 1.0  # seconds at most between a checkpoint and a kill, some steps
STARTS = 8.0  # seconds within which a process has begun to train
NOT_COMPARED = ("seconds", "agreement/")  # what is of a process, not of the run
COMPARED = ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "VideoDataModule")


def words(stage: str, world: Path, policy: Path, folder: Path, steps: int) -> list[str]:
    """The command line of a stage; its last configured callback is RunCheckpoint."""
    return [
        *["fit", "-c", str(ROOT / f"configs/quickstart/{stage}.yaml"), *SHORT, "--data.root", str(world)],
        *["--model.policy", str(policy), "--trainer.default_root_dir", str(folder)],
        *["--trainer.max_steps", str(steps), "--trainer.callbacks.every_n_train_steps", str(EVERY)],
        *["--data.batch_size", "4" if stage == "tgrpo" else "16"],
    ]


def make_world(world: Path) -> int:
    build(world, WorldSettings(train=200, held_out=2, held_out_other=1))
    return 0


def start(work: Callable[[], int], folder: Path) -> int:
    """Works in a fork of its own, which gives the exit status; what it says goes into a file.

    torch's threads do not survive a fork, so this process must not use any before the last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    status = work()
    sys.stdout.flush()
    os._exit(status)


def wait(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"a run ended with {os.waitstatus_to_exitcode(status)}; see its said.txt")


def kill(pid: int, folder: Path, *, lives: int, delay: float, writing: bool) -> bool | None:
    """Kills a run that has written so many checkpoints, and seconds later; or while it writes one.

    Returns:
        Whether a checkpoint was under way; None where the run ended before.
    """
    checkpoints = folder / "checkpoints"
    begun = last_step(checkpoints)
    if not comes(pid, lambda: last_step(checkpoints) >= begun + lives * EVERY):
        return None
    time.sleep(delay)
    if writing and not comes(pid, lambda: any(checkpoints.glob(f"*{PARTIAL}"))):
        return None
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return any(checkpoints.glob(f"*{PARTIAL}"))


def last_step(checkpoints: Path) -> int:
    return max((int(path.stem.removeprefix("step=")) for path in checkpoints.glob("step=*.ckpt")), default=0)


def comes(pid: int, there: Callable[[], bool]) -> bool:
    """Waits until it is there, or the process has ended."""
    while not there():
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    return True


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
        if not any(part in name for part in NOT_COMPARED)
    }


def same(one: Any, other: Any) -> bool:
    """Equal to the bit, whatever is in what."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def compare(whole: Path, killed: Path) -> dict[str, Any]:
    ends = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (whole, killed)]
    points = curves(whole)
    return {
        "equal": {
            **{name: same(*(end[name] for end in ends)) for name in COMPARED},
            "curves": points == curves(killed),
            "length_curve": (whole / "length_curve.csv").read_text()
            == (killed / "length_curve.csv").read_text(),
        },
        "tensors": len(ends[0]["state_dict"]),
        "curves": len(points),
        "points": sum(map(len, points.values())),
        "checkpoint_mb": round((whole / "checkpoints/last.ckpt").stat().st_size / 1e6, 1),
    }


def disturb(arguments: list[str], folder: Path, *, kills: int, seed: int) -> dict[str, Any]:
    """Kills the run so many times, or until it has ended, and lets it end."""
    chance = random.Random(seed)
    places: list[int] = []
    writing = anew = 0
    for number in range(kills):
        pid = start(partial(cli.run, arguments), folder)
        lives, writes = chance.randint(0, 2), number % 2 == 1
        delay = chance.uniform(0, STARTS if lives == 0 and not writes else LATER)
        found = kill(pid, folder, lives=lives, delay=delay, writing=writes)
        if found is None:
            break
        places.append(last_step(folder / "checkpoints"))
        writing, anew = writing + found, anew + (places[-1] == 0)
        print(
            f"kill {number + 1}: last checkpoint {places[-1]}{', writing the next' if found else ''}",
            flush=True,
        )
    wait(start(partial(cli.run, arguments), folder))
    return {"kills": len(places), "while_writing": writing, "before_any_checkpoint": anew, "at": places}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=120, help="of T-GRPO")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="of the runs, kept with its SFT model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        world, sft, whole, killed = (folder / name for name in ("world", "sft", "whole", "killed"))
        wait(start(partial(make_world, world), folder))
        if not (sft / "hf").is_dir():
            wait(start(partial(cli.run, words("sft", world, world / "model", sft, 100)), sft))
        began = time.perf_counter()
        wait(start(partial(cli.run, words("tgrpo", world, sft / "hf", whole, options.steps)), whole))
        undisturbed = time.perf_counter() - began
        again = [*words("tgrpo", world, sft / "hf", killed, options.steps), "--ckpt_path", "last"]
        began = time.perf_counter()
        found = disturb(again, killed, kills=options.kills, seed=options.seed)
        seconds = {"undisturbed": round(undisturbed, 1), "killed": round(time.perf_counter() - began, 1)}
        print(json.dumps({**found, "steps": options.steps, "seconds": seconds, **compare(whole, killed)}))


if __name__ == "__main__":
    main()
