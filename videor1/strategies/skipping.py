"""An optimizer step that is left out by all ranks together: neither weights nor optimizer state move."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lightning.pytorch.strategies import DeepSpeedStrategy, Strategy
from torch import nn


def drop_unsound_gradients(
    strategy: Strategy, parameters: Iterable[nn.Parameter], sound: Callable[[Iterable[nn.Parameter]], bool]
) -> bool:
    """Before the step: if a gradient of any rank is unsound, no rank keeps one; optimizers pass over these.

    DeepSpeed leaves out a step with an infinite or undefined norm itself, and keeps gradients to itself.

    Returns:
        Whether they were dropped, the same on all ranks.
    """
    if isinstance(strategy, DeepSpeedStrategy):
        return False
    parameters = list(parameters)
    dropped = strategy.reduce_boolean_decision(not sound(parameters), all=False)
    if dropped:
        for parameter in parameters:
            parameter.grad = None
    return dropped


def left_out_by_itself(strategy: Strategy) -> bool:
    """After the step: whether DeepSpeed has left it out, on all ranks."""
    return isinstance(strategy, DeepSpeedStrategy) and bool(strategy.deepspeed_engine.optimizer.overflow)
