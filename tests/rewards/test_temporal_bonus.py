"""Who gets alpha, under the paper's rule and the released one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.rewards import temporal_bonus


def bonus(ordered: list[float], shuffled: list[float], **settings: Any) -> list[float]:
    groups = (torch.tensor(values, dtype=torch.float32) for values in (ordered, shuffled))
    return temporal_bonus(*groups, **settings).tolist()


A = pytest.approx(0.3)


@pytest.mark.parametrize(
    ("ordered", "shuffled", "paper", "released"),
    [
        # p = 3/4 ≥ p~ = 1/2; means 0.75 ≥ 0.8 * 0.5
        ([1, 1, 1, 0], [1, 0], [A, A, A, 0], [A, A, A, 0]),
        # a tie counts
        ([1, 0], [1, 0, 1, 0], [A, 0], [A, 0]),
        # p = 1/2 < p~ = 3/5, yet 0.5 ≥ 0.8 * 0.6 = 0.48
        ([1, 0], [1, 1, 1, 0, 0], [0, 0], [A, 0]),
        # p = 0 < p~ = 1
        ([0, 0], [1, 1], [0, 0], [0, 0]),
        # 0 ≥ 0 holds, but nobody is correct
        ([0, 0], [0, 0], [0, 0], [0, 0]),
        # fractions: p = p~ = 1, but 0.2 < 0.8 * 0.9
        ([0.2, 0.2], [0.9], [A, A], [0, 0]),
        # 0.1 is not above 0.1: p = 1/2, p~ = 0; means 0.55 ≥ 0.08
        ([0.1, 1], [0.1], [0, A], [0, A]),
        # an image has no shuffled group
        ([1, 1], [], [0, 0], [0, 0]),
    ],
)
def test_bonus(
    ordered: list[float], shuffled: list[float], paper: list[float], released: list[float]
) -> None:
    assert bonus(ordered, shuffled) == paper
    assert bonus(ordered, shuffled, rule="released") == released


def test_alpha_and_threshold() -> None:
    # above 0.5 only the first is correct: p = 1/2 ≥ p~ = 0
    assert bonus([0.9, 0.4], [0.4], alpha=0.7, threshold=0.5) == [pytest.approx(0.7), 0]


group = st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.5, 1.0]), min_size=1, max_size=9)


@given(group, group)
def test_paper_rule_is_exact_in_fractions(ordered: list[float], shuffled: list[float]) -> None:
    share, shuffled_share = (
        Fraction(sum(value > 0.1 for value in values), len(values)) for values in (ordered, shuffled)
    )
    expected = [0.3 if share >= shuffled_share and value > 0.1 else 0.0 for value in ordered]
    assert bonus(ordered, shuffled) == pytest.approx(expected)


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="'median'"):
        bonus([1.0], [1.0], rule="median")
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        temporal_bonus(torch.zeros(2, 2), torch.zeros(2))
