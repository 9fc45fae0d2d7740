"""Video-MMMU: what 300 lectures teach, in three tracks of 300 questions.

Own files: `Perception/`, `Comprehension/` and `Adaptation/` with a parquet file each, of the data set
lmms-lab/VideoMMMU, whose folder is the track; fields `id`, `question`, `options` (without letters; empty when
the question is open) and `answer`. The video is `<Discipline>/<id>.mp4`, the discipline following from the
subject in the id, as in lmms-eval's `tasks/videommmu/utils.py`. In the adaptation track the question's image
is the end of the video, and the question says so, as it does there.

Released file: 900 records, 300 a track in the order of `TRACKS`, numbered from 1. At one time its adaptation
track pointed to `question_only/`, videos of 2 s with only the image (its issue 69); paths are taken as they
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import kind_of_number, record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.errors import RecordError
from videor1.types import Record

NAME = "Video-MMMU"
TRACKS = ("adaptation", "comprehension", "perception")
QUESTIONS_A_TRACK = 300
IMAGE_AT_THE_END = "The image for this question is at the end of the video."
SUBJECTS = {
    "Art": "Art Art_Theory Design Music",
    "Business": "Accounting Economics Finance Manage Marketing",
    "Engineering": "Agriculture Architecture_and_Engineering Computer_Science Electronics Energy_and_Power"
    " Materials Mechanical_Engineering",
    "Humanities": "History Literature Psychology Sociology",
    "Medicine": "Basic_Medical_Science Clinical_Medicine Diagnostics_and_Laboratory_Medicine Pharmacy"
    " Public_Health",
    "Science": "Biology Chemistry Geography Math Physics",
}
DISCIPLINE = {subject: discipline for discipline, names in SUBJECTS.items() for subject in names.split()}


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    track = next((part.lower() for part in reversed(file.path.parts) if part.lower() in TRACKS), None)
    if track is None:
        raise RecordError(f"{file.path}: no folder in this path is named after a track: {', '.join(TRACKS)}")
    for row in file.rows:
        name, answer, options = row.text("id"), row.text("answer"), row.texts("options")
        subject = "_".join(name.split("_")[1:-1])  # "validation_Basic_Medical_Science_1"
        if subject not in DISCIPLINE:
            raise row.error(f"'id' names no subject of {NAME}: {name!r}")
        problem = row.text("question")
        yield record_of(
            row,
            problem_id=f"{track}/{name}",
            problem=f"{IMAGE_AT_THE_END}\n{problem}" if track == "adaptation" else problem,
            path=media / DISCIPLINE[subject] / f"{name}.mp4",
            data_source=f"{NAME}/{track}",
            problem_type="multiple choice" if options else kind_of_number(answer),
            options=options,
            answer=answer,
        )


def _task(row: Row) -> str | None:
    number, path = row.values.get("problem_id"), str(row.values.get("path"))
    if not isinstance(number, int) or not 1 <= number <= QUESTIONS_A_TRACK * len(TRACKS):
        return None
    track = TRACKS[(number - 1) // QUESTIONS_A_TRACK]
    return track if track == "adaptation" or "/question_only/" not in path else None


VIDEO_MMMU = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    needs=Needs(
        released="eval_videommmu.json",
        upstream="folder with Perception/, Comprehension/, Adaptation/, a parquet file in each",
        media="<Discipline>/<id>.mp4",
        questions=QUESTIONS_A_TRACK * len(TRACKS),
    ),
)
