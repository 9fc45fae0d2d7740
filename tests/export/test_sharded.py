"""Checkpoints of two processes, written by Lightning's strategies for sharded models, as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.export.same import assert_same_policy, tensors_of
from tests.strategies.ranks import ROOT, fitting, overlay
from tests.strategies.ranks import run as run_ranks
from videor1.errors import ConfigError
from videor1.export import export
from videor1.policy.loading import load_policy

FROZEN = ["--model.freeze", "[vision, merger]"]
LORA = ["-c", str(ROOT / "configs/strategy/lora.yaml"), "--model.lora.rank", "4"]
RUNS = {
    "fsdp2": [*overlay("fsdp2")],
    "zero2": [*overlay("zero2")],
    "zero3": [*overlay("zero3")],
    "zero2, without what is frozen": [*overlay("zero2"), *FROZEN],
    "zero3, adapters": [*overlay("zero3"), *LORA],
    "fsdp2, adapters": [*overlay("fsdp2"), *LORA],
}


@pytest.fixture(scope="module")
def runs(world, sft, tmp_path_factory) -> Path:
    """Two steps of SFT on two processes, by every strategy, each with its checkpoint and export."""
    folder = tmp_path_factory.mktemp("sharded")
    words = ["--data.batch_size", "1", "--trainer.max_steps", "2", "--model.schedule.warmup_steps", "0"]
    words += ["--trainer.callbacks+", "tests.export.sharded.Truth"]
    commands = [
        fitting("sft", world, sft / "hf", folder / name, *spread, *words) for name, spread in RUNS.items()
    ]
    run_ranks(folder, commands)
    return folder


@pytest.fixture(params=RUNS)
def run(runs, request) -> Path:
    return runs / request.param


def test_the_whole_policy_is_exported(run, sft, tmp_path, media_prompts):
    whole = torch.load(run / "truth.pt")
    policy = load_policy(str(sft / "hf"))
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    moved = [name for name in whole if not torch.equal(whole[name], before[name])]
    few = "adapters" in run.name or "frozen" in run.name
    assert len(moved) > len(whole) / (8 if few else 2)
    left = policy.load_state_dict(whole, strict=False)
    assert left.missing_keys == ["lm_head.weight"]  # tied
    folder = export(str(run), str(tmp_path / "model"))
    assert_same_policy(folder, policy, media_prompts)
    files = [export(str(path), str(tmp_path / path.stem)) for path in run.glob("*.ckpt")]
    for other in (folder, run / "hf", *files):  # what HFExport left; the whole state in one file
        found = tensors_of(other)
        assert all(torch.equal(found[name], tensor) for name, tensor in whole.items())
    assert "* Step: 2\n" in (folder / "README.md").read_text()
    narrow = export(str(run / "checkpoints/last.ckpt"), str(tmp_path / "narrow"), dtype="bfloat16")
    assert all(torch.equal(tensors_of(narrow)[name], t.bfloat16()) for name, t in whole.items())


def test_deepspeed_is_only_needed_for_its_own(tmp_path, sft, monkeypatch):
    (tmp_path / "latest").write_text("checkpoint")
    monkeypatch.setitem(sys.modules, "deepspeed.utils", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(ConfigError, match=r"needs DeepSpeed: pip install deepspeed$"):
        export(str(tmp_path), str(tmp_path / "model"), base=str(sft / "hf"))


def test_a_damaged_deepspeed_folder(tmp_path, sft):
    (tmp_path / "latest").write_text("checkpoint")
    with pytest.raises(ConfigError, match=r"^checkpoint: '.*': Directory '.*' doesn't exist$"):
        export(str(tmp_path), str(tmp_path / "model"), base=str(sft / "hf"))
