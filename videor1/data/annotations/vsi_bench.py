"""VSI-Bench: space in videos of rooms, ten question types.

Own files: `test.jsonl` or `test-*.parquet` of the data set nyu-visionx/VSI-Bench, with the fields `id`,
`dataset`, `scene_name`, `question_type`, `question`, `ground_truth` and `options` (lettered, or null), and
the videos `<dataset>/<scene_name>.mp4`, as in lmms-eval's `tasks/vsibench/utils.py`. The pruned and debiased
files are parts of the same one.

Released file: `original_question_type` is the task; numeric types are "regression" there, and so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from videor1.data.annotations.benchmark import Benchmark, Needs
from videor1.data.annotations.questions import kind_of_number, record_of
from videor1.data.annotations.rows import AnnotationFile, Row
from videor1.data.records import shown
from videor1.types import Record

NAME = "VSI-Bench"
NUMERIC = ("object_abs_distance", "object_counting", "object_size_estimation", "room_size_estimation")
TASKS = (
    *NUMERIC,
    "object_rel_direction_easy",
    "object_rel_direction_medium",
    "object_rel_direction_hard",
    "object_rel_distance",
    "route_planning",
    "obj_appearance_order",
)


def _upstream(file: AnnotationFile, media: PurePosixPath) -> Iterator[Record]:
    for row in file.rows:
        task, answer = row.text("question_type"), row.text("ground_truth")
        if task not in TASKS:
            raise row.error(f"'question_type' must be one of {TASKS}, got {shown(task)}")
        if task in NUMERIC and kind_of_number(answer) != "numerical":
            raise row.error(f"'ground_truth' of {task} must be a number, got {shown(answer)}")
        yield record_of(
            row,
            problem_id=row.values.get("id", row.number),
            problem=row.text("question"),
            path=media / row.text("dataset") / f"{row.text('scene_name')}.mp4",
            data_source=f"{NAME}/{task}",
            problem_type="regression" if task in NUMERIC else "multiple choice",
            options=row.texts("options"),
            answer=answer,
        )


def _task(row: Row) -> str | None:
    task = row.values.get("original_question_type")
    return task if task in TASKS else None


VSI_BENCH = Benchmark(
    name=NAME,
    upstream=_upstream,
    task=_task,
    needs=Needs(
        released="eval_vsibench.json",
        upstream="test.jsonl or test-*.parquet",
        media="<dataset>/<scene_name>.mp4",
        questions=5130,
    ),
)
