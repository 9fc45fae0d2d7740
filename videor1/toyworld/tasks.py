"""All kinds of question by name, whether they need time, and how often the quickstart asks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from videor1.toyworld import cued, other, temporal
from videor1.toyworld.cued import Twist, Twisted
from videor1.toyworld.scene import Draw, Scene

Family = Literal["temporal", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of question."""

    family: Family  # whether time is needed; `data_source` is "family/name"
    draw: Draw
    weight: float = 0.0  # in the default mixture
    twisted: Twisted | None = None  # how it is drawn with a shortcut or more spells


# Together they have all five answer types. `direction` and `digits` are there to be asked for: the tiny model
# does not learn them within the quickstart's minutes.
TASKS: dict[str, Task] = {
    "first": Task(family="temporal", draw=temporal.first, weight=0.20, twisted=cued.first),
    "last": Task(family="temporal", draw=temporal.last, weight=0.20, twisted=cued.last),
    "grow": Task(family="temporal", draw=temporal.grow, weight=0.15, twisted=cued.grow),
    "direction": Task(family="temporal", draw=temporal.direction),
    "digits": Task(family="temporal", draw=temporal.digits),
    "count": Task(family="other", draw=other.count, weight=0.10),
    "colour": Task(family="other", draw=other.colour, weight=0.08),
    "number": Task(family="other", draw=other.number, weight=0.08),
    "digit": Task(family="other", draw=other.digit, weight=0.07),
    "describe": Task(family="other", draw=other.describe, weight=0.06),
    "width": Task(family="other", draw=other.width, weight=0.06),
    "absent": Task(family="other", draw=other.absent),
}
UNSPOKEN = frozenset({"absent"})  # in the tokenizer's corpus only where asked, which keeps older worlds equal


def default_mixture() -> dict[str, float]:
    """Weights of the tasks that the quickstart asks; a little over half of the questions need time."""
    return {name: task.weight for name, task in TASKS.items() if task.weight}


def draw_scene(task: Task, rng: np.random.Generator, twist: Twist) -> Scene:
    """A question of a task, dressed as `twist` says if the task can be."""
    if task.twisted is None or twist == Twist():
        return task.draw(rng)
    return task.twisted(rng, twist)
