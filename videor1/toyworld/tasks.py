"""All kinds of question by name, whether they need time, and how often the quickstart asks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from videor1.toyworld import other, temporal
from videor1.toyworld.scene import Draw

Family = Literal["temporal", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of question."""

    family: Family  # whether time is needed; `data_source` is "family/name"
    draw: Draw
    weight: float = 0.0  # in the default mixture


# Together they have all five answer types. `direction` and `digits` are there to be asked for: the tiny model
# does not learn them within the quickstart's minutes.
TASKS: dict[str, Task] = {
    "first": Task(family="temporal", draw=temporal.first, weight=0.20),
    "last": Task(family="temporal", draw=temporal.last, weight=0.20),
    "grow": Task(family="temporal", draw=temporal.grow, weight=0.15),
    "direction": Task(family="temporal", draw=temporal.direction),
    "digits": Task(family="temporal", draw=temporal.digits),
    "count": Task(family="other", draw=other.count, weight=0.10),
    "colour": Task(family="other", draw=other.colour, weight=0.08),
    "number": Task(family="other", draw=other.number, weight=0.08),
    "digit": Task(family="other", draw=other.digit, weight=0.07),
    "describe": Task(family="other", draw=other.describe, weight=0.06),
    "width": Task(family="other", draw=other.width, weight=0.06),
}


def default_mixture() -> dict[str, float]:
    """Weights of the tasks that the quickstart asks; a little over half of the questions need time."""
    return {name: task.weight for name, task in TASKS.items() if task.weight}
