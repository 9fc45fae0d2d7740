"""Whether a run that was disturbed has left what an undisturbed one leaves, to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.runs import curves

# 16 batches an epoch, so 8 steps of two
TGRPO = ["--trainer.accumulate_grad_batches", "2", "--trainer.max_steps", "10", "--data.workers", "1"]
TGRPO += ["--model.rollout.sampling.max_new_tokens", "8", "--model.evaluation.sampling.max_new_tokens", "8"]


def seen(folder: Path) -> dict[tuple[int, int], dict]:
    """What each batch was. One that was trained on again after a kill must have been the same."""
    rows: dict[tuple[int, int], dict] = {}
    for line in (folder / "seen.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert rows.setdefault((row["step"], row["batch_idx"]), row) == row
    return rows


def steady(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves but for those of a process: times, and the check of its engine at its first step."""
    of_a_process = ("seconds", "agreement/")
    return {
        name: points for name, points in curves(folder).items() if not any(p in name for p in of_a_process)
    }


def assert_same(one: object, other: object, where: str = "") -> None:
    """Equal to the bit, whatever is in what."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{number}]")
    else:
        assert one == other, where


def assert_as_undisturbed(folder: Path, whole: Path) -> None:
    assert seen(folder) == seen(whole)
    assert steady(folder) == steady(whole)
    end, wanted = (torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (folder, whole))
    for part in (
        "global_step",
        "epoch",
        "state_dict",
        "optimizer_states",
        "lr_schedulers",
        "VideoDataModule",
    ):
        assert_same(end[part], wanted[part], part)
    assert_same(load_file(folder / "hf/model.safetensors"), load_file(whole / "hf/model.safetensors"), "hf")
    for name in ("config.json", "tokenizer.json"):
        assert (folder / "hf" / name).read_bytes() == (whole / "hf" / name).read_bytes()
    left = {path.name for path in (folder / "checkpoints").iterdir()}
    assert left == {path.name for path in (whole / "checkpoints").iterdir()}
    assert len(left) == 3  # the two newest and the link
    stages = [json.loads((run / "stage.json").read_text()) for run in (folder, whole)]
    assert stages[0]["steps"] == stages[1]["steps"]
