"""The format reward equals the released full match, and reads a hostile megabyte at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videor1.rewards import format_reward

PARTS = ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "\x1c", "\u2003", "x", "<", "think>"]


@pytest.mark.parametrize(
    ("response", "reward"),
    [
        ("<think>t</think><answer>B</answer>", 1.0),
        ("<think>two\nlines</think>\n \u2003<answer>B</answer>", 1.0),
        ("<think></think><answer></answer>", 1.0),
        ("<think>a</think>b</think><answer>B</answer>", 1.0),
        ("<think>a</think><answer>B</answer>C</answer>", 1.0),
        ("<think>a</think>so<answer>B</answer>", 0.0),
        ("<think>a</think><answer>B</answer>\n", 0.0),
        (" <think>a</think><answer>B</answer>", 0.0),
        ("<think>a</think><answer>B", 0.0),
        ("<think>a<answer>B</answer>", 0.0),
        ("<answer>B</answer>", 0.0),
        ("<think></answer>", 0.0),
        ("", 0.0),
    ],
)
def test_format(response: str, reward: float) -> None:
    assert format_reward(response) == reward


middles = st.lists(st.sampled_from(PARTS), max_size=10).map("".join)


@settings(max_examples=2000, deadline=None)
@given(middles | middles.map("<think>{}</answer>".format) | middles.map("<think>{}<answer></answer>".format))
def test_format_is_the_released_full_match(response: str) -> None:
    match = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", response, re.DOTALL)
    assert format_reward(response) == float(match is not None)


def test_hostile_text_is_linear() -> None:
    bridges = "</think><answer>" * 60_000  # a megabyte; the full match tries each to the end: 6 * 10^10 steps
    assert format_reward("<think>" + bridges + "</answer>.") == 0.0
    assert format_reward("<think>" + bridges + "</answer>") == 1.0
    assert format_reward("<think>" * 150_000 + "</answer>") == 0.0
    assert format_reward("<think></think>" + " " * 1_000_000 + "x<answer></answer>") == 0.0
    assert format_reward("<think></think>" + " " * 1_000_000 + "<answer></answer>") == 1.0
