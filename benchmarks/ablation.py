"""The ablation: every arm from every SFT checkpoint with every seed, trained, examined and compared.

    python -m benchmarks.ablation [--arms grpo_tokens advantage ...] [--seeds 0-4] [--checkpoints 0]
        [--steps N] [--workers N] [--minutes N] [--out runs/ablation] [--report docs] [--report-only]

A run is `cli.py fit` and `cli.py validate`, on one thread; as many go side by side as there are cores. All
arms of a seed come before the next seed. A run that is over has a `result.json` and is not run again; one
that was stopped begins anew. Arms are in `benchmarks.support.ablation.arms`. The report is written from all
results in the folder; runs outside --screening, which chose no form, stand apart in it. The last line is one
JSON object; the exit status is 1 where a run failed and 130 after an interrupt.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
# A run has one thread; the libraries read these when they are loaded.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import multiprocessing
import signal
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from benchmarks.support.ablation.arms import ARMS
from benchmarks.support.ablation.compare import TESTED, Results, Screening, against, arms_of, means
from benchmarks.support.ablation.jobs import Job, Settings
from benchmarks.support.ablation.report import write_report
from benchmarks.support.ablation.result import is_done, read_results
from benchmarks.support.ablation.work import Outcome, work
from benchmarks.support.ablation.world import build_world
from videor1.errors import UserError


def numbers(text: str) -> list[int]:
    """ "0-2,100" as [0, 1, 2, 100]."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def jobs_of(settings: Settings, arms: list[str], checkpoints: list[int], seeds: list[int]) -> list[Job]:
    """SFT first, then seed by seed, so that what is done when time is up is balanced over the arms."""
    see = Job(settings=settings, arm=None, checkpoint=None, seed=0)
    sft = [Job(settings=settings, arm=None, checkpoint=one, seed=one) for one in checkpoints]
    runs = [
        Job(settings=settings, arm=arm, checkpoint=checkpoint, seed=seed)
        for seed in seeds
        for checkpoint in checkpoints
        for arm in arms
    ]
    return [see, *sft, *runs]


def run(settings: Settings, jobs: list[Job], *, workers: int, deadline: float | None) -> Outcome:
    """The world, then all jobs that are not done."""
    torch.set_num_threads(1)  # forks inherit both
    torch.set_num_interop_threads(1)
    builder = multiprocessing.get_context("fork").Process(target=partial(build_world, settings.world))
    builder.start()  # in a process of its own: it computes with torch
    builder.join()
    if builder.exitcode:
        raise UserError(f"{settings.world}: the world was not built")
    due = [job for job in jobs if not is_done(job)]
    print(f"{len(jobs) - len(due)} of {len(jobs)} runs are done already", flush=True)
    return work(due, workers=workers, deadline=deadline)


def summary(results: Results, screening: Screening) -> dict[str, Any]:
    """Accuracies of each arm and differences from the baseline, for the last line."""
    told: dict[str, Any] = {}
    for name, part in screening.split(results).items():
        found = {arm: means(part, arm) for arm in arms_of(part)}
        told[name] = {
            "arms": {arm: {key: asdict(by[key]) for key in TESTED} for arm, by in found.items()},
            "differences": [asdict(one) for one in against(part)],
        }
    return told


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2, 3, 4], help="such as 0-4,100")
    parser.add_argument("--checkpoints", type=numbers, default=[0], help="seeds of SFT, such as 0,1")
    parser.add_argument("--steps", type=int, help="of each arm; the config's")
    parser.add_argument("--sft-steps", type=int, help="of SFT; the config's")
    parser.add_argument("--samples", type=int, default=2, help="to each held-out question and frame order")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="runs at a time")
    parser.add_argument("--minutes", type=float, help="begin no run after so many")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--report", type=Path, help="folder of ablation.md and ablation.png; --out")
    parser.add_argument("--report-only", action="store_true", help="of the results that are there")
    parser.add_argument(
        "--screening", default="0:0-4", metavar="CHECKPOINTS:SEEDS", help="of the runs that chose a form"
    )
    parser.add_argument(
        "--full", nargs="+", choices=ARMS, default=["paper"], metavar="ARM", help="for the paper's order"
    )
    options = parser.parse_args(words)
    checkpoints, _, seeds = options.screening.partition(":")
    try:
        options.screening = Screening(checkpoints=numbers(checkpoints), seeds=numbers(seeds))
    except ValueError:
        parser.error(f"--screening reads like 0:0-4, got {options.screening}")
    if options.workers < 1:
        parser.error("--workers must be at least 1")
    return options


def main(words: list[str] | None = None) -> int:
    """Runs what is not done and writes the report; returns the exit status."""
    began, options = time.monotonic(), parse(words)
    out, outcome = options.out.resolve(), Outcome()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets what it has put behind it ignore the first
        signal.signal(number, _interrupt)
    if not options.report_only:
        settings = Settings(
            out=out, steps=options.steps, sft_steps=options.sft_steps, samples=options.samples
        )
        jobs = jobs_of(settings, options.arms, options.checkpoints, options.seeds)
        deadline = None if options.minutes is None else began + 60 * options.minutes
        outcome = run(settings, jobs, workers=options.workers, deadline=deadline)
    results = read_results(out)
    if results:
        print(write_report(options.report or out, results, options.screening, full=options.full))
    told = {"runs": len(results), "seconds": round(time.monotonic() - began, 1), **asdict(outcome)}
    print(json.dumps({**told, **summary(results, options.screening)}))
    return 130 if outcome.interrupted else 1 if outcome.failed else 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
