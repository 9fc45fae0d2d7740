"""Checkpoints of two processes, written by Lightning's strategies for sharded models, as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.export.same import assert_same_policy, tensors_of
from tests.runs import ROOT, SHORT
from videor1.errors import ConfigError
from videor1.export import export
from videor1.policy.loading import load_policy

FSDP = ["lightning.pytorch.strategies.ModelParallelStrategy"]
FSDP += ["--trainer.strategy.data_parallel_size", "2", "--trainer.strategy.tensor_parallel_size", "1"]
ZERO = ["tests.export.sharded.CPUZero", "--trainer.strategy.stage"]
FROZEN = ["--trainer.strategy.exclude_frozen_parameters", "true", "--model.freeze", "[vision, merger]"]
STRATEGIES = {
    "fsdp": FSDP,
    "zero 2": [*ZERO, "2"],
    "zero 3": [*ZERO, "3"],
    "zero 2, without what is frozen": [*ZERO, "2", *FROZEN],
}


def train(world: Path, policy: Path, folder: Path, *arguments: str) -> None:
    """Two steps on two processes."""
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "cli.py"]
    words += ["fit", "-c", "configs/quickstart/sft.yaml", *SHORT, "--model", "tests.export.sharded.Learner"]
    words += ["--model.policy", str(policy), "--data.root", str(world), "--data.batch_size", "1"]
    words += ["--trainer.default_root_dir", str(folder), "--trainer.devices", "2", "--trainer.max_steps", "2"]
    words += ["--trainer.gradient_clip_val", "null", "--trainer.callbacks+", "tests.export.sharded.Truth"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=STRATEGIES)
def run(request, world, sft, tmp_path_factory) -> Path:
    if "zero" in request.param:
        pytest.importorskip("deepspeed")
    folder = tmp_path_factory.mktemp("run")
    train(world, sft / "hf", folder, "--trainer.strategy", *STRATEGIES[request.param])
    return folder


def test_the_whole_policy_is_exported(run, sft, tmp_path, media_prompts):
    whole = torch.load(run / "truth.pt")
    policy = load_policy(str(sft / "hf"))
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    moved = [name for name in whole if not torch.equal(whole[name], before[name])]
    assert len(moved) > len(whole) / 2
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
    pytest.importorskip("deepspeed")
    (tmp_path / "latest").write_text("checkpoint")
    with pytest.raises(ConfigError, match=r"^checkpoint: '.*': Directory '.*' doesn't exist$"):
        export(str(tmp_path), str(tmp_path / "model"), base=str(sft / "hf"))
