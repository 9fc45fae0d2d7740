"""Record numbers → findings: the same reading and the same prompts as in training, in a loader's workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from videor1.audit.content import content_digest
from videor1.audit.finding import Fault, Finding
from videor1.data.maker import PromptMaker
from videor1.data.quarantine import quarantined
from videor1.data.record_file import RecordFile
from videor1.errors import MediaError, RecordError, UserError
from videor1.types import Clip, DataType, Record

_Opened = dict[tuple[Path, DataType], tuple[Finding, Clip | None]]


def examine(
    records: RecordFile, maker: PromptMaker, units: Sequence[Sequence[int]], *, workers: int
) -> Iterator[tuple[Finding, ...]]:
    """The findings of each unit, in the order in which workers finish.

    Args:
        records: the record file.
        maker: makes the prompts.
        units: record numbers, those of one media file together, which is then read once for all of them.
        workers: processes; 0 examines in this one.
    """
    yield from DataLoader(
        _Examiner(records, maker, units),
        batch_size=None,
        num_workers=min(workers, len(units)),
        collate_fn=_as_it_is,
        worker_init_fn=_leave_interrupts_to_the_parent,
        in_order=False,  # a file that takes its whole timeout holds up one worker, not all
    )


class _Examiner(Dataset[tuple[Finding, ...]]):
    def __init__(self, records: RecordFile, maker: PromptMaker, units: Sequence[Sequence[int]]) -> None:
        self.records = records
        self.maker = maker
        self.units = units
        self._warm = False

    def __len__(self) -> int:
        return len(self.units)

    def __getitem__(self, place: int) -> tuple[Finding, ...]:
        opened: _Opened = {}
        return tuple(self._examine(number, opened) for number in self.units[place])

    def _examine(self, number: int, opened: _Opened) -> Finding:
        record, blank = self.records[number], Finding(record=int(self.records.positions[number]))
        try:
            path = self.maker.media.locate(record)
        except MediaError as error:
            return self._faulty(blank, "outside", record, error)
        key = path, record.data_type
        if key not in opened:
            opened[key] = self._open(path, record, blank)
            media, clip = opened[key]
        else:
            media, clip = opened[key]
            media = replace(media, record=blank.record, read_seconds=None)
        return media if clip is None else self._prompt(media, record, clip)

    def _open(self, path: Path, record: Record, finding: Finding) -> tuple[Finding, Clip | None]:
        """What there is to say about a file, and its clip unless there is a fault."""
        if not os.path.isfile(path):  # Path.is_file() raises for names that are too long
            return self._faulty(finding, "missing", record, MediaError("no such file")), None
        try:
            status = path.stat()
            digest = content_digest(path, self.maker.media.cache)
            finding = replace(finding, size=status.st_size, changed=status.st_mtime_ns, digest=digest)
            start = time.perf_counter()
            clip = self.maker.media.read(record, self.maker.clip)
        except OSError as error:
            return self._faulty(finding, "damaged", record, MediaError(error.strerror or str(error))), None
        except MediaError as error:
            return self._faulty(finding, "damaged", record, error), None
        if self._warm:
            finding = replace(finding, read_seconds=time.perf_counter() - start)
        self._warm = True  # the first file of a process also waits for its decoder to start
        return finding, clip

    def _prompt(self, finding: Finding, record: Record, clip: Clip) -> Finding:
        start = time.perf_counter()
        try:
            prompt = self.maker.builder.build(record, clip)
            finding = replace(finding, tokens=len(prompt.input_ids))
            finding = replace(finding, reserved=self.maker.reserved(record))
        except RecordError as error:
            return self._faulty(finding, "text", record, error)
        try:
            fitted = len(self.maker.fit(prompt).input_ids)
        except RecordError as error:
            return self._faulty(finding, "budget", record, error)
        except MediaError as error:  # sound as data.clip wants it, but not with less of it
            return self._faulty(finding, "damaged", record, error)
        return replace(finding, fitted=fitted, prompt_seconds=time.perf_counter() - start)

    def _faulty(self, finding: Finding, fault: Fault, record: Record, error: UserError) -> Finding:
        cause = quarantined(record, error, self.records.path, finding.record).cause
        return replace(finding, fault=fault, cause=cause)


def _as_it_is(findings: Any) -> Any:
    return findings


def _leave_interrupts_to_the_parent(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
