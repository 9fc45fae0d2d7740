"""The benchmarks of arXiv 2503.21776: their tasks, how their scores are put together, and the paper's rows.

A record belongs to a benchmark by its `data_source`, "<benchmark>/<task>". Names and tasks are those of the
benchmarks' own files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Marking = Literal["reward", "answer", "answer+mra"]

PAPER_MODELS = ("Qwen2.5-VL-7B (CoT)", "Qwen2.5-VL-7B-SFT", "Video-R1-7B")  # the rows, all with 64 frames


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroup:
    """Tasks that have one column in a benchmark's own table."""

    name: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What has to be known of a benchmark to score it.

    Args:
        name: the part of `data_source` before "/".
        description: what it asks, in one line.
        groups: its tasks; none where any task may come.
        macro: the score is a mean over groups of the mean over their tasks; otherwise over all questions.
        marking: "reward" marks a response with its accuracy reward. "answer" takes a response without answer
            tags for the answer; "answer+mra" also marks regression by the official MRA.
        paper: percent of each of `PAPER_MODELS`.
    """

    name: str
    description: str
    groups: tuple[TaskGroup, ...] = ()
    macro: bool = False
    marking: Marking = "reward"
    paper: tuple[float, float, float] | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(task for group in self.groups for task in group.tasks)

    def spelling(self, task: str) -> str | None:
        """`task` as this benchmark spells it; None for none of its tasks. Case, "_" and "-" do not matter."""
        return next((own for own in self.tasks if _plain(own) == _plain(task)), None)


def benchmark_of(data_source: str) -> Benchmark:
    """The benchmark that a record belongs to; an unknown one is micro and marked with accuracy rewards."""
    name = data_source.partition("/")[0]
    return BENCHMARKS.get(name) or Benchmark(name=name, description="questions of your own")


def task_of(data_source: str) -> str:
    """The task that `data_source` names, "" when it names none."""
    return data_source.partition("/")[2]


def _plain(task: str) -> str:
    return re.sub(r"[\s_-]+", " ", task).strip().casefold()


def _each(*tasks: str) -> tuple[TaskGroup, ...]:
    """Groups of one task."""
    return tuple(TaskGroup(name=task, tasks=(task,)) for task in tasks)


_VSI_BENCH = (
    *_each("object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation"),  # MRA
    *_each("object_rel_distance"),
    TaskGroup(
        name="object_rel_direction",
        tasks=tuple(f"object_rel_direction_{level}" for level in ("easy", "medium", "hard")),
    ),
    *_each("route_planning", "obj_appearance_order"),
)
_MVBENCH = _each(
    "Action Sequence",
    "Action Prediction",
    "Action Antonym",
    "Fine-grained Action",
    "Unexpected Action",
    "Object Existence",
    "Object Interaction",
    "Object Shuffle",
    "Moving Direction",
    "Action Localization",
    "Scene Transition",
    "Action Count",
    "Moving Count",
    "Moving Attribute",
    "State Change",
    "Fine-grained Pose",
    "Character Order",
    "Egocentric Navigation",
    "Episodic Reasoning",
    "Counterfactual Inference",
)
_TEMPCOMPASS = tuple(
    TaskGroup(
        name=form,
        tasks=tuple(f"{form} {a}" for a in ("action", "speed", "direction", "order", "attribute_change")),
    )
    for form in ("multi-choice", "yes_no", "caption_matching", "captioning")
)

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="VSI-Bench",
            description="sizes, distances, counts, directions and routes in filmed rooms",
            groups=_VSI_BENCH,
            macro=True,
            marking="answer+mra",
            paper=(31.4, 34.8, 37.1),
        ),
        Benchmark(
            name="Video-MMMU",
            description="knowledge that a lecture teaches: seen, understood, applied",
            groups=_each("perception", "comprehension", "adaptation"),
            macro=True,
            marking="answer",
            paper=(50.4, 49.4, 52.4),
        ),
        Benchmark(
            name="MMVU",
            description="expert knowledge about what a video shows, its multiple-choice part",
            marking="answer",
            paper=(60.0, 61.6, 63.8),
        ),
        Benchmark(
            name="MVBench",
            description="20 short tasks that a single frame does not solve",
            groups=_MVBENCH,
            macro=True,
            marking="answer",
            paper=(59.2, 60.6, 64.8),
        ),
        Benchmark(
            name="TempCompass",
            description="action, speed, direction, order and change, asked in 4 formats",
            groups=_TEMPCOMPASS,
            marking="answer",
            paper=(72.9, 70.0, 73.2),
        ),
        Benchmark(
            name="VideoMME",
            description="videos of seconds to an hour, without subtitles",
            groups=_each("short", "medium", "long"),
            marking="answer",
            paper=(59.6, 58.8, 61.4),
        ),
        Benchmark(name="temporal", description="the toy world's questions that need the order of the frames"),
        Benchmark(name="other", description="the toy world's questions that do not"),
    )
}
