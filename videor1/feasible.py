"""What a Trainer is asked that it cannot do, found out before it begins."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ParallelStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import distributed

from videor1.errors import ConfigError
from videor1.export.checkpoint import Kind, find_checkpoint

_NO_GPU = (
    "trainer.accelerator: no GPU is seen here; look at nvidia-smi and CUDA_VISIBLE_DEVICES, or take"
    " --trainer.accelerator cpu for a rehearsal"
)
_ADVICE = {
    "No supported gpu backend found": _NO_GPU,
    "`CUDAAccelerator` can not run on your system": _NO_GPU,
    "your machine only has": "trainer.devices: more than nvidia-smi lists; name as many, or auto",
    "invalid strategy name": "trainer.strategy: take auto, ddp or one of configs/strategy",
    "`Trainer(devices=": "trainer.devices: must be auto, or a number of at least 1",
}


def refusal(error: Exception) -> ConfigError:
    """What Lightning says of a Trainer's settings, with what to do about it."""
    told = " ".join(str(error).split())
    advice = next((words for sign, words in _ADVICE.items() if sign in told), "trainer")
    first = re.split(r"(?<=[.!])\s", told)[0].rstrip(".")
    return ConfigError(f"{advice} ({first})")


def check_trainer(trainer: Any, precision: Any) -> None:
    """Raises ConfigError for settings that Lightning would replace with others, or wait for without an end.

    Args:
        trainer: made of them.
        precision: that was asked for.
    """
    if str(precision) in ("16", "16-mixed") and trainer.strategy.root_device.type == "cpu":
        raise ConfigError(f"trainer.precision: {precision} needs a GPU; on a CPU take bf16-mixed or 32-true")
    if trainer.accumulate_grad_batches < 1:
        raise ConfigError(
            f"trainer.accumulate_grad_batches must be at least 1, got {trainer.accumulate_grad_batches}"
        )

    if isinstance(trainer.strategy, ParallelStrategy) and trainer.is_global_zero:
        _check_port()


def _check_port() -> None:
    """A port that the environment names has to be free, else the ranks wait for half an hour."""
    port = os.environ.get("MASTER_PORT", "")
    if not port.isdigit() or "TORCHELASTIC_RUN_ID" in os.environ or distributed.is_initialized():
        return  # torchrun's own is in use already
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("", int(port)))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"MASTER_PORT in the environment is {port}: {error}; name a free one, or leave it out"
            ) from error


def check_run(trainer: Any, model: LightningModule, checkpoint: Path | None) -> None:
    """Raises ConfigError for a command that config, checkpoint or disk cannot serve."""
    command = trainer.state.fn.value
    if command == "fit" and not is_overridden("training_step", model):
        raise ConfigError(
            f"model.class_path: {type(model).__name__} does not train; fit needs a TGRPOModule or an"
            " SFTModule, so a config such as configs/quickstart/sft.yaml"
        )
    limit = {"validate": "limit_val_batches", "test": "limit_test_batches"}.get(command)
    if limit is not None and not getattr(trainer, limit):
        raise ConfigError(
            f"trainer.{limit} is 0, so {command} would ask nothing: this is a config for fit; take one"
            " such as configs/quickstart/evaluate.yaml"
        )
    if checkpoint is not None:
        _check_checkpoint(checkpoint)
    if command != "predict":
        _check_writable(Path(trainer.default_root_dir))


def _check_checkpoint(path: Path) -> None:
    if "://" in str(path):
        return
    if not path.exists():
        raise ConfigError(
            f"ckpt_path: there is no '{path}'; --ckpt_path last takes the newest of the run's folder"
        )
    found = find_checkpoint(path)
    if found.path != path:
        raise ConfigError(f"ckpt_path: '{path}' is a run's folder; its checkpoint is {found.path}")
    if found.kind in (Kind.FOLDER, Kind.ADAPTER):
        raise ConfigError(
            f"ckpt_path: '{path}' is a {found.kind.value}, which holds no state of a training; to begin with"
            " its weights name it as model.policy"
        )


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"trainer.default_root_dir: nothing can be written into '{folder}' ({error.strerror}); name a"
            " folder that you may write to"
        ) from error
