"""The whole reward of a group, and the settings that shape it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videor1.errors import ConfigError
from videor1.rewards import OverlongSettings, RewardSettings, RewardWeights, score_group
from videor1.types import ProblemType, Record

RIGHT = "<think>t</think><answer>B</answer>"
WRONG = "<think>t</think><answer>C</answer>"
BARE = "<answer>B</answer>"  # right, but without thoughts
RELEASED = RewardSettings(rules="released", temporal_rule="released", min_correct=2)


def record(solution: str, problem_type: ProblemType) -> Record:
    return Record(
        problem_id=1,
        problem="?",
        data_type="video",
        problem_type=problem_type,
        options=(),
        solution=solution,
        path="x.mp4",
        data_source="mine",
    )


CHOICE = record("<answer>B</answer>", "multiple choice")


def close(tensor: torch.Tensor, expected: list[float]) -> bool:
    return tensor.dtype == torch.float32 and tensor.tolist() == pytest.approx(expected)


def test_terms_add_up() -> None:
    rewards = score_group(
        [RIGHT, RIGHT, BARE, WRONG],
        [400, 100, 320, 400],
        [WRONG, RIGHT],
        [320, 512],
        CHOICE,
        RewardSettings(),
    )
    assert close(rewards.accuracy, [1, 1, 1, 0])
    assert close(rewards.format, [1, 1, 0, 1])
    assert close(rewards.temporal, [0.3, 0.3, 0.3, 0])  # p = 3/4 ≥ p~ = 1/2
    assert close(rewards.length, [0.2, 0, 0.2, 0])
    assert close(rewards.overlong, [0, 0, 0, 0])
    assert rewards.custom == {}
    assert close(rewards.untimed, [2.2, 2.0, 1.2, 1.0])
    assert close(rewards.total, [2.5, 2.3, 1.5, 1.0])
    assert close(rewards.shuffled_accuracy, [0, 1])
    assert close(rewards.shuffled_untimed, [1.0, 2.2])


def test_an_image_has_no_temporal_term() -> None:
    rewards = score_group([RIGHT, WRONG], [1, 1], [], [], CHOICE, RewardSettings())
    assert close(rewards.temporal, [0, 0])
    assert close(rewards.total, [2, 1])
    assert rewards.shuffled_accuracy.shape == (0,)
    assert rewards.shuffled_untimed.shape == (0,)


def test_settings_reach_every_term() -> None:
    # Above 0.5 only the first response is correct (errors 0 and 1/2). p = 1/2 ≥ p~ = 0.
    chosen = RewardSettings(alpha=1.0, omega=2.0, l_min=5, l_max=6, correct_above=0.5)
    texts = ["<answer>4</answer>", "<answer>6</answer>"]
    rewards = score_group(texts, [5, 5], texts[1:], [9], record("<answer>4</answer>", "regression"), chosen)
    assert close(rewards.accuracy, [1.0, 0.5])
    assert close(rewards.total, [1.0 + 1.0 + 2.0, 0.5])


def test_released_settings() -> None:
    # "(B)" is wrong under the released rules, so one response is correct: no length bonus.
    # Means: 1/2 ≥ 0.8 * 3/5, where the paper's rule compares 1/2 with 3/5.
    rewards = score_group(
        [RIGHT, "<think>t</think><answer>(B)</answer>"],
        [400, 400],
        [RIGHT, RIGHT, RIGHT, WRONG, WRONG],
        [1, 1, 1, 1, 1],
        CHOICE,
        RELEASED,
    )
    assert close(rewards.temporal, [0.3, 0])
    assert close(rewards.total, [2.3, 1.0])


def test_plain_grpo_is_both_bonuses_off() -> None:
    plain = RewardSettings(alpha=0, omega=0)
    rewards = score_group([RIGHT, WRONG], [400, 400], [WRONG], [400], CHOICE, plain)
    assert close(rewards.total, [2, 1])


def test_weights_and_the_overlong_penalty_reach_both_orders() -> None:
    chosen = RewardSettings(
        alpha=0.3,
        omega=0,
        weights=RewardWeights(accuracy=2.0, format=0.25),
        overlong=OverlongSettings(longest=100, margin=40, weight=0.5),
    )
    rewards = score_group([RIGHT, BARE, WRONG], [60, 70, 101], [RIGHT, WRONG], [80, 10], CHOICE, chosen)
    assert close(rewards.accuracy, [1, 1, 0])  # as they are: only sums are weighted
    assert close(rewards.format, [1, 0, 1])
    assert close(rewards.overlong, [0, -0.125, -0.5])
    assert close(rewards.untimed, [2.25, 1.875, -0.25])
    assert close(rewards.total, [2.55, 2.175, -0.25])
    assert close(rewards.shuffled_untimed, [2.25 - 0.25, 0.25])


def test_the_rule_and_its_figures_reach_the_bonus() -> None:
    def bonus(**settings: Any) -> list[float]:
        chosen = RewardSettings(alpha=1.0, **settings)
        texts, others = [RIGHT] * 7 + [WRONG], [RIGHT, RIGHT, WRONG, WRONG]
        return score_group(texts, [1] * 8, others, [1] * 4, CHOICE, chosen).temporal.tolist()

    paid, unpaid = [1.0] * 7 + [0.0], [0.0] * 8
    assert bonus(temporal_rule="probable") == paid  # 0.905
    assert bonus(temporal_rule="probable", confidence=0.91) == unpaid
    assert bonus(temporal_rule="released", margin=1.7) == paid  # 7/8 against 1/2
    assert bonus(temporal_rule="released", margin=1.8) == unpaid


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rules", "strict"),
        ("temporal_rule", "median"),
        ("alpha", -0.1),
        ("alpha", float("nan")),
        ("omega", float("inf")),
        ("correct_above", 1.0),
        ("correct_above", float("nan")),
        ("l_min", 513),
        ("l_max", 319),
        ("l_min", -1),
        ("min_correct", 0),
        ("margin", -1.0),
        ("margin", float("inf")),
        ("confidence", 0.0),
        ("confidence", 1.0),
        ("confidence", float("nan")),
    ],
)
def test_settings_errors_name_the_config_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"rewards\.{key}\b"):
        RewardSettings(**{key: value})


@pytest.mark.parametrize("key", ["accuracy", "format"])
def test_weights_errors_name_the_config_key(key: str) -> None:
    for value in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match=rf"model\.rewards\.weights\.{key}\b"):
            RewardWeights(**{key: value})


def test_a_group_needs_responses_and_their_lengths() -> None:
    with pytest.raises(ValueError, match="each response needs a length: 2 responses, 1 lengths"):
        score_group([RIGHT, WRONG], [1], [], [], CHOICE, RewardSettings())
    with pytest.raises(ValueError, match="each shuffled response needs a length: 1 responses, 0 lengths"):
        score_group([RIGHT], [1], [RIGHT], [], CHOICE, RewardSettings())
    with pytest.raises(ValueError, match="needs responses"):
        score_group([], [], [], [], CHOICE, RewardSettings())
