"""The examination that a module's settings and its data ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from videor1.data.datamodule import VideoDataModule
from videor1.evaluation.examination import Examination
from videor1.evaluation.journal import Journal
from videor1.evaluation.protocol import protocol, weights_identity

if TYPE_CHECKING:
    from videor1.modules.policy import PolicyModule


def examination_of(module: PolicyModule, data: VideoDataModule) -> Examination:
    """That of a validation.

    A validation of its own keeps a journal in the run's folder and goes on after a kill; one within `fit`
    starts anew each time.
    """
    split, trainer = data.examined_split, module.trainer
    journal = None
    if trainer.state.fn != "fit":
        journal = Journal(
            Path(trainer.default_root_dir),
            identity={
                "protocol": protocol_of(module, data),
                "weights": weights_identity(module.policy_path),
                "questions": split.digest(),
            },
            rank=trainer.global_rank,
            barrier=trainer.strategy.barrier,
        )
    return Examination(split.records, module.evaluation, seed=module.seed, journal=journal)


def protocol_of(module: PolicyModule, data: VideoDataModule) -> dict[str, Any]:
    """What the scores of a module's examinations depend on besides its weights."""
    return protocol(
        data.clip,
        data.template,
        module.evaluation,
        max_prompt_tokens=data.max_prompt_tokens,
        engine=module.rollout.engine,
        precision=str(module.trainer.precision),
        seed=module.seed,
    )
