"""Paged 8-bit AdamW, laid over a config: learns as AdamW does, with a quarter of its state, and resumes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from tests.runs import ROOT, SHORT, fit

STEPS = 12
PAGED = ["-c", str(ROOT / "configs/optimizer/paged_adamw8bit.yaml")]
FEW = ["--model.schedule.shape", "constant", "--model.schedule.warmup_steps", "2"]


def losses(rows: list[dict]) -> list[float]:
    return [row["loss"] for row in rows]


@pytest.fixture(scope="module")
def paged(world, tmp_path_factory) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("paged")
    return folder, losses(fit("sft", world, folder, *FEW, *PAGED, "--trainer.max_steps", str(STEPS)))


def test_it_learns_as_adamw_does(paged, world, tmp_path):
    plain = losses(fit("sft", world, tmp_path, *FEW, "--trainer.max_steps", str(STEPS)))
    assert paged[1][0] == plain[0]
    assert paged[1] == pytest.approx(plain, rel=0.05)
    assert plain[-1] < 0.7 * plain[0]


def test_the_overlay_keeps_the_settings_of_the_config(paged):
    used = yaml.safe_load((paged[0] / "config.yaml").read_text())["model"]["init_args"]["optimizer"]
    config = yaml.safe_load((ROOT / "configs/quickstart/sft.yaml").read_text())
    own = config["model"]["init_args"]["optimizer"]["init_args"]
    assert used["class_path"] == "bitsandbytes.optim.PagedAdamW8bit"
    assert all(used["init_args"][key] == own[key] for key in ("lr", "betas", "weight_decay"))


def test_its_state_has_a_byte_a_moment(paged):
    checkpoint = torch.load(paged[0] / "checkpoints/last.ckpt", weights_only=True)
    (optimizer,) = checkpoint["optimizer_states"]
    parts = [state["__bnb_optimizer_quant_state__"] for state in optimizer["state"].values()]
    moments = [part[name] for part in parts for name in ("state1", "state2")]
    narrow = sum(moment.numel() for moment in moments if moment.dtype == torch.uint8)
    assert narrow / sum(moment.numel() for moment in moments) > 0.95  # small tensors keep float32


def test_it_learns_in_bfloat16(world, tmp_path):
    rows = fit(
        "sft", world, tmp_path, *FEW, *PAGED, "--trainer.max_steps", "8", "--trainer.precision", "bf16-true"
    )
    assert losses(rows)[-1] < 0.9 * losses(rows)[0]


def test_it_resumes(paged, world, tmp_path):
    fit("sft", world, tmp_path, *FEW, *PAGED, "--trainer.max_steps", str(STEPS // 2))
    again = ["--trainer.max_steps", str(STEPS), "--ckpt_path", "last"]
    rows = fit("sft", world, tmp_path, *FEW, *PAGED, *again)
    assert losses(rows) == pytest.approx(paged[1], rel=1e-5)


def test_shards_of_fsdp2_are_refused(world, tmp_path):
    words = [sys.executable, "cli.py", "fit", "-c", "configs/quickstart/sft.yaml", *SHORT, *PAGED]
    words += ["-c", "configs/strategy/fsdp2.yaml", "--trainer.devices", "1", "--data.root", str(world)]
    words += ["--model.policy", str(world / "model"), "--trainer.default_root_dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "error: model.optimizer: bitsandbytes knows no shards of FSDP2"
    )
