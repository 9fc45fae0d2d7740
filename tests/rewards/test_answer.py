"""Extraction and the two parsers: what is read, what is not, and that a megabyte of tags is read at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videor1.rewards import extract_answer
from videor1.rewards.answer import parse_choice, parse_number

MEGABYTE = 1_000_000
FRAGMENTS = ["<answer>", "</answer>", "<think>", "</think>", "<", ">", "/answer>", "<answer", "x", "B"]
SPACES = [" ", "\n", "\t", "\x1c", "\x85", "\u2003", "\u200b"]  # the last one is not white space


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>t</think><answer> B \n</answer>", "B"),
        ("<answer>first</answer><answer>second</answer>", "first"),
        ("<answer>two\nlines</answer>", "two\nlines"),
        ("<answer>a<answer>b</answer>c</answer>", "a<answer>b"),
        ("</answer><answer>late</answer>", "late"),
        ("<answer></answer>", ""),
        ("<answer> \u2003\x1c </answer>", ""),
        ("<answer>never closed", None),
        ("no tags: B", None),
        ("<ANSWER>B</ANSWER>", None),
        ("", None),
    ],
)
def test_extract_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS + SPACES), max_size=12).map("".join))
def test_extraction_is_the_released_regular_expression(text: str) -> None:
    match = re.search(r"<answer>\s*(.*?)\s*</answer>", text, re.DOTALL)
    assert extract_answer(text) == (match.group(1).strip() if match else None)


def test_extraction_of_hostile_text_is_linear() -> None:
    opens = "<answer>" * (MEGABYTE // 8)  # the regular expression needs about 10^11 steps for this
    assert extract_answer(opens) is None
    assert extract_answer("<think>" * (MEGABYTE // 7)) is None
    assert extract_answer(opens + "</answer>") == opens[len("<answer>") :]


@pytest.mark.parametrize(
    "text", ["B", "b", " B\n", "(B)", "(b)", "B.", "B)", "B:", "B: left", "B. left", "(B) left", "(B). left"]
)
def test_choice_is_read(text: str) -> None:
    assert parse_choice(text) == "B"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A man walks",
        "A\nman",
        "AB",
        "A.M.",
        "i.e. this",
        "1",
        "(1)",
        "(B",
        "()",
        "\N{CYRILLIC CAPITAL LETTER A}",
    ],
)
def test_choice_is_not_guessed(text: str) -> None:
    assert parse_choice(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3.0),
        (" 3.0\n", 3.0),
        ("3.", 3.0),
        (".5", 0.5),
        ("-2.5", -2.5),
        ("\N{MINUS SIGN}2.5", -2.5),
        ("- 2.5", -2.5),
        ("+7", 7.0),
        ("1,200.5", 1200.5),
        ("1,234,567", 1234567.0),
        ("3.5 m", 3.5),
        ("3.5m", 3.5),
        ("12 m2", 12.0),
        ("12 m^2", 12.0),
        ("12 m\N{SUPERSCRIPT TWO}", 12.0),
        ("50%", 50.0),
        ("$4", 4.0),
        ("-$4", -4.0),
        ("\N{EURO SIGN}1,000", 1000.0),
        ("x = -4", -4.0),
        ("about 7 seconds.", 7.0),
        ("2e3", 2000.0),
        ("2.5E-3 kg", 0.0025),
        ("\N{ARABIC-INDIC DIGIT THREE}", 3.0),
        ("2nd", 2.0),
    ],
)
def test_number_is_read(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "three", "nan", "inf", "-inf", "Infinity", "1e400", "-", "."),
        *("3-4", "3 to 4", "1/2", "3:45", "1,2", "12,00", "1,2345", "1_000", "1.2.3", "10^3", "5 000"),
        *("m2", "CO2", "COVID-19", "v2.5"),
        *("\N{VULGAR FRACTION ONE HALF}", "3\N{VULGAR FRACTION ONE HALF}", "3\N{SUPERSCRIPT TWO}"),
    ],
)
def test_number_is_not_guessed(text: str) -> None:
    assert parse_number(text) is None


@given(
    st.floats(-1e300, 1e300),
    st.sampled_from(["{:.6g}", "{!r}", "{:.2f}", "{:,.3f}", "{:,.0f}", "{:.3e}"]),
    st.sampled_from(["{}", " {}\n", "{} m", "{}%", "about {}.", "x={}", "${}"]),
)
def test_number_in_its_usual_forms_is_what_float_reads(value: float, form: str, sentence: str) -> None:
    number = form.format(value)
    assert parse_number(sentence.format(number)) == float(number.replace(",", ""))


def test_parsing_of_hostile_text_is_linear() -> None:
    half = MEGABYTE // 2
    assert parse_number(" " * MEGABYTE + "5") == 5.0
    assert parse_number("-" + " " * MEGABYTE + "5") == -5.0
    assert parse_number("- " * half + "5") == -5.0
    assert parse_number("a-" * half + "a 5") == 5.0
    assert parse_number("a1" * half + " 5") == 5.0
    assert parse_number("1" + ",111" * (MEGABYTE // 4) + "1") is None  # the last group has four digits
    assert parse_number("1" * MEGABYTE) is None  # too large for a float
    assert parse_number("0." + "1" * MEGABYTE) == pytest.approx(1 / 9)
    assert parse_choice("(" * MEGABYTE) is None
    assert parse_choice("B." + " " * MEGABYTE + "left") == "B"
