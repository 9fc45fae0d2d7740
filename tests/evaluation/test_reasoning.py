"""The lexical rule on chains of thought of a 7B, on the toy world's whole vocabulary, and on hostile text."""

from __future__ import annotations

import time

import numpy as np
import pytest

from videor1.errors import ConfigError
from videor1.evaluation.phrases import find, quoted, tokenise
from videor1.evaluation.reasoning import (
    ReasoningSettings,
    is_reflective,
    is_temporal,
    temporal_hits,
)
from videor1.rewards import reasoning_of
from videor1.toyworld.tasks import TASKS

DEFAULT = ReasoningSettings()
MEGABYTE = 1_000_000


def entries(text: str, *phrases: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(match.entry, match.places) for match in find(tokenise(text), phrases)]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("<think>a</think>\n<answer>b</answer>", "a"),
        ("<think>cut off", "cut off"),
        ("a</think><answer>b</answer>", "a"),
        ("no tags", "no tags"),
        ("before <think>a</think>b<think>c</think>", "before a"),
        ("<answer>b</answer>", ""),
        ("", ""),
    ],
)
def test_reasoning_is_what_stands_before_the_answer(text, inside):
    assert reasoning_of(text) == inside


def test_words_are_whole_and_of_any_case():
    assert entries("Then the THEN-ness of thenceforth, then.", "then") == [("then", (0,)), ("then", (6,))]
    assert entries("it’s Let’s", "let's") == [("let's", (1,))]


def test_longer_phrases_come_first_and_no_word_counts_twice():
    assert entries("at the end it ends", "end|at the end", "ends") == [("end", (0, 1, 2)), ("ends", (4,))]
    assert entries("at the end", "the end", "at the") == [("at the", (0, 1))]


def test_a_gap_is_one_to_eight_tokens_of_a_sentence():
    assert entries("from red to blue to green", "from … to") == [("from … to", (0, 2))]
    assert entries("from to", "from … to") == []
    assert entries("from 1 2 3 4 5 6 7 8 to", "from … to") == [("from … to", (0, 9))]
    assert entries("from 1 2 3 4 5 6 7 8 9 to", "from … to") == []
    assert entries("we come from here. to there", "from … to") == []
    assert entries("from a, b to the left side", "from … to the … side") == [
        ("from … to the … side", (0, 4, 5, 7))
    ]
    assert entries("from a to", "from … to the") == []


def test_a_quote_is_five_words_or_a_short_sentence():
    question = tokenise(
        "What does the man do before lunch?\nA. he sits down first\nB. after\nC. then he runs"
    )

    def repeated(text):
        tokens = tokenise(text)
        return " ".join(tokens[place] for place in sorted(quoted(tokens, question)))

    assert repeated("Asked what does the man do before dinner") == "what does the man do before"
    assert repeated("the man do before that") == ""  # four words of a longer sentence
    assert repeated("I say he sits down first, so A") == "he sits down first"
    assert repeated("it happens after, then he runs, then he walks") == "then he runs"
    assert quoted(tokenise("first then"), tokenise("")) == set()


def test_a_repeated_question_is_not_reasoning_about_time():
    question = "which colour comes first, and which comes last?\nA. red then blue\nB. blue then red"
    parrot = (
        "<think>which colour comes first, and which comes last? A. red then blue</think><answer>A</answer>"
    )
    assert temporal_hits(parrot, DEFAULT, question=question) == ()
    assert temporal_hits(parrot, DEFAULT) == ("first", "last", "then")
    own = "<think>red comes first, then blue</think><answer>A</answer>"
    assert temporal_hits(own, DEFAULT, question=question) == ("first", "then")


def test_only_the_reasoning_counts_and_entries_count_once():
    text = "<think>then, then and then afterwards</think><answer>first red, before blue</answer>"
    assert temporal_hits(text, DEFAULT) == ("then", "after")
    least = {number: ReasoningSettings(temporal_least=number) for number in (1, 2, 3)}
    assert [is_temporal(text, settings) for settings in least.values()] == [True, True, False]
    assert not is_temporal("then then then then", least[2])


TEMPORAL = [
    "The video begins with a person opening a drawer. They then take out a knife and, after that, cut bread.",
    "At the beginning, the purple cube is stationary. As the video progresses, the cyan cube enters the scene"
    " from the left and collides with it, so the cyan cube came later.",
    "Initially the cup is under the left box. The boxes are swapped twice, so it ends up in the middle.",
    "In the earlier frames the door is closed; it is open by the time the man walks out.",
    "The object changes from green to yellow gradually.",
    "The chair is seen first, followed by the lamp and the sofa, which is the order in option C.",
    "The ball is moving to the right, and it disappears behind the wall before the boy turns round.",
]
NOT_TEMPORAL = [
    "First, let's look at the picture. Then, we count the apples: there are 3 red ones and 2 green ones.",
    "First, I identify the axes. Next, I read the value for 2015, which is 40. Finally, the answer is 40.",
    "If x = 2, then 3x + 1 = 7, so the area is 7 square units.",
    "The sofa is next to the table. In order to tell the distance, I compare it with the door: about 2 m.",
    "The sign shows a red circle with a white bar, which means no entry.",
    "The chef wears a white hat and holds a pan; the kitchen has a tiled wall behind him.",
    "After examining the options, option B fits the diagram best. At first glance A looks right too.",
    "The last option shows an oxygen molecule, which has two atoms.",
]


@pytest.mark.parametrize("text", TEMPORAL)
def test_a_chain_of_thought_about_time(text):
    assert is_temporal(f"<think>{text}</think><answer>A</answer>", DEFAULT)


@pytest.mark.parametrize("text", NOT_TEMPORAL)
def test_a_chain_of_thought_about_something_else(text):
    assert not is_temporal(f"<think>{text}</think><answer>A</answer>", DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is A. Wait, let me look at the second shelf.",
        "That makes four... wait... five of them.",
        "It is the red one\n\nWait, no.",
        "Hmm, the arrow could also point up.",
        "Let me re-check the count.",
        "On second thought, the cup was on the left.",
        "I should double-check this.",
        "So it is B. Hold on, the legend says otherwise.",
    ],
)
def test_a_doubt(text):
    assert is_reflective(f"<think>{text}</think><answer>A</answer>", DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        "People wait for the bus and a waiter passes.",
        "While they wait, the bus comes. Others sit, wait and read; they have to wait.",
        "She has to hold on to the rail.",
        "The man is actually running, so the answer is A.",
        "The whole room can be seen.",
    ],
)
def test_no_doubt(text):
    assert not is_reflective(f"<think>{text}</think><answer>wait, hmm</answer>", DEFAULT)


@pytest.mark.parametrize("task", TASKS)
def test_thoughts_of_the_toy_world(task):
    """Temporal where the generator means time; only the tersest one, "3 then 1", is missed."""
    for seed in range(20):
        scene = TASKS[task].draw(np.random.default_rng(seed))
        question = "\n".join((scene.question, *scene.choices))
        found = {
            length: is_temporal(f"<think>{getattr(scene.seen, length)}</think>", DEFAULT, question=question)
            for length in ("terse", "detailed")
        }
        temporal = TASKS[task].family == "temporal"
        assert found == {"terse": temporal and task != "digits", "detailed": temporal}


@pytest.mark.parametrize(
    "piece", ["first ", "if ", "from ", "at the ", "x", " ", ".", "\n", "<think>", "it's-", "wait", "from x"]
)
def test_hostile_text_takes_linear_time(piece):
    text = piece * (MEGABYTE // len(piece))
    started = time.process_time()
    is_temporal(text, DEFAULT, question="which is first?\nA. at the at the at the")
    is_reflective(text, DEFAULT)
    assert time.process_time() - started < 20  # a quadratic one would need hours


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"temporal_least": 0}, "temporal_least"),
        ({"temporal": ("first", "")}, "temporal"),
        ({"temporal": ("first|",)}, "temporal"),
        ({"timeless": ("from …",)}, "timeless"),
        ({"reflection": ("… wait",)}, "reflection"),
        ({"reflection": ("  ",)}, "reflection"),
    ],
)
def test_impossible_settings_name_their_key(settings, key):
    with pytest.raises(ConfigError, match=rf"model\.evaluation\.reasoning\.{key}[ :]"):
        ReasoningSettings(**settings)


def test_lists_are_config():
    german = ReasoningSettings(temporal=("zuerst", "dann|danach"), timeless=(), reflection=("moment,",))
    assert temporal_hits("Zuerst rot, danach blau", german) == ("zuerst", "dann")
    assert is_reflective("Moment, nein", german)
    assert not is_reflective("wait, no", german)
