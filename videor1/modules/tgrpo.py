"""T-GRPO: grouped rollouts before the step, the clipped policy loss in it."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

from videor1.data.batch import PromptBatch
from videor1.errors import ConfigError
from videor1.modules.experience import make_experience, reward_groups
from videor1.modules.metrics import add_rollouts, add_update
from videor1.modules.trained import TrainedModule
from videor1.objective import CorrectionSettings, Scale, importance_correction, policy_loss
from videor1.policy.adapters import adapters_off
from videor1.policy.group_pass import GroupPass, score_responses
from videor1.policy.loading import compute_dtype, hold_still
from videor1.policy.model import Policy
from videor1.policy.vision import encode
from videor1.rewards import RewardSettings
from videor1.rollout.loop import RolloutLoop
from videor1.rollout.settings import RolloutSettings
from videor1.rollout.source import GroupSource
from videor1.types import Experience, Group


class TGRPOModule(TrainedModule):
    """Trains the policy by T-GRPO (arXiv 2503.21776).

    `on_train_batch_start` collects the rollouts of a batch, `training_step` is only the loss. One block of
    accumulated batches is one optimizer step; with `inner_updates` above 1 the block comes again and is
    learned from again, with ratios to the policy that sampled.

    Args:
        policy: Hugging Face folder of the SFT model; also the frozen reference.
        rollout: groups, sampling and the engine that does it.
        rewards: what a response earns.
        beta: weight of the KL term to the reference; 0 does without a reference.
        clip_low: the ratio counts no less than 1 - clip_low.
        clip_high: the ratio counts no more than 1 + clip_high.
        kl_clamp: bounds the log-ratio inside the KL term; null for no bound (the authors' code: 10).
        correction: what makes up for an engine that draws from a slightly different policy.
        inner_updates: optimizer steps taken on each block of rollouts.
        scale: "std" divides advantages by the group's standard deviation, "none" does not (Dr. GRPO).
        settings: see TrainedModule.
    """

    on_bar = ("reward/total", "accuracy/ordered", "accuracy/shuffled", "response/tokens")

    def __init__(
        self,
        policy: str,
        *,
        rollout: RolloutSettings = RolloutSettings(),
        rewards: RewardSettings = RewardSettings(),
        beta: float = 0.04,
        clip_low: float = 0.2,
        clip_high: float = 0.2,
        kl_clamp: float | None = None,
        correction: CorrectionSettings = CorrectionSettings(),
        inner_updates: int = 1,
        scale: Scale = "std",
        **settings: Any,
    ) -> None:
        super().__init__(policy, rollout=rollout, **settings)
        _check(rollout, beta, clip_low, clip_high, inner_updates)
        self.rollout: RolloutSettings = rollout
        self.rewards = rewards
        self.beta, self.clip_low, self.clip_high = beta, clip_low, clip_high
        self.kl_clamp = math.inf if kl_clamp is None else kl_clamp
        self.correction = correction
        self.passes_per_block = inner_updates
        self.looks_ahead = rollout.overlap
        self.train_response_tokens = rollout.sampling.max_new_tokens
        self.scale = scale
        self.reference: Policy | None = None
        self.experiences: dict[int, Experience] = {}  # by place in the block; callbacks read it
        self.source: GroupSource | None = None  # while it trains

    def configure_model(self) -> None:
        super().configure_model()
        if self.beta > 0 and self.lora is None and self.reference is None:
            self.reference = self.load(hold_still)

    def on_fit_start(self) -> None:
        super().on_fit_start()
        _check_overlap(self.rollout, self.trainer.precision)
        dtype = compute_dtype(self.trainer.precision)
        exact = self.engine.dtype == dtype == torch.float32
        exact = exact and self.rollout.sampling.top_p == 1 and not self.rollout.overlap
        self.correction_level = self.correction.resolve(exact=exact)
        self.source = GroupSource(
            RolloutLoop(self.engine, self.rollout, seed=self.seed),
            self.sync_engine,
            self.agreement,
        )

    def on_train_batch_start(self, batch: PromptBatch, batch_idx: int) -> None:
        place = batch_idx % self.trainer.accumulate_grad_batches
        if self._is_new(batch_idx) or place not in self.experiences:
            self.experiences[place] = self._collect(batch, place)
        if batch.following is not None and self._is_new(batch_idx + 1):
            self._begin(batch.following, batch_idx + 1)

    def sync_engine(self) -> None:
        if self.source is not None:
            self.source.settle()
        super().sync_engine()

    def training_step(self, batch: PromptBatch, batch_idx: int) -> Tensor:
        experience = self.experiences[batch_idx % self.trainer.accumulate_grad_batches]
        scored = self._score(self.policy, experience.groups, experience.vision, entropy=True)
        before = scored.logprobs if experience.old_logprobs is None else experience.old_logprobs
        correction = importance_correction(
            before,
            experience.sampled_logprobs,
            scored.mask,
            level=self.correction_level,
            cap=self.correction.cap,
        )
        result = policy_loss(
            scored.logprobs,
            scored.mask,
            experience.advantages,
            old_logprobs=experience.old_logprobs,
            reference_logprobs=experience.reference_logprobs,
            weights=correction.weights,
            beta=self.beta,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            kl_clamp=self.kl_clamp,
        )
        loss = batch.share * result.loss
        add_update(self.means, loss, result, scored, correction)
        self.log_step(batch_idx)
        return loss

    def teardown(self, stage: str) -> None:
        if self.source is not None:
            self.source.settle()
            self.source = None
        super().teardown(stage)

    def _is_new(self, batch_idx: int) -> bool:
        """Whether this batch gets rollouts; if not, it is learned from once more."""
        return batch_idx // self.trainer.accumulate_grad_batches % self.passes_per_block == 0

    def _begin(self, following: PromptBatch, batch_idx: int) -> None:
        """The rollouts of the next batch, while this one is learned from."""
        assert self.source is not None
        place = batch_idx % self.trainer.accumulate_grad_batches
        step = self.global_step + (place == 0)
        if step == self.trainer.max_steps:
            return
        self.source.begin(following.prompts, step=step, place=place)

    def _collect(self, batch: PromptBatch, place: int) -> Experience:
        assert self.source is not None
        started = time.perf_counter()
        groups = self.source.collect(batch.prompts, step=self.global_step, place=place, check=place == 0)
        sampled = time.perf_counter()
        rewards = reward_groups(groups, self.rewards)
        rewarded = time.perf_counter()
        with self.scoring():
            # a frozen tower is the reference's too
            vision = None if self._tower_learns else self.policy.within(encode, batch.prompts)
            old = self._score(self.policy, groups, vision).logprobs if self.passes_per_block > 1 else None
            reference = self._score_by_reference(groups, vision) if self.beta > 0 else None
        experience = make_experience(
            groups, rewards, scale=self.scale, old=old, reference=reference, vision=vision
        )
        add_rollouts(self.means, experience, scale=self.scale)
        if self.source.difference is not None:
            self.means.add("agreement/mean", self.source.difference.mean)
            self.means.add("agreement/largest", self.source.difference.largest)
        self.means.add("seconds/rollout", sampled - started)
        self.means.add("seconds/reward", rewarded - sampled)
        self.means.add("seconds/reference", time.perf_counter() - rewarded)
        return experience

    @property
    def _tower_learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.policy.model.visual.parameters())

    def _score_by_reference(self, groups: tuple[Group, ...], vision: Tensor | None) -> Tensor:
        """(N, L) log-probs of the model that training began from."""
        if self.reference is not None:
            return self._score(self.reference, groups, vision).logprobs
        with adapters_off(self.policy):
            return self._score(self.policy, groups, vision).logprobs

    def _score(
        self,
        model: Policy,
        groups: tuple[Group, ...],
        vision: Tensor | None,
        *,
        entropy: bool = False,
    ) -> GroupPass:
        """The group pass over the ordered responses, under the distribution they were sampled from."""
        return score_responses(
            model,
            [group.prompt for group in groups],
            [[response.token_ids for response in group.ordered] for group in groups],
            vision=vision,
            forbidden=self.forbidden,
            temperature=self.rollout.sampling.temperature,
            entropy=entropy,
            attention=self.attention,
        )


def _check(
    rollout: RolloutSettings, beta: float, clip_low: float, clip_high: float, inner_updates: int
) -> None:
    if rollout.group_size < 2:
        raise ConfigError(
            f"model.rollout.group_size must be at least 2, got {rollout.group_size}:"
            " an advantage compares the responses of a group"
        )
    if rollout.sampling.temperature == 0:
        raise ConfigError(
            "model.rollout.sampling.temperature must be above 0: greedy responses are all alike"
        )
    if beta < 0:
        raise ConfigError(f"model.beta must be at least 0, got {beta}")
    if not 0 <= clip_low <= 1:
        raise ConfigError(f"model.clip_low must lie in 0 … 1, got {clip_low}")
    if clip_high < 0:
        raise ConfigError(f"model.clip_high must be at least 0, got {clip_high}")
    if inner_updates < 1:
        raise ConfigError(f"model.inner_updates must be at least 1, got {inner_updates}")


def _check_overlap(rollout: RolloutSettings, precision: str) -> None:
    half = precision.endswith("true") and not precision.startswith(("32", "64"))
    if rollout.overlap and rollout.vllm.mode == "colocated" and half:
        raise ConfigError(
            f"model.rollout.overlap: trainer.precision {precision} changes the whole process's default type,"
            " also under the engine's thread; take bf16-mixed, or rollout.vllm.mode: server"
        )
