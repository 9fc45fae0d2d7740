"""How often each kind comes in an epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from videor1.data.mixture import EpochOrder, Share
from videor1.data.record_file import Kind
from videor1.errors import ConfigError

KINDS = (
    Kind(data_type="video", problem_type="multiple choice", data_source="films"),
    Kind(data_type="image", problem_type="multiple choice", data_source="charts"),
    Kind(data_type="image", problem_type="OCR", data_source="signs"),
)
CODES = np.array([0] * 40 + [1] * 20 + [2] * 10)


def per_kind(order, epoch=0):
    return dict(Counter(CODES[order.draw(epoch)].tolist()))


def test_without_a_mixture_everything_comes_once():
    order = EpochOrder(CODES, KINDS, seed=3)
    assert len(order) == 70
    assert sorted(order.draw(0)) == list(range(70))
    assert order.draw(0).tolist() == EpochOrder(CODES, KINDS, seed=3).draw(0).tolist()
    assert order.draw(0).tolist() != order.draw(1).tolist()
    assert order.draw(0).tolist() != EpochOrder(CODES, KINDS, seed=4).draw(0).tolist()


def test_weights_and_counts():
    mixture = [Share(data_source="signs", count=25), Share(data_type="image", weight=0.25)]
    order = EpochOrder(CODES, KINDS, mixture=mixture, seed=1)
    assert len(order) == 40 + 5 + 25
    assert per_kind(order) == {0: 40, 1: 5, 2: 25}
    times = Counter(order.draw(0).tolist())
    assert {times[number] for number in range(60, 70)} == {
        2,
        3,
    }  # 25 draws of 10: nobody comes much more often
    assert set(order.draw(0)) != set(order.draw(1))  # another random quarter
    assert sum(order.draw(0)[:35] < 40) < 30  # kinds are mixed, not one after another


def test_numbers_are_those_that_may_come():
    mixture = [Share(data_type="image", weight=0.0)]
    assert EpochOrder(CODES, KINDS, mixture=mixture).numbers().tolist() == list(range(40))
    assert EpochOrder(CODES, KINDS).numbers().tolist() == list(range(70))


def test_the_first_line_that_covers_a_record_decides():
    mixture = [Share(problem_type="OCR", weight=1.0), Share(data_type="image", weight=0.0)]
    assert per_kind(EpochOrder(CODES, KINDS, mixture=mixture)) == {0: 40, 2: 10}
    with pytest.raises(ConfigError, match=r"lines before it have taken all records of .*OCR"):
        EpochOrder(CODES, KINDS, mixture=mixture[::-1])


def test_a_line_without_conditions_is_about_everything():
    assert len(EpochOrder(CODES, KINDS, mixture=[Share(count=7)])) == 7
    assert len(EpochOrder(CODES, KINDS, mixture=[Share(weight=2.0)])) == 140


def test_records_that_are_set_apart_never_come():
    numbers = np.arange(1, 70, 2)
    order = EpochOrder(CODES[numbers], KINDS, numbers=numbers)
    assert sorted(order.draw(5)) == numbers.tolist()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"data_source": "flims", "weight": 0.0}], "flims.*charts.*films.*signs"),
        ([{"problem_type": "regression", "count": 5}], "regression"),
        ([{"weight": 0.0}], "leaves no record"),
        ([{"weight": 1.0, "count": 1}], "weight or a count"),
        ([{"data_type": "image"}], "weight or a count"),
        ([{"weight": -1.0}], "at least 0"),
        ([{"count": -1}], "at least 0"),
        ([{"weight": float("inf")}], "finite"),
        ([{"weight": float("nan")}], "finite"),
        ([{"data_type": "image", "weight": 1.0}, {"data_source": "signs", "weight": 2.0}], "signs"),
    ],
)
def test_mistakes_are_named(lines, message):
    with pytest.raises(ConfigError, match=rf"data\.mixture.*{message}"):
        EpochOrder(CODES, KINDS, mixture=[Share(**line) for line in lines])


def test_a_kind_that_is_switched_off_need_not_be_there():
    videos = CODES[CODES == 0]
    assert len(EpochOrder(videos, KINDS[:1], mixture=[Share(data_type="image", weight=0.0)])) == 40
