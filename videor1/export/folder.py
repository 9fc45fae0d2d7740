"""A policy → an ordinary Hugging Face folder, which plain `from_pretrained` opens."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from videor1.errors import DiskError

CARD = "README.md"


def export_folder(
    folder: str | Path,
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    *,
    state: Mapping[str, Tensor] | None = None,
    card: str | None = None,
) -> Path:
    """Writes weights, config, tokenizer and processor; replaces an existing folder only once all is written.

    Args:
        folder: where to.
        model: gives the configuration, and the weights unless `state` does; then it may be without values.
        processor: written beside it.
        state: the weights by name.
        card: the model card's text; None for no card.

    Raises:
        DiskError: it cannot be written; what was there before stays.
    """
    folder = Path(folder)
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        model.save_pretrained(unfinished, state_dict=None if state is None else dict(state))
        processor.save_pretrained(unfinished)
        if card is not None:
            (unfinished / CARD).write_text(card, encoding="utf-8")
    except (SafetensorError, OSError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DiskError(f"{folder}: cannot be written: {error}") from error
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)
    return folder
