"""An examination on disk while it goes on: killed at any moment, it continues with what is not asked yet.

examination.json          what is examined and how; judgements of anything else are set aside
predictions/<rank>.jsonl  one judgement a line, added batch by batch
predictions.jsonl         all of them in order, once every question has been asked
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from videor1.errors import UserError
from videor1.evaluation.judge import Judgement
from videor1.files import naming, write_whole

_LEFT_BEHIND = (  # by an examination and its report
    *("examination.json", "predictions", "predictions.jsonl", "reasoning.json"),
    *("report.json", "report.md", "benchmarks.png", "tasks.png", "frames.png"),
)

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
        self._lock = FileLock(folder / "examination.lock")

    def start(self) -> Counter[int]:
        """How many judgements there are of each question; what was judged otherwise is set aside.

        Questions whose media could not be read are asked again: someone may have put them there.

        Raises:
            UserError: another examination is under way in the folder, the ranks do not share it, or it holds
                damaged judgements.
        """
        if self.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise UserError(f"{self.folder}: another examination is under way here") from error
            self._prepare()
        self.barrier()
        if _read(self._identity_file) != self.identity:
            raise UserError(f"{self.folder}: not the folder that rank 0 sees; all ranks need one in common")
        judged = Counter(place[0] for place in self._lines(unread=False))
        self.barrier()  # all have read before any writes
        if self._mine.is_file():  # without a line that a kill tore
            content = self._mine.read_bytes()
            write_whole(self._mine, content[: content.rfind(b"\n") + 1])
        return judged

    def add(self, judgements: Iterable[Judgement]) -> None:
        """Adds the judgements of a batch; they outlive this process at once."""
        with naming(self._mine), self._mine.open("ab") as file:
            file.write(b"".join(map(_line, judgements)))

    def finish(self) -> None:
        """Puts all judgements into one file, after all ranks have added theirs."""
        self.barrier()
        if self.rank == 0:
            lines = self._lines()
            write_whole(self.whole, b"".join(_cut(*lines[place]) for place in sorted(lines)))
            shutil.rmtree(self._parts)
            self._lock.release()
        self.barrier()

    def _prepare(self) -> None:
        found = _read(self._identity_file)
        if found != self.identity and any((self.folder / name).exists() for name in _LEFT_BEHIND):
            aside = self._set_aside()
            changed = sorted(
                key for key in {*found, *self.identity} if found.get(key) != self.identity.get(key)
            )
            print(f"{self.folder}: judgements made with another {', '.join(changed)} are now in {aside}")
        self._parts.mkdir(parents=True, exist_ok=True)
        write_whole(self._identity_file, json.dumps(self.identity, indent=2).encode() + b"\n")

    def _set_aside(self) -> Path:
        number = 1
        while (aside := self.folder / f"earlier_{number}").exists():
            number += 1
        aside.mkdir()
        for name in _LEFT_BEHIND:
            if (file := self.folder / name).exists():
                file.rename(aside / name)
        return aside

    def _lines(self, *, unread: bool = True) -> dict[_Place, _Line]:
        """Where each judgement stands; of two of the same response the later one.

        Args:
            unread: with those of media that could not be read.
        """
        files = [self.whole] if self.whole.is_file() else []
        files += sorted(self._parts.glob("*.jsonl"))
        return {
            (one.question, one.decoding, one.order, one.sample): (file, start, length)
            for file in files
            for one, start, length in _scan(file)
            if unread or one.missing is None
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
        raise UserError(f"{file}: byte {start}: damaged, or of another version ({error})") from error


def _line(judgement: Judgement) -> bytes:
    return json.dumps(asdict(judgement), ensure_ascii=False).encode() + b"\n"


def _cut(file: Path, start: int, length: int) -> bytes:
    with file.open("rb") as lines:
        lines.seek(start)
        return lines.read(length)


def _read(file: Path) -> dict[str, Any]:
    """An identity; that of nothing where the file is missing or damaged."""
    try:
        found: dict[str, Any] = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found
