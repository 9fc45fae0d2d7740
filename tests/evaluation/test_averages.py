"""Scores of small examinations of every benchmark, by both definitions, against sums written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from videor1.evaluation.averages import official_score, released_score, strata
from videor1.evaluation.benchmarks import BENCHMARKS, benchmark_of
from videor1.evaluation.marks import official_mark, released_mark


@dataclass(frozen=True)
class Examination:
    benchmark: str
    questions: Sequence[tuple[str, str, str, str]]  # task, answer, gold answer, problem type
    official: float
    by_group: dict[str, float]
    accuracy: float | None
    mra: float | None = None


def choices(task: str, answers: str) -> list[tuple[str, str, str, str]]:
    """One multiple-choice question a letter of `answers`, all with B for an answer."""
    return [(task, letter, "B", "multiple choice") for letter in answers]


def regressions(task: str, *pairs: tuple[str, str]) -> list[tuple[str, str, str, str]]:
    return [(task, out, gold, "regression") for out, gold in pairs]


VSI_BENCH = Examination(
    benchmark="VSI-Bench",
    questions=[
        *regressions("object_counting", ("4", "4"), ("2", "4")),  # official 1, 0.1; released 1, 0
        *regressions("object_abs_distance", ("9", "10")),  # 0.9; 0.9
        *regressions("object_size_estimation", ("80", "100")),  # 0.7; 0.6
        *regressions("room_size_estimation", ("big", "30"), ("30", "30")),  # 0, 1; the same
        *choices("object_rel_distance", "BA"),
        *choices("object_rel_direction_easy", "BBBA"),
        *choices("object_rel_direction_medium", "BA"),
        *choices("object_rel_direction_hard", "A"),
        *choices("route_planning", "B"),
        *choices("obj_appearance_order", "AAAB"),
    ],
    # eight tasks, the directions being (3/4 + 1/2 + 0/1) / 3
    official=(0.55 + 0.9 + 0.7 + 0.5 + 1 / 2 + (3 / 4 + 1 / 2 + 0) / 3 + 1 + 1 / 4) / 8,
    by_group={
        "object_counting": (1 + 0.1) / 2,
        "object_abs_distance": 0.9,
        "object_size_estimation": 0.7,
        "room_size_estimation": (0 + 1) / 2,
        "object_rel_distance": 1 / 2,
        "object_rel_direction": 1.25 / 3,
        "route_planning": 1.0,
        "obj_appearance_order": 1 / 4,
    },
    accuracy=(1 + 3 + 1 + 0 + 1 + 1) / 14,
    mra=(1 + 0 + 0.9 + 0.6 + 0 + 1) / 6,
)
VIDEO_MMMU = Examination(
    benchmark="Video-MMMU",
    questions=[
        *choices("Perception", "BBBA"),
        *choices("Comprehension", "BA"),
        ("Adaptation", "3.0", "3", "numerical"),  # released 0
        *choices("Adaptation", "AA"),
    ],
    official=(3 / 4 + 1 / 2 + 1 / 3) / 3,
    by_group={"perception": 3 / 4, "comprehension": 1 / 2, "adaptation": 1 / 3},
    accuracy=(3 + 1 + 0) / 9,
)
MMVU = Examination(
    benchmark="MMVU",
    questions=[
        *choices("Art", "BBA"),
        *choices("Medicine", "A"),
        ("Art", "(B) left", "B", "multiple choice"),
    ],
    official=3 / 5,
    by_group={"Art": 3 / 4, "Medicine": 0.0},
    accuracy=2 / 5,
)
MVBENCH = Examination(
    benchmark="MVBench",
    questions=[
        *choices("action sequence", "BBBB"),
        *choices("Action Prediction", "A"),
        *[question for task in BENCHMARKS["MVBench"].tasks[2:] for question in choices(task, "BA")],
    ],
    official=(1 + 0 + 18 * 1 / 2) / 20,
    by_group={
        "Action Sequence": 1.0,
        "Action Prediction": 0.0,
        **dict.fromkeys(BENCHMARKS["MVBench"].tasks[2:], 0.5),
    },
    accuracy=(4 + 0 + 18) / (4 + 1 + 36),
)
TEMPCOMPASS = Examination(
    benchmark="TempCompass",
    questions=[
        *[question for task in BENCHMARKS["TempCompass"].tasks[:5] for question in choices(task, "BA")],
        *[(task, "Yes", "yes", "multiple choice") for task in BENCHMARKS["TempCompass"].tasks[5:10]],
        *[question for task in BENCHMARKS["TempCompass"].tasks[10:15] for question in choices(task, "A")],
        # a word with no bigram earns 2/3 of ROUGE; released 0
        *[(task, "falling", "falls", "free-form") for task in BENCHMARKS["TempCompass"].tasks[15:]],
    ],
    official=(5 + 5 + 0 + 5 * 2 / 3) / 25,
    by_group={"multi-choice": 1 / 2, "yes_no": 1.0, "caption_matching": 0.0, "captioning": 2 / 3},
    accuracy=(5 + 0 + 0 + 0) / 25,
)
VIDEOMME = Examination(
    benchmark="VideoMME",
    questions=[*choices("short", "BBBB"), *choices("medium", "BA"), *choices("long", "AAB")],
    official=(4 + 1 + 1) / 9,
    by_group={"short": 1.0, "medium": 1 / 2, "long": 1 / 3},
    accuracy=6 / 9,
)
TEMPORAL = Examination(
    benchmark="temporal",
    questions=[
        *choices("first", "BBA"),
        ("digits", "1 2 3", "1 2 4", "OCR"),
    ],  # 1 of 3 words wrong; released 0
    official=(2 + 2 / 3) / 4,
    by_group={"first": 2 / 3, "digits": 2 / 3},
    accuracy=2 / 4,
)
OTHER = Examination(
    benchmark="other",
    questions=[("count", "3", "3", "numerical"), *regressions("width", ("30", "40"))],  # 1 - 10/40; MRA 0.5
    official=(1 + 0.75) / 2,
    by_group={"count": 1.0, "width": 0.75},
    accuracy=1 / 1,
    mra=0.5,
)
EXAMINATIONS = [VSI_BENCH, VIDEO_MMMU, MMVU, MVBENCH, TEMPCOMPASS, VIDEOMME, TEMPORAL, OTHER]


@pytest.mark.parametrize("examination", EXAMINATIONS, ids=lambda examination: examination.benchmark)
def test_scores_by_both_definitions(examination):
    benchmark = BENCHMARKS[examination.benchmark]
    asked = [
        (task, f"<answer>{out}</answer>", f"<answer>{gold}</answer>", problem_type)
        for task, out, gold, problem_type in examination.questions
    ]
    tasks, types = [question[0] for question in asked], [question[3] for question in asked]
    official = official_score(
        benchmark, tasks, np.array([official_mark(*question[1:], benchmark) for question in asked])
    )
    assert official.score == pytest.approx(examination.official, abs=1e-9)
    assert official.by_group == pytest.approx(examination.by_group, abs=1e-9)
    assert official.why is None
    released = released_score(types, np.array([released_mark(*question[1:]) for question in asked]))
    assert released.accuracy == pytest.approx(examination.accuracy, abs=1e-7)
    assert released.mra == pytest.approx(examination.mra, abs=1e-7)


def scored(name: str, marks_by_task: dict[str, list[float]]):
    tasks = [task for task, marks in marks_by_task.items() for _ in marks]
    return official_score(
        benchmark_of(name), tasks, np.array([mark for marks in marks_by_task.values() for mark in marks])
    )


def test_a_macro_benchmark_has_no_score_while_a_task_is_unknown():
    result = scored("Video-MMMU", {"perception": [1.0, 0.0], "": [1.0], "memory": [0.0, 1.0]})
    assert result.score is None
    assert result.why == "Video-MMMU: no score, the task of 3 questions is unknown ('')"
    assert result.by_group == {"perception": 0.5, "memory": 0.5}


def test_a_micro_benchmark_needs_no_tasks():
    result = scored("VideoMME", {"": [1.0, 0.0, 0.0], "short": [1.0]})
    assert (result.score, result.by_group, result.why) == (0.5, {"short": 1.0}, None)
    assert scored("mine", {"a": [1.0], "b": [0.0, 0.0, 1.0]}).score == 0.5


@pytest.mark.parametrize(
    ("name", "marks", "score", "missing"),
    [
        ("Video-MMMU", {"perception": [1.0, 1.0], "adaptation": [0.0]}, (1 + 0) / 2, "comprehension"),
        ("VideoMME", {"short": [1.0, 1.0], "medium": [0.0]}, 2 / 3, "long"),
    ],
)
def test_a_subset_is_averaged_over_the_tasks_present(name, marks, score, missing):
    result = scored(name, marks)
    assert result.score == pytest.approx(score)
    assert result.why == f"{name}: no questions of {missing}"


def test_the_directions_present_are_still_one_of_vsi_benchs_tasks():
    easy, hard, route = "object_rel_direction_easy", "object_rel_direction_hard", "route_planning"
    result = scored("VSI-Bench", {easy: [1.0], hard: [0.0, 0.0, 0.0], route: [1.0]})
    assert result.score == pytest.approx(((1 + 0) / 2 + 1) / 2)
    assert result.by_group == pytest.approx({"object_rel_direction": 0.5, "route_planning": 1.0})
    assert "object_rel_direction_medium" in result.why
    assert "\n" not in result.why


@pytest.mark.parametrize("name", ["MVBench", "VideoMME", "mine"])
def test_no_questions(name):
    result = scored(name, {})
    assert (result.score, result.by_group, result.why) == (None, {}, f"{name}: no questions")
    released = released_score([], np.array([]))
    assert (released.accuracy, released.mra) == (None, None)


@pytest.mark.parametrize("examination", EXAMINATIONS, ids=lambda examination: examination.benchmark)
def test_strata_weigh_one_and_hold_each_question_once(examination):
    tasks = [question[0] for question in examination.questions]
    parts = strata(BENCHMARKS[examination.benchmark], tasks)
    assert sum(part.weight for part in parts) == pytest.approx(1.0)
    assert sorted(np.concatenate([part.questions for part in parts])) == list(range(len(tasks)))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        official_score(BENCHMARKS["MMVU"], ["a", "b"], np.zeros(3))
    with pytest.raises(ValueError, match=r"\(1,\).*\(1, 1\)"):
        released_score(["regression"], np.zeros((1, 1)))
