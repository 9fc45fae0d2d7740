"""The question of `predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videor1.types import DataType, ProblemType, Record

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question for `predict`.

    Args:
        media: a video or image file, relative to where the command is run.
        question: what to ask about it.
        problem_type: which kind of answer the prompt asks for.
        options: for multiple choice: "A. left", "B. right", …
    """

    media: str
    question: str
    problem_type: ProblemType = "free-form"
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the file lies; a user who names a link means what it leads to."""
        return Path(self.media).resolve().parent

    def record(self) -> Record:
        """The question as a record without a solution, its path relative to `folder`."""
        file = Path(self.media).resolve()
        data_type: DataType = "image" if file.suffix.lower() in IMAGE_SUFFIXES else "video"
        return Record(
            problem_id=self.media,
            problem=self.question,
            data_type=data_type,
            problem_type=self.problem_type,
            options=tuple(self.options),
            solution="",
            path=file.name,
            data_source="ask",
        )
