"""Checkpoints of every kind that try to run code when loaded: nothing runs, and one line says why."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
import yaml
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter

import cli
from tests.runs import ROOT, SHORT
from tests.trust.attacks import Mark
from videor1.export.checkpoint import find_checkpoint
from videor1.export.saved import read_saved
from videor1.export.vet import RefusedError, vet
from videor1.resume.folder import find_last

PLAIN = {"state_dict": {"model.x": torch.ones(2)}, "global_step": 1, "callbacks": {}}
OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.99)}]}


@pytest.fixture
def mark(tmp_path) -> Path:
    return tmp_path / "was run"


def refused(path: Path, mark: Path) -> str:
    """What is said, by each way in."""
    told = []
    for way in (vet, lambda one: read_saved(find_checkpoint(one))):  # before training, before an export
        with pytest.raises(RefusedError) as caught:
            way(path)
        told.append(str(caught.value))
    assert not mark.exists()
    assert "\n" not in told[0]
    assert told[0] == told[1]
    return told[0]


def in_zero(folder: Path, states: object) -> Path:
    """A checkpoint of ZeRO, with these states of an optimizer."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "latest").write_text("checkpoint")
    torch.save({"module": {}, "global_step": 1}, folder / "checkpoint/mp_rank_00_model_states.pt")
    torch.save(states, folder / "checkpoint/zero_pp_rank_0_mp_rank_00_optim_states.pt")
    return folder


def in_shards(folder: Path, state: dict[str, object]) -> Path:
    """A checkpoint of FSDP2 that holds `state`."""
    dcp.save(state, storage_writer=FileSystemWriter(folder), no_dist=True)
    torch.save({"global_step": 1}, folder / "meta.pt")
    return folder


@pytest.mark.parametrize("place", ["callbacks", "optimizer_states", "hyper_parameters", "state_dict"])
def test_a_file(tmp_path, mark, place):
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints/step=000001.ckpt"
    torch.save(PLAIN | {"optimizer_states": [OPTIMIZER]}, path)
    vet(path)
    assert find_last(path.parent) == path
    torch.save(PLAIN | {place: [{"state": {0: Mark(mark)}}]}, path)
    assert "open was not an allowed global" in refused(path, mark)
    with pytest.raises(RefusedError, match="is refused"):  # and is no reason to begin anew
        find_last(path.parent)
    assert not mark.exists()


def test_deepspeed_s_folder(tmp_path, mark):
    scaler = pytest.importorskip("deepspeed.runtime.fp16.loss_scaler").LossScaler(scale=1.0)
    stage = pytest.importorskip("deepspeed.runtime.zero.config").ZeroStageEnum(2)
    states = {"optimizer_state_dict": {"loss_scaler": scaler, "zero_stage": stage, "base": OPTIMIZER}}
    vet(in_zero(tmp_path / "plain.ckpt", states))
    harmful = in_zero(tmp_path / "harmful.ckpt", states | {"ds_version": Mark(mark)})
    assert "zero_pp_rank_0_mp_rank_00_optim_states.pt' is refused" in refused(harmful, mark)
    torch.save({"global_step": Mark(mark)}, harmful / "checkpoint/mp_rank_00_model_states.pt")
    with pytest.raises(RefusedError, match=r"mp_rank_00_model_states\.pt' is refused"):
        find_last(tmp_path)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_the_folder_of_fsdp2(tmp_path, mark):
    """Its metadata, what is no tensor in its shards, and its paths."""
    state = {"state_dict": {"model.x": torch.ones(2)}, "optimizer": OPTIMIZER}
    path = in_shards(tmp_path / "plain.ckpt", state)
    vet(path)
    harmful = in_shards(tmp_path / "harmful.ckpt", state | {"lr": Mark(mark)})
    mark.unlink(missing_ok=True)
    assert "__0_0.distcp' is refused" in refused(harmful, mark)
    whole = FileSystemReader(path).read_metadata()
    place = next(iter(whole.storage_data.values()))
    place.relative_path = "../harmful.ckpt/__0_0.distcp"
    (path / ".metadata").write_bytes(pickle.dumps(whole))
    assert f"it names {place!r}" in refused(path, mark)
    for content in (Mark(mark), [whole, Mark(mark)], print):
        (path / ".metadata").write_bytes(pickle.dumps(content))
        assert ".metadata' is refused, loading it might run code: " in refused(path, mark)
    (path / ".metadata").write_bytes(pickle.dumps(whole)[:40])
    assert ".metadata' is refused" in refused(path, mark)


def test_a_run_goes_on_from_none_of_them(world, tmp_path, mark, capsys):
    path = tmp_path / "x.ckpt"
    torch.save(PLAIN | {"loops": Mark(mark)}, path)
    words = ["-c", str(ROOT / "configs/quickstart/sft.yaml"), *SHORT, "--data.root", str(world)]
    words += ["--model.policy", str(world / "model"), "--trainer.default_root_dir", str(tmp_path / "run")]
    for command in ("fit", "validate"):
        limit = ["--trainer.limit_val_batches", "1.0"]  # the config is for fit, which examines nothing
        assert cli.run([command, *words, *limit, "--ckpt_path", str(path)]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"error: checkpoint: '{path}' is refused, loading it might run code: ")
    assert cli.run(["fit", *words, "--ckpt_path", str(path), "--weights_only", "false"]) == 2
    assert "error: weights_only: false would let a checkpoint run code" in capsys.readouterr().err
    assert not mark.exists()


def test_a_checkpoint_changes_no_setting(world, tmp_path):
    """Lightning's own command line takes classes from it."""
    path = tmp_path / "x.ckpt"
    torch.save(
        PLAIN | {"hyper_parameters": {"_class_path": "videor1.modules.TGRPOModule", "freeze": ["vision"]}},
        path,
    )
    words = ["fit", "-c", str(ROOT / "configs/quickstart/sft.yaml"), *SHORT, "--data.root", str(world)]
    words += ["--model.policy", str(world / "model"), "--trainer.default_root_dir", str(tmp_path / "run")]
    with pytest.raises(KeyError):  # it is no checkpoint beyond that
        cli.main([*words, "--ckpt_path", str(path)])
    found = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["model"]
    assert found["class_path"].endswith("SFTModule")
    assert not found["init_args"]["freeze"]
