"""Which shape a policy has: by its folder, by the published name, or by the stage that will write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from videor1.errors import ConfigError
from videor1.planning.shape import LanguageShape, ModelShape, VisionShape, shape_of


def _released(
    hidden: int, intermediate: int, layers: int, heads: int, kv_heads: int, vocabulary: int, vision: int
) -> ModelShape:
    """Qwen2.5-VL: `vision` is the width of the tower's MLPs; the smallest has one matrix for both ends."""
    return ModelShape(
        language=LanguageShape(
            hidden=hidden,
            intermediate=intermediate,
            layers=layers,
            heads=heads,
            kv_heads=kv_heads,
            vocabulary=vocabulary,
            tied=hidden == 2048,
        ),
        vision=VisionShape(
            hidden=1280,
            intermediate=vision,
            depth=32,
            heads=16,
            out=hidden,
            patch=3 * 2 * 14 * 14,
            window=64,
            full_blocks=4,
        ),
    )


# As in the config.json of Qwen/Qwen2.5-VL-…-Instruct. The last number of 32B and 72B is not confirmed by it,
# only by the published totals of parameters, to 0.5 %.
SIZES: dict[str, ModelShape] = {
    "3B": _released(2048, 11008, 36, 16, 2, 151936, 3420),
    "7B": _released(3584, 18944, 28, 28, 4, 152064, 3420),
    "32B": _released(5120, 27648, 64, 40, 8, 152064, 3456),
    "72B": _released(8192, 29568, 80, 64, 8, 152064, 3456),
}


def find_shape(policy: str, *, size: str | None, configs: Sequence[Path]) -> ModelShape:
    """The shape of `model.policy`.

    A folder that is not there yet, such as `runs/…/sft/hf`, has the shape of what the config beside the given
    ones starts from that writes it.

    Args:
        policy: folder or hub name.
        size: a name in `SIZES`, which then decides.
        configs: the files of the command line.

    Raises:
        ConfigError: nothing says how large it is, or its config.json is no Qwen2.5-VL's.
    """
    if size is not None:
        if size not in SIZES:
            raise ConfigError(f"size must be one of {', '.join(SIZES)}, got '{size}'")
        return SIZES[size]
    file = Path(policy) / "config.json"
    if file.is_file():
        try:
            return shape_of(json.loads(file.read_text(encoding="utf-8")))
        except KeyError as error:
            raise ConfigError(f"model.policy: {file} is no Qwen2.5-VL's: {error} is missing") from error
    for name, shape in SIZES.items():
        if Path(policy).name == f"Qwen2.5-VL-{name}-Instruct":
            return shape
    for path in sorted({beside for config in configs for beside in config.parent.glob("*.yaml")}):
        stage = yaml.safe_load(path.read_text(encoding="utf-8"))
        before = _get(stage, "model.init_args.policy")
        folder = _get(stage, "trainer.default_root_dir")
        if before and before != policy and folder and Path(folder, "hf") == Path(policy):
            return find_shape(before, size=None, configs=configs)
    raise ConfigError(
        f"model.policy: there is nothing at '{policy}' yet; say how large it will be with --size, one of"
        f" {', '.join(SIZES)}"
    )


def _get(values: Any, key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    for name in key.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values
