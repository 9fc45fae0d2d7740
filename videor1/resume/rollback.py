"""Back to an earlier checkpoint, and past the records that led astray.

A rollback puts the newer checkpoints aside and writes a line into `rollbacks.jsonl` beside them. Whoever then
goes on from the checkpoint left passes over as many batches as were trained on after it, so that what comes
next is what would have come.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from lightning.pytorch import Trainer

from videor1.errors import NumbersError, RolledBack
from videor1.export.checkpoint import LAST
from videor1.files import append_lines, read_lines
from videor1.modules.numbers import Bounds
from videor1.resume.contents import read_rest
from videor1.resume.folder import find_last, point, set_aside

_FILE = "rollbacks.jsonl"


def go_back(trainer: Trainer, bounds: Bounds) -> NoReturn:
    """Ends a run that has left its bounds, on all ranks together, between two blocks of batches.

    Raises:
        RolledBack: it can go on from an earlier checkpoint, the newest of before the bounds' window.
        NumbersError: it has done so too often.
    """
    settings, step = bounds.settings, trainer.global_step
    link = Path(trainer.default_root_dir) / LAST
    why = f"step {step}, {bounds.why}"
    to: int | None = None
    if trainer.is_global_zero and len(rollbacks(link.parent)) < settings.rollbacks:
        batches = trainer.accumulate_grad_batches
        to = roll_back(link, before=step - settings.window, step=step, batches=batches, why=why)
    to = trainer.strategy.broadcast(to)  # so no rank ends before the checkpoints are in order
    # Of ranks that Lightning has started it watches the status, and would kill this one for theirs.
    getattr(trainer.strategy.launcher, "procs", []).clear()
    if to is None:
        raise NumbersError(f"{why}; model.numbers.rollbacks is {settings.rollbacks}, and so many were done")
    where = f"the checkpoint of step {to}" if to else "the beginning"
    raise RolledBack(f"{why}; --ckpt_path last goes on from {where}, with the records that come next")


def roll_back(link: Path, *, before: int, step: int, batches: int, why: str) -> int:
    """Leaves the checkpoints of at most `before` steps; returns the steps of the newest, 0 for none.

    Args:
        link: to the newest checkpoint, beside the others.
        before: most optimizer steps of a good checkpoint.
        step: optimizer steps done now.
        batches: of each rank in an optimizer step.
        why: the sign that shows.
    """
    folder = link.parent
    folder.mkdir(parents=True, exist_ok=True)
    set_aside(folder, after=before)
    good = find_last(folder)
    if good is not None:
        point(link, good)
    else:
        link.unlink(missing_ok=True)
    rest = None if good is None else read_rest(good)
    to = 0 if rest is None else int(rest["global_step"])
    row = {"step": step, "to": to, "batches": (step - to) * batches, "why": why}
    append_lines(folder / _FILE, [row])
    return to


def rollbacks(folder: Path) -> list[dict[str, Any]]:
    """Those of a run, whose checkpoints are in `folder`."""
    return read_lines(folder / _FILE)


def batches_passed_over(folder: Path, *, step: int) -> int:
    """Batches of each rank that a run passes over as it goes on from the checkpoint after `step` steps."""
    return sum(one["batches"] for one in rollbacks(folder) if one["to"] == step)


def forget(folder: Path) -> None:
    """For a new run in the folder of another."""
    (folder / _FILE).unlink(missing_ok=True)
