"""What sampling a run's rollouts cost, in tokens."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from videor1.modules import TGRPOModule


class SampledTokens(Callback):
    """Logs `tokens/sampled`, those of all responses of a step, to ordered and to perturbed frames."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, TGRPOModule)
        if (batch_idx + 1) % (trainer.accumulate_grad_batches * pl_module.passes_per_block):
            return  # the block's rollouts are counted once, when it is done
        groups = [group for experience in pl_module.experiences.values() for group in experience.groups]
        tokens = sum(len(one.token_ids) for group in groups for one in (*group.ordered, *group.shuffled))
        for logger in trainer.loggers:
            logger.log_metrics({"tokens/sampled": float(tokens)}, step=trainer.global_step - 1)
