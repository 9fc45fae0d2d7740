"""Runs of the command line as tests start them: here, with the quickstart's configs, on a small world."""

from __future__ import annotations

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import cli

ROOT = Path(__file__).parents[1]
SHORT = [
    "--data.workers",
    "0",
    "--trainer.enable_progress_bar",
    "false",
    "--trainer.enable_model_summary",
    "false",
]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar of a run's event files, as (step, value)."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def fit(stage: str, world: Path, folder: Path, *arguments: str, policy: Path | None = None) -> list[dict]:
    """Runs `fit` with the quickstart's config; returns what each batch was, as `Recorder` saw it."""
    folder.mkdir(parents=True, exist_ok=True)
    cli.main(
        ["fit", "-c", str(ROOT / f"configs/quickstart/{stage}.yaml"), *SHORT]
        + ["--data.root", str(world), "--model.policy", str(policy or world / "model")]
        + ["--trainer.default_root_dir", str(folder), "--data.batch_size", "3"]
        + ["--trainer.callbacks+", "tests.modules.recorder.Recorder", *arguments]
    )
    return [json.loads(line) for line in (folder / "seen.jsonl").read_text(encoding="utf-8").splitlines()]


def asking(command: str, world: Path, policy: Path, folder: Path, *arguments: str) -> list[str]:
    """`validate` or `annotate` with the quickstart's config, as the words of its command line."""
    config = {"validate": "evaluate", "annotate": "annotate"}[command]
    return [
        *[command, "-c", str(ROOT / f"configs/quickstart/{config}.yaml"), *SHORT, "--data.root", str(world)],
        *["--model.policy", str(policy), "--trainer.default_root_dir", str(folder), *arguments],
    ]
