"""The whole reward of a group, and the settings that shape it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from videor1.errors import ConfigError
from videor1.rewards import RewardSettings, score_group

RIGHT = "<think>t</think><answer>B</answer>"
WRONG = "<think>t</think><answer>C</answer>"
BARE = "<answer>B</answer>"  # right, but without thoughts
RELEASED = RewardSettings(rules="released", temporal_rule="released", min_correct=2)


def close(tensor: torch.Tensor, expected: list[float]) -> bool:
    return tensor.dtype == torch.float32 and tensor.tolist() == pytest.approx(expected)


def test_terms_add_up() -> None:
    rewards = score_group(
        [RIGHT, RIGHT, BARE, WRONG],
        [400, 100, 320, 400],
        [WRONG, RIGHT],
        "<answer>B</answer>",
        "multiple choice",
        RewardSettings(),
    )
    assert close(rewards.accuracy, [1, 1, 1, 0])
    assert close(rewards.format, [1, 1, 0, 1])
    assert close(rewards.temporal, [0.3, 0.3, 0.3, 0])  # p = 3/4 ≥ p~ = 1/2
    assert close(rewards.length, [0.2, 0, 0.2, 0])
    assert close(rewards.total, [2.5, 2.3, 1.5, 1.0])
    assert close(rewards.shuffled_accuracy, [0, 1])


def test_an_image_has_no_temporal_term() -> None:
    rewards = score_group(
        [RIGHT, WRONG], [1, 1], [], "<answer>B</answer>", "multiple choice", RewardSettings()
    )
    assert close(rewards.temporal, [0, 0])
    assert close(rewards.total, [2, 1])
    assert rewards.shuffled_accuracy.shape == (0,)


def test_settings_reach_every_term() -> None:
    # Above 0.5 only the first response is correct (errors 0 and 1/2). p = 1/2 ≥ p~ = 0.
    chosen = RewardSettings(alpha=1.0, omega=2.0, l_min=5, l_max=6, correct_above=0.5)
    texts = ["<answer>4</answer>", "<answer>6</answer>"]
    rewards = score_group(texts, [5, 5], texts[1:], "<answer>4</answer>", "regression", chosen)
    assert close(rewards.accuracy, [1.0, 0.5])
    assert close(rewards.total, [1.0 + 1.0 + 2.0, 0.5])


def test_released_settings() -> None:
    # "(B)" is wrong under the released rules, so one response is correct: no length bonus.
    # Means: 1/2 ≥ 0.8 * 3/5, where the paper's rule compares 1/2 with 3/5.
    rewards = score_group(
        [RIGHT, "<think>t</think><answer>(B)</answer>"],
        [400, 400],
        [RIGHT, RIGHT, RIGHT, WRONG, WRONG],
        "<answer>B</answer>",
        "multiple choice",
        RELEASED,
    )
    assert close(rewards.temporal, [0.3, 0])
    assert close(rewards.total, [2.3, 1.0])


def test_plain_grpo_is_both_bonuses_off() -> None:
    plain = RewardSettings(alpha=0, omega=0)
    rewards = score_group([RIGHT, WRONG], [400, 400], [WRONG], "<answer>B</answer>", "multiple choice", plain)
    assert close(rewards.total, [2, 1])


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
    ],
)
def test_settings_errors_name_the_config_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"rewards\.{key}\b"):
        RewardSettings(**{key: value})


def test_a_group_needs_responses_and_their_lengths() -> None:
    with pytest.raises(ValueError, match="2 responses and 1 lengths"):
        score_group([RIGHT, WRONG], [1], [], "<answer>B</answer>", "multiple choice", RewardSettings())
    with pytest.raises(ValueError, match="0 responses"):
        score_group([], [], [], "<answer>B</answer>", "multiple choice", RewardSettings())
