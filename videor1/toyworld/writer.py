"""Scenes → files in the Video-R1 record format, reproducible from a seed, safe to interrupt and re-run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from videor1.errors import ConfigError
from videor1.toyworld.canvas import FRAMES_PER_SECOND, SIDE
from videor1.toyworld.tasks import TASKS, Scene


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """What a world holds.

    Args:
        seed: of every record.
        train: questions in train.json, and, told by the teacher, in cot.json.
        held_out_temporal: held-out questions of each temporal task.
        held_out_other: held-out questions of each other task.
        blind_share: probability that the teacher is blind to time in a temporal question.
        detailed_share: probability that the teacher thinks in detail rather than tersely.
        shares: of the tasks in the training mixture; they are normalised to 1.
    """

    seed: int = 0
    train: int = 8000
    held_out_temporal: int = 120
    held_out_other: int = 60
    blind_share: float = 0.7
    detailed_share: float = 0.5
    shares: dict[str, float] = field(
        default_factory=lambda: {name: task.share for name, task in TASKS.items() if task.share}
    )

    def __post_init__(self) -> None:
        if unknown := set(self.shares) - set(TASKS):
            raise ConfigError(f"--world.shares: unknown task {sorted(unknown)}, known are {sorted(TASKS)}")
        if not self.shares or min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0:
            raise ConfigError(f"--world.shares must not be negative and not all 0, got {self.shares}")
        for key in ("blind_share", "detailed_share"):
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigError(f"--world.{key} must lie in 0 … 1, got {getattr(self, key)}")
        for key in ("train", "held_out_temporal", "held_out_other"):
            if getattr(self, key) < 1:
                raise ConfigError(f"--world.{key} must be at least 1, got {getattr(self, key)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    root: Path
    split: str
    number: int
    task: str
    settings: WorldSettings


def write_world(root: Path, settings: WorldSettings, *, processes: int | None = None) -> bool:
    """Writes train.json, cot.json, held_out.json, their media and, last, world.json into `root`.

    Media files that are there already are kept: each is moved to its name only when it is whole.

    Returns:
        False when the same world was complete already.

    Raises:
        ConfigError: `root` holds a world of other settings.
    """
    manifest = root / "world.json"
    if manifest.is_file():
        _check_same(json.loads(manifest.read_text(encoding="utf-8"))["settings"], asdict(settings), root)
        return False
    started = root / "settings.json"
    if started.is_file():
        _check_same(json.loads(started.read_text(encoding="utf-8")), asdict(settings), root)
    for folder in ("videos", "images"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _write_json(started, asdict(settings))
    jobs = [*_training_jobs(root, settings), *_held_out_jobs(root, settings)]
    with ProcessPoolExecutor(processes) as pool:
        records = list(tqdm(pool.map(_write_record, jobs, chunksize=32), "toy world", len(jobs), unit="clip"))
    trained = records[: settings.train]
    _write_json(root / "train.json", [true for true, _ in trained])
    _write_json(root / "cot.json", [told for _, told in trained])
    _write_json(root / "held_out.json", [true for true, _ in records[settings.train :]])
    _write_json(manifest, {"settings": asdict(settings), "counts": _counts(trained)})
    return True


def make_scene(settings: WorldSettings, split: str, number: int, task: str) -> Scene:
    """The scene of one record, from its seed alone."""
    rng = np.random.default_rng([settings.seed, ("train", "held_out").index(split), number])
    blind, detailed = rng.random() < settings.blind_share, rng.random() < settings.detailed_share
    return TASKS[task].make(rng, bool(blind and split == "train"), bool(detailed))


def _training_jobs(root: Path, settings: WorldSettings) -> list[_Job]:
    names, weights = list(settings.shares), np.array(list(settings.shares.values()))
    drawn = np.random.default_rng([settings.seed, 2]).choice(names, settings.train, p=weights / weights.sum())
    return [
        _Job(root=root, split="train", number=number, task=str(task), settings=settings)
        for number, task in enumerate(drawn)
    ]


def _held_out_jobs(root: Path, settings: WorldSettings) -> list[_Job]:
    count = {"temporal": settings.held_out_temporal, "other": settings.held_out_other}
    tasks = [task for task in settings.shares for _ in range(count[TASKS[task].family])]
    return [
        _Job(root=root, split="held_out", number=number, task=task, settings=settings)
        for number, task in enumerate(tasks)
    ]


def _write_record(job: _Job) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes one clip; returns the record as it is true and as the teacher tells it."""
    scene = make_scene(job.settings, job.split, job.number, job.task)
    video = len(scene.frames) > 1
    path = (
        f"./videos/{job.split}_{job.number:06d}.mp4"
        if video
        else f"./images/{job.split}_{job.number:06d}.png"
    )
    if not (job.root / path).is_file():
        unfinished = (job.root / path).with_suffix(".unfinished")
        (_encode_video if video else _encode_image)(unfinished, scene.frames)
        os.replace(unfinished, job.root / path)
    record = {
        "problem_id": f"{job.split}-{job.number}",
        "problem": scene.question,
        "data_type": "video" if video else "image",
        "problem_type": scene.problem_type,
        "options": [f"{letter}. {choice}" for letter, choice in zip("ABCDEFGH", scene.choices, strict=False)],
        "solution": f"<answer>{scene.answer}</answer>",
        "path": path,
        "data_source": f"{TASKS[job.task].family}/{job.task}",
    }
    return record, {
        **record,
        "solution": f"<answer>{scene.told}</answer>",
        "process": f"<think>{scene.thoughts}</think>",
    }


def _encode_video(path: Path, frames: np.ndarray) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "12", "preset": "ultrafast"}
        stream.codec_context.thread_count = 1  # the processes are the parallelism; also reproducible
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _encode_image(path: Path, frames: np.ndarray) -> None:
    Image.fromarray(frames[0]).save(path, format="png")


def _counts(trained: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """What the teacher got wrong, for the record: blindness guesses right now and then."""
    temporal = [(true, told) for true, told in trained if true["data_source"].startswith("temporal/")]
    wrong = sum(true["solution"] != told["solution"] for true, told in temporal)
    return {
        "records": len(trained),
        "temporal": len(temporal),
        "temporal_told_wrong": wrong,
    }


def _check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], root: Path) -> None:
    for key in wanted:
        if found.get(key) != wanted[key]:
            raise ConfigError(
                f"{root} holds a world with {key} = {found.get(key)!r}, asked for {wanted[key]!r};"
                " name another folder or remove this one"
            )


def _write_json(path: Path, content: Any) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(unfinished, path)
