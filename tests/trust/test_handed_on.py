"""What is handed on, checkpoints, reports and cards, names no user and holds no key."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

import cli
from tests.runs import ROOT, SHORT
from videor1.export.run import Run
from videor1.portable import here, portable

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"


@pytest.fixture
def alice(tmp_path, monkeypatch) -> Path:
    """The home of a user with keys in the environment."""
    home = tmp_path / "home/alice"
    home.mkdir(parents=True)
    for name, value in {
        "HOME": str(home),
        "LOGNAME": "alice",
        "HF_TOKEN": TOKEN,
        "WANDB_API_KEY": "0123456789abcdef",
        "DB_PASSWORD": "correct horse",
        "TOKENIZERS_PARALLELISM": "false",  # no secret, and short
    }.items():
        monkeypatch.setenv(name, value)
    return home


def test_text(alice):
    told = portable(
        f"policy: {alice}/models/a\nhome: '{alice}'\nother: {alice}2/x /scratch/alice/run /data/alice.txt"
        f" /home/bob/b /Users/Carol/c relative/home/bob/x\nkeys: {TOKEN} 0123456789abcdef correct horse false"
    )
    assert told == (
        f"policy: $HOME/models/a\nhome: '$HOME'\nother: {alice}2/x /scratch/$USER/run /data/alice.txt"
        " /home/<user>/b /Users/<user>/c relative/home/bob/x\n"
        "keys: <HF_TOKEN> <WANDB_API_KEY> <DB_PASSWORD> false"
    )
    assert portable(told) == told
    assert yaml.safe_load(told.replace("'$HOME'", "$HOME"))["home"] == "$HOME"  # and not null, as "~" is
    for path in (f"{alice}/models/a", "/scratch/alice/run", "relative/x"):
        assert here(portable(path)) == Path(path)


def test_a_report_still_belongs_to_its_run(alice):
    run = Run(folder=alice / "run", config={"model": {}})
    assert run.examined({"model": portable(str(alice / "run/hf"))}, None)
    assert not run.examined({"model": portable(str(alice / "other/hf"))}, None)


def test_a_run_leaves_neither(world, alice, capsys):
    """A run in a home, with absolute paths and a key in its config."""
    shutil.copytree(world, alice / "world")
    run = alice / "run"
    words = ["-c", str(ROOT / "configs/quickstart/sft.yaml"), *SHORT, "--data.root", str(alice / "world")]
    words += ["--model.policy", str(alice / "world/model"), "--trainer.default_root_dir", str(run)]
    words += ["--trainer.max_steps", "1", "--data.batch_size", "2"]
    assert cli.run(["fit", *words]) == 0
    words = ["-c", str(ROOT / "configs/quickstart/evaluate.yaml"), "--data.workers", "0"]
    words += ["--data.root", str(alice / "world"), "--model.policy", str(run / "hf")]
    words += ["--trainer.default_root_dir", str(run / "validation"), "--model.evaluation.samples", "1"]
    words += ["--model.evaluation.sampling.max_new_tokens", "4", "--trainer.enable_progress_bar", "false"]
    assert cli.run(["validate", *words]) == 0
    assert cli.run(["export", "--checkpoint", str(run), "--output", str(alice / "out")]) == 0
    capsys.readouterr()
    assert "alice" in (run / "config.yaml").read_text()  # the run's own settings, to begin it again
    saved = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    assert "policy: $HOME/world/model" in saved["run"]["config"]
    handed_on = [*run.glob("checkpoints/*"), *run.glob("hf/*"), *(alice / "out").glob("*")]
    handed_on += [*run.glob("validation/report.*"), run / "stage.json"]
    names = {one.name for one in handed_on}
    assert {"README.md", "report.json", "report.md", "last.ckpt", "stage.json"} <= names
    for file in handed_on:
        content = file.read_bytes()
        for secret in ("alice", TOKEN, "0123456789abcdef", "correct horse"):
            assert secret.encode() not in content, (file, secret)
    report = json.loads((run / "validation/report.json").read_text())
    assert report["model"] == "$HOME/run/hf"
    assert "## Scores" in (alice / "out/README.md").read_text()  # it was found to be about these weights
