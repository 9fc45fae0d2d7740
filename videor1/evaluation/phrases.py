"""Finding phrases in text, word by word, and the quotes of another text in it.

A policy under training writes anything: time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\w++(?:['-]\w++)*+|[.,!?;:—\n]")
_PLAIN = str.maketrans({"’": "'", "–": "—", "…": "."})
_BREAKS = frozenset(".!?;:\n")  # end a sentence: no gap and no quote goes beyond
_GAP, _WIDEST = "…", 8  # tokens
_QUOTE, _WHOLE = 5, 3  # tokens in a row that are a quote: in any sentence, and when they are all of it

_Phrase = list[list[str]]  # its runs of words, parted by gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A phrase in a text."""

    entry: str  # the first phrase of its entry
    places: tuple[int, ...]  # of its words among the tokens


def tokenise(text: str) -> list[str]:
    """Words in lower case, with the hyphens and apostrophes in them, and marks, a token each."""
    return _TOKEN.findall(text.translate(_PLAIN).casefold())


def is_entry(entry: str) -> bool:
    """Whether `entry` is phrases parted by `|`, with words before and after each `…`."""
    return all(all(phrase) for phrase in _phrases(entry))


def find(tokens: list[str], entries: tuple[str, ...], taken: Collection[int] = ()) -> list[Match]:
    """The phrases of `entries` in a text, from left to right, where several begin the one of most words.

    Args:
        tokens: of the text.
        entries: each a phrase, or several parted by `|`; `…` in it stands for 1 to 8 tokens of one sentence,
            as few as can be.
        taken: places that belong to something else; no token belongs to two matches either.
    """
    index, used, found = _index(entries), set(taken), []
    for start, token in enumerate(tokens):
        for entry, phrase in index.get(token, ()):
            places = _places(tokens, start, phrase)
            if places and used.isdisjoint(places):
                used.update(places)
                found.append(Match(entry=entry, places=places))
                break
    return found


def quoted(tokens: list[str], source: list[str]) -> set[int]:
    """Places of the tokens that repeat `source` word for word.

    A quote is five tokens in a row of one sentence, or a whole sentence of three or four. Shorter ones are
    no quotes: an option may be "after", and the reasoning has to be free to say so.
    """
    sentences: list[list[str]] = [[]]
    for token in source:
        if token in _BREAKS:
            sentences.append([])
        else:
            sentences[-1].append(token)
    quotes = {
        tuple(sentence[start : start + _QUOTE])
        for sentence in sentences
        if len(sentence) >= _WHOLE
        for start in range(max(1, len(sentence) - _QUOTE + 1))
    }
    return {
        place
        for size in {len(quote) for quote in quotes}
        for start in range(len(tokens) - size + 1)
        if tuple(tokens[start : start + size]) in quotes
        for place in range(start, start + size)
    }


def _phrases(entry: str) -> list[_Phrase]:
    return [[tokenise(run) for run in phrase.split(_GAP)] for phrase in entry.split("|")]


@lru_cache
def _index(entries: tuple[str, ...]) -> dict[str, list[tuple[str, _Phrase]]]:
    """First word → (first phrase of the entry, phrase), those of most words first."""
    index: dict[str, list[tuple[str, _Phrase]]] = {}
    for entry in entries:
        for phrase in _phrases(entry):
            index.setdefault(phrase[0][0], []).append((entry.partition("|")[0], phrase))
    for candidates in index.values():
        candidates.sort(key=lambda candidate: -sum(len(run) for run in candidate[1]))
    return index


def _places(tokens: list[str], start: int, phrase: Sequence[list[str]]) -> tuple[int, ...]:
    """Where the words of a phrase stand if it begins at `start`; nothing if it does not."""
    places: list[int] = []
    for number, run in enumerate(phrase):
        begin = _after_gap(tokens, start, run) if number else start
        if begin is None or tokens[begin : begin + len(run)] != run:
            return ()
        start = begin + len(run)
        places += range(begin, start)
    return tuple(places)


def _after_gap(tokens: list[str], start: int, run: list[str]) -> int | None:
    """Where `run` begins behind a gap that begins at `start`."""
    for begin in range(start + 1, min(start + _WIDEST, len(tokens) - len(run)) + 1):
        if tokens[begin - 1] in _BREAKS:
            return None
        if tokens[begin : begin + len(run)] == run:
            return begin
    return None
