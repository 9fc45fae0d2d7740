"""Scores against sums done by hand, over one table and over several put together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.evaluation.judge import Judgement
from videor1.evaluation.scores import ScoreTable, mean_relative_accuracy


def judged(
    source, accuracy, *, order="ordered", decoding="sampled", kind="video", record=0, tokens=10, form=1.0
):
    return Judgement(
        problem_id=record,
        problem="",
        solution="",
        problem_type="numerical",
        data_source=source,
        data_type=kind,
        decoding=decoding,
        order=order,
        response="",
        accuracy=accuracy,
        format=form,
        tokens=tokens,
        finished=True,
    )


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        (10.0, 10.0, 1.0),
        (0.0, 10.0, 0.0),
        (5.0, 10.0, 0.1),  # error 0.50: only the bound 0.50 holds, and a tie counts
        (9.5, 10.0, 1.0),  # error 0.05: the tightest bound, a tie
        (9.4, 10.0, 0.9),  # error 0.06
        (13.0, 10.0, 0.5),  # error 0.30: bounds 0.50, 0.45, 0.40, 0.35, 0.30
        (-13.0, -10.0, 0.5),
        (9.0, 10.0, 0.9),  # error 0.10, a tie that 1 - 0.9 = 0.0999… would lose
        (0.45, 0.3, 0.1),  # error 0.50, which the division makes 0.5000000000000001
        (100.0, 10.0, 0.0),
        (float("nan"), 10.0, 0.0),
    ],
)
def test_official_mra(prediction, target, expected):
    assert mean_relative_accuracy(prediction, target) == pytest.approx(expected)


def test_mra_of_target_zero_is_refused():
    with pytest.raises(ValueError, match="target"):
        mean_relative_accuracy(1.0, 0.0)


@given(prediction=st.floats(-1e6, 1e6), target=st.floats(0.01, 1e6))
def test_mra_counts_tenths_and_falls_with_error(prediction, target):
    value = mean_relative_accuracy(prediction, target)
    assert round(value * 10) == pytest.approx(value * 10)
    assert value >= mean_relative_accuracy(target + 2 * abs(prediction - target), target)


def test_cells_are_means_by_source_decoding_and_order():
    table = ScoreTable(["temporal/first", "other/count"])
    first = [judged("temporal/first", a, record=1) for a in (1.0, 0.0, 0.0, 0.0)]
    table.update([*first, judged("temporal/first", 1.0, record=1, order="shuffled")])
    table.update([judged("temporal/first", 1.0, record=2, decoding="greedy")])
    scores = table.compute()
    assert scores["sources"]["temporal/first"] == {
        "sampled": {"ordered": 0.25, "shuffled": 1.0},
        "greedy": {"ordered": 1.0, "shuffled": None},
    }
    assert scores["sources"]["other/count"]["sampled"] == {"ordered": None, "shuffled": None}
    assert scores["questions"] == {"other": 0, "temporal": 2}


def test_an_image_counts_in_both_orders():
    table = ScoreTable(["other/colour"])
    table.update([judged("other/colour", a, kind="image") for a in (1.0, 0.5)])
    cell = table.compute()["families"]["other"]["sampled"]
    assert cell == {"ordered": 0.75, "shuffled": 0.75}


def test_a_family_weighs_its_questions_equally():
    table = ScoreTable(["temporal/first", "temporal/grow"])
    table.update([judged("temporal/first", 1.0, record=i) for i in range(3)])
    table.update([judged("temporal/grow", 0.0, record=9)])
    assert table.compute()["families"]["temporal"]["sampled"]["ordered"] == 0.75


def test_format_and_length_are_of_sampled_ordered_responses():
    table = ScoreTable(["other/x"])
    table.update([judged("other/x", 1.0, tokens=10, form=1.0), judged("other/x", 1.0, tokens=20, form=0.0)])
    table.update([judged("other/x", 1.0, tokens=99, order="shuffled")])
    table.update([judged("other/x", 1.0, tokens=99, decoding="greedy")])
    scores = table.compute()
    assert scores["format_rate"] == 0.5
    assert scores["response_tokens"] == 15.0


SOURCES = st.sampled_from(["temporal/a", "other/b"])


@given(st.lists(st.tuples(SOURCES, st.floats(0, 1)), min_size=1, max_size=20))
def test_two_halves_put_together_equal_the_whole(rows):
    """What a reduction over ranks does: the states are sums, and summing them is exact."""
    whole, *halves = (ScoreTable(["temporal/a", "other/b"]) for _ in range(3))
    for number, (source, accuracy) in enumerate(rows):
        judgement = judged(source, accuracy, record=number)
        whole.update([judgement])
        halves[number % 2].update([judgement])
    for state in ("accuracy", "count", "questions", "manner"):
        together = getattr(halves[0], state) + getattr(halves[1], state)
        assert torch.allclose(together, getattr(whole, state), atol=1e-12)
