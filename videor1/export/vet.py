"""Whether a checkpoint could run code when it is loaded, found out without letting it.

Three kinds of file in checkpoints are pickles that their writers load as they are: DeepSpeed's states, the
`.metadata` of FSDP2, and in its `.distcp` files what is no tensor. A pickle names the functions that loading
calls. Here each is read by a reader that knows only the names below, so whatever passes is data.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from videor1.errors import ConfigError
from videor1.export.checkpoint import Kind, find_checkpoint


class _Stub:
    """In the place of a class of DeepSpeed's that holds values and does nothing."""

    def __init__(self, *values: Any) -> None:
        self.values = values


# Enumerations in what PEFT's `to_dict()` gives, read as the text that they are equal to.
_TEXT: list[Any] = [(str, f"peft.utils.peft_types.{name}") for name in ("PeftType", "TaskType")]
_DEEPSPEED: list[Any] = [
    (_Stub, f"deepspeed.{name}")
    for name in (
        "runtime.fp16.loss_scaler.LossScaler",
        "runtime.fp16.loss_scaler.DynamicLossScaler",
        "runtime.zero.config.ZeroStageEnum",
        "utils.tensor_fragment.fragment_address",
    )
]
_METADATA = {
    "pathlib": {"PosixPath"},
    "torch": {"Size", *(name for name, kind in vars(torch).items() if isinstance(kind, torch.dtype))},
    "torch.distributed.checkpoint.filesystem": {"_StorageInfo"},
    "torch.distributed.checkpoint.metadata": {
        *("BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta"),
        *("TensorProperties", "TensorStorageMetadata", "_MEM_FORMAT_ENCODING"),
    },
    "torch.serialization": {"_get_layout"},
}
# What damaged bytes make a reader of pickles raise, beside what it documents.
_DAMAGED = (
    *(AttributeError, ImportError, LookupError, TypeError, ValueError, ArithmeticError),
    *(AssertionError, MemoryError, struct.error),
)


class RefusedError(ConfigError):
    """A file that loading might run code from."""


def load_plain(path: Path, classes: Sequence[Any] = ()) -> Any:
    """What torch.save has written, if it is plain: tensors stay in the file until they are used.

    Args:
        path: the file.
        classes: that may be in it beside plain types.

    Raises:
        RefusedError: anything else is in it.
        OSError, RuntimeError, EOFError: it cannot be read, as when it was cut off.
    """
    if not zipfile.is_zipfile(path):
        path.stat()
        raise RuntimeError("not a file of torch.save")
    try:
        with torch.serialization.safe_globals([*_TEXT, *classes]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except _DAMAGED as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def vet(path: Path) -> None:
    """Reads whatever could run code in a checkpoint of a training state.

    Raises:
        RefusedError: it could.
        ConfigError: there is no checkpoint, or a broken one.
    """
    checkpoint = find_checkpoint(path)
    path = checkpoint.path
    try:
        match checkpoint.kind:
            case Kind.FILE:
                load_plain(path)
            case Kind.ZERO:
                states = path / (path / "latest").read_text(encoding="utf-8").strip()
                for file in sorted(states.glob("*.pt")):
                    load_plain(file, _DEEPSPEED)
            case Kind.SHARDS:
                load_plain(path / "meta.pt")
                _vet_shards(path)
    except (OSError, RuntimeError, EOFError, *_DAMAGED) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"checkpoint: '{path}' cannot be read: {reason}") from error


def _vet_shards(path: Path) -> None:
    metadata = _Metadata(path / ".metadata").load()
    kinds = metadata.state_dict_metadata
    for index, place in metadata.storage_data.items():
        if place.relative_path != Path(place.relative_path).name or place.transform_descriptors:
            raise RefusedError(f"checkpoint: '{path / '.metadata'}' is refused: it names {place!r}")
        if not hasattr(kinds.get(index.fqn), "chunks"):  # no tensor, so it will be unpickled
            with (path / place.relative_path).open("rb") as file:
                file.seek(place.offset)
                content = io.BytesIO(file.read(place.length))
            try:
                torch.load(content, weights_only=True)
            except pickle.UnpicklingError as error:
                raise _refused(path / place.relative_path, error) from error


class _Metadata(pickle.Unpickler):
    """Reads the `.metadata` of torch.distributed.checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(io.BytesIO(path.read_bytes()))

    def find_class(self, module_name: str, global_name: str) -> Any:
        if global_name not in _METADATA.get(module_name, ()):
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in it")
        return super().find_class(module_name, global_name)

    def load(self) -> Any:
        """Raises RefusedError for anything but metadata of tensors."""
        try:
            found = super().load()
            if type(found).__name__ == "Metadata":
                return found
            raise pickle.UnpicklingError(f"a {type(found).__name__} has no place in it")
        except (pickle.UnpicklingError, *_DAMAGED) as error:
            raise _refused(self.path, error) from error


def _refused(path: Path, error: Exception) -> RefusedError:
    """One line, with the name that gave offence where torch says which it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next(
        (line for line in lines if "GLOBAL " in line or "Unsupported" in line),
        (lines or [type(error).__name__])[0],
    )
    told = told.split(" or the ")[0].split(". Please use")[0].removeprefix("WeightsUnpickler error: ")
    return RefusedError(f"checkpoint: '{path}' is refused, loading it might run code: {told[:200]}")
