"""What a policy under training may write: every reader of it answers, in its range, in linear time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.amount import NIGHTLY, cases
from tests.fuzz.attacks import ATTACKS, READERS, attack
from tests.fuzz.outcome import answer
from tests.fuzz.strategies import NUMERALS, SOUND_RECORD, responses
from videor1.errors import RewardError
from videor1.evaluation.benchmarks import BENCHMARKS, benchmark_of
from videor1.evaluation.judge import judge_response
from videor1.evaluation.marks import official_mark
from videor1.evaluation.mra import mean_relative_accuracy, released_mean_relative_accuracy
from videor1.evaluation.ways import EvaluationSettings, Way
from videor1.rewards import RewardSettings, RewardTerm, accuracy, extract_answer, score_group
from videor1.rewards.answer import parse_choice, parse_number
from videor1.rewards.custom import custom_reward
from videor1.types import PROBLEM_TYPES, Record, Response

TYPES = st.sampled_from(PROBLEM_TYPES)
RULES = st.sampled_from(["paper", "released"])
SOLUTIONS = st.one_of(responses(4), st.sampled_from(NUMERALS).map(lambda text: f"<answer>{text}</answer>"))


def record(solution: str, problem_type: str, data_source: str = "toy") -> Record:
    fields = {"solution": solution, "problem_type": problem_type, "data_source": data_source, "options": ()}
    return Record(**SOUND_RECORD | fields)


@cases(40, 6000)
@given(text=responses(), solution=SOLUTIONS, problem_type=TYPES, rules=RULES)
def test_accuracy_is_between_0_and_1(text, solution, problem_type, rules):
    assert 0.0 <= accuracy(text, solution, problem_type, rules=rules) <= 1.0


@cases(30, 6000)
@given(text=responses())
def test_what_is_read_stands_there(text):
    found, number, letter = extract_answer(text), parse_number(text), parse_choice(text)
    assert found is None or (found in text and "</answer>" not in found)
    assert number is None or (math.isfinite(number) and any(one.isdecimal() for one in text))
    assert letter is None or letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cases(20, 4000)
@given(text=responses(), solution=SOLUTIONS, problem_type=TYPES, source=st.sampled_from([*BENCHMARKS, "own"]))
def test_a_response_is_judged(text, solution, problem_type, source):
    response = Response(
        token_ids=torch.arange(3), logprobs=torch.zeros(3), text=text, finished=len(text) % 2 == 0
    )
    way = Way(decoding="sampled", order="ordered", sample=0)
    told = judge_response(
        record(solution, problem_type, f"{source}/task"), response, way, 0, EvaluationSettings()
    )
    assert 0.0 <= told.accuracy <= 1.0
    assert 0.0 <= told.released <= 1.0
    assert told.format in (0.0, 1.0)
    again = official_mark(text, solution, problem_type, benchmark_of(source))
    assert again == told.accuracy


@cases(20, 2000)
@given(
    texts=st.lists(responses(), min_size=1, max_size=4),
    shuffled=st.lists(responses(), max_size=3),
    solution=SOLUTIONS,
    problem_type=TYPES,
    rules=RULES,
    temporal_rule=st.sampled_from(["paper", "released", "probable"]),
)
def test_a_group_is_rewarded(texts, shuffled, solution, problem_type, rules, temporal_rule):
    lengths, other = [[320 + len(text) for text in some] for some in (texts, shuffled)]
    settings = RewardSettings(rules=rules, temporal_rule=temporal_rule)
    rewards = score_group(texts, lengths, shuffled, other, record(solution, problem_type), settings)
    assert ((rewards.total >= 0) & (rewards.total <= 2.51)).all()
    assert len(rewards.shuffled_untimed) == len(shuffled)


@cases(20, 4000)
@given(prediction=st.floats(), target=st.floats())
def test_mean_relative_accuracy_is_between_0_and_1(prediction, target):
    assert 0.0 <= (answer(lambda: mean_relative_accuracy(prediction, target), ValueError) or 0.0) <= 1.0
    assert 0.0 <= released_mean_relative_accuracy(prediction, target) <= 1.0


class Told(RewardTerm):
    def __init__(self, values: Any, weight: float) -> None:
        super().__init__(weight=weight)
        self.values = values

    def __call__(self, responses: Sequence[str], record: Record) -> Sequence[float]:
        return self.values


VALUES = st.one_of(
    st.floats(), st.integers(), st.none(), st.text(max_size=3), st.booleans(), st.just(10**400)
)


@cases(30, 4000)
@given(values=st.lists(VALUES, max_size=3) | VALUES, weight=st.floats(-1e30, 1e30))
def test_a_reward_of_ones_own_is_finite_or_refused(values, weight):
    term, asked = Told(values, weight), record("<answer>A</answer>", "OCR")
    found = answer(lambda: custom_reward(term, ["a", "b"], asked), RewardError)
    assert found is None or (found.shape == (2,) and found.isfinite().all())


@pytest.mark.parametrize("name", ATTACKS)
def test_long_texts_take_no_time(name):
    """Quadratic time would be 10^11 steps, half an hour; benchmarks/reading.py measures how time grows."""
    text = attack(name, 1_000_000 if NIGHTLY else 300_000)
    start = time.process_time()
    for read in READERS.values():
        read(text)
    assert time.process_time() - start < 60
