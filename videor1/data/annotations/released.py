"""The evaluation files that Video-R1 released, one JSON array a benchmark.

A record is one of its training files (see `videor1/data/records.py`), with `original_question_type` and, in
MVBench and VideoMME, the benchmark's own fields beside it. `data_source` is empty there, missing, or the
address of the video; here it becomes benchmark and task.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.data.records import parse_record
from videor1.types import Record


def is_released(file: AnnotationFile) -> bool:
    """Told by the first record: no benchmark's own files have a `problem` and its `solution`."""
    return bool(file.rows) and {"problem", "solution"} <= file.rows[0].values.keys()


def read_released(file: AnnotationFile, benchmark: Benchmark, media: PurePosixPath | None) -> list[Record]:
    """The records; their paths are relative to `media`, or to the data root when it is None.

    Raises:
        RecordError: a record is malformed.
    """
    records = [_record(row, benchmark, media) for row in file.rows]
    return [record for record in records if benchmark.only in (None, record.problem_type)]


def _record(row: Row, benchmark: Benchmark, media: PurePosixPath | None) -> Record:
    values = dict(row.values)
    if values.get("problem_id") is None:
        values["problem_id"] = row.number
    if values.get("data_type") == "frame":  # MVBench's episodic reasoning, whose path is a video all the same
        values["data_type"] = "video"
    task = benchmark.task(row)
    values["data_source"] = f"{benchmark.name}/{task}" if task else benchmark.name
    if media is not None and isinstance(values.get("path"), str):
        values["path"] = str(media / values["path"])
    return parse_record(values, where=row.where)
