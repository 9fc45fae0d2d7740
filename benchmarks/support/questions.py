"""A data root to train on: films or images, and a record file that asks about them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.support.films import write_film
from benchmarks.support.workload import QUESTION, Media


def write_questions(folder: Path, media: Media, *, batch: int, steps: int) -> Path:
    """Writes `records.json` for `steps` batches, and media that differ within a batch; returns the folder."""
    folder.mkdir(parents=True)
    names = [_write_media(folder, media, number).name for number in range(batch)]
    records = [
        {
            "problem_id": number,
            "problem": QUESTION,
            "data_type": "video" if media.frames > 1 else "image",
            "problem_type": "multiple choice",
            "options": ["A. left", "B. right", "C. up", "D. down"],
            "solution": "<answer>A</answer>",
            "path": names[number % batch],
            "data_source": "written",
        }
        for number in range(batch * steps)
    ]
    (folder / "records.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def _write_media(folder: Path, media: Media, number: int) -> Path:
    if media.frames > 1:  # two frames a second are sampled
        return write_film(
            folder / f"{number}.mp4",
            seconds=media.frames / 2,
            height=media.height,
            width=media.width,
            seed=number,
        )
    path = folder / f"{number}.png"
    noise = np.random.default_rng(number).integers(0, 256, (media.height, media.width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path
