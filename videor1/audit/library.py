"""A record file as the media it shows and the questions it asks, to be held against another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from videor1.audit.content import content_digest
from videor1.audit.examined import Examined
from videor1.audit.survey import Survey, survey
from videor1.data.media import MediaReader
from videor1.data.record_file import RecordFile
from videor1.errors import MediaError


@dataclass(frozen=True, kw_only=True)
class Library:
    """M records and the media they are about."""

    file: Path
    survey: Survey  # of the M records
    digests: list[str | None]  # M, see `content_digest`; None when unknown
    missing: int  # records whose media file is not there
    malformed: int  # records of the file that are not among the M

    @property
    def questions(self) -> list[tuple[str, int]]:
        """What each record asks, and about what: content where it is known, else the path."""
        keys = self.survey.questions.tolist()
        return [
            (digest or path, key)
            for digest, path, key in zip(self.digests, self.survey.paths, keys, strict=True)
        ]


def split_library(examined: Examined) -> Library:
    """The library of a split."""
    return Library(
        file=examined.subject.records.path,
        survey=examined.subject.survey,
        digests=[finding.digest for finding in examined.findings],
        missing=sum(finding.size is None for finding in examined.findings),
        malformed=len(examined.subject.rejected),
    )


def benchmark_library(records: RecordFile, media: MediaReader, *, sizes: set[int]) -> Library:
    """The library of a benchmark, with digests of the files that have one of these sizes (bytes).

    Raises:
        RecordError: the record file has changed since it was opened.
    """
    about = survey(records, np.arange(len(records)))
    known: dict[str, tuple[bool, str | None]] = {}
    for number, path in enumerate(tqdm(about.paths, desc=records.path.name, unit=" records")):
        if path not in known:
            known[path] = _look(records, number, media, sizes)
    return Library(
        file=records.path,
        survey=about,
        digests=[known[path][1] for path in about.paths],
        missing=sum(not known[path][0] for path in about.paths),
        malformed=len(records.rejected),
    )


def _look(records: RecordFile, number: int, media: MediaReader, sizes: set[int]) -> tuple[bool, str | None]:
    """Whether a record's file is there, and its digest if it has one of the sizes."""
    try:
        path = media.locate(records[number])
        same_size = path.stat().st_size in sizes
        return True, content_digest(path, media.cache) if same_size else None
    except (MediaError, OSError):  # not the files that are going to be trained on: only counted
        return False, None
