"""What it takes to run vLLM inside a trainer's process, which it treats as its own."""

from __future__ import annotations

import faulthandler
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import numpy as np
import torch

from videor1 import last_resort

_GRACE = 10.0  # seconds


@contextmanager
def undisturbed(seed: int | None = None) -> Iterator[None]:
    """Within it vLLM may seed and draw; afterwards random numbers, threads and GPU are as they were.

    `seed` seeds torch within. Building an engine reseeds all generators, replaces `torch.set_num_threads` and
    chooses a GPU. Numbers are float32 by default within: bf16-true makes them bfloat16, which is too coarse
    for the times of frames.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    dtype = torch.get_default_dtype()
    set_num_threads, threads = torch.set_num_threads, torch.get_num_threads()
    plain, numpy = random.getstate(), np.random.get_state()
    try:
        torch.set_default_dtype(torch.float32)
        with torch.random.fork_rng(devices=devices):
            if seed is not None:
                torch.manual_seed(seed)
            yield
    finally:
        torch.set_default_dtype(dtype)
        for device in devices:
            torch.cuda.set_device(device)
        random.setstate(plain)
        np.random.set_state(numpy)
        torch.set_num_threads = set_num_threads
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def ranks_in_environment() -> Iterator[None]:
    """Within it the environment names this rank as torchrun would, which is where vLLM looks."""
    if not torch.distributed.is_initialized():
        yield
        return
    rank = torch.distributed.get_rank()
    named = {"RANK": str(rank), "WORLD_SIZE": str(torch.distributed.get_world_size())}
    # vLLM takes it for the number of the GPU, which the trainer has chosen already
    local = torch.cuda.current_device() if torch.cuda.is_available() else rank
    named["LOCAL_RANK"] = str(local)
    before = {name: os.environ.get(name) for name in named}
    os.environ.update(named)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Ends the process, with the stacks of all threads on stderr, when what is within takes longer.

    vLLM runs in this thread, so nothing gentler reaches it. Checkpoints are whole: no step is half applied.
    """
    stderr = sys.__stderr__  # what sys.stderr has been replaced with may be no file
    assert stderr is not None
    watchdog = threading.Timer(seconds, _end, args=(seconds, stderr))
    watchdog.daemon = True
    watchdog.start()
    last_resort.arm(watchdog, seconds + _GRACE)
    try:
        yield
    finally:
        last_resort.disarm(watchdog)
        watchdog.cancel()


def _end(seconds: float, stderr: TextIO) -> None:
    """Other threads stand still while this one holds the lock, so their stacks can be read."""
    print(f"Timeout: vLLM took more than {seconds:g} s", file=stderr)
    faulthandler.dump_traceback(file=stderr, all_threads=True)
    os._exit(1)
