"""A path → what kind of checkpoint lies there."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from videor1.errors import ConfigError

LAST = Path("checkpoints") / "last.ckpt"  # of a run


class Kind(Enum):
    """Who wrote a checkpoint; the values say it to people."""

    FILE = "Lightning checkpoint file"
    ZERO = "DeepSpeed checkpoint folder (ZeRO 1 to 3)"
    SHARDS = "sharded checkpoint folder of ModelParallelStrategy (FSDP2)"
    ADAPTER = "PEFT adapter folder"
    FOLDER = "Hugging Face model folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that is there; what is in it has yet to be seen."""

    kind: Kind
    path: Path


def find_checkpoint(path: Path) -> Checkpoint:
    """Tells kinds apart by the files that each of them has to have; of a run's folder takes the last.

    Raises:
        ConfigError: nothing is there, or something else.
    """
    if (path / LAST).exists():
        path = path / LAST
    kind = _kind(path)
    if kind is None:
        accepted = ", ".join(kind.value for kind in Kind)
        raise ConfigError(
            f"checkpoint: '{path}' is {_found(path)}; accepted are: {accepted}, folder of a run with {LAST}"
        )
    return Checkpoint(kind=kind, path=path)


def _kind(path: Path) -> Kind | None:
    if path.is_file():
        return Kind.FILE if zipfile.is_zipfile(path) else None
    marks = {
        "adapter_config.json": Kind.ADAPTER,
        "config.json": Kind.FOLDER,
        ".metadata": Kind.SHARDS,
        "latest": Kind.ZERO,  # names the folder beside it that has the files
    }
    return next((kind for name, kind in marks.items() if (path / name).is_file()), None)


def _found(path: Path) -> str:
    if path.is_file():
        return "a file that torch.save has not written"
    if not path.exists():
        return "not there"
    names = sorted(entry.name for entry in path.iterdir())
    return f"a folder with {', '.join(names[:4])}{', …' if len(names) > 4 else ''}" if names else "empty"
