"""Group advantages by hand, and what the temporal bonus does to them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videor1.objective import group_advantages
from videor1.rewards import temporal_bonus

cosine = torch.nn.functional.cosine_similarity


def test_each_row_is_centred_and_divided_by_its_own_deviation() -> None:
    advantages = group_advantages(torch.tensor([[2.0, 1.0, 1.0, 0.0], [10.0, 10.0, 10.0, 14.0]]))
    # row 1: mean 1, deviation sqrt((1 + 0 + 0 + 1) / 3); row 2: mean 11, sqrt((1 + 1 + 1 + 9) / 3) = 2
    first, second = (2 / 3) ** 0.5 + 1e-4, 2 + 1e-4
    expected = torch.tensor([[1 / first, 0, 0, -1 / first], [-1 / second] * 3 + [3 / second]])
    torch.testing.assert_close(advantages, expected)


def test_without_scale_only_the_mean_goes() -> None:
    advantages = group_advantages(torch.tensor([[2.0, 1.0, 1.0, 0.0]]), scale="none")
    torch.testing.assert_close(advantages, torch.tensor([[1.0, 0.0, 0.0, -1.0]]))


@given(st.floats(-10, 10, width=32), st.integers(2, 17))
def test_equal_rewards_give_exact_zeros(reward: float, size: int) -> None:
    # The float32 mean of seven 1.3 is not 1.3; over a deviation near 0 the difference would be a signal.
    assert group_advantages(torch.full((1, size), reward)).eq(0).all()


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0, 1.3, 2.5]), min_size=5, max_size=5), min_size=1))
def test_the_formula_as_it_is_written(rows: list[list[float]]) -> None:
    rewards = torch.tensor(rows, dtype=torch.float64)
    expected = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(group_advantages(rewards), expected)


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="G = 1"):
        group_advantages(torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        group_advantages(torch.zeros(3))
    for bad in ("nan", "inf"):
        with pytest.raises(ValueError, match="NaN or infinity"):
            group_advantages(torch.tensor([[1.0, float(bad)]]))
    scale: Any = "max"
    with pytest.raises(ValueError, match="'max'"):
        group_advantages(torch.zeros(1, 2), scale=scale)


@pytest.mark.parametrize("correct", range(1, 8))
def test_division_cancels_the_temporal_bonus_of_zero_one_accuracy(correct: int) -> None:
    """With equal formats T-GRPO's advantages are GRPO's: direction and, but for the 1e-4, size."""
    accuracy = (torch.arange(8) < correct).float()
    bonus = temporal_bonus(accuracy, torch.zeros(4))
    assert bonus.sum() == pytest.approx(0.3 * correct)
    plain, temporal = group_advantages(torch.stack([accuracy + 1, accuracy + 1 + bonus]))
    assert cosine(plain, temporal, dim=0) > 0.9999
    assert (temporal.norm() / plain.norm()).item() == pytest.approx(1.0, abs=1e-4)


def test_without_division_the_temporal_bonus_weighs_its_group() -> None:
    accuracy = torch.tensor([1.0, 1.0, 0.0, 0.0])
    rewards = torch.stack([accuracy, accuracy + temporal_bonus(accuracy, torch.zeros(4))])
    plain, temporal = group_advantages(rewards, scale="none")
    torch.testing.assert_close(temporal, 1.3 * plain)


def test_the_temporal_bonus_acts_through_fractional_accuracy() -> None:
    accuracy = torch.tensor([1.0, 0.5, 0.2, 0.0])
    plain, temporal = group_advantages(
        torch.stack([accuracy, accuracy + temporal_bonus(accuracy, torch.zeros(4))])
    )
    # centred: (.575, .075, -.225, -.425) and, from (1.3, .8, .5, 0), (.65, .15, -.15, -.65)
    # cosine = .695 / sqrt(.5675 * .89)
    assert cosine(plain, temporal, dim=0).item() == pytest.approx(0.695 / (0.5675 * 0.89) ** 0.5)
