"""Reading a response: the text between its answer tags, and the option letter or number in that text.

The answer is what stands in the first `<answer>…</answer>`, stripped, as in the released Video-R1 code
(arXiv 2503.21776). `parse_choice` and `parse_number` belong to the tidy "paper" rules: they accept the
ways in which people write one letter or one number, and read nothing where a reading would be a guess.

A policy under training writes anything, so all three take time linear in the length of the text.
"""

from __future__ import annotations

import math
import re

_OPEN, _CLOSE = "<answer>", "</answer>"

# A parenthesised letter, or a bare one closed by a mark or by the end. White space alone does not close
# it: the "A" of "A man walks" is an article.
_CHOICE = re.compile(r"(?:\(([A-Za-z])\)[.:]?|([A-Za-z])(?:[.:)]|\Z))(?:\s|\Z)")

# Words are tokens of their own so that the digits inside them ("CO2", "m^2", "v2.5") are not numbers.
# Possessive quantifiers (*+, ++) never give characters back, which is what keeps the scan linear.
_TOKEN = re.compile(
    r"(?P<word>[^\W\d_]\w*+(?:[-.^]\w++)*+)"
    r"|(?P<sign>[-+]\s*+[$€£¥]?)?(?P<digits>(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d++)?|\.\d++)"
    r"(?P<exponent>[eE][-+]?\d++)?"
)
_MINUS_SIGNS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})


def extract_answer(text: str) -> str | None:
    """The stripped text of the first `<answer>…</answer>` in `text`; None when there is none.

    An opening tag that is never closed is no answer; a second opening tag inside the answer is part of it.
    """
    start = text.find(_OPEN)
    if start < 0:
        return None
    start += len(_OPEN)
    end = text.find(_CLOSE, start)
    return None if end < 0 else text[start:end].strip()


def reasoning_of(text: str) -> str:
    """What a response says before it answers: all before `</think>` or `<answer>`, without the opening tag.

    Of the beginning of a response it is the same beginning.
    """
    before = text.partition("</think>")[0].partition(_OPEN)[0]
    return before.replace("<think>", "").strip()


def parse_choice(text: str) -> str | None:
    """The option letter that `text` names, in upper case; None when it names none.

    Read: `B`, `b`, `(B)`, `B.`, `B)`, `B:`, `B: left`, `(B) left`. Not read: `A man walks`, `A.M.`, `AB`.
    """
    match = _CHOICE.match(text.strip())
    if match is None:
        return None
    letter: str = match.group(1) or match.group(2)
    return letter.upper()


def parse_number(text: str) -> float | None:
    """The one number that stands in `text`; None when there is none, or more than one.

    Signs (a Unicode minus too), thousands commas, decimal digits of any script, exponents, currency signs
    and units are understood: `1,200.5`, `3.5 m`, `50%` (as 50), `-$4`, `2e-3`. Not read: `3-4`, `1/2`,
    `1,2`, `1_000`, `3½`, `m2`, and what is not finite: `nan`, `inf`, `1e400`.
    """
    number: float | None = None
    for token in _TOKEN.finditer(text.translate(_MINUS_SIGNS)):
        word: str | None = token.group("word")
        if word is not None:
            if word[0].isalpha():
                continue
            # A numeral that is no decimal digit ("½", "²"): a quantity, but not one that float() reads.
            return None
        if number is not None:
            return None
        number = float(token.group("digits").replace(",", "") + (token.group("exponent") or ""))
        if (token.group("sign") or "").startswith("-"):
            number = -number
    return number if number is not None and math.isfinite(number) else None
