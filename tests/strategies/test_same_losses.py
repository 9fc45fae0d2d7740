"""However many processes share a global batch, by any strategy: the same losses, figures and weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import cli
from tests.runs import curves
from tests.strategies import ranks

STRATEGIES = ("ddp", "zero2", "zero3", "fsdp2")
EXPORT = ["--trainer.callbacks", "callbacks.HFExport"]
STEPS = ["--trainer.max_steps", "5", "--model.schedule.warmup_steps", "0"]
# Two updates a rollout, at a rate at which the second has something to clip; two batches an update.
STAGES = {
    "sft": [*STEPS, "--trainer.accumulate_grad_batches", "2", "--model.optimizer.lr", "0.002"],
    "tgrpo": [
        *(*STEPS, "--trainer.accumulate_grad_batches", "2", "--model.inner_updates", "2"),
        *("--model.optimizer.lr", "0.002", "--model.rollout.sampling.max_new_tokens", "24"),
    ],
}
LORA = ["-c", str(ranks.ROOT / "configs/strategy/lora.yaml"), "--model.lora.rank", "4"]


@pytest.fixture(scope="module")
def runs(world, sft, tmp_path_factory) -> Path:
    """Folders <stage>_<strategy>, of one process and of two."""
    folder = tmp_path_factory.mktemp("runs")

    def command(stage: str, strategy: str, *words: str, name: str | None = None) -> list[str]:
        size = "4" if strategy == "single" else "2"
        policy = sft / "hf" if stage == "tgrpo" else world / "model"
        return ranks.fitting(
            stage,
            world,
            policy,
            folder / f"{name or stage}_{strategy}",
            *("--data.batch_size", size, *ranks.overlay(strategy), *EXPORT, *words, *STAGES[stage]),
        )

    for stage in STAGES:
        cli.main(command(stage, "single"))
    cli.main(command("tgrpo", "single", *LORA, name="lora"))
    saving = ["--model.gradient_checkpointing", "true", "--model.activation_offload", "true"]
    ranks.run(
        folder,
        [command(stage, strategy) for stage in STAGES for strategy in STRATEGIES]
        + [command("tgrpo", "zero3", *LORA, *saving, name="lora")]
        + [command("tgrpo", "fsdp2", *saving, name="saving")],
    )
    return folder


@pytest.mark.parametrize(
    ("run", "alone"),
    [(f"{stage}_{strategy}", f"{stage}_single") for stage in STAGES for strategy in STRATEGIES]
    + [("lora_zero3", "lora_single"), ("saving_fsdp2", "tgrpo_single")],
)
def test_two_processes_learn_what_one_does(runs, run, alone):
    found, expected = curves(runs / run), curves(runs / alone)
    assert len(expected["loss"]) == 5
    for name in ("loss", "policy/kl", "policy/ratio", "policy/clip_share", "reward/total", "response/tokens"):
        if name in expected:
            assert dict(found[name]) == pytest.approx(dict(expected[name]), abs=1e-4), name
    weights, whole = (load_file(runs / name / "hf/model.safetensors") for name in (run, alone))
    assert weights.keys() == whole.keys()
    for name, tensor in weights.items():
        assert (tensor - whole[name]).abs().max() <= 1e-4, name


def test_the_comparison_can_fail(runs, sft):
    """What is compared has moved: losses are no zeros, and weights changed by more than is allowed."""
    logged = curves(runs / "tgrpo_single")
    assert max(abs(value) for _, value in logged["loss"]) > 0.01
    assert max(abs(value - 1) for _, value in logged["policy/ratio"]) > 1e-3
    before, after = (load_file(path / "hf/model.safetensors") for path in (sft, runs / "tgrpo_single"))
    assert all((before[name] - after[name]).abs().max() > 1e-3 for name in before)
    lora = load_file(runs / "lora_single" / "hf/model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], lora[name])}
    assert moved
    assert all("_proj." in name for name in moved)
