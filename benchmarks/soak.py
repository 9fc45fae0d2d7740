"""Whether a run that goes on for long stays as it was: memory, open files, threads, disk, seconds a step.

    python -m benchmarks.soak [--steps 2000] [--folder FOLDER] [--every 5] [OPTION OF FIT …]

Makes the quickstart's toy world and its SFT model, then trains by the quickstart's T-GRPO, in a process of
its own, for 2,000 steps with a cache of frames at its smallest cap, and looks at it every few seconds from
outside. As another run that shares the cache would, this one puts large clips into it all the time, so that
the cap is reached. TensorBoard's reader follows the event file. Options that are not this program's go to
`fit`. The last line is one JSON object; slopes are of 1,000 steps, with 95 % intervals, and leave out the
first tenth of the steps, which warm up.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.support.measured import ROOT
from benchmarks.support.watched import Watched, by_quarter, slope
from videor1.data.cache import CacheSettings, FrameCache
from videor1.types import Clip

_LEAST_CACHE = 0.5  # gigabytes, the smallest that data.cache.gigabytes takes
_CLIP = (16, 320, 316, 3)  # frames of the size that the recipe keeps, 4.9 MB


def stage(name: str, world: Path, policy: Path, folder: Path, steps: int, *more: str) -> list[str]:
    """The command line of a stage."""
    return [
        *[sys.executable, "cli.py", "fit", "-c", f"configs/quickstart/{name}.yaml"],
        *["--data.root", str(world), "--model.policy", str(policy)],
        *["--trainer.default_root_dir", str(folder), "--trainer.max_steps", str(steps)],
        *["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false", *more],
    ]


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Its words go to `said.txt` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True
        )


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    if process.wait():
        raise RuntimeError(f"a run ended with {process.returncode}; see {folder / 'said.txt'}")


class Disturber:
    """Another user of the cache: puts a large clip into it at each call, and never the same."""

    def __init__(self, folder: Path) -> None:
        cache = CacheSettings(folder=str(folder), gigabytes=_LEAST_CACHE).frames()
        assert cache is not None
        self.cache: FrameCache = cache
        self.chance = np.random.default_rng(0)
        self.put = 0

    def __call__(self) -> None:
        frames = self.chance.integers(0, 256, _CLIP, np.uint8)
        clip = Clip(
            frames=frames,
            indices=tuple(range(len(frames))),
            fps=2.0,
            source_fps=2.0,
            total_frames=len(frames),
            path="other.mp4",
        )
        self.cache.put(f"other {self.put}", clip)
        self.put += 1


class Reader:
    """Follows the event file as a TensorBoard that stands open does."""

    def __init__(self, folder: Path) -> None:
        self.events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        self.reads = self.seen = 0

    def read(self) -> int:
        """Steps that it shows; each once, in order, and never fewer than before."""
        self.events.Reload()
        self.reads += 1
        if "loss" not in self.events.Tags()["scalars"]:
            return 0
        steps = [event.step for event in self.events.Scalars("loss")]
        if steps != list(range(len(steps))) or len(steps) < self.seen:
            raise RuntimeError(f"the event file shows {len(steps)} steps, {self.seen} were seen before")
        self.seen = len(steps)
        return len(steps)


def sizes_mb(folder: Path) -> tuple[float, float]:
    """Of a cache on disk: the frames, and SQLite's files; what goes meanwhile is not counted."""
    frames = other = 0
    for within, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size = os.lstat(os.path.join(within, name)).st_blocks * 512
                frames, other = (frames + size, other) if name.endswith(".val") else (frames, other + size)
    return frames / 1e6, other / 1e6


def watch(process: subprocess.Popen[bytes], folder: Path, cache: Path, *, every: float, steps: int) -> Any:
    """Looks at a run until it has ended."""
    watched, reader, disturber = Watched(process.pid), Reader(folder), Disturber(cache)
    sizes: list[tuple[float, float]] = []
    for turn in itertools.count():
        time.sleep(every)
        if process.poll() is not None:
            break
        step = reader.read()
        if step < steps:  # then it writes its last files and ends
            watched.look(step)
        disturber()
        if turn % 6 == 0:
            sizes.append(sizes_mb(cache))
            print(f"step {step}: {watched.series['all'][-1:]}, cache {sizes[-1][0]:.0f} MB", flush=True)
    finish(process, folder)
    return {
        "processes": watched.figures(after=steps // 10),
        "cache": {
            "cap_mb": 1000 * _LEAST_CACHE,
            "frames_mb_most": round(max(frames for frames, _ in sizes), 1),
            "index_mb_most": round(max(index for _, index in sizes), 1),
            "put_mb": round(disturber.put * np.prod(_CLIP) / 1e6),
        },
        "event_file": {"reads": reader.reads, "steps": reader.read()},
    }


def drift(folder: Path, *, after: int) -> dict[str, Any]:
    """Seconds a step, and in them a sampled token, whose number changes as the policy learns."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    seconds = {event.step: event.value for event in events.Scalars("seconds/step")}
    tokens = {event.step: event.value for event in events.Scalars("response/tokens")}
    told: dict[str, Any] = {}
    steps = [step for step in seconds if step >= after]
    for name, values in (
        ("step", [seconds[step] for step in steps]),
        ("step_per_mean_token", [seconds[step] / tokens[step] for step in steps]),
        ("response_tokens", [tokens[step] for step in steps]),
    ):
        told[name] = {**by_quarter(values), "per_1000_steps": slope(steps, values)}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000, help="of T-GRPO")
    parser.add_argument("--folder", type=Path, help="of the runs, kept with its SFT model")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks")
    parser.add_argument("--train", type=int, default=4000, help="records of the world")
    parser.add_argument("--sft", type=int, default=600, help="steps of SFT")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        world, sft, run, cache = (folder / name for name in ("world", "sft", "run", "cache"))
        build = ["-m", "videor1.toyworld", "--out", str(world), "--train", str(options.train)]
        finish(start([sys.executable, *build], folder), folder)
        if not (sft / "hf").is_dir():
            finish(start(stage("sft", world, world / "model", sft, options.sft), sft), sft)
        kept = ["--data.cache.folder", str(cache), "--data.cache.gigabytes", str(_LEAST_CACHE)]
        began = time.perf_counter()
        process = start(stage("tgrpo", world, sft / "hf", run, options.steps, *kept, *more), run)
        try:
            found = watch(process, run, cache, every=options.every, steps=options.steps)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        told = {"steps": options.steps, "seconds": round(time.perf_counter() - began, 1), **found}
        print(json.dumps({**told, "seconds_a_step": drift(run, after=options.steps // 10)}))


if __name__ == "__main__":
    main()
