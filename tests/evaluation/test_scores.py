"""Marks and scores against sums done by hand, over one table and over several put together."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.support import answers, judged, marks_of
from videor1.data.record_index import Kind
from videor1.evaluation.scores import MANNERS, Marks, MarkTable, curves, scores

FIRST = Kind(data_type="video", problem_type="multiple choice", data_source="temporal/first")


def test_a_question_weighs_the_same_with_any_number_of_responses():
    first = [judged("temporal/first", a, sample=i) for i, a in enumerate((1.0, 0.0, 0.0, 0.0))]
    marks = marks_of([*first, judged("temporal/first", 1.0, question=1)])
    assert marks.accuracy[:, 0, 0].tolist() == [0.25, 1.0]
    assert scores(marks)["temporal"]["official"] == {"score": 0.625, "why": None}


def test_cells_are_means_by_task_decoding_and_order():
    marks = marks_of(
        [
            *(judged("temporal/first", a, sample=i) for i, a in enumerate((1.0, 0.0))),
            judged("temporal/first", 1.0, order="shuffled"),
            judged("temporal/first", 0.0, order="blind"),
            judged("temporal/first", 1.0, decoding="greedy"),
            judged("temporal/grow", 1.0, question=1),
            judged("temporal/grow", 0.0, order="shuffled", question=1),
        ]
    )
    found = scores(marks)["temporal"]
    assert found["questions"] == 2
    assert found["tasks"]["first"] == {
        "questions": 1,
        "sampled": {"ordered": 0.5, "shuffled": 1.0, "blind": 0.0},
        "greedy": {"ordered": 1.0, "shuffled": None, "blind": None},
    }
    assert found["cells"]["sampled"] == {"ordered": 0.75, "shuffled": 0.5, "blind": None}
    assert found["cells"]["greedy"] == {"ordered": None, "shuffled": None, "blind": None}, (
        "not all were asked"
    )


def test_an_image_counts_in_both_orders():
    marks = marks_of(
        [
            *(judged("other/colour", a, data_type="image", sample=i) for i, a in enumerate((1.0, 0.5))),
            judged("other/count", 1.0, question=1),
            judged("other/count", 0.0, question=1, order="shuffled"),
        ]
    )
    cells = scores(marks)["other"]["cells"]["sampled"]
    assert (cells["ordered"], cells["shuffled"]) == (0.875, 0.375)


def test_missing_questions_are_wrong_and_answered_ones_also_stand_alone():
    found = scores(marks_of(answers("MMVU/Art", "110x")))["MMVU"]
    assert (found["questions"], found["missing"]) == (4, 1)
    assert found["official"]["score"] == found["released"]["accuracy"] == 0.5
    assert found["answered"] == pytest.approx(2 / 3)
    assert found["manner"]["format"] == 1.0, "of what was said"


def test_manner_is_of_sampled_ordered_responses():
    said = [
        judged("other/x", 1.0, tokens=10, temporal=True),
        judged("other/x", 1.0, tokens=20, sample=1, format=0.0, reflective=True, finished=False),
    ]
    others = [
        judged("other/x", 1.0, tokens=99, order="shuffled"),
        judged("other/x", 1.0, tokens=99, decoding="greedy"),
    ]
    manner = scores(marks_of([*said, *others]))["other"]["manner"]
    assert manner == {"format": 0.5, "temporal": 0.5, "reflective": 0.5, "finished": 0.5, "tokens": 15.0}


def test_what_nobody_was_asked_is_left_out():
    found = scores(marks_of(answers("temporal/first", "10"), unasked=["temporal/first", "other/x"]))
    assert list(found) == ["temporal"]
    assert found["temporal"]["questions"] == 2
    assert found["temporal"]["official"]["score"] == 0.5


def test_curves_have_names_and_only_what_is_known():
    found = curves(
        marks_of([*answers("temporal/first", "11"), *answers("temporal/first", "10", order="shuffled")])
    )
    assert found == {
        "temporal/sampled/ordered": 1.0,
        "temporal/sampled/shuffled": 0.5,
        "temporal/sampled/gap": 0.5,
        "temporal/format": 1.0,
        "temporal/temporal": 0.0,
        "temporal/reflective": 0.0,
        "temporal/finished": 1.0,
        "temporal/tokens": 10.0,
    }


def test_a_question_that_two_ranks_were_asked_is_told():
    table = MarkTable([FIRST])
    table.update([judged("temporal/first", 1.0)])
    table.update([judged("temporal/first", 1.0)])
    with pytest.raises(ValueError, match=r"questions \[0\] … were asked more than once"):
        table.marks()


ROWS = [(0.1 * (i % 11), 0.7 / (i + 1)) for i in range(9)]  # sums of these depend on their order


def fill(table: MarkTable, questions: range) -> None:
    """Three responses to each, whose marks no binary number has exactly."""
    for question in questions:
        first, step = ROWS[question]
        table.update(
            judged(
                "temporal/first", first + step * i / 3, question=question, sample=i, tokens=question + i * i
            )
            for i in range(3)
        )


def same(one: Marks, other: Marks) -> None:
    for name in ("accuracy", "released", "manner", "missing"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


@given(st.lists(st.integers(0, 2), min_size=len(ROWS), max_size=len(ROWS)))
def test_ranks_with_any_share_of_the_questions_sum_to_the_whole_exactly(ranks):
    whole, total = MarkTable([FIRST] * len(ROWS)), MarkTable([FIRST] * len(ROWS))
    fill(whole, range(len(ROWS)))
    total.update([])
    for rank in range(3):
        part = MarkTable([FIRST] * len(ROWS))
        for question in (question for question, owner in enumerate(ranks) if owner == rank):
            fill(part, range(question, question + 1))
        for state in ("accuracy", "released", "count", "manner", "missing", "asked"):
            getattr(total, state).add_(getattr(part, state))  # what a reduction over ranks does
    same(total.marks(), whole.marks())


def marks_of_rank(rank: int, meeting: str) -> Marks:
    """What one of two ranks finds when each was asked a part."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=2, timeout=timedelta(seconds=120)
    )
    table = MarkTable([FIRST] * len(ROWS))
    fill(table, range(4) if rank == 0 else range(4, len(ROWS)))
    marks = table.marks()
    torch.distributed.destroy_process_group()
    return marks


def test_two_processes_agree_on_what_one_finds_bit_for_bit(tmp_path: Path):
    meeting = str(tmp_path / "meeting")
    with multiprocessing.get_context("spawn").Pool(1) as other:
        there = other.apply_async(marks_of_rank, (1, meeting))
        here = marks_of_rank(0, meeting)
        same(there.get(timeout=60), here)
    whole = MarkTable([FIRST] * len(ROWS))
    fill(whole, range(len(ROWS)))
    same(here, whole.marks())
    assert here.manner[2, MANNERS.index("tokens")] == pytest.approx(2 + 5 / 3)


def test_the_order_of_questions_does_not_matter():
    judgements = [judged("temporal/first", 0.1 * i, question=i) for i in range(5)]
    same(marks_of(judgements), marks_of(judgements[::-1]))
    swapped = [replace(one, question=4 - one.question) for one in judgements]
    assert marks_of(swapped).accuracy[:, 0, 0].tolist() == marks_of(judgements).accuracy[::-1, 0, 0].tolist()
