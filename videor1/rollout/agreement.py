"""Whether engine and trainer mean the same: token ids, positions in time, log-probs of the same responses.

This is what finds a wrong frame rate, another rule of positions, or weights that were not taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Qwen2_5_VLConfig

from videor1.errors import ConfigError, EngineError
from videor1.policy.group_pass import GroupPass
from videor1.policy.packing import prompt_positions
from videor1.rollout.engine import Engine, Sampling
from videor1.types import Prompt

# Mean over tokens of |log-prob of the engine - log-prob of the trainer|. Measured with a tiny model: 1e-6 in
# float32, where a wrong frame rate or a missed optimizer step gives 1e-3 and more; 0.015 in bfloat16.
_EXACT, _ROUNDED = 1e-4, 0.1


@dataclass(frozen=True, kw_only=True)
class AgreementSettings:
    """How it is checked that engine and trainer mean the same.

    Args:
        every: optimizer steps from one check to the next; the first is made before anything is learned, also
            when a run is resumed. 0 leaves the check out.
        questions: of a batch that are looked at.
        tokens: written to each, by the engine, and scored by both.
        threshold: mean |difference of log-probs| above which the run stops; null for 1e-4 where both compute
            in float32 and 0.1 elsewhere.
    """

    every: int = 50
    questions: int = 4
    tokens: int = 64
    threshold: float | None = None

    def __post_init__(self) -> None:
        for key, least in (("every", 0), ("questions", 1), ("tokens", 1)):
            if getattr(self, key) < least:
                raise ConfigError(
                    f"model.rollout.agreement.{key} must be at least {least}, got {getattr(self, key)}"
                )
        if self.threshold is not None and self.threshold <= 0:
            raise ConfigError(f"model.rollout.agreement.threshold must be above 0, got {self.threshold}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """|log-prob of the engine - log-prob of the trainer| over the tokens of a check, in nats."""

    mean: float
    largest: float


class Agreement:
    """Compares an engine with the trainer.

    Args:
        engine: with the weights that the trainer has.
        score: the trainer's log-probs of responses to prompts, at temperature 1 and without forbidden tokens;
            None for no prompts, which it has to hear of too: other ranks may have some.
        config: of the model.
        settings: see there.
        dtype: that the trainer computes in.
    """

    def __init__(
        self,
        engine: Engine,
        score: Callable[[Sequence[Prompt], Sequence[Sequence[Tensor]]], GroupPass | None],
        config: Qwen2_5_VLConfig,
        settings: AgreementSettings,
        *,
        dtype: torch.dtype,
    ) -> None:
        self.engine = engine
        self.score = score
        self.config = config
        self.settings = settings
        exact = engine.dtype == dtype == torch.float32
        self.threshold = settings.threshold or (_EXACT if exact else _ROUNDED)
        self._checked: int | None = None  # before which step

    def due(self, step: int) -> bool:
        """Whether to check before optimizer step `step`."""
        if self.settings.every == 0:
            return False
        return self._checked is None or step - self._checked >= self.settings.every

    def check(self, prompts: Sequence[Prompt], *, step: int) -> Difference | None:
        """Compares over the first of some prompts, with the weights before step `step`.

        Ranks that share an engine call it together, also one that has no prompts, which gets None.

        Raises:
            EngineError: the two differ; says in what.
        """
        prompts = prompts[: self.settings.questions]
        self._compare_readings(prompts)
        # not as the run samples: a low temperature would magnify roundings, and top_p cuts what is drawn from
        sampling = Sampling(max_new_tokens=self.settings.tokens)
        groups = self.engine.generate(prompts, [1] * len(prompts), sampling, seed=step)
        self._checked = step
        scored = self.score(prompts, [[response.token_ids for response in group] for group in groups])
        if scored is None:
            return None
        found = torch.cat([response.logprobs for group in groups for response in group])
        apart = (found - scored.logprobs[scored.mask]).abs()
        difference = Difference(mean=float(apart.mean()), largest=float(apart.max()))
        if not difference.mean <= self.threshold:  # NaN too
            raise EngineError(
                f"rollout.agreement: engine and trainer differ by {difference.mean:.2g} in the log-prob of a"
                f" token on average (at most {difference.largest:.2g}), allowed are {self.threshold:.2g}:"
                " the engine has other weights, or computes otherwise"
            )
        return difference

    def _compare_readings(self, prompts: Sequence[Prompt]) -> None:
        for prompt, reading in zip(prompts, self.engine.read(prompts), strict=True):
            name = f"rollout.agreement: record {prompt.record.problem_id}"
            if reading.token_ids.tolist() != prompt.input_ids.tolist():
                raise EngineError(
                    f"{name}: the engine reads {len(reading.token_ids)} tokens that are not the trainer's"
                    f" {len(prompt.input_ids)}"
                )
            expected = prompt_positions(self.config, prompt).cpu()
            if not torch.equal(reading.positions.cpu(), expected):
                axis, token = (reading.positions.cpu() != expected).nonzero()[0].tolist()
                raise EngineError(
                    f"{name}: the engine puts token {token} at {('time', 'row', 'column')[axis]}"
                    f" {int(reading.positions[axis, token])}, the trainer at {int(expected[axis, token])};"
                    f" its clip has {prompt.clip.fps:g} frames a second"
                )
