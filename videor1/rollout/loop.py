"""Grouped rollouts: for each question G responses to its clip and G~ to the same clip perturbed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from videor1.errors import ConfigError
from videor1.rollout.engine import Engine, Sampling, Watch
from videor1.rollout.perturb import perturb
from videor1.types import PERTURBATIONS, Group, Perturbation, Prompt


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """How a question is sampled.

    Args:
        group_size: G, ordered responses a question, which are trained on.
        shuffled_size: G~, responses to the perturbed clip of a video, which are only measured; 0 for none.
        perturbations: what is done to the clip, one of them by chance for each question, see
            `videor1.rollout.perturb`; T-GRPO shuffles.
        sampling: how tokens are drawn.
    """

    group_size: int = 8
    shuffled_size: int = 4
    perturbations: Sequence[Perturbation] = ("shuffled",)
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.group_size < 1:
            raise ConfigError(f"model.rollout.group_size must be at least 1, got {self.group_size}")
        if self.shuffled_size < 0:
            raise ConfigError(f"model.rollout.shuffled_size must be at least 0, got {self.shuffled_size}")
        if not self.perturbations or not set(self.perturbations) <= set(PERTURBATIONS):
            raise ConfigError(
                f"model.rollout.perturbations must name one or more of {', '.join(PERTURBATIONS)},"
                f" got {list(self.perturbations)}"
            )


class RolloutLoop:
    """Collects the groups of a batch in one engine call.

    Args:
        engine: writes the responses.
        settings: see there.
        seed: of the run.
        vision_ids: tokens that stand for media, which a blind prompt lacks, see `blind.vision_token_ids`.
        perturbs: whether groups bring the perturbed clip also when no response to it is asked for.
    """

    def __init__(
        self,
        engine: Engine,
        settings: GroupSettings,
        *,
        seed: int,
        vision_ids: Collection[int] = (),
        perturbs: bool = False,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.seed = seed
        self.vision_ids = vision_ids
        self.perturbs = perturbs or settings.shuffled_size > 0

    def collect(
        self, prompts: Sequence[Prompt], *, step: int, stream: int = 0, watch: Watch | None = None
    ) -> tuple[Group, ...]:
        """One group a prompt. Equal (weights, prompts, seed, step, stream) give equal groups.

        Args:
            step: optimizer steps so far; draws fresh permutations and tokens at each.
            stream: tells apart calls that ask the same questions at one step.
            watch: see `Engine.generate`.
        """
        seen = [self._perturb(prompt, step) for prompt in prompts]
        asked = [perturbed for _, perturbed in seen if perturbed is not None and self.settings.shuffled_size]
        watching = {} if watch is None else {"watch": watch}
        responses = self.engine.generate(
            [*prompts, *asked],
            [self.settings.group_size] * len(prompts) + [self.settings.shuffled_size] * len(asked),
            self.settings.sampling,
            seed=hash((self.seed, step, stream)) % 2**63,  # of integers: the same in every process
            **watching,
        )
        to_perturbed = iter(responses[len(prompts) :])
        return tuple(
            Group(
                prompt=prompt,
                ordered=tuple(ordered),
                shuffled=tuple(next(to_perturbed)) if perturbed is not None and asked else (),
                perturbation=kind,
                perturbed=perturbed,
            )
            for prompt, (kind, perturbed), ordered in zip(
                prompts, seen, responses[: len(prompts)], strict=True
            )
        )

    def _perturb(self, prompt: Prompt, step: int) -> tuple[Perturbation, Prompt] | tuple[None, None]:
        if not (prompt.clip.is_video and self.perturbs):
            return None, None
        kinds = self.settings.perturbations
        return perturb(prompt, kinds, seed=self.seed, step=step, vision_ids=self.vision_ids)
