"""Checkpoints of Lightning → the policy's tensors, by the kind of strategy that wrote them.

Whatever the strategy, a module's state names the policy's weights "model.…" (`PolicyModule.model`). Optimizer
states are not read, and a frozen reference ("reference.…") that some strategies save along is left out.

A checkpoint of a policy with LoRA adapters has one key more, `checkpoint["lora"]`: what `to_dict()` of its
PEFT configuration gives, as it is or with enumerations as text. Its weights are named as in the adapted
model, "model.….lora_A.default.weight", or as in PEFT's wrapper, "model.base_model.model.….". All that is
trained must be there; weights of the frozen model below may be missing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as load_shards

from videor1.errors import ConfigError
from videor1.export.checkpoint import Checkpoint, Kind
from videor1.export.vet import load_plain, vet

_PREFIX = "model."


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The policy in a checkpoint of Lightning.

    Attributes:
        tensors: by the policy's own names. Of ZeRO-3 they are still in pieces, which `contiguous()` joins.
        step: optimizer steps done.
        lora: configuration of its adapters; None without any.
    """

    tensors: dict[str, Tensor]
    step: int | None
    lora: Mapping[str, Any] | None


def read_saved(checkpoint: Checkpoint) -> Saved:
    """Reads one of the three kinds that Lightning writes.

    Raises:
        ConfigError: it cannot be read, might run code, or holds no policy.
    """
    path = checkpoint.path
    vet(path)
    read = {Kind.FILE: _read_file, Kind.SHARDS: _read_shards, Kind.ZERO: _read_zero}[checkpoint.kind]
    tensors, rest = read(path)
    policy = {name.removeprefix(_PREFIX): t for name, t in tensors.items() if name.startswith(_PREFIX)}
    if not policy:
        raise ConfigError(
            f"checkpoint: '{path}' holds no policy: of its {len(tensors)} tensors none is named {_PREFIX}…"
        )
    return Saved(tensors=policy, step=rest.get("global_step"), lora=rest.get("lora"))


def _read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    content = _load(path)
    tensors = content.pop("state_dict", None)
    if not isinstance(tensors, dict):
        raise ConfigError(f"checkpoint: '{path}' is not one of Lightning: it has no state_dict")
    return tensors, content


def _read_shards(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    prefix = "state_dict."
    parts = FileSystemReader(path).read_metadata().state_dict_metadata
    tensors = {
        name: torch.empty(part.size, dtype=part.properties.dtype)
        for name, part in parts.items()
        if name.startswith(prefix + _PREFIX) and isinstance(part, TensorStorageMetadata)
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # as is asked for
        load_shards(tensors, checkpoint_id=path, no_dist=True)
    rest = path / "meta.pt"
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}, _load(rest)


def _read_zero(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """DeepSpeed unpickles its files without restraint, so they must have been vetted."""
    try:
        from deepspeed.utils import zero_to_fp32
    except ImportError as error:
        raise ConfigError(f"checkpoint: '{path}' needs DeepSpeed: pip install deepspeed") from error
    try:
        tensors = zero_to_fp32.get_fp32_state_dict_from_zero_checkpoint(str(path), lazy_mode=True)
        files = zero_to_fp32.get_model_state_files(str(path / (path / "latest").read_text().strip()))
    except (ValueError, OSError) as error:
        raise ConfigError(f"checkpoint: '{path}': {' '.join(str(error).split())}") from error
    return dict(tensors), _load(Path(files[0]))


def _load(path: Path) -> dict[str, Any]:
    """Tensors stay in the file until they are used."""
    try:
        content = load_plain(path)
    except (OSError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"checkpoint: '{path}' cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"checkpoint: '{path}' holds a {type(content).__name__}, not a checkpoint")
    return content
