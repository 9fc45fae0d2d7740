"""An entry of `data.benchmarks` → its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from videor1.data.annotations.known import BENCHMARKS
from videor1.data.annotations.released import is_released, read_released
from videor1.data.annotations.rows import AnnotationFile, read_annotations
from videor1.data.annotations.subset import stratified
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError, RecordError
from videor1.types import Record

RECORDS = "records"


@dataclass(frozen=True, kw_only=True)
class BenchmarkFile:
    """One entry of `data.benchmarks`; `docs/evaluation-data.md` says what each benchmark needs on disk.

    Args:
        name: VSI-Bench, Video-MMMU, MMVU, MVBench, TempCompass or VideoMME; `records` for a file of records
            in the format of the training files, which keep their own data_source.
        annotations: the file that Video-R1 released, or the benchmark's own file or folder of files, relative
            to data.root.
        media: folder, relative to data.root, that the paths of the media are relative to; null for the folder
            of the annotations, or for data.root itself where the annotations are records.
        questions: ask only so many, the same each time, each task with its share; null for all.
        seed: which ones.
    """

    name: str
    annotations: str
    media: str | None = None
    questions: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in (*BENCHMARKS, RECORDS):
            known = ", ".join((*BENCHMARKS, RECORDS))
            raise ConfigError(
                f"data.benchmarks: no benchmark is named {self.name!r}, known are {known};"
                " see docs/evaluation-data.md"
            )
        if self.questions is not None and self.questions < 1:
            raise ConfigError(
                f"data.benchmarks: {self.name}: questions must be at least 1, got {self.questions}"
            )


def read_benchmark(file: BenchmarkFile, root: Path) -> list[Record]:
    """All questions of a benchmark, or the part of them that was asked for, in the order of its files.

    Each problem_id comes once; paths are relative to `root`, and nobody has looked yet whether they exist.

    Raises:
        RecordError: the annotations cannot be read, hold no question or one twice, or one is malformed.
    """
    path = root / file.annotations
    media = None if file.media is None else PurePosixPath(file.media)
    if file.name == RECORDS:
        records = _plain(path, media)
    else:
        records = list(chain.from_iterable(_read(one, file, media, path) for one in read_annotations(path)))
    if not records:
        raise RecordError(f"{path}: no question of {file.name} in it")
    _refuse_doubles(records, path)
    return records if file.questions is None else stratified(records, file.questions, seed=file.seed)


def _read(
    content: AnnotationFile, file: BenchmarkFile, media: PurePosixPath | None, path: Path
) -> list[Record]:
    benchmark = BENCHMARKS[file.name]
    if is_released(content):
        if path.is_dir():  # the released files of all benchmarks lie in one folder
            raise RecordError(f"{content.path}: a file of Video-R1's; name the file, not its folder")
        return read_released(content, benchmark, media)
    if media is None:
        annotations = PurePosixPath(file.annotations)
        media = annotations if path.is_dir() else annotations.parent
    return list(benchmark.upstream(content, media))


def _plain(path: Path, media: PurePosixPath | None) -> list[Record]:
    records = RecordFile.open(path)
    for one in records.rejected:
        raise RecordError(f"{path}: record {one.number}: {one.cause}")
    if media is None:
        return list(records)
    return [replace(record, path=str(media / record.path)) for record in records]


def _refuse_doubles(records: Sequence[Record], path: Path) -> None:
    seen: set[int | str] = set()
    for record in records:
        if record.problem_id in seen:
            raise RecordError(
                f"{path}: the question {record.problem_id!r} comes twice; a folder that holds it in two files"
                " needs one of them named"
            )
        seen.add(record.problem_id)
