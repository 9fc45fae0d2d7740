"""`python cli.py export`: one checkpoint of any kind → one Hugging Face folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from videor1.errors import ConfigError
from videor1.export.adapters import adapter_settings, merge_folder, merge_saved
from videor1.export.base import Base, open_base
from videor1.export.card import REPORT, Origin, find_report, write_card
from videor1.export.checkpoint import Checkpoint, Kind, find_checkpoint
from videor1.export.folder import CARD, export_folder
from videor1.export.plain import fit_tensors, plain_model
from videor1.export.run import Run, folder_of
from videor1.export.saved import read_saved
from videor1.policy.parts import part_of

_WRITTEN = {".json", ".safetensors", ".bin", ".txt", ".jinja", ".md", ".model"}  # suffixes in a model folder
_ADAPTED = "base_model_name_or_path"  # of an adapter, as PEFT notes it


def export(
    checkpoint: str | None = None,
    output: str | None = None,
    *,
    config: Sequence[str] = (),
    base: str | None = None,
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
    report: str | None = None,
) -> Path:
    """Writes a checkpoint as a Hugging Face folder with processor and model card, for transformers and vLLM.

    Args:
        checkpoint: a Lightning .ckpt file, or the folder that DeepSpeed (ZeRO 1 to 3) or FSDP2 writes in its
            place; a PEFT adapter folder, which is merged; a Hugging Face folder; or a run's folder, for its
            last checkpoint. Default: the run of config.
        output: folder to write; one that exists is replaced, if it is a model folder. Default: hf in the
            folder of config's run, which the next stage starts from.
        config: YAML file of a run, or several that were laid over each other.
        base: folder or hub name of the model that training started from, which lends configuration and
            processor. Default: what the run's config.yaml or the adapter names.
        dtype: of the weights; auto takes that of the base.
        report: JSON file of benchmark scores for the card. Default: the run's validation/report.json, where
            there is one.

    Returns:
        The folder.

    Raises:
        ConfigError: the checkpoint is of no known kind or does not fit the base, or nothing names it.
    """
    if config:
        run_folder = folder_of(config)
        checkpoint, output = checkpoint or str(run_folder), output or str(run_folder / "hf")
    if checkpoint is None or output is None:
        raise ConfigError("name --checkpoint and --output, or with -c the config of the run")
    found = find_checkpoint(Path(checkpoint))
    run = Run.around(found.path)
    scores = find_report(run, report)
    source = _open_base(found, base, run)
    folder = Path(output).resolve()
    _check_output(folder, found.path, Path(source.name))
    model = plain_model(source.config, source.generation, source.dtype(dtype))
    tensors, origin = _policy(found, source, run, model.dtype)
    if report is None and scores is not None and run is not None and not run.examined(scores, origin.step):
        print(f"{run.folder / REPORT} is about other weights than these; the card goes without scores")
        scores = None
    state = fit_tensors(tensors, model, path=found.path, base=source.name)
    card = write_card(origin, run, scores)
    if found.kind is Kind.FOLDER and run is None and (found.path / CARD).is_file() and scores is None:
        card = (found.path / CARD).read_text(encoding="utf-8")  # whoever wrote it knew more
    export_folder(folder, model, source.processor, state=state, card=card)
    print(f"{folder}: {model.num_parameters():,} parameters in {str(model.dtype).removeprefix('torch.')}")
    return folder


def _check_output(folder: Path, checkpoint: Path, base: Path) -> None:
    """Writing there must lose nothing but an earlier export."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not _is_model(folder)):
        raise ConfigError(f"output: '{folder}' is there and is no model folder; choose another")
    for key, path in (("checkpoint", checkpoint), ("base", base)):
        if path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"output: '{folder}' would replace the {key} '{path}'; choose another")


def _is_model(folder: Path) -> bool:
    """Whether it holds a model of transformers and nothing that an export would not write."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return "model_type" in config and all(
        one.is_file() and one.suffix in _WRITTEN for one in folder.iterdir()
    )


def _open_base(checkpoint: Checkpoint, base: str | None, run: Run | None) -> Base:
    if base is not None:
        return open_base(base, key="base")
    if checkpoint.kind is Kind.FOLDER:
        return open_base(str(checkpoint.path), key="checkpoint")
    if checkpoint.kind is Kind.ADAPTER and (name := adapter_settings(checkpoint.path).get(_ADAPTED)):
        return open_base(name, key=f"{checkpoint.path / 'adapter_config.json'}: {_ADAPTED}")
    if run is not None and run.policy is not None:
        return open_base(run.policy, key=f"{run.folder / 'config.yaml'}: model.init_args.policy")
    raise ConfigError(
        f"base: no config.yaml of a run is near '{checkpoint.path}', so --base has to name the model"
    )


def _policy(
    checkpoint: Checkpoint, source: Base, run: Run | None, dtype: torch.dtype
) -> tuple[dict[str, Tensor], Origin]:
    """The policy's tensors, adapters merged, and what the card says of them."""
    path = checkpoint.path
    origin = Origin(checkpoint=checkpoint.kind.value, path=path, base=source.name)
    match checkpoint.kind:
        case Kind.FOLDER:
            origin = replace(origin, base=run.policy if run else None)
            return open_base(str(path), key="checkpoint").load().state_dict(), origin
        case Kind.ADAPTER:
            origin = replace(origin, lora=adapter_settings(path))
            return merge_folder(source.load(), path, dtype), origin
    saved = read_saved(checkpoint)
    origin = replace(origin, step=saved.step, lora=saved.lora)
    if saved.lora is not None:
        return merge_saved(source.load(), saved.lora, saved.tensors, dtype, path), origin
    frozen = () if run is None else run.get("model.init_args.freeze") or ()
    if not frozen:
        return saved.tensors, origin
    # checkpoints leave out what did not learn
    still = {name: t for name, t in source.load().state_dict().items() if part_of(name) in frozen}
    return still | saved.tensors, origin
