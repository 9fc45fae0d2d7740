"""A parsed config and what it does not say → `Plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from videor1.errors import ConfigError
from videor1.planning.gpus import GPUS
from videor1.planning.memory import GIB
from videor1.planning.plan import Plan
from videor1.planning.read import Assumed, read_job


def plan_of(config: Any, assumed: Assumed, *, gpu: str, memory: float | None, utilisation: float) -> Plan:
    """The plan of a parsed training config.

    Args:
        config: of one sub-command, as jsonargparse understood it.
        assumed: what it does not say.
        gpu: a name in `GPUS`.
        memory: GiB of each, in place of the preset's.
        utilisation: share of the GPU's operations a second that a pass reaches.

    Raises:
        ConfigError: something that cannot be planned.
    """
    if gpu not in GPUS:
        raise ConfigError(f"gpu must be one of {', '.join(GPUS)}, got '{gpu}'")
    if memory is not None and memory <= 0:
        raise ConfigError(f"memory must be above 0, got {memory}")
    if not 0 < utilisation <= 1:
        raise ConfigError(f"utilisation must lie in (0, 1], got {utilisation}")
    kind = GPUS[gpu]
    if memory is not None:
        kind = replace(kind, memory=memory * GIB)
    return Plan(job=read_job(config, assumed), gpu=kind, name=gpu, utilisation=utilisation)
