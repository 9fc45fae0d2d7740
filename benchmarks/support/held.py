"""What a pass holds, counted: tensors kept for the backward pass, and the peak of all that is allocated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile


def saved_bytes(model: nn.Module, forward: Callable[[], object]) -> int:
    """Bytes of the different storages that a forward pass keeps, the model's parameters apart."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}  # alive, so that no address comes twice

    def pack(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            kept.setdefault(place, tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = forward()
    assert graph is not None
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def peak_bytes(program: Callable[[], object]) -> int:
    """The most that a program on a CPU has allocated at any time, beyond what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        program()
    assert profiled.profiler is not None and profiled.profiler.kineto_results is not None
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in profiled.profiler.kineto_results.events()
        if event.name() == "[memory]"
    )
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of an optimizer's state, its step counters apart."""
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.nbytes for value in values if isinstance(value, Tensor) and value.ndim > 0)
