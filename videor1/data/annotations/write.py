"""The questions of several benchmarks as one record file, which everything else reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from videor1.data.annotations.benchmark_file import RECORDS, BenchmarkFile, read_benchmark
from videor1.errors import ConfigError
from videor1.files import write_whole
from videor1.types import Record


def write_questions(file: Path, benchmarks: Sequence[BenchmarkFile], *, root: Path) -> None:
    """Writes `file`, JSON lines in the record format with paths relative to `root`.

    A file that holds the same already stays as it is: others may be reading it.

    Raises:
        RecordError: annotations are missing or malformed.
        ConfigError: not one of a benchmark's media is where it should be, or a question comes twice.
    """
    plain = [benchmark for benchmark in benchmarks if benchmark.name == RECORDS]
    records = [
        record for benchmark in benchmarks for record in _read(benchmark, root, alone=[benchmark] == plain)
    ]
    twice = [name for name, count in Counter(record.problem_id for record in records).items() if count > 1]
    if twice:
        raise ConfigError(f"data.benchmarks: the question {twice[0]!r} comes in two of the entries")
    content = "".join(json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records).encode()
    if file.is_file() and file.read_bytes() == content:
        return
    write_whole(file, content)


def _read(benchmark: BenchmarkFile, root: Path, *, alone: bool) -> list[Record]:
    """Its questions; single media may be missing, which the examination reports and counts.

    Benchmarks and files number their questions alike, so their names go before the numbers, but for those of
    a record file that is `alone`.
    """
    records = read_benchmark(benchmark, root)
    if not alone:
        name = benchmark.annotations if benchmark.name == RECORDS else benchmark.name
        records = [replace(record, problem_id=f"{name}/{record.problem_id}") for record in records]
    if not any((root / record.path).exists() for record in records):
        raise ConfigError(
            f"data.benchmarks: {benchmark.name}: none of its {len(records)} media is there,"
            f" the first would be {root / records[0].path}; see docs/evaluation-data.md"
        )
    return records
