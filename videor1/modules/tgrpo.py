"""T-GRPO: grouped rollouts before the step, the clipped policy loss in it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from videor1.data.batch import PromptBatch
from videor1.errors import ConfigError
from videor1.modules.collector import Collector, Signal
from videor1.modules.experience import ZeroVariance
from videor1.modules.metrics import add_rollouts, add_update
from videor1.modules.scorer import Scorer
from videor1.modules.trained import TrainedModule
from videor1.objective import (
    BY_PERTURBED_TOKENS,
    CorrectionSettings,
    Credit,
    LossSettings,
    Scale,
    importance_correction,
    policy_loss,
)
from videor1.policy.loading import compute_dtype, hold_still
from videor1.policy.model import Policy
from videor1.policy.token_scores import Entropy
from videor1.rewards import RewardSettings
from videor1.rollout.blind import vision_token_ids
from videor1.rollout.loop import RolloutLoop
from videor1.rollout.settings import RolloutSettings
from videor1.rollout.source import GroupSource
from videor1.types import Experience


class TGRPOModule(TrainedModule):
    """Trains the policy by T-GRPO (arXiv 2503.21776).

    `on_train_batch_start` collects the rollouts of a batch, `training_step` is only the loss. One block of
    accumulated batches is one optimizer step; with `inner_updates` above 1 the block comes again and is
    learned from again, with ratios to the policy that sampled.

    Args:
        policy: Hugging Face folder of the SFT model; also the frozen reference.
        rollout: groups, sampling and the engine that does it.
        rewards: what a response earns.
        credit: how what the perturbed clip shows reaches the update, see `videor1.objective.credit`; "reward"
            is the paper's form and "none" plain GRPO.
        scale: "std" divides advantages by the group's standard deviation, "none" does not (Dr. GRPO).
        zero_variance: what becomes of a group whose responses are all worth the same: "keep" learns nothing
            from it but the KL term, "skip" leaves it out and saves its passes, "resample" asks again.
        resample_limit: how often a question is asked again.
        loss: what the loss is made of.
        correction: what makes up for an engine that draws from a slightly different policy.
        inner_updates: optimizer steps taken on each block of rollouts.
        settings: see TrainedModule.
    """

    on_bar = ("reward/total", "accuracy/ordered", "accuracy/shuffled", "response/tokens")

    def __init__(
        self,
        policy: str,
        *,
        rollout: RolloutSettings = RolloutSettings(),
        rewards: RewardSettings = RewardSettings(),
        credit: Credit = "reward",
        scale: Scale = "std",
        zero_variance: ZeroVariance = "keep",
        resample_limit: int = 2,
        loss: LossSettings = LossSettings(),
        correction: CorrectionSettings = CorrectionSettings(),
        inner_updates: int = 1,
        **settings: Any,
    ) -> None:
        super().__init__(policy, rollout=rollout, **settings)
        _check(rollout, inner_updates)
        self.signal = Signal(
            rewards=rewards,
            credit=credit,
            scale=scale,
            zero_variance=zero_variance,
            resample_limit=resample_limit,
        )
        self.signal.check(rollout, loss)
        self.rewards, self.credit = rewards, credit
        self.rollout: RolloutSettings = rollout
        self.loss = loss
        self.correction = correction
        self.passes_per_block = inner_updates
        self.looks_ahead = rollout.overlap
        self.train_response_tokens = rollout.sampling.max_new_tokens
        self.reference: Policy | None = None
        self.experiences: dict[int, Experience] = {}  # by place in the block; callbacks read it
        self.collector: Collector | None = None  # while it trains
        self.scorer: Scorer | None = None  # likewise

    def configure_model(self) -> None:
        super().configure_model()
        if self.loss.beta > 0 and self.lora is None and self.reference is None:
            self.reference = self.load(hold_still)

    def on_fit_start(self) -> None:
        super().on_fit_start()
        _check_overlap(self.rollout, self.trainer.precision)
        dtype = compute_dtype(self.trainer.precision)
        exact = self.engine.dtype == dtype == torch.float32
        exact = exact and self.rollout.sampling.top_p == 1 and not self.rollout.overlap
        self.correction_level = self.correction.resolve(exact=exact)
        self.scorer = Scorer(
            self.policy,
            self.reference,
            forbidden=self.forbidden,
            temperature=self.rollout.sampling.temperature,
            attention=self.attention,
        )
        self.collector = Collector(
            self._source(),
            self.scorer,
            self.signal,
            self.loss,
            keeps_old=self.passes_per_block > 1,
            exact=exact,
        )

    def on_train_batch_start(self, batch: PromptBatch, batch_idx: int) -> None:
        place = batch_idx % self.trainer.accumulate_grad_batches
        if self._is_new(batch_idx) or place not in self.experiences:
            self.experiences[place] = self._collect(batch, place)
        if batch.following is not None and self._is_new(batch_idx + 1):
            self._begin(batch.following, batch_idx + 1)

    def sync_engine(self) -> None:
        if self.collector is not None:
            self.collector.source.settle()
        super().sync_engine()

    def training_step(self, batch: PromptBatch, batch_idx: int) -> Tensor:
        experience = self.experiences[batch_idx % self.trainer.accumulate_grad_batches]
        assert self.scorer is not None
        groups = experience.learned_groups
        entropy: Entropy = "learn" if self.loss.entropy_bonus > 0 else "watch"
        scored = self.scorer.by_policy(groups, vision=experience.vision, entropy=entropy)
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
            experience.learned_advantages,
            self.loss,
            old_logprobs=experience.old_logprobs,
            reference_logprobs=experience.reference_logprobs,
            weights=correction.weights,
            token_weights=experience.token_weights,
            entropy=scored.entropy,
            finished=torch.tensor([response.finished for group in groups for response in group.ordered]),
            longest=self.rollout.sampling.max_new_tokens,
        )
        loss = batch.share * experience.share * result.loss
        add_update(self.means, loss, result, scored, correction)
        self.log_step(batch_idx)
        made_of = {"log-probs": scored.logprobs, **experience.made_of()}
        owners = [group.prompt.record for group in groups for _ in group.ordered]
        return self.guard.admit(loss, made_of, scored.mask, owners)

    def teardown(self, stage: str) -> None:
        if self.collector is not None:
            self.collector.source.settle()
            self.collector = self.scorer = None
        super().teardown(stage)

    def _is_new(self, batch_idx: int) -> bool:
        """Whether this batch gets rollouts; if not, it is learned from once more."""
        return batch_idx // self.trainer.accumulate_grad_batches % self.passes_per_block == 0

    def _begin(self, following: PromptBatch, batch_idx: int) -> None:
        """The rollouts of the next batch, while this one is learned from."""
        assert self.collector is not None
        place = batch_idx % self.trainer.accumulate_grad_batches
        step = self.global_step + (place == 0)
        if step == self.trainer.max_steps:
            return
        self.collector.source.begin(following.prompts, step=step, place=place)

    def _collect(self, batch: PromptBatch, place: int) -> Experience:
        assert self.collector is not None
        with self.scoring():
            experience = self.collector.collect(batch.prompts, step=self.global_step, place=place)
        add_rollouts(self.means, experience, rewards=self.signal.rewards)
        if (difference := self.collector.source.difference) is not None:
            self.means.add("agreement/mean", difference.mean)
            self.means.add("agreement/largest", difference.largest)
        for name, seconds in self.collector.seconds.items():
            self.means.add(f"seconds/{name}", seconds)
        return experience

    def _source(self) -> GroupSource:
        loop = RolloutLoop(
            self.engine,
            self.rollout,
            seed=self.seed,
            vision_ids=vision_token_ids(self.processor),
            perturbs=self.signal.credit in BY_PERTURBED_TOKENS,
        )
        return GroupSource(loop, self.sync_engine, self.agreement)


def _check(rollout: RolloutSettings, inner_updates: int) -> None:
    if rollout.group_size < 2:
        raise ConfigError(
            f"model.rollout.group_size must be at least 2, got {rollout.group_size}:"
            " an advantage compares the responses of a group"
        )
    if rollout.sampling.temperature == 0:
        raise ConfigError(
            "model.rollout.sampling.temperature must be above 0: greedy responses are all alike"
        )
    if inner_updates < 1:
        raise ConfigError(f"model.inner_updates must be at least 1, got {inner_updates}")


def _check_overlap(rollout: RolloutSettings, precision: str) -> None:
    half = precision.endswith("true") and not precision.startswith(("32", "64"))
    if rollout.overlap and rollout.vllm.mode == "colocated" and half:
        raise ConfigError(
            f"model.rollout.overlap: trainer.precision {precision} changes the whole process's default type,"
            " also under the engine's thread; take bf16-mixed, or rollout.vllm.mode: server"
        )
