"""`python cli.py audit -c CONFIG`, with the config of a training run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import cli
from videor1.data.quarantine import read_quarantine

ROOT = Path(__file__).parents[2]


def run(root: Path, world: Path, folder: Path, *arguments: str) -> int:
    return cli.run(
        ["audit", "-c", str(ROOT / "configs/quickstart/tgrpo.yaml"), "--data.root", str(root)]
        + ["--data.workers", "0", "--data.cache.folder", str(folder / "cache")]
        + ["--model.policy", str(world / "model"), "--trainer.default_root_dir", str(folder), *arguments]
    )


def test_a_training_config_is_audited_without_its_weights(world, tmp_path, capsys, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("the weights are loaded")

    monkeypatch.setattr("videor1.modules.policy.load_policy", refuse)
    assert run(world, world, tmp_path, "--data.validate", "held_out.json", "--ranks", "2") == 0
    splits = json.loads((tmp_path / "audit/audit.json").read_text(encoding="utf-8"))["splits"]
    assert splits["train"]["records"]["usable"] == 48
    assert splits["train"]["prompts"]["response"]["100 %"] == 64  # the config's max_new_tokens
    assert (splits["train"]["epoch"]["steps"], splits["train"]["epoch"]["ranks"]) == (2, 2)  # 48 of 2 x 16
    assert splits["validate"]["records"]["usable"] == 12
    assert "data.validate" in capsys.readouterr().out


def test_too_many_unusable_records_are_exit_status_2(world, tmp_path, capsys):
    root = tmp_path / "root"
    root.mkdir()
    for name in ("videos", "images"):
        (root / name).symlink_to(world / name)
    shutil.copy(world / "train.json", root / "train.json")
    assert run(root, world, tmp_path) == 2  # a link out of data.root
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "48 of 48 records are unusable, more than data.max_bad_share = 0.01: 48 × " in errors[0]
    assert len(read_quarantine(tmp_path / "audit/quarantine.jsonl")) == 48
    assert run(root, world, tmp_path, "--data.linked_roots", f"[{world}]") == 0
    assert read_quarantine(tmp_path / "audit/quarantine.jsonl") == []
