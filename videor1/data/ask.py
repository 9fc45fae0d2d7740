"""The questions of `predict`, from the command line or from a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import Dataset

from videor1.data.batch import PromptBatch
from videor1.data.maker import PromptMaker
from videor1.data.quarantine import Quarantined
from videor1.data.readers.kinds import Kind, kind_of
from videor1.data.records import parse_record, shown
from videor1.data.scan import scan
from videor1.errors import ConfigError, MediaError, RecordError
from videor1.types import Clip, DataType, ProblemType, Record

ROOT = Path("/")  # a user may name any file, so the paths of these records are relative to the whole disk
_NAMES = {"media": "path", "question": "problem"}  # here, and in a record file


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Questions for `predict`: each question about each medium, or those of a file.

    Args:
        media: video or image files, one or a list, relative to where the command is run.
        question: what to ask about each of them, one or a list.
        problem_type: which kind of answer the prompt asks for; null for multiple choice where there are
            options, else free-form.
        options: for multiple choice: "A. left", "B. right", …
        file: JSON array or JSON lines instead, with `media` and `question` in each object, and
            `problem_type` and `options` where they are needed. Media are relative to its folder. A record
            file will do as it is: its `path` and `problem` are read for the two.
    """

    media: str | Sequence[str] = ()
    question: str | Sequence[str] = ()
    problem_type: ProblemType | None = None
    options: tuple[str, ...] = ()
    file: str | None = None

    def __post_init__(self) -> None:
        for name in ("media", "question"):
            value = getattr(self, name)
            if isinstance(value, str) and re.fullmatch(r"\s*\[.*\]\s*", value, re.DOTALL):
                raise ConfigError(
                    f"data.ask.{name}: a list whose items are not all texts, got {value}; put quotes around"
                    ' each of them: \'["…", "…"]\''
                )
        if self.file is not None and (self.media or self.question):
            raise ConfigError(
                "data.ask.file has its own media and questions: leave out data.ask.media and"
                " data.ask.question"
            )
        if self.media and not self.question:
            raise ConfigError("data.ask.question is missing: what is to be asked about data.ask.media")
        if self.question and not self.media:
            raise ConfigError("data.ask.media is missing: what data.ask.question is about")

    def records(self) -> list[Record]:
        """The questions as records without a solution, medium by medium; paths are relative to `ROOT`.

        Raises:
            ConfigError: nothing is asked.
            RecordError: the file cannot be read, or one of its questions, or of those here, cannot be asked.
        """
        records = list(self._here() if self.file is None else self._of_file(Path(self.file)))
        if not records and self.file is None:
            raise ConfigError(
                "data.ask is missing: predict needs data.ask.media and data.ask.question, or data.ask.file"
            )
        if not records:
            raise ConfigError(f"data.ask.file: {self.file} holds no question")
        return records

    def _here(self) -> Iterator[Record]:
        for medium in _listed(self.media):
            for question in _listed(self.question):
                asked = {"media": medium, "question": question, "options": self.options}
                yield _record(asked | {"problem_type": self.problem_type}, Path(), "data.ask")

    def _of_file(self, file: Path) -> Iterator[Record]:
        for number, span in enumerate(scan(file)):
            where = f"{file}: question {number}"
            if span.cause is not None:
                raise RecordError(f"{where}: {span.cause}")
            yield _record(span.value, file.parent, where)


class AskedPrompts(Dataset[PromptBatch]):
    """Maps a list of question numbers to their prompts; one that cannot be made leaves its place empty."""

    def __init__(self, records: Sequence[Record], maker: PromptMaker) -> None:
        self.records = records
        self.maker = maker
        self._last: tuple[str, Clip] | None = None  # path and clip: the next question is often about the same

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, numbers: list[int]) -> PromptBatch:
        prompts, failed = [], []
        for number in numbers:
            record = self.records[number]
            try:
                prompts.append(self.maker.fit(self.maker.builder.build(record, self._clip(record))))
            except (MediaError, RecordError) as error:
                name = record.problem_id
                failed.append(
                    Quarantined(file="", record=number, problem_id=name, path=record.path, cause=str(error))
                )
        return PromptBatch(prompts, quarantined=failed, drawn=numbers)

    def _clip(self, record: Record) -> Clip:
        if self._last is None or self._last[0] != record.path:
            self._last = record.path, self.maker.media.read(record, self.maker.clip)
        return self._last[1]


def _listed(one_or_more: str | Sequence[str]) -> Sequence[str]:
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def _record(raw: Any, folder: Path, where: str) -> Record:
    """A question as a record that is known by its medium's name; `where` names it in errors."""
    if not isinstance(raw, dict):
        raise RecordError(f"{where}: expected an object, got {type(raw).__name__}")
    medium, question = (_text(raw, name, where) for name in ("media", "question"))
    if "://" in medium:
        raise RecordError(f"{where}: 'media' must be a file, got the address {shown(medium)}")
    file = os.path.realpath(folder / medium)  # who names a link means what it leads to
    asked = {
        "problem_id": medium,
        "problem": question,
        "data_type": raw.get("data_type") or _data_type(Path(file)),
        "problem_type": raw.get("problem_type") or ("multiple choice" if raw.get("options") else "free-form"),
        "options": raw.get("options"),
        "solution": "",
        "path": os.path.relpath(file, ROOT),
        "data_source": "ask",
    }
    return parse_record(asked, where=where)


def _data_type(file: Path) -> DataType:
    """What the file holds; a file that cannot be opened is for the reader to complain about."""
    try:
        kind = kind_of(file)
        if kind is Kind.IMAGE_OR_ANIMATION:
            with Image.open(file) as image:
                return "video" if getattr(image, "is_animated", False) else "image"
    except OSError:
        return "video"
    return "image" if kind is Kind.IMAGE else "video"


def _text(raw: dict[str, Any], name: str, where: str) -> str:
    text = raw.get(name, raw.get(_NAMES[name]))
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise RecordError(f"{where}: '{name}' must be a text, got {shown(text)}")
    return text
