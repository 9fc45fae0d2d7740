"""What the package knows of one benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.types import ProblemType, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a benchmark needs on disk; `docs/evaluation-data.md` is this table in words."""

    released: str  # file of it that Video-R1 released
    upstream: str  # its own annotation files
    media: str  # where its videos lie below the media folder
    questions: int  # of its own files


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One definition: its own files → records, and what the released file leaves to be derived.

    `upstream` gets one annotation file and the folder, relative to the data root, that its videos lie in.
    `task` tells the task of a record of the released file, None where it is not certain; a record without
    one has the benchmark's bare name as its data_source.
    """

    name: str
    upstream: Callable[[AnnotationFile, PurePosixPath], Iterator[Record]]
    task: Callable[[Row], str | None]
    needs: Needs
    only: ProblemType | None = None  # the one kind of answer that counts; None for all
