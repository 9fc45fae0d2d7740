"""The ways in which every question of an examination is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from videor1.errors import ConfigError
from videor1.evaluation.reasoning import ReasoningSettings
from videor1.rollout.engine import Sampling
from videor1.types import DataType

Decoding = Literal["sampled", "greedy"]
Order = Literal["ordered", "shuffled", "blind"]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How a model is examined.

    Args:
        samples: responses drawn for each question and frame order; their mean is the sampled score.
        sampling: how they are drawn.
        greedy: also take the one greedy response of each.
        shuffled: also ask about the shuffled frames of each video.
        blind: also ask without any media: what the words alone give away.
        rules: which reading of the accuracy rewards judges what is no benchmark, "paper" or "released".
        reasoning: what counts as reasoning about time, and as second thoughts.
    """

    samples: int = 4
    sampling: Sampling = field(default_factory=Sampling)
    greedy: bool = True
    shuffled: bool = True
    blind: bool = False
    rules: Literal["paper", "released"] = "paper"
    reasoning: ReasoningSettings = field(default_factory=ReasoningSettings)

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ConfigError(f"model.evaluation.samples must be at least 1, got {self.samples}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the ways in which every question is asked."""

    decoding: Decoding
    order: Order
    sample: int


def ways(settings: EvaluationSettings, data_type: DataType | str) -> Iterator[Way]:
    """Every way in which a question about this kind of media is asked."""
    orders: list[Order] = ["ordered"]
    if settings.shuffled and data_type == "video":
        orders.append("shuffled")
    if settings.blind:
        orders.append("blind")
    for decoding, (count, _) in decodings(settings).items():
        for order in orders:
            for sample in range(count):
                yield Way(decoding=decoding, order=order, sample=sample)


def decodings(settings: EvaluationSettings) -> dict[Decoding, tuple[int, Sampling]]:
    """Number of responses and sampling of each decoding."""
    found: dict[Decoding, tuple[int, Sampling]] = {"sampled": (settings.samples, settings.sampling)}
    if settings.greedy:
        once = Sampling(max_new_tokens=settings.sampling.max_new_tokens, temperature=0.0)
        found["greedy"] = (1, once)
    return found
