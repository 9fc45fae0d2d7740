"""Both stages end to end by the command line, on real files: what they learn from, log, leave and resume."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForImageTextToText, AutoProcessor

from tests.runs import curves, fit
from videor1.policy.loading import load_policy
from videor1.rollout.packed_linear import has_products


@pytest.fixture(scope="module")
def tgrpo(world, sft, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tgrpo")
    arguments = ["--trainer.max_steps", "3", "--model.rollout.sampling.max_new_tokens", "40"]
    arguments += ["--trainer.callbacks+", "callbacks.RolloutSamples", "--trainer.callbacks.every", "2"]
    fit("tgrpo", world, folder, *arguments, policy=sft / "hf")
    return folder


def test_sft_learns_and_logs(sft):
    logged = curves(sft)
    losses = [value for _, value in logged["loss"]]
    assert len(losses) == 60
    assert losses[-1] < losses[0] / 3
    assert {"entropy", "seconds/step", "seconds/backward"} <= set(logged)
    assert json.loads((sft / "stage.json").read_text())["steps"] == 60


@pytest.mark.parametrize("stage", ["sft", "tgrpo"])
def test_export_opens_with_plain_transformers(stage, request, world):
    folder = request.getfixturevalue(stage)
    model = AutoModelForImageTextToText.from_pretrained(folder / "hf")
    AutoProcessor.from_pretrained(folder / "hf")
    before = load_policy(str(world / "model"))
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, weight in model.state_dict().items():
        if f"model.{name}" in checkpoint:  # tied weights are saved once
            assert torch.equal(weight, checkpoint[f"model.{name}"]), name
    changed = [not torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True)]
    assert all(changed)


def test_tgrpo_logs_what_it_claims(tgrpo):
    logged = curves(tgrpo)
    wanted = {
        "loss",
        "policy/kl",
        "policy/entropy",
        "policy/ratio",
        "policy/clip_share",
        "group/zero_variance",
    }
    wanted |= {f"reward/{term}" for term in ("total", "accuracy", "format", "temporal", "length")}
    wanted |= {"accuracy/ordered", "accuracy/shuffled", "accuracy/gap", "temporal/changed_groups"}
    wanted |= {"response/tokens", "response/truncated", "length/mean", "length/q10", "length/q90"}
    wanted |= {f"seconds/{part}" for part in ("rollout", "reward", "reference", "backward", "step", "data")}
    assert wanted <= set(logged)
    assert logged["policy/kl"][0][1] == pytest.approx(0.0, abs=1e-6)  # the policy starts as its reference
    assert [value for _, value in logged["policy/ratio"]] == [1.0, 1.0, 1.0]


def test_tgrpo_leaves_length_curve_and_samples(tgrpo):
    with (tgrpo / "length_curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [1, 2, 3]
    assert all(1 <= float(row["q10"]) <= float(row["q50"]) <= float(row["q90"]) <= 40 for row in rows)
    assert all(1 <= float(row["mean"]) <= 40 for row in rows)
    assert (tgrpo / "length_curve.png").stat().st_size > 1000


def test_tgrpo_is_watched(tgrpo):
    """Three steps fill no window; what there is of one is told."""
    told = json.loads((tgrpo / "reward_watch.json").read_text())
    changed = [value for _, value in curves(tgrpo)["temporal/changed_groups"]]
    assert told["temporal"]["changed_groups"] == pytest.approx(sum(changed) / len(changed))
    assert [sign["seen"] for sign in told["signs"].values()] == [None] * 5


def test_samples_stand_in_tensorboard_as_text_and_frames(tgrpo):
    events = EventAccumulator(str(tgrpo))
    events.Reload()
    assert {"rollouts/0", "rollouts/1"} <= set(events.Tags()["images"])
    (shown,) = events.Tensors("rollouts/0/text_summary")
    assert shown.step == 2
    assert (
        b"| order | total | accuracy | format | temporal | length | response |"
        in (shown.tensor_proto.string_val[0])
    )


def test_checkpoints_leave_the_reference_out(tgrpo):
    state = torch.load(tgrpo / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert state
    assert not [name for name in state if name.startswith("reference")]


@pytest.mark.parametrize("stage", ["sft", "tgrpo"])
def test_resume_continues_steps_data_samples_and_losses(stage, world, sft, tmp_path):
    """Stopped after 2 steps of 2 batches, in the middle of an epoch, and continued for 2 more."""
    policy = sft / "hf" if stage == "tgrpo" else None
    arguments = ["--trainer.accumulate_grad_batches", "2", "--model.schedule.shape", "constant"]
    arguments += ["--data.workers", "1"]  # which has decoded ahead when the run stops
    arguments += ["--model.rollout.sampling.max_new_tokens", "8"] if stage == "tgrpo" else []
    whole = fit(stage, world, tmp_path / "whole", *arguments, "--trainer.max_steps", "4", policy=policy)
    broken = tmp_path / "broken"
    fit(stage, world, broken, *arguments, "--trainer.max_steps", "2", policy=policy)
    again = ["--trainer.max_steps", "4", "--ckpt_path", "last"]
    resumed = fit(stage, world, broken, *arguments, *again, policy=policy)
    assert [row["step"] for row in resumed] == [0, 1, 1, 2, 2, 3, 3, 4]
    for key in ("step", "batch_idx", "records", "sampled"):
        assert [row[key] for row in resumed] == [row[key] for row in whole], key
    assert [row["loss"] for row in resumed] == pytest.approx([row["loss"] for row in whole], abs=1e-6)
    assert json.loads((broken / "stage.json").read_text())["steps"] == 4


def test_inner_updates_learn_from_the_same_rollouts_twice(world, sft, tmp_path):
    rows = fit(
        "tgrpo",
        world,
        tmp_path,
        *("--model.inner_updates", "2", "--trainer.accumulate_grad_batches", "2"),
        *("--trainer.max_steps", "4", "--model.rollout.sampling.max_new_tokens", "40"),
        *("--model.optimizer.init_args.lr", "0.01", "--model.schedule.warmup_steps", "0"),
        policy=sft / "hf",
    )
    records = [row["records"] for row in rows]
    assert records[0:2] == records[2:4]
    assert records[4:6] == records[6:8]
    assert rows[1]["sampled"] == rows[3]["sampled"]
    assert rows[1]["sampled"] != rows[5]["sampled"]
    logged = curves(tmp_path)
    assert [step for step, _ in logged["loss"]] == [0, 1, 2, 3]
    halves = [row["loss"] for row in rows]  # Lightning has divided each by the number accumulated
    means = [a + b for a, b in zip(halves[0::2], halves[1::2], strict=True)]
    assert [value for _, value in logged["loss"]] == pytest.approx(means, abs=1e-6)
    assert [step for step, _ in logged["reward/total"]] == [0, 2]  # fresh rollouts every second step
    ratios = [value for _, value in logged["policy/ratio"]]
    assert ratios[0] == pytest.approx(1.0, abs=1e-5)
    assert abs(ratios[1] - 1.0) > 1e-4  # the second update has moved away from the policy that sampled


def test_an_image_only_batch_and_no_reference(world, sft, tmp_path):
    """beta = 0 needs no reference; a batch without videos has no shuffled group; neither is an error."""
    records = json.loads((world / "train.json").read_text())
    images = [record for record in records if record["data_type"] == "image"]
    (tmp_path / "images.json").write_text(json.dumps(images), encoding="utf-8")
    arguments = [
        "--data.train",
        str(tmp_path / "images.json"),
        "--model.loss.beta",
        "0",
        "--trainer.max_steps",
        "1",
    ]
    arguments += ["--model.rollout.sampling.max_new_tokens", "8"]
    fit("tgrpo", world, tmp_path / "run", *arguments, policy=sft / "hf")
    logged = curves(tmp_path / "run")
    assert "accuracy/shuffled" not in logged
    assert logged["policy/kl"][0][1] == 0.0


def test_memory_savers_change_no_loss_and_leave_a_frozen_tower_alone(world, sft, tmp_path):
    """Checkpointing computes the same; a frozen tower is shared with the reference and keeps its weights."""
    few = ["--trainer.max_steps", "2", "--model.rollout.sampling.max_new_tokens", "12"]
    few += ["--model.freeze", "[vision, merger]"]
    plain = fit("tgrpo", world, tmp_path / "plain", *few, policy=sft / "hf")
    saving = [*few, "--model.gradient_checkpointing", "true"]
    saved = fit("tgrpo", world, tmp_path / "saved", *saving, policy=sft / "hf")
    assert [row["sampled"] for row in saved] == [row["sampled"] for row in plain]
    assert [row["loss"] for row in saved] == pytest.approx([row["loss"] for row in plain], abs=1e-5)
    before, after = (load_policy(str(folder / "hf")).state_dict() for folder in (sft, tmp_path / "saved"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not [name for name in moved if name.startswith("model.visual")]


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("stage", ["sft", "tgrpo"])
def test_other_precisions_train(stage, precision, world, sft, tmp_path):
    policy = sft / "hf" if stage == "tgrpo" else None
    arguments = ["--trainer.max_steps", "1", "--trainer.precision", precision]
    arguments += ["--model.optimizer.init_args.fused", "false"]
    arguments += ["--model.rollout.sampling.max_new_tokens", "12"] if stage == "tgrpo" else []
    (row,) = fit(stage, world, tmp_path, *arguments, policy=policy)
    assert math.isfinite(row["loss"])


@pytest.mark.skipif(not has_products(torch.bfloat16), reason="this CPU has no products of bfloat16")
def test_bfloat16_rollouts_train(world, sft, tmp_path):
    arguments = ["--trainer.max_steps", "1", "--model.rollout.sampling.max_new_tokens", "12"]
    rows = fit(
        "tgrpo", world, tmp_path, *arguments, "--model.rollout.hf.products", "bfloat16", policy=sft / "hf"
    )
    assert len(rows) == 1
    assert rows[0]["sampled"]
