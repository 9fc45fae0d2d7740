"""Model folders may hold code, and pickles that run it: neither is run here."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

from videor1.errors import ConfigError

# What every `from_pretrained` of an Auto class gets: without it transformers asks the terminal "[y/N]".
NO_CODE = {"trust_remote_code": False}


@contextmanager
def running_nothing(path: str, key: str) -> Iterator[None]:
    """Within it, a model folder that brings code or a harmful pickle is one ConfigError of one line.

    Args:
        path: of the folder, or hub name.
        key: the setting that has named it.
    """
    try:
        yield
    except pickle.UnpicklingError as error:  # torch.load(weights_only=True), for weights in .bin
        raise ConfigError(
            f"{key}: '{path}': its weights are refused, loading them might run code; safetensors cannot"
        ) from error
    except ValueError as error:
        if "custom code" not in str(error):
            raise
        raise ConfigError(
            f"{key}: '{path}' wants to run code of its own (auto_map in one of its .json files), which is"
            " refused; a Qwen2.5-VL needs none"
        ) from error
