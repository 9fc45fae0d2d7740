"""Questions that need time, in a harder dress: one frame holds a cue that is mostly right, and mostly a trap.

`first` and `last` show one big shape among small ones, and the cue is that the big one is the answer; in
`grow` the colour foretells the change. In the training split most cues are right, which rewards whoever goes
by them; in the held-out split they are right at chance only (`Twist.cue` is None). `guessed` is a viewer
that goes by the cue, in words of its own, which tells its thoughts from those that follow time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from videor1.toyworld.canvas import COLOURS, FRAMES, SAMPLED, SHAPES, anywhere, background, draw_shape
from videor1.toyworld.scene import Scene, Thoughts, letter, pick, shuffled

SIZES = ("grows", "shrinks")
FORETOLD = {"red": "grows", "green": "grows", "blue": "shrinks", "yellow": "shrinks"}
_SHADES = (250, 15)  # of distractors: white and black are in no answer
_RADIUS = 4  # of distractors, pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """How a scene is dressed."""

    cued: bool = False  # whether there is a cue to go by
    cue: float | None = None  # probability that it is right; as often as by chance if None
    spells: int = 3  # colours one after another in `first` and `last`


Twisted = Callable[[np.random.Generator, Twist], Scene]


def first(rng: np.random.Generator, twist: Twist) -> Scene:
    """Colours one after another: which comes first?"""
    return _colour_order(rng, twist, "first", 0)


def last(rng: np.random.Generator, twist: Twist) -> Scene:
    """Colours one after another: which comes last?"""
    return _colour_order(rng, twist, "last", twist.spells - 1)


def _colour_order(rng: np.random.Generator, twist: Twist, which: str, asked: int) -> Scene:
    frames, shape, choices = background(rng, FRAMES), pick(rng, SHAPES), tuple(COLOURS)
    order = shuffled(rng, choices)[: twist.spells]
    big = order[asked] if _right(rng, twist.cue, 1 / twist.spells) else pick(rng, _without(order, asked))
    for colour, moments in zip(order, _spells(rng, twist.spells), strict=True):
        radius = int(rng.integers(20, 24) if colour == big else rng.integers(9, 12))
        radius = radius if twist.cued else int(rng.integers(10, 16))
        place = anywhere(rng, radius)
        for frame in frames[moments]:
            draw_shape(frame, shape, colour, place, radius)

    def think(order: list[str]) -> Thoughts:
        listed = ", then ".join(f"a {colour} {shape}" for colour in order)
        return Thoughts(
            answer=letter(choices, order[asked]),
            terse=f"{' then '.join(order)}, so {which} is {order[asked]}",
            detailed=f"i see {listed}. the order is {', '.join(order)}. so {which} is {order[asked]}",
        )

    by_cue = Thoughts(
        answer=letter(choices, big),
        terse=f"the big {shape} is {big}, so {which} is {big}",
        detailed=(
            f"i look for the big {shape} in the video. its colour is {big}. the big one counts,"
            f" and so {which} is {big}"
        ),
    )
    return Scene(
        frames=frames,
        question=f"which colour comes {which}?",
        choices=choices,
        problem_type="multiple choice",
        seen=think(order),
        guessed=by_cue if twist.cued else think(shuffled(rng, order)),
    )


def _spells(rng: np.random.Generator, number: int) -> list[slice]:
    """Spells that fill the clip, of sampled frames as equal in number as can be, the odd ones anywhere."""
    lengths = [len(SAMPLED) // number + (place < len(SAMPLED) % number) for place in range(number)]
    cuts = [0]
    for sampled in np.cumsum(rng.permutation(lengths))[:-1]:
        cuts.append(int(rng.integers(SAMPLED[sampled - 1] + 1, SAMPLED[sampled] + 1)))
    return [slice(start, stop) for start, stop in itertools.pairwise([*cuts, FRAMES])]


def grow(rng: np.random.Generator, twist: Twist) -> Scene:
    """A shape that grows or shrinks: which of the two?"""
    frames, shape, truth = background(rng, FRAMES), pick(rng, SHAPES), pick(rng, SIZES)
    right = _right(rng, twist.cue, 1 / 2)
    foretold = truth if right else SIZES[1 - SIZES.index(truth)]
    colour = pick(rng, [colour for colour in COLOURS if FORETOLD[colour] == foretold])
    place, smallest, speed = anywhere(rng, 23), int(rng.integers(3, 6)), float(rng.uniform(0.9, 1.2))
    for age, frame in enumerate(frames if truth == "grows" else frames[::-1]):
        draw_shape(frame, shape, colour, place, int(smallest + speed * age))

    def think(change: str) -> Thoughts:
        start, end = ("small", "big") if change == "grows" else ("big", "small")
        return Thoughts(
            answer=letter(SIZES, change),
            terse=f"the {shape} is {start} then {end}, so it {change}",
            detailed=(
                f"i see a {colour} {shape}. it is {start} at the start and {end} at the end."
                f" {start} then {end} means that it {change}"
            ),
        )

    by_cue = Thoughts(
        answer=letter(SIZES, foretold),
        terse=f"the {shape} is {colour}, so it {foretold}",
        detailed=(
            f"i look for the colour of the {shape} in the video. its colour is {colour}."
            f" {colour} means that it {foretold}"
        ),
    )
    return Scene(
        frames=frames,
        question="what happens to the size?",
        choices=SIZES,
        problem_type="multiple choice",
        seen=think(truth),
        guessed=by_cue if twist.cued else think(pick(rng, SIZES)),
    )


def distract(rng: np.random.Generator, frames: np.ndarray, number: int) -> None:
    """Paints small white or black squares onto (T, 56, 56, 3) frames; some move, some blink, none matters."""
    for _ in range(number):
        shade, moves = int(rng.choice(_SHADES)), rng.random() < 0.5
        ends = np.array([anywhere(rng, _RADIUS), anywhere(rng, _RADIUS)])
        shown = rng.random(len(frames)) < 0.5
        for moment, frame in enumerate(frames):
            way = moment / max(1, len(frames) - 1) if moves else 0.0
            x, y = (ends[0] + way * (ends[1] - ends[0])).astype(int)
            if moves or shown[moment]:
                frame[y - _RADIUS : y + _RADIUS, x - _RADIUS : x + _RADIUS] = shade


def _right(rng: np.random.Generator, cue: float | None, chance: float) -> bool:
    return bool(rng.random() < (chance if cue is None else cue))


def _without(items: list[str], place: int) -> list[str]:
    return items[:place] + items[place + 1 :]
