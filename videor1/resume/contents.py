"""A checkpoint → what it holds beside weights and optimizer, without reading those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from videor1.errors import ConfigError
from videor1.export.checkpoint import Kind, find_checkpoint
from videor1.export.vet import RefusedError, load_plain


def read_rest(path: Path) -> dict[str, Any] | None:
    """The dictionary that Lightning saved; None where there is no complete checkpoint of a training state.

    Tensors in it stay in the file until they are used.

    Raises:
        RefusedError: loading it might run code.
    """
    try:
        file = _file(path, find_checkpoint(path).kind)
        if file is None:
            return None
        content = load_plain(file)
    except RefusedError:
        raise
    except (ConfigError, OSError, RuntimeError, EOFError):
        return None  # cut off, as after a power failure, or somebody else's
    return content if isinstance(content, dict) and "global_step" in content else None


def _file(path: Path, kind: Kind) -> Path | None:
    match kind:
        case Kind.FILE:
            return path
        case Kind.SHARDS:
            return path / "meta.pt"
        case Kind.ZERO:
            states = path / (path / "latest").read_text(encoding="utf-8").strip()
            return min(
                states.glob("*model_states.pt"), default=None
            )  # each holds it; the first rank's is whole
    return None
