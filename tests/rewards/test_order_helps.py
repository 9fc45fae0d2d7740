"""When a question counts as answered better in order."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videor1.rewards import order_helps, temporal_bonus


def helps(ordered: list[float], shuffled: list[float], **settings: Any) -> bool:
    return order_helps(torch.tensor(ordered), torch.tensor(shuffled), **settings)


def right(k: int, n: int) -> list[float]:
    return [1.0] * k + [0.0] * (n - k)


@pytest.mark.parametrize("rule", ["paper", "released", "probable"])
def test_nothing_right_is_no_success_and_nor_is_an_image(rule: Any) -> None:
    sure = {"rule": rule, "confidence": 0.01}
    assert not helps(right(0, 8), right(0, 4), **sure)
    assert not helps([0.1, 0.1], [0.0], **sure)  # mean 0.1 ≥ 0.8 · 0, but nothing is above 0.1
    assert not helps(right(8, 8), [], **sure)
    assert helps(right(1, 8), right(0, 4), **sure)


def test_margin_of_the_released_rule() -> None:
    # 0.5 against 0.6: 0.8 · 0.6 = 0.48, 0.9 · 0.6 = 0.54
    assert helps(right(1, 2), right(3, 5), rule="released")
    assert not helps(right(1, 2), right(3, 5), rule="released", margin=0.9)
    assert helps([0.2], right(1, 1), rule="released", margin=0.0)


def test_probable_wants_more_than_a_larger_share() -> None:
    assert helps(right(8, 8), right(4, 4))  # a tie is enough for the paper
    assert not helps(right(8, 8), right(4, 4), rule="probable")  # 9/14
    assert helps(right(8, 8), right(4, 4), rule="probable", confidence=0.64)
    assert not helps(right(8, 8), right(3, 4), rule="probable")  # 0.890
    assert helps(right(7, 8), right(2, 4), rule="probable")  # 0.905
    assert not helps(right(7, 8), right(2, 4), rule="probable", confidence=0.91)
    assert not helps([0.4] * 8, right(0, 4), rule="probable", threshold=0.5)  # then 0 of 8 are right
    assert helps([0.4] * 8, right(0, 4), rule="probable", threshold=0.3)


def test_the_bonus_follows_the_rule() -> None:
    ordered, shuffled = torch.tensor(right(7, 8)), torch.tensor(right(2, 4))
    paid = temporal_bonus(ordered, shuffled, rule="probable", alpha=0.5)
    assert paid.tolist() == [0.5] * 7 + [0.0]
    assert temporal_bonus(ordered, shuffled, rule="probable", confidence=0.95).tolist() == [0.0] * 8
    assert temporal_bonus(ordered, shuffled, rule="released", margin=2.0).tolist() == [0.0] * 8
