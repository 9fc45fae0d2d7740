"""Does a response reason about time? Asked of a model, through a rollout engine, about the text alone.

The judge reads the reasoning and no media, and answers yes or no as a multiple choice question. What is
neither is undecided, and never counts as no. How well two ways of judging agree is told by Cohen's kappa:

    kappa = (p − q) / (1 − q),  p the share of equal judgements, q the share expected of independent judges
                                who say yes as often as these do
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torchmetrics.functional.classification import binary_cohen_kappa
from transformers import Qwen2_5_VLProcessor

from videor1.errors import ConfigError
from videor1.rewards.answer import extract_answer, parse_choice, reasoning_of
from videor1.rollout.engine import Engine, Sampling
from videor1.types import NO_CLIP, Prompt, Record

_OPTIONS = ("A. yes", "B. no")
_VERDICTS = {"A": True, "B": False}


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """How a model is asked whether a text reasons about time.

    Args:
        template: what it is asked; `{reasoning}` is filled in. It has to offer A for yes and B for no.
        max_new_tokens: longest answer; a judge that thinks aloud before it answers needs more.
        greedy: takes the likeliest answer; false draws one at temperature 1.
        batch: texts asked side by side.
    """

    template: str = (
        "Someone was asked about a video and reasoned as follows:\n\n{reasoning}\n\n"
        "Does this reasoning rely on the order of events in time, on how something moves, or on how it"
        " changes from one moment to another? Words such as 'first' and 'then' that only number the steps of"
        " the argument do not count.\nOptions:\nA. yes\nB. no\n"
        "Give only the letter of the right option, between <answer> and </answer>."
    )
    max_new_tokens: int = 16
    greedy: bool = True
    batch: int = 32

    def __post_init__(self) -> None:
        key = "settings"
        for name in ("max_new_tokens", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{key}.{name} must be at least 1, got {getattr(self, name)}")
        if "{reasoning}" not in self.template:
            raise ConfigError(f"{key}.template must contain {{reasoning}}, got {self.template!r}")
        try:
            self.template.format(reasoning="")
        except (LookupError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{key}.template: only {{reasoning}} is filled in, other braces are written twice; got"
                f" {self.template!r}"
            ) from error


class ReasoningJudge:
    """Asks a model whether texts reason about time.

    Args:
        engine: writes the answers; it has to take prompts as long as template and reasoning together.
        processor: of the engine's model.
        settings: see there.
        device: where the engine wants its prompts.
    """

    def __init__(
        self,
        engine: Engine,
        processor: Qwen2_5_VLProcessor,
        settings: JudgeSettings = JudgeSettings(),
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.engine = engine
        self.processor = processor
        self.settings = settings
        self.device = device
        self.sampling = Sampling(
            max_new_tokens=settings.max_new_tokens, temperature=0.0 if settings.greedy else 1.0
        )
        tokenizer = processor.tokenizer
        self._special = (*tokenizer.all_special_tokens, processor.image_token, processor.video_token)

    def judge(self, texts: Sequence[str], *, seed: int = 0) -> list[bool | None]:
        """For each response, tags and all, whether its reasoning is temporal; None where undecided."""
        verdicts: list[bool | None] = []
        for start in range(0, len(texts), self.settings.batch):
            prompts = [
                self.prompt(text).to(self.device) for text in texts[start : start + self.settings.batch]
            ]
            groups = self.engine.generate(prompts, [1] * len(prompts), self.sampling, seed=seed + start)
            verdicts += [read_verdict(response.text) for (response,) in groups]
        return verdicts

    def prompt(self, text: str) -> Prompt:
        """What the judge is asked about one response."""
        reasoning = reasoning_of(text)
        for token in self._special:  # spelt out by the policy, it would be read as the token itself
            reasoning = reasoning.replace(token, f"{token[0]} {token[1:]}")
        question = self.settings.template.format(reasoning=reasoning)
        written = self.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "text", "text": question}]}],
            tokenize=False,
            add_generation_prompt=True,
        )
        cut = self.processor.image_processor
        return Prompt(
            record=Record(
                problem_id="judge",
                problem=question,
                data_type="image",
                problem_type="multiple choice",
                options=_OPTIONS,
                solution="",
                path="",
                data_source="judge",
            ),
            clip=NO_CLIP,
            input_ids=self.processor(text=[written], return_tensors="pt")["input_ids"][0],
            patches=torch.zeros(0, 3 * cut.temporal_patch_size * cut.patch_size**2, dtype=torch.uint8),
            grid_thw=torch.zeros(0, 3, dtype=torch.long),
        )


def read_verdict(answer: str) -> bool | None:
    """Yes, no, or neither, from what a judge wrote: its `<answer>`, or all of it where it has no tags."""
    inside = extract_answer(answer)
    return _VERDICTS.get(parse_choice(answer if inside is None else inside) or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well two ways of judging the same texts agree."""

    share: float | None  # of equal judgements, in [0, 1]; None without a pair
    kappa: float | None  # Cohen's, in [-1, 1]; None where both always say the same one thing
    pairs: int  # judged by both
    undecided: int  # left out: not decided by one or the other


def agreement(first: Sequence[bool | None], second: Sequence[bool | None]) -> Agreement:
    """Agreement of two lists of judgements, text by text.

    Raises:
        ValueError: they are not equally long.
    """
    judged = list(zip(first, second, strict=True))
    decided = [(one, other) for one, other in judged if one is not None and other is not None]
    share = kappa = None
    if decided:
        table = torch.tensor(decided, dtype=torch.long)
        share = float((table[:, 0] == table[:, 1]).double().mean())
        found = float(binary_cohen_kappa(table[:, 0], table[:, 1]))
        kappa = None if math.isnan(found) else found
    return Agreement(share=share, kappa=kappa, pairs=len(decided), undecided=len(judged) - len(decided))
