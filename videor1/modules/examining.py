"""The examination that a module's settings and its data ask for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError
from videor1.evaluation.examination import Examination
from videor1.evaluation.journal import Journal
from videor1.evaluation.protocol import files_identity, protocol
from videor1.rollout.settings import EngineSettings

if TYPE_CHECKING:
    from videor1.modules.policy import PolicyModule


def examination_of(module: PolicyModule, data: VideoDataModule) -> Examination:
    """That of a validation.

    A validation of its own keeps a journal in the run's folder and goes on after a kill; one within `fit`
    starts anew each time.
    """
    split, trainer = data.examined_split, module.trainer
    journal = None
    trying = trainer.fast_dev_run  # type: ignore[attr-defined]  # Lightning sets it elsewhere
    if trainer.state.fn != "fit" and not trying:
        if trainer.limit_val_batches != 1.0 or trainer.limit_test_batches != 1.0:
            raise ConfigError(
                "trainer.limit_val_batches and limit_test_batches leave questions out at random; name a part"
                " of them in data.benchmarks (questions: N)"
            )
        checkpoint = trainer.ckpt_path
        journal = Journal(
            Path(trainer.default_root_dir),
            identity={
                "model": module.policy_path if checkpoint is None else str(checkpoint),
                "weights": [files_identity(path) for path in (module.policy_path, checkpoint) if path],
                "protocol": protocol_of(module, data),
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
        engine=_engine(module.rollout),
        precision=str(module.trainer.precision),
        batch=data.validation_batch_size,
        seed=module.seed,
    )


def _engine(settings: EngineSettings) -> dict[str, Any]:
    """What responses depend on."""
    if settings.engine == "hf":
        return {"engine": "hf", **asdict(settings.hf)}
    names = ("dtype", "tensor_parallel_size", "arguments")
    return {"engine": settings.engine, **{name: getattr(settings.vllm, name) for name in names}}
