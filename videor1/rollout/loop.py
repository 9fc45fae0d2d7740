"""Grouped rollouts: for each question G responses to its clip and G~ to the same clip out of order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from videor1.errors import ConfigError
from videor1.rollout.engine import Engine, Sampling, Watch
from videor1.rollout.shuffle import draw_permutation, reorder_prompt
from videor1.types import Group, Prompt


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """How a question is sampled.

    Args:
        group_size: G, ordered responses a question, which are trained on.
        shuffled_size: G~, responses to the shuffled clip of a video, which are only measured; 0 makes T-GRPO
            plain GRPO.
        sampling: how tokens are drawn.
    """

    group_size: int = 8
    shuffled_size: int = 4
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.group_size < 1:
            raise ConfigError(f"model.rollout.group_size must be at least 1, got {self.group_size}")
        if self.shuffled_size < 0:
            raise ConfigError(f"model.rollout.shuffled_size must be at least 0, got {self.shuffled_size}")


class RolloutLoop:
    """Collects the groups of a batch in one engine call."""

    def __init__(self, engine: Engine, settings: GroupSettings, *, seed: int) -> None:
        self.engine = engine
        self.settings = settings
        self.seed = seed

    def collect(
        self, prompts: Sequence[Prompt], *, step: int, stream: int = 0, watch: Watch | None = None
    ) -> tuple[Group, ...]:
        """One group a prompt. Equal (weights, prompts, seed, step, stream) give equal groups.

        Args:
            step: optimizer steps so far; draws fresh permutations and tokens at each.
            stream: tells apart calls that ask the same questions at one step.
            watch: see `Engine.generate`.
        """
        g, shuffled_g = self.settings.group_size, self.settings.shuffled_size
        orders = [self._order(prompt, step) for prompt in prompts]
        shuffled = [
            reorder_prompt(prompt, order) for prompt, order in zip(prompts, orders, strict=True) if order
        ]
        watching = {} if watch is None else {"watch": watch}
        responses = self.engine.generate(
            [*prompts, *shuffled],
            [g] * len(prompts) + [shuffled_g] * len(shuffled),
            self.settings.sampling,
            seed=hash((self.seed, step, stream)) % 2**63,  # of integers: the same in every process
            **watching,
        )
        of_shuffled = iter(responses[len(prompts) :])
        return tuple(
            Group(
                prompt=prompt,
                ordered=tuple(ordered),
                shuffled=tuple(next(of_shuffled)) if order else (),
                permutation=order,
            )
            for prompt, order, ordered in zip(prompts, orders, responses[: len(prompts)], strict=True)
        )

    def _order(self, prompt: Prompt, step: int) -> tuple[int, ...]:
        if not prompt.clip.is_video or self.settings.shuffled_size == 0:
            return ()
        return draw_permutation(
            len(prompt.clip.frames), seed=self.seed, step=step, problem_id=prompt.record.problem_id
        )
