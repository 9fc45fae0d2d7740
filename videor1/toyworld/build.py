"""Writes a world into a folder, in this order:

    settings.json                       which world it is
    videos/ images/ model/
    train.json cot.json held_out.json   and seen.json where there is a shortcut
    world.json                          that it is complete, and what is in it

Each file and the model get their names when they are whole, so a build that was interrupted goes on from
where it was.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from videor1.errors import ConfigError
from videor1.toyworld.corpus import world_corpus
from videor1.toyworld.media import write_media
from videor1.toyworld.records import Question, Slot, draw_question, plan
from videor1.toyworld.settings import WorldSettings, check_same
from videor1.toyworld.tiny_model import write_tiny_model
from videor1.types import Record

_SETTINGS, _WORLD = "settings.json", "world.json"
_FILES = (_WORLD, "train.json", "cot.json", "seen.json", "held_out.json")
_FOLDERS = ("videos", "images", "model", "model.part")


def build(
    out: Path, settings: WorldSettings, *, overwrite: bool = False, processes: int | None = None
) -> bool:
    """Writes what is missing of a world.

    Args:
        out: the world's folder; it may hold this world already, in part or whole, and other files too.
        settings: what the world is made of.
        overwrite: remove a world of other settings first.
        processes: that write media side by side; one for each core if None.

    Returns:
        False when the world was complete already.

    Raises:
        ConfigError: `out` holds a world of other settings, or files of a world and nothing that says whose.
    """
    if (out / _SETTINGS).is_file():
        if overwrite:
            _remove(out)
        else:
            check_same(out / _SETTINGS, settings)
    elif strange := [name for name in (*_FILES, *_FOLDERS) if (out / name).exists()]:
        raise ConfigError(f"{out} has a {strange[0]} but no {_SETTINGS}: name another folder")
    if (out / _WORLD).is_file():
        return False
    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / _SETTINGS, json.dumps(settings.as_json(), indent=1))
    questions = _write_questions(out, settings, processes)
    if not (out / "model").is_dir():
        corpus = world_corpus(
            settings.seed, settings.extra_corpus, twist=settings.twist("train"), asked=settings.tasks
        )
        write_tiny_model(out / "model", corpus, seed=settings.seed, shape=settings.model)
    train, held_out = questions[: settings.train], questions[settings.train :]
    _write_json(out / "train.json", _as_json([question.record for question in train]))
    _write_json(out / "cot.json", _as_json([question.told for question in train]))
    if settings.shortcut:
        _write_json(out / "seen.json", _as_json([question.seen for question in train]))
    _write_json(out / "held_out.json", _as_json([question.record for question in held_out]))
    _write_json(out / _WORLD, json.dumps(_inventory(settings, train, held_out), indent=1))
    return True


def _write_questions(out: Path, settings: WorldSettings, processes: int | None) -> list[Question]:
    slots = plan(settings)
    fill = partial(_fill, out, settings)
    with tqdm(desc=str(out), total=len(slots), unit="file", dynamic_ncols=True) as bar:
        pool = ProcessPoolExecutor(processes, initializer=_ignore_interrupts)
        try:
            questions = []
            for question in pool.map(fill, slots, chunksize=32):
                questions.append(question)
                bar.update()
            return questions
        finally:  # an interrupt ends the work at the next whole chunk, not at the last
            pool.shutdown(cancel_futures=True)


def _fill(out: Path, settings: WorldSettings, slot: Slot) -> Question:
    question, frames = draw_question(settings, slot)
    write_media(out / question.record.path, frames)
    return question


def _ignore_interrupts() -> None:
    """Leaves Ctrl-C to the parent: otherwise every worker would print a traceback of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_json(records: Sequence[Record]) -> str:
    """A JSON array in the published format, a record a line; only CoT records have a process."""
    rows = [{key: value for key, value in asdict(record).items() if value is not None} for record in records]
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _inventory(settings: WorldSettings, train: list[Question], held_out: list[Question]) -> dict[str, Any]:
    """What world.json holds: the settings, the questions of each kind, and what the teacher told."""
    temporal = [question for question in train if question.record.data_source.startswith("temporal/")]
    wrong = sum(question.told.solution != question.record.solution for question in temporal)
    return {
        "settings": settings.as_json(),
        "questions": {
            name: dict(sorted(Counter(question.record.data_source for question in questions).items()))
            for name, questions in (("train", train), ("held_out", held_out))
        },
        "teacher": {  # shares of the temporal questions
            "blind": sum(question.blind for question in temporal) / max(1, len(temporal)),
            "wrong": wrong / max(1, len(temporal)),
        },
    }


def _remove(out: Path) -> None:
    """Removes a world and nothing else: first what says it is complete, last what says it is a world."""
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    (out / _SETTINGS).unlink()


def _write_json(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
