"""An examination on disk while it goes on: killed at any moment, it continues with what is not asked yet.

examination.json          what is examined and how; judgements of anything else are set aside
predictions/<rank>.jsonl  one judgement a line, added batch by batch
predictions.jsonl         all of them in order, once every question has been asked
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from videor1.errors import UserError
from videor1.evaluation.judge import Judgement

_Place = tuple[int, str, str, int]  # question, decoding, order, sample
_Line = tuple[Path, int, int]  # file, offset, bytes


class Journal:
    """The judgements of one examination, shared by all ranks.

    Args:
        folder: of the run; all ranks must see the same one.
        identity: what the judgements depend on, as JSON.
        rank: of this process; the first one puts things in order.
        barrier: waits for all ranks.
    """

    def __init__(
        self, folder: Path, *, identity: dict[str, Any], rank: int = 0, barrier: Callable[[], None]
    ) -> None:
        self.folder = folder
        self.identity = json.loads(json.dumps(identity))  # as it will be read
        self.rank, self.barrier = rank, barrier
        self.whole = folder / "predictions.jsonl"
        self._parts = folder / "predictions"
        self._mine = self._parts / f"{rank}.jsonl"
        self._identity_file = folder / "examination.json"

    def start(self) -> Counter[int]:
        """How many judgements there are of each question; what was judged otherwise is set aside.

        Raises:
            UserError: the ranks do not share the folder, or it holds damaged files.
        """
        if self.rank == 0:
            self._prepare()
        self.barrier()
        if not self._identity_file.is_file() or _read(self._identity_file) != self.identity:
            raise UserError(f"{self.folder}: not the folder that rank 0 sees; all ranks need one in common")
        judged = Counter(place[0] for place in self._lines())
        self.barrier()  # all have read before any writes
        if self._mine.is_file():  # without a line that a kill tore
            content = self._mine.read_bytes()
            _replace(self._mine, content[: content.rfind(b"\n") + 1])
        return judged

    def add(self, judgements: Iterable[Judgement]) -> None:
        """Adds the judgements of a batch; they outlive this process at once."""
        with self._mine.open("ab") as file:
            file.write(b"".join(map(_line, judgements)))

    def finish(self) -> None:
        """Puts all judgements into one file, after all ranks have added theirs."""
        self.barrier()
        if self.rank == 0:
            lines = self._lines()
            _replace(self.whole, b"".join(_cut(*lines[place]) for place in sorted(lines)))
            shutil.rmtree(self._parts)
        self.barrier()

    def _prepare(self) -> None:
        if self._identity_file.is_file() and (found := _read(self._identity_file)) != self.identity:
            aside = self._set_aside()
            changed = sorted(
                key for key in {*found, *self.identity} if found.get(key) != self.identity.get(key)
            )
            print(f"{self.folder}: judgements made with another {', '.join(changed)} are now in {aside}")
        self._parts.mkdir(parents=True, exist_ok=True)
        _replace(self._identity_file, json.dumps(self.identity, indent=2).encode() + b"\n")

    def _set_aside(self) -> Path:
        number = 1
        while (aside := self.folder / f"earlier_{number}").exists():
            number += 1
        aside.mkdir()
        for file in (self._identity_file, self.whole, self._parts):
            if file.exists():
                file.rename(aside / file.name)
        return aside

    def _lines(self) -> dict[_Place, _Line]:
        """Where each judgement stands; of two of the same response the later one."""
        files = [self.whole] if self.whole.is_file() else []
        files += sorted(self._parts.glob("*.jsonl"))
        return {
            (one.question, one.decoding, one.order, one.sample): (file, start, length)
            for file in files
            for one, start, length in _scan(file)
        }


def read_predictions(file: Path) -> Iterator[Judgement]:
    """The judgements of a `predictions.jsonl`.

    Raises:
        UserError: it is missing or is no such file.
    """
    return (one for one, _, _ in _scan(file))


def _scan(file: Path) -> Iterator[tuple[Judgement, int, int]]:
    """Judgements with offset and bytes; a line that a kill tore has no end and is left out."""
    start = 0
    try:
        with file.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield Judgement(**json.loads(line)), start, len(line)
                start += len(line)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{file}: byte {start}: no judgement ({error}); delete the file to ask anew"
        ) from error


def _line(judgement: Judgement) -> bytes:
    return json.dumps(asdict(judgement), ensure_ascii=False).encode() + b"\n"


def _cut(file: Path, start: int, length: int) -> bytes:
    with file.open("rb") as lines:
        lines.seek(start)
        return lines.read(length)


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_bytes())
    except ValueError as error:
        raise UserError(f"{file}: no JSON ({error}); delete it to ask anew") from error
    return found


def _replace(file: Path, content: bytes) -> None:
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, file)
