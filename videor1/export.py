"""A policy → an ordinary Hugging Face folder, which plain `from_pretrained` opens."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor


def export_folder(
    folder: str | Path,
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    *,
    state: Mapping[str, Tensor] | None = None,
) -> Path:
    """Writes weights, config, tokenizer and processor; replaces an existing folder only once all is written.

    Args:
        state: the weights by name, where the model itself holds only shards of them.
    """
    folder = Path(folder)
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished, state_dict=None if state is None else dict(state))
    processor.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return folder
