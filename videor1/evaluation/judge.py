"""Prompts → judgements: what the policy answers, sampled and greedily, to ordered and to shuffled frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import Qwen2_5_VLProcessor

from videor1.evaluation.benchmarks import benchmark_of
from videor1.evaluation.marks import official_mark, released_mark
from videor1.evaluation.reasoning import is_reflective, is_temporal
from videor1.evaluation.ways import Decoding, EvaluationSettings, Order, Way, decodings, ways
from videor1.rewards import extract_answer, format_reward
from videor1.rollout.blind import blind_prompt, vision_token_ids
from videor1.rollout.engine import Engine
from videor1.rollout.loop import GroupSettings, RolloutLoop
from videor1.types import Prompt, Record, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One response and its marks; or a question that could not be asked, which counts as answered wrongly."""

    question: int  # number of its record in the file
    problem_id: int | str
    problem: str
    solution: str
    problem_type: str
    data_source: str  # "benchmark/task"
    data_type: str
    decoding: Decoding
    order: Order
    sample: int  # which of the responses in this way
    response: str
    answer: str | None  # between the answer tags
    accuracy: float  # in [0, 1]: the benchmark's own mark
    released: float  # in [0, 1]: the mark that Video-R1's script gives
    format: float  # 0 or 1
    temporal: bool  # reasons about time
    reflective: bool  # has second thoughts
    tokens: int
    finished: bool
    missing: str | None = None  # why its media could not be read


class Evaluator:
    """Asks an engine about prompts and judges what it says.

    Args:
        engine: writes the responses.
        processor: of the model.
        settings: how questions are asked.
        seed: of tokens and frame orders.
    """

    def __init__(
        self, engine: Engine, processor: Qwen2_5_VLProcessor, settings: EvaluationSettings, *, seed: int
    ) -> None:
        self.settings = settings
        self.vision_ids = vision_token_ids(processor)
        self.loops = {
            (decoding, seeing): RolloutLoop(
                engine,
                GroupSettings(
                    group_size=count,
                    shuffled_size=count if settings.shuffled and seeing else 0,
                    sampling=sampling,
                ),
                seed=seed,
            )
            for decoding, (count, sampling) in decodings(settings).items()
            for seeing in ([True, False] if settings.blind else [True])
        }

    def judge(self, prompts: Sequence[Prompt], numbers: Sequence[int], *, stream: int) -> list[Judgement]:
        """All judgements of a batch, question by question in the order of `ways`.

        Args:
            prompts: the questions.
            numbers: of their records.
            stream: tells batches apart so that no two draw the same tokens.
        """
        if not prompts:  # ranks that share an engine ask it together
            for loop in self.loops.values():
                loop.collect([], step=0, stream=stream)
            return []
        blind = [blind_prompt(prompt, self.vision_ids) for prompt in prompts]
        responses: list[dict[tuple[Decoding, Order], tuple[Response, ...]]] = [{} for _ in prompts]
        for (decoding, seeing), loop in self.loops.items():
            groups = loop.collect(prompts if seeing else blind, step=0, stream=stream)
            for group, found in zip(groups, responses, strict=True):
                if seeing:
                    found[decoding, "ordered"], found[decoding, "shuffled"] = group.ordered, group.shuffled
                else:
                    found[decoding, "blind"] = group.ordered
        return [
            judge_response(
                prompt.record, found[way.decoding, way.order][way.sample], way, number, self.settings
            )
            for prompt, number, found in zip(prompts, numbers, responses, strict=True)
            for way in ways(self.settings, prompt.record.data_type)
        ]


def judge_response(
    record: Record, response: Response, way: Way, number: int, settings: EvaluationSettings
) -> Judgement:
    """One response with its marks."""
    benchmark, text = benchmark_of(record.data_source), response.text
    question = "\n".join((record.problem, *record.options))
    return Judgement(
        **_question(record, way, number),
        response=text,
        answer=extract_answer(text),
        accuracy=official_mark(text, record.solution, record.problem_type, benchmark, rules=settings.rules),
        released=released_mark(text, record.solution, record.problem_type),
        format=format_reward(text),
        temporal=is_temporal(text, settings.reasoning, question=question),
        reflective=is_reflective(text, settings.reasoning),
        tokens=len(response.token_ids),
        finished=response.finished,
    )


def judge_missing(record: Record, cause: str, number: int, settings: EvaluationSettings) -> list[Judgement]:
    """What stands for a question whose media could not be read: nothing said, in every way of asking."""
    return [
        Judgement(
            **_question(record, way, number),
            response="",
            answer=None,
            accuracy=0.0,
            released=0.0,
            format=0.0,
            temporal=False,
            reflective=False,
            tokens=0,
            finished=False,
            missing=cause,
        )
        for way in ways(settings, record.data_type)
    ]


def _question(record: Record, way: Way, number: int) -> dict[str, Any]:
    return {
        "question": number,
        "problem_id": record.problem_id,
        "problem": record.problem,
        "solution": record.solution,
        "problem_type": record.problem_type,
        "data_source": record.data_source,
        "data_type": record.data_type,
        "decoding": way.decoding,
        "order": way.order,
        "sample": way.sample,
    }
