"""Published weights: a folder of safetensors that a trainer writes and its servers read."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from videor1.errors import EngineError
from videor1.rollout.server.envelope import malformed

_ID = "id.txt"  # in a published folder
_NAME = re.compile(r"weights-\d+(\.unfinished)?")


def place(root: Path, version: int) -> Path:
    """The folder for weights of this version, of a run that publishes in `root`."""
    return root / f"weights-{version}"


def publish(folder: Path, tensors: Iterable[tuple[str, Tensor]], *, most: int = 2**30) -> None:
    """Writes weights for servers to load; the folder has its name only once it is whole.

    Args:
        folder: is replaced if it is there.
        tensors: are asked for one by one and copied, so they may change afterwards.
        most: bytes a file, and so of host memory (a larger tensor has one to itself).

    Raises:
        EngineError: they cannot be written.
    """
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    for leftover in (unfinished, folder):
        if leftover.exists():
            shutil.rmtree(leftover)
    unfinished.mkdir(parents=True)
    (unfinished / _ID).write_text(secrets.token_hex(16))
    try:
        for number, part in enumerate(_portions(tensors, most)):
            save_file(part, unfinished / f"{number:05d}.safetensors")
    except SafetensorError as error:
        raise EngineError(f"rollout.vllm: weights cannot be written to {unfinished}: {error}") from error
    unfinished.rename(folder)


def publication_id(folder: Path) -> str:
    """What no other published folder has, not even one of the same name before or after it.

    Raises:
        EngineError: there are no weights.
    """
    try:
        return (folder / _ID).read_text()
    except (OSError, ValueError) as error:  # ValueError: no name that a folder can have, or no text
        cause = (isinstance(error, OSError) and error.strerror) or error
        raise EngineError(
            f"rollout.vllm: no published weights that the server can see at {str(folder)!r}: {cause}"
        ) from error


def published(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor on the CPU) of a published folder, one by one.

    Raises:
        EngineError: a file is damaged.
    """
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  # it is no dictionary
                    yield name, file.get_tensor(name)
        except SafetensorError as error:
            raise EngineError(f"rollout.vllm: {path}: {error}") from error


def withdraw(root: Path, *, but: Path | None = None) -> None:
    """Removes whatever weights have been published in `root`, unfinished ones too; other files there stay."""
    for path in list(root.glob("weights-*")):
        if path != but and _NAME.fullmatch(path.name):
            shutil.rmtree(path)


def pack_publication(folder: Path, version: int) -> bytes:
    """Where weights of a version are published."""
    return json.dumps({"folder": str(folder.resolve()), "version": version}).encode()


def unpack_publication(data: bytes) -> tuple[Path, int]:
    """What `pack_publication` was given.

    Raises:
        EngineError: the bytes are something else.
    """
    with malformed("a request to load weights"):
        rest = json.loads(data)
        return Path(rest["folder"]), int(rest["version"])


def _portions(tensors: Iterable[tuple[str, Tensor]], most: int) -> Iterator[dict[str, Tensor]]:
    portion: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors:
        if portion and size + tensor.nbytes > most:
            yield portion
            portion, size = {}, 0
        portion[name] = tensor.detach().to("cpu", copy=True).contiguous()
        size += tensor.nbytes
    if portion:
        yield portion
