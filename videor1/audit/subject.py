"""A split as far as its records tell, before any of its media is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import devnull
from pathlib import Path

import numpy as np

from videor1.audit.survey import Survey, survey
from videor1.data.datamodule import VideoDataModule
from videor1.data.quarantine import Quarantined
from videor1.data.record_file import RecordFile, Rejected
from videor1.data.split import Split


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The records of `data.train` or `data.validate`."""

    name: str  # "train" or "validate"
    split: Split
    rejected: tuple[Rejected, ...]  # malformed records that data.exclude does not name
    survey: Survey  # of the M sound records that data.exclude does not name either

    @property
    def records(self) -> RecordFile:
        """The record file."""
        return self.split.records

    @property
    def total(self) -> int:
        """All records of the file."""
        return len(self.records) + len(self.records.rejected)

    @property
    def excluded(self) -> int:
        """Records that data.exclude names, malformed or not."""
        return self.total - len(self.rejected) - len(self.survey.numbers)


def open_subject(datamodule: VideoDataModule, name: str, *, excluded: Sequence[Quarantined]) -> Subject:
    """Opens `data.<name>` as a run does, except that no number of malformed records is too many.

    Args:
        datamodule: knows the file.
        name: "train" or "validate".
        excluded: what the files of data.exclude hold.

    Raises:
        RecordError: the file cannot be read.
    """
    split = Split(
        datamodule.root / getattr(datamodule, name),
        index_folder=datamodule.cache.path / "records",
        strict=False,
        quarantine=Path(devnull),  # the audit writes its own when all is known
        max_bad_share=1.0,
        exclude=datamodule.exclude,
    )
    file = split.records.path.name
    malformed = {one.record for one in excluded if Path(one.file).name == file and not one.path}
    return Subject(
        name=name,
        split=split,
        rejected=tuple(one for one in split.records.rejected if one.number not in malformed),
        survey=survey(split.records, np.asarray(split.numbers())),
    )
