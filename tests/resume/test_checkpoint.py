"""What a checkpoint holds beside the state, what a resumed run refuses, and what happens to other pasts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from lightning import __version__ as lightning_version

import cli
from videor1.portable import portable
from videor1.resume.folder import find_last

FEW = ["--trainer.accumulate_grad_batches", "2", "--trainer.max_steps", "2"]


@pytest.fixture(scope="module")
def run(command, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert cli.run(command("sft", folder, *FEW)) == 0
    return folder


@pytest.fixture
def again(run, command, tmp_path):
    """Goes on with a copy of the run; returns exit status and folder."""

    def resume(*arguments: str) -> tuple[int, Path]:
        folder = tmp_path / "run"
        shutil.copytree(run, folder, symlinks=True)
        return cli.run([*command("sft", folder, *FEW, *arguments), "--ckpt_path", "last"]), folder

    return resume


def test_a_checkpoint_tells_what_produced_it(run):
    found = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["run"]
    assert found["config"] == portable((run / "config.yaml").read_text())
    assert yaml.safe_load(found["config"])["trainer"]["max_steps"] == 2
    assert found["versions"]["lightning"] == lightning_version
    assert {"python", "torch", "transformers", "numpy"} <= found["versions"].keys()
    assert found["order"]["data.train"].startswith("sha256 ")
    assert found["whole"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data.batch_size", "4"], "data.batch_size is 4, and was 3 when"),
        (["--seed_everything", "7"], "seed_everything is 7, and was 0 when"),
        (["--data.train", "train.json"], "data.train is sha256 "),
        (["--data.mixture", "[{data_type: image, weight: 2}]"], "data.mixture is [{"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_another_order_of_records_is_refused(again, capsys, arguments, told):
    status, folder = again("--trainer.max_steps", "4", *arguments)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert status == 2
    assert len(errors) == 1
    assert told in errors[0]
    assert len(list((folder / "checkpoints").glob("step=*.ckpt"))) == 1


def test_more_steps_and_other_workers_are_not(again):
    status, folder = again("--trainer.max_steps", "3", "--data.workers", "1")
    assert status == 0
    assert json.loads((folder / "stage.json").read_text())["steps"] == 3


def test_a_new_run_in_the_folder_of_another_is_not_continued_from_it(run, command, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run, folder, symlinks=True)
    assert cli.run(command("sft", folder, *FEW, "--trainer.max_steps", "1")) == 0
    kept = sorted(path.relative_to(folder / "checkpoints") for path in folder.rglob("*.ckpt"))
    assert kept == [Path("last.ckpt"), Path("step=000001.ckpt"), Path("superseded-1/step=000002.ckpt")]


def test_lightnings_own_checkpoints_beside_it_harm_nothing(again, run):
    """It saves within an accumulated step after a resume; such a checkpoint is not resumed from."""
    best = ["--trainer.callbacks+", "lightning.pytorch.callbacks.ModelCheckpoint"]
    best += ["--trainer.callbacks.every_n_train_steps", "1", "--trainer.callbacks.save_last", "true"]
    best += ["--trainer.callbacks.save_top_k", "-1"]
    status, folder = again("--trainer.max_steps", "3", *best)
    assert status == 0
    assert json.loads((folder / "stage.json").read_text())["steps"] == 3
    found = [torch.load(path, weights_only=True) for path in (folder / "checkpoints").glob("epoch*.ckpt")]
    assert {(one["global_step"], one["run"]["whole"]) for one in found} == {(2, False), (3, True)}
    last = find_last(folder / "checkpoints")
    assert torch.load(last, weights_only=True)["run"]["whole"]
    assert torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 3
