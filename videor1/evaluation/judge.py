"""Prompts → judgements: what the policy answers, sampled and greedily, to ordered and to shuffled frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from videor1.errors import ConfigError
from videor1.rewards import accuracy, format_reward
from videor1.rollout.engine import Engine, Sampling
from videor1.rollout.loop import GroupSettings, RolloutLoop
from videor1.types import Group, Prompt, Record, Response

Decoding = Literal["sampled", "greedy"]
Order = Literal["ordered", "shuffled"]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How a model is examined.

    Args:
        samples: responses drawn for each question and frame order; their mean is the sampled score.
        sampling: how they are drawn.
        greedy: also take the one greedy response of each.
        shuffled: also ask about the shuffled frames of each video.
        rules: which reading of the accuracy rewards judges, "paper" or "released".
    """

    samples: int = 4
    sampling: Sampling = field(default_factory=Sampling)
    greedy: bool = True
    shuffled: bool = True
    rules: Literal["paper", "released"] = "paper"

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ConfigError(f"model.evaluation.samples must be at least 1, got {self.samples}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One response and its marks."""

    problem_id: int | str
    problem: str
    solution: str
    problem_type: str
    data_source: str
    data_type: str
    decoding: Decoding
    order: Order
    response: str
    accuracy: float  # in [0, 1]
    format: float  # 0 or 1
    tokens: int
    finished: bool


class Evaluator:
    """Asks an engine about prompts and judges what it says."""

    def __init__(self, engine: Engine, settings: EvaluationSettings, *, seed: int) -> None:
        self.rules = settings.rules
        samplings: dict[Decoding, tuple[int, Sampling]] = {"sampled": (settings.samples, settings.sampling)}
        if settings.greedy:
            once = Sampling(max_new_tokens=settings.sampling.max_new_tokens, temperature=0.0)
            samplings["greedy"] = (1, once)
        self.loops = {
            decoding: RolloutLoop(
                engine,
                GroupSettings(
                    group_size=count, shuffled_size=count if settings.shuffled else 0, sampling=sampling
                ),
                seed=seed,
            )
            for decoding, (count, sampling) in samplings.items()
        }

    def judge(self, prompts: Sequence[Prompt], *, stream: int) -> list[Judgement]:
        """All judgements of a batch; `stream` tells batches apart so that no two draw the same tokens."""
        return [
            judgement
            for decoding, loop in self.loops.items()
            for group in loop.collect(prompts, step=0, stream=stream)
            for judgement in self._of_group(group, decoding)
        ]

    def _of_group(self, group: Group, decoding: Decoding) -> list[Judgement]:
        record = group.prompt.record
        return [
            *[self._of_response(record, response, decoding, "ordered") for response in group.ordered],
            *[self._of_response(record, response, decoding, "shuffled") for response in group.shuffled],
        ]

    def _of_response(self, record: Record, response: Response, decoding: Decoding, order: Order) -> Judgement:
        return Judgement(
            problem_id=record.problem_id,
            problem=record.problem,
            solution=record.solution,
            problem_type=record.problem_type,
            data_source=record.data_source,
            data_type=record.data_type,
            decoding=decoding,
            order=order,
            response=response.text,
            accuracy=accuracy(response.text, record.solution, record.problem_type, rules=self.rules),
            format=format_reward(response.text),
            tokens=len(response.token_ids),
            finished=response.finished,
        )
