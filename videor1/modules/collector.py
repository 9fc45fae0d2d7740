"""Prompts → `Experience`: groups, their rewards and advantages, and the log-probs an update compares with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from videor1.errors import ConfigError
from videor1.modules.experience import (
    ZeroVariance,
    advantages_of,
    reward_groups,
    sample_again,
    to_learn,
)
from videor1.modules.scorer import Scorer
from videor1.modules.tokens import ordered_logprobs, response_mask, sampled_logprobs, token_signal
from videor1.objective import BY_RESPONSES, BY_WEIGHT, Credit, LossSettings, Scale, kl_penalty
from videor1.rewards import RewardSettings
from videor1.rollout.loop import GroupSettings
from videor1.rollout.source import GroupSource
from videor1.types import Experience, Group, Prompt, Rewards


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What turns rewards into what is learned; the module's arguments of these names."""

    rewards: RewardSettings
    credit: Credit
    scale: Scale
    zero_variance: ZeroVariance
    resample_limit: int

    def check(self, rollout: GroupSettings, loss: LossSettings) -> None:
        """Raises ConfigError where what is learned from would not be there."""
        if self.credit in BY_RESPONSES and rollout.shuffled_size == 0:
            raise ConfigError(
                f"model.credit: {self.credit} compares with responses to the perturbed clip, and"
                " model.rollout.shuffled_size is 0; take credit: none for plain GRPO"
            )
        if self.resample_limit < 1:
            raise ConfigError(f"model.resample_limit must be at least 1, got {self.resample_limit}")
        if loss.beta > 0 and loss.kl_in == "reward" and self.zero_variance != "keep":
            raise ConfigError(
                "model.zero_variance: with model.loss.kl_in: reward no two rewards are equal; take keep"
            )


class Collector:
    """Collects what a micro-batch learns from.

    Args:
        source: of groups.
        scorer: of their log-probs.
        signal: what turns rewards into advantages.
        loss: whether and where there is a KL term.
        keeps_old: whether the update has to know the policy before it.
        exact: whether the engine's log-probs are the trainer's.
    """

    def __init__(
        self,
        source: GroupSource,
        scorer: Scorer,
        signal: Signal,
        loss: LossSettings,
        *,
        keeps_old: bool,
        exact: bool,
    ) -> None:
        self.source = source
        self.seconds: dict[str, float] = {}  # of the last collection, by what they were spent on
        self._scorer, self._signal, self._loss = scorer, signal, loss
        self._keeps_old, self._exact = keeps_old, exact

    def collect(self, prompts: Sequence[Prompt], *, step: int, place: int) -> Experience:
        """The experience of a micro-batch, the `place`-th of its block; called without gradients."""
        self.seconds = dict.fromkeys(("rollout", "reward", "reference"), 0.0)
        groups, rewards = self._rewarded(prompts, step, place)
        with self._stopwatch("reference"):
            return self._experience(groups, rewards)

    def _rewarded(
        self, prompts: Sequence[Prompt], step: int, place: int
    ) -> tuple[tuple[Group, ...], tuple[Rewards, ...]]:
        def collect_again(prompts: list[Prompt], attempt: int) -> tuple[Group, ...]:
            with self._stopwatch("rollout"):
                return self.source.collect_again(prompts, step=step, attempt=attempt)

        def reward(groups: tuple[Group, ...]) -> tuple[Rewards, ...]:
            with self._stopwatch("reward"):
                return reward_groups(groups, self._signal.rewards)

        with self._stopwatch("rollout"):
            groups = self.source.collect(prompts, step=step, place=place, check=place == 0)
        rewards = reward(groups)
        if self._signal.zero_variance != "resample":
            return groups, rewards
        limit = self._signal.resample_limit
        return sample_again(groups, rewards, limit=limit, collect=collect_again, reward=reward)

    def _experience(self, groups: tuple[Group, ...], rewards: tuple[Rewards, ...]) -> Experience:
        signal, loss, scorer = self._signal, self._loss, self._scorer
        tokens = token_signal(scorer, groups, signal.credit, exact=self._exact)
        reference = penalties = None
        if loss.beta > 0 and loss.kl_in == "reward":
            reference = scorer.by_reference(groups)
            logprobs = ordered_logprobs(scorer, groups, exact=self._exact)
            penalties = loss.beta * kl_penalty(logprobs, reference, response_mask(groups), clamp=loss.clamp)
        advantages = advantages_of(
            groups,
            rewards,
            credit=signal.credit,
            scale=signal.scale,
            settings=signal.rewards,
            penalties=penalties,
            gained=None if tokens is None else tokens.sums(),
        )
        learning = to_learn(advantages.credited, signal.zero_variance)
        learned = learning or (0,)  # no rank is without a pass; this one counts nothing
        chosen = tuple(groups[number] for number in learned)
        vision = scorer.vision(chosen)
        if reference is None and loss.beta > 0:
            reference = scorer.by_reference(chosen, vision=vision)
        device = groups[0].prompt.input_ids.device
        rows = torch.arange(advantages.plain.numel()).view_as(advantages.plain)[list(learned)].flatten()
        return Experience(
            groups=groups,
            rewards=rewards,
            advantages=advantages.credited.flatten().to(device),
            plain_advantages=advantages.plain.flatten().to(device),
            learned=learned,
            share=len(learning) / len(groups),
            token_weights=tokens.weights(rows.to(device)) if tokens and signal.credit in BY_WEIGHT else None,
            sampled_logprobs=sampled_logprobs(chosen),
            old_logprobs=scorer.by_policy(chosen, vision=vision).logprobs if self._keeps_old else None,
            reference_logprobs=reference,
            vision=vision,
        )

    @contextmanager
    def _stopwatch(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started
