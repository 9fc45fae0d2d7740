"""VideoMME: 900 videos, short, medium and long, three questions each; without subtitles.

Own file: the test parquet of the data set lmms-lab/Video-MME, with the fields `question_id`, `duration`,
`videoID`, `question`, `options` (lettered) and `answer` (the letter), as the released file repeats them. The
video is `<videoID>.mp4`, as in lmms-eval.

Released file: `duration` stands in each record.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.data.records import shown
from videor1.types import Record

NAME = "VideoMME"
DURATIONS = ("short", "medium", "long")


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    for row in file.rows:
        if (duration := _task(row)) is None:
            raise row.error(f"'duration' must be one of {DURATIONS}, got {shown(row.values.get('duration'))}")
        yield record_of(
            row,
            problem_id=row.text("question_id"),
            problem=row.text("question"),
            path=media / f"{row.text('videoID')}.mp4",
            data_source=f"{NAME}/{duration}",
            options=row.texts("options"),
            answer=row.text("answer"),
        )


def _task(row: Row) -> str | None:
    duration = row.values.get("duration")
    return duration if duration in DURATIONS else None


VIDEOMME = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    needs=Needs(
        released="eval_videomme.json",
        upstream="test-*.parquet",
        media="<videoID>.mp4",
        questions=2700,
    ),
)
