"""The checkpoints of a run on disk: whenever it is killed, the newest complete one is found again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from videor1.resume.contents import read_rest

PARTIAL = ".partial"  # ends the name of what is being written, or removed
_OLD = ".old"  # ends the name of what is being replaced
_NAME = re.compile(r"step=(\d+)\.ckpt")


def name_of(step: int) -> str:
    """The name of the checkpoint after so many optimizer steps."""
    return f"step={step:06d}.ckpt"


def put(written: Path, path: Path) -> None:
    """Gives a finished checkpoint, a file or a folder, its name, once all of it is on disk.

    A file or a link at `path` is replaced in one move. A folder cannot be: for a moment there is none, and
    `tidy` brings the old one back if the process ends just then.
    """
    if not written.is_symlink():
        for file in (written, *written.rglob("*")):
            _sync(file)
    if os.path.lexists(path) and (_is_folder(path) or _is_folder(written)):
        old = path.with_name(path.name + _OLD)
        path.rename(old)
        written.rename(path)
        delete(old)
    else:
        written.replace(path)
    _sync(path.parent)


def point(link: Path, target: Path) -> None:
    """Makes `link` a link to a checkpoint beside it."""
    new = link.with_name(link.name + PARTIAL)
    new.unlink(missing_ok=True)
    new.symlink_to(target.name)
    put(new, link)


def tidy(folder: Path) -> None:
    """Removes what a killed process has left unfinished."""
    for left in folder.glob(f"*{PARTIAL}"):
        delete(left)
    for old in folder.glob(f"*{_OLD}"):
        path = old.with_suffix("")
        if os.path.lexists(path):
            delete(old)
        else:
            old.rename(path)


def find_last(folder: Path) -> Path | None:
    """The complete checkpoint of a training state that has most steps, of equal ones the latest written.

    Checkpoints from within a step, and those of weights alone, do not count.
    """
    found = []
    for path in _checkpoints(folder):
        rest = read_rest(path)
        if rest is not None and "callbacks" in rest and rest.get("run", {}).get("whole", True):
            found.append((rest["global_step"], path.stat().st_mtime_ns, path))
    return max(found)[-1] if found else None


def set_aside(folder: Path, *, after: int) -> Path | None:
    """Moves checkpoints of another past, those with more steps than `after`, where they are no longer found.

    Returns:
        Where they are now; None when there were none.
    """
    others = [path for path in _checkpoints(folder) if (read_rest(path) or {}).get("global_step", -1) > after]
    if not others:
        return None
    number = 1 + len(list(folder.glob("superseded-*")))
    aside = folder / f"superseded-{number}"
    aside.mkdir()
    for path in others:
        path.rename(aside / path.name)
    return aside


def prune(folder: Path, *, keep: int, keep_every: int | None) -> None:
    """Removes checkpoints named by `name_of`, but for the newest and those of certain steps.

    Args:
        folder: of the checkpoints.
        keep: how many of the newest stay.
        keep_every: a checkpoint whose steps are a multiple of it stays for good; None for no such.
    """
    steps = {int(match[1]): path for path in _checkpoints(folder) if (match := _NAME.fullmatch(path.name))}
    for step in sorted(steps)[:-keep]:
        if keep_every is None or step % keep_every:
            doomed = steps[step].with_name(steps[step].name + PARTIAL)
            steps[step].rename(doomed)  # a folder of which half is removed must not look like a checkpoint
            delete(doomed)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.ckpt")) if not path.is_symlink()]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def delete(path: Path) -> None:
    """Removes a checkpoint, a file or a folder."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
