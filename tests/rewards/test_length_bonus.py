"""Who gets omega."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videor1.rewards import length_bonus


def bonus(accuracy: list[float], lengths: list[int], **settings: Any) -> list[float]:
    return length_bonus(torch.tensor(accuracy), torch.tensor(lengths), **settings).tolist()


def test_both_bounds_count_and_only_correct_responses_are_paid() -> None:
    got = bonus([1.0, 1.0, 1.0, 1.0, 0.1, 0.2], [319, 320, 512, 513, 400, 400])
    assert got == [0, pytest.approx(0.2), pytest.approx(0.2), 0, 0, pytest.approx(0.2)]


def test_released_code_wants_two_correct_responses_of_any_length() -> None:
    assert bonus([1.0, 0.0], [400, 400]) == [pytest.approx(0.2), 0]
    assert bonus([1.0, 0.0], [400, 400], min_correct=2) == [0, 0]
    assert bonus([1.0, 1.0], [400, 10], min_correct=2) == [pytest.approx(0.2), 0]


def test_settings() -> None:
    got = bonus([0.6, 0.5], [7, 7], omega=0.5, l_min=7, l_max=7, threshold=0.5)
    assert got == [pytest.approx(0.5), 0]


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"l_min = 9 .* l_max = 8"):
        bonus([1.0], [1], l_min=9, l_max=8)
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        bonus([1.0, 1.0], [1])
