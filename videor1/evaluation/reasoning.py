"""Does a response reason about time, and does it doubt itself? A lexical rule, for shares of many responses.

A response is temporal when its reasoning holds enough different phrases of order, sequence or change, and
reflective when it holds one phrase of doubt. Phrases are looked for

* in the reasoning only: before `</think>` or `<answer>`, in the whole text where both are missing;
* as whole words, in any case, longer phrases first, no word of the text counting twice;
* not in quotes of the question or its options (`phrases.quoted`), which only repeat someone else's words;
* not in phrases that speak of the argument or of space instead of time ("first, let us", "if … then").

The rule reads words: whether what they say is true it cannot tell. `benchmarks/reasoning_judge.py` measures
it against texts whose kind is known, and against a model that is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from videor1.errors import ConfigError
from videor1.evaluation.phrases import find, is_entry, quoted, tokenise
from videor1.rewards import reasoning_of

_TEMPORAL = (
    "first|firstly",
    "then",
    "next",
    "last|lastly",
    "finally|in the end",
    "before|beforehand|prior to",
    "after|afterward|afterwards|after that",
    "later|later on",
    "earlier|previously",
    "initially|at first",
    "eventually",
    "subsequently|subsequent",
    "followed by|following this|following that",
    "meanwhile|simultaneously|at the same time",
    "until|as soon as|by the time",
    "sequence|sequentially|in sequence|chronological|chronologically",
    "order|in order|ordering",
    "start|starts|started|starting|at the start|begin|begins|began|beginning|at the beginning",
    "end|ends|ended|ending|at the end",
    "over time|gradually|progressively|over the course of|throughout the video",
    "as the video progresses|as the video continues|as the scene progresses|as the video goes on",
    "from … to",
    "change|changes|changed|changing|become|becomes|became|turns into|transition|transitions|transitioning",
    "grow|grows|grew|growing|shrink|shrinks|shrank|shrinking",
    "move|moves|moved|moving|movement",
    "enters|entered|exits|exited|disappears|disappeared|no longer",
)
_TIMELESS = (
    "first i|first, i|first we|first, we|first let|first, let",
    "first let's|first, let's|firstly, i|firstly, we",
    "then i|then, i|then we|then, we|then let|then let's|then the answer|then the correct",
    "next i|next, i|next we|next, we|next let|next, let|next let's|next, let's",
    "finally i|finally, i|finally, we|finally, let|finally, let's|finally, the answer|finally, the correct",
    "first of all|at first glance|last but not least|after all|at the end of the day",
    "first option|last option|next option|first step|next step|last step|first choice|last choice",
    "if … then",
    "next to",
    "in order to|in order for",
    "order of magnitude|order of operations",
    "after analyzing|after analysing|after examining|after considering|after reviewing|after watching",
    "before answering|before deciding|before i answer|before i decide",
    "start by|begin by|starting by|let's start|let's begin|let me start|let me begin",
)
_REFLECTION = (
    ". wait|? wait|! wait|— wait|\n wait|, wait,|wait, no|but wait|oh wait|no wait|wait a minute",
    "hmm|hm",
    "hold on,|hold on.|hold on —",
    "aha",
    "on second thought|on second thoughts",
    "re-check|recheck|double-check|double check|check again|verify again",
    "reconsider|rethink|re-think|re-evaluate|reevaluate|re-examine|reexamine|reassess",
    "look again|look back at|watch again|re-watch|rewatch|think again",
    "on closer inspection|upon closer inspection|on closer look|upon closer look",
    "i made a mistake|my mistake|i was wrong|i misread|i miscounted|correct myself",
    "that's not right|that is not right|this is not right|that's wrong|that is wrong|that can't be right",
    "actually, no|no, actually|oh, i see",
)


@dataclass(frozen=True, kw_only=True)
class ReasoningSettings:
    """What counts as reasoning about time and as self-reflection.

    Each line of a list is an entry: a phrase, or several parted by `|` that count as one and the same. `…`
    within a phrase stands for one to eight words of the same sentence; marks (`.,!?;:—`) are matched too.

    Args:
        temporal: phrases of order, sequence and change.
        timeless: phrases in which the words of `temporal` do not speak of time.
        reflection: phrases of doubt about one's own reasoning.
        temporal_least: how many different entries of `temporal` make a response temporal. One is too few:
            each of these words has other uses.
    """

    temporal: tuple[str, ...] = _TEMPORAL
    timeless: tuple[str, ...] = _TIMELESS
    reflection: tuple[str, ...] = _REFLECTION
    temporal_least: int = 2

    def __post_init__(self) -> None:
        key = "model.evaluation.reasoning"
        if self.temporal_least < 1:
            raise ConfigError(f"{key}.temporal_least must be at least 1, got {self.temporal_least}")
        for name in ("temporal", "timeless", "reflection"):
            for entry in getattr(self, name):
                if not is_entry(entry):
                    raise ConfigError(f"{key}.{name}: {entry!r} has an empty phrase, or '…' at an end")


def temporal_hits(text: str, settings: ReasoningSettings, *, question: str = "") -> tuple[str, ...]:
    """The different entries of `settings.temporal` in a response, by their first phrase, as they appear.

    Args:
        text: the whole response.
        settings: see there.
        question: what was asked, options included, each on a line of its own; quotes of it do not count.
    """
    tokens = tokenise(reasoning_of(text))
    taken = quoted(tokens, tokenise(question))
    taken |= {place for match in find(tokens, settings.timeless, taken) for place in match.places}
    return tuple(dict.fromkeys(match.entry for match in find(tokens, settings.temporal, taken)))


def is_temporal(text: str, settings: ReasoningSettings, *, question: str = "") -> bool:
    """Whether a response reasons about time."""
    return len(temporal_hits(text, settings, question=question)) >= settings.temporal_least


def is_reflective(text: str, settings: ReasoningSettings) -> bool:
    """Whether a response doubts and re-checks itself (an "aha moment")."""
    return bool(find(tokenise(reasoning_of(text)), settings.reflection))
