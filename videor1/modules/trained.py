"""What training stages have in common: what learns, how fast, what checkpoints hold, one log line a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.strategies import DeepSpeedStrategy
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import AdamW, Optimizer

from videor1.errors import ConfigError
from videor1.modules.finite import gradients_sound
from videor1.modules.learning import LearningRates, parameter_groups
from videor1.modules.numbers import Bounds, NumbersSettings
from videor1.modules.policy import PolicyModule
from videor1.modules.schedule import LearningRateSchedule
from videor1.modules.step_guard import StepGuard
from videor1.modules.step_means import StepMeans
from videor1.policy.adapters import LoraSettings, add_adapters
from videor1.policy.model import Policy
from videor1.policy.parts import PARTS, Part, freeze_parts
from videor1.policy.recompute import recompute_layers
from videor1.strategies import drop_unsound_gradients, left_out_by_itself


class TrainedModule(PolicyModule):
    """A policy that learns.

    Args:
        policy: Hugging Face folder (or hub name) of a Qwen2.5-VL.
        optimizer: made with the policy's parameters; one-dimensional ones are not decayed.
        schedule: learning rate over the run.
        learning_rates: of the model's parts, where they differ from the optimizer's.
        freeze: parts that stay as they are; without "vision" and "merger" to learn, the features of media are
            computed once a question for policy and reference together.
        lora: low-rank adapters that learn in place of the model, which is then the reference too; null for
            none.
        gradient_checkpointing: keeps only the inputs of each layer for the backward pass and computes the
            rest again; less memory, about a third more time.
        activation_offload: keeps these inputs in host memory.
        numbers: when they are no good any more, and what is done then.
        settings: see PolicyModule.
    """

    on_bar: tuple[str, ...] = ("loss",)  # curves that the progress bar shows

    def __init__(
        self,
        policy: str,
        *,
        optimizer: OptimizerCallable = lambda parameters: AdamW(parameters, lr=1e-6, weight_decay=0.01),
        schedule: LearningRateSchedule = LearningRateSchedule(),
        learning_rates: LearningRates = LearningRates(),
        freeze: Sequence[Part] = (),
        lora: LoraSettings | None = None,
        gradient_checkpointing: bool = False,
        activation_offload: bool = False,
        numbers: NumbersSettings = NumbersSettings(),
        **settings: Any,
    ) -> None:
        super().__init__(policy, **settings)
        _check(freeze, lora, gradient_checkpointing, activation_offload)
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rates = learning_rates
        self.frozen = tuple(freeze)
        self.lora = lora
        self.gradient_checkpointing = gradient_checkpointing
        self.activation_offload = activation_offload
        self.guard = StepGuard(numbers.bad_steps)  # to be shown every loss
        self.bounds = Bounds(numbers)
        self.adapters: Mapping[str, Any] = {}  # what `export` has to know of them
        self.means = StepMeans()  # of the step under way
        self.figures: dict[str, float] = {}  # of the last step, over all ranks; callbacks read them
        self.strict_loading = False  # checkpoints leave out what does not learn
        self.register_state_dict_post_hook(_leave_out_what_is_frozen)

    def prepare(self, model: Policy) -> None:
        """Says what of the policy learns, and what is kept for the backward pass."""
        if self.lora is None:
            freeze_parts(model, self.frozen)
        else:
            self.adapters = add_adapters(model, self.lora, seed=self.seed)
        if self.gradient_checkpointing:
            recompute_layers(model, offload=self.activation_offload)

    @property
    def weights_dtype(self) -> torch.dtype:
        """What models are loaded in.

        Under bf16-mixed the weights that learn are float32; of those that do not, which an adapted policy is
        made of, autocast would make bfloat16 at every use.
        """
        if self.lora is not None and self.trainer.precision == "bf16-mixed":
            return torch.bfloat16
        return super().weights_dtype

    def on_fit_start(self) -> None:
        keeps_copies = isinstance(self.trainer.strategy, DeepSpeedStrategy)
        if str(self.trainer.precision).endswith("16-true") and not keeps_copies:
            rank_zero_warn(
                f"trainer.precision {self.trainer.precision} without DeepSpeed keeps no float32 copy of the"
                " weights: steps of a learning rate such as 1e-6 are rounded away; take bf16-mixed or a"
                " ZeroStrategy"
            )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer(parameter_groups(self.policy, self.learning_rates))
        if self.trainer.precision == "bf16-mixed" and hasattr(optimizer, "_step_supports_amp_scaling"):
            # bfloat16 needs no scale, for the sake of which Lightning would not clip for a fused optimizer
            optimizer._step_supports_amp_scaling = False
        scheduler = self.schedule.build(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.adapters:
            checkpoint["lora"] = dict(self.adapters)
        checkpoint["numbers"] = {"in_a_row": self.guard.in_a_row, "bounds": self.bounds.state_dict()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if (numbers := checkpoint.get("numbers")) is not None:
            self.guard.in_a_row = numbers["in_a_row"]
            self.bounds.load_state_dict(numbers["bounds"])

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self._left_out = drop_unsound_gradients(
            self.trainer.strategy, self.policy.parameters(), gradients_sound
        )

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if (batch_idx + 1) % self.trainer.accumulate_grad_batches:
            return  # DeepSpeed is called for every batch
        strategy = self.trainer.strategy
        left_out = self._left_out or left_out_by_itself(strategy)
        if left_out and str(self.trainer.precision).startswith("16"):  # or the loss scale was too large
            left_out = strategy.reduce_boolean_decision(self.guard.has_found, all=False)
        if (line := self.guard.step_done(self.trainer, left_out=left_out)) is not None:
            self.print(line)

    def log_step(self, batch_idx: int) -> None:
        """Once a step, one point on each curve, over all its micro-batches and ranks.

        `self.log` would keep only the last micro-batch of this rank.
        """
        if (batch_idx + 1) % self.trainer.accumulate_grad_batches:
            return
        values = self.means.reduce(self.trainer.strategy)
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        self.means = StepMeans()
        self.figures = values
        for logger in self.loggers:
            logger.log_metrics(values, step=self.global_step)
        bar = {name: value for name, value in values.items() if name in self.on_bar}
        self.log_dict(bar, prog_bar=True, logger=False, batch_size=1)
        for line in self.bounds.see(values, step=self.global_step + 1):
            self.print(line)


def _check(
    freeze: Sequence[Part], lora: LoraSettings | None, gradient_checkpointing: bool, activation_offload: bool
) -> None:
    if unknown := set(freeze) - set(PARTS):
        raise ConfigError(f"model.freeze: {sorted(unknown)} is none of {', '.join(PARTS)}")
    if set(freeze) == set(PARTS):
        raise ConfigError("model.freeze names all parts, so nothing would learn")
    if freeze and lora is not None:
        raise ConfigError("model.freeze: with model.lora nothing but the adapters learns; leave it out")
    if activation_offload and not gradient_checkpointing:
        raise ConfigError("model.activation_offload needs model.gradient_checkpointing: true")


def _leave_out_what_is_frozen(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """A run begins from model.policy, which has all that training does not move, the reference among it."""
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if not parameter.requires_grad:
            state.pop(prefix + name, None)
