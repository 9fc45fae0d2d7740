"""MMVU: expert knowledge in 27 subjects; its multiple-choice part, which Video-R1 reports. The open
questions need a judge and are left out.

Own file: `validation.json` of the data set yale-nlp/MMVU, with the fields `id`, `video` (an address that ends
in `videos/<Subject>/<n>.mp4`), `question_type`, `question`, `choices` ({"A": …, "E": …}) and `answer` (the
letter), as in `data/validation.json` of its repository. Its videos lie in `videos/`.

Released file: the subject is the folder of the video.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.data.records import shown
from videor1.types import Record

NAME = "MMVU"


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    for row in file.rows:
        if row.text("question_type") != "multiple-choice":
            continue
        video = PurePosixPath(*PurePosixPath(row.text("video")).parts[-3:])
        if (subject := _subject(video)) is None:
            raise row.error(f"'video' must end in videos/<Subject>/<n>.mp4, got {shown(str(video))}")
        yield record_of(
            row,
            problem_id=row.text("id"),
            problem=row.text("question"),
            path=media / video,
            data_source=f"{NAME}/{subject}",
            options=_options(row),
            answer=row.text("answer"),
        )


def _options(row: Row) -> list[str]:
    choices = row.values.get("choices")
    if not isinstance(choices, dict) or not all(isinstance(text, str) for text in choices.values()):
        raise row.error(f"'choices' must be an object of strings, got {shown(choices)}")
    return [f"{letter}. {text}" for letter, text in sorted(choices.items()) if text]


def _subject(video: PurePosixPath) -> str | None:
    return video.parent.name.replace("_", " ") if video.parent.parent.name == "videos" else None


def _task(row: Row) -> str | None:
    return _subject(PurePosixPath(str(row.values.get("path"))))


MMVU = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    only="multiple choice",
    needs=Needs(
        released="eval_mmvu.json",
        upstream="validation.json",
        media="videos/<Subject>/<n>.mp4",
        questions=625,
    ),
)
