"""Training, validation and prediction by the command line with vLLM, in one process and in two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from tests.runs import ROOT, SHORT, curves, fit
from tests.vllm import needs_vllm

pytestmark = needs_vllm
VLLM = ["--model.rollout.engine", "vllm", "--model.rollout.vllm.cpu_kv_gigabytes", "0.25"]
FEW = ["--model.rollout.sampling.max_new_tokens", "24", "--model.optimizer.init_args.lr", "0.002"]
FEW += ["--model.schedule.warmup_steps", "0", "--model.rollout.agreement.every", "2"]


@pytest.fixture(scope="module")
def plain(world, sft, tmp_path_factory) -> tuple[Path, list[dict]]:
    """Four steps that move the weights, the engine in step with them."""
    folder = tmp_path_factory.mktemp("vllm")
    return folder, fit("tgrpo", world, folder, *VLLM, *FEW, "--trainer.max_steps", "4", policy=sft / "hf")


def test_the_engine_has_the_weights_of_every_step(plain):
    """Stale ones would differ by far more: see the overlapping run below."""
    folder, rows = plain
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    logged = curves(folder)
    assert len(logged["engine/difference"]) == 4
    assert max(value for _, value in logged["engine/difference"]) < 1e-5
    assert [step for step, _ in logged["agreement/mean"]] == [0, 2]
    assert max(value for _, value in logged["agreement/largest"]) < 1e-4
    assert "engine/weight" not in logged  # nothing to make up for in float32
    assert {value for _, value in logged["policy/ratio"]} == {1.0}


def test_a_run_is_repeatable(plain, world, sft, tmp_path):
    rows = fit("tgrpo", world, tmp_path, *VLLM, *FEW, "--trainer.max_steps", "2", policy=sft / "hf")
    assert [row["sampled"] for row in rows] == [row["sampled"] for row in plain[1][:2]]


def test_a_resumed_run_samples_what_the_whole_one_did(plain, world, sft, tmp_path):
    arguments = [*VLLM, *FEW, "--model.schedule.shape", "constant"]
    fit("tgrpo", world, tmp_path, *arguments, "--trainer.max_steps", "2", policy=sft / "hf")
    again = ["--trainer.max_steps", "4", "--ckpt_path", "last"]
    rows = fit("tgrpo", world, tmp_path, *arguments, *again, policy=sft / "hf")
    assert [row["sampled"] for row in rows] == [row["sampled"] for row in plain[1]]
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in plain[1]], abs=1e-5)


def test_overlap_is_one_step_stale_and_made_up_for(plain, world, sft, tmp_path):
    arguments = [*VLLM, *FEW, "--model.rollout.overlap", "true", "--trainer.max_steps", "4"]
    rows = fit("tgrpo", world, tmp_path, *arguments, policy=sft / "hf")
    assert [row["records"] for row in rows] == [row["records"] for row in plain[1]]
    # nothing has been learned when the first two batches are written to: the second is one step stale
    assert rows[0]["sampled"] == plain[1][0]["sampled"]
    logged = curves(tmp_path)
    differences = [value for _, value in logged["engine/difference"]]
    assert differences[0] < 1e-5
    assert max(differences[1:]) > 1e-4
    assert logged["engine/weight"][0][1] == pytest.approx(1.0, abs=1e-4)
    assert max(abs(value - 1) for _, value in logged["engine/weight"]) > 1e-4
    assert max(value for _, value in logged["agreement/largest"]) < 1e-4  # the check sees fresh weights


def test_validation_in_the_middle_of_an_overlapping_run(world, sft, tmp_path):
    arguments = [*VLLM, *FEW, "--model.rollout.overlap", "true", "--trainer.max_steps", "4"]
    arguments += ["--data.validate", "held_out.json", "--trainer.limit_val_batches", "1"]
    arguments += ["--trainer.val_check_interval", "2", "--data.validation_batch_size", "4"]
    arguments += ["--model.evaluation.sampling.max_new_tokens", "8"]
    rows = fit("tgrpo", world, tmp_path, *arguments, policy=sft / "hf")
    assert len(rows) == 4
    assert any(tag.startswith("validation/") for tag in curves(tmp_path))


def test_inner_updates_and_accumulation_with_overlap(world, sft, tmp_path):
    arguments = [*VLLM, *FEW, "--model.rollout.overlap", "true", "--trainer.max_steps", "4"]
    arguments += ["--model.inner_updates", "2", "--trainer.accumulate_grad_batches", "2"]
    rows = fit("tgrpo", world, tmp_path, *arguments, policy=sft / "hf")
    sampled = [row["sampled"] for row in rows]
    assert sampled[0:2] == sampled[2:4]
    assert sampled[4:6] == sampled[6:8]
    assert sampled[1] != sampled[5]


def test_bfloat16_is_corrected(world, sft, tmp_path):
    arguments = [*VLLM, *FEW, "--trainer.max_steps", "2", "--trainer.precision", "bf16-true"]
    arguments += ["--model.optimizer.init_args.fused", "false"]
    fit("tgrpo", world, tmp_path, *arguments, policy=sft / "hf")
    logged = curves(tmp_path)
    assert 1e-4 < logged["engine/difference"][0][1] < 0.1
    assert logged["engine/weight"][0][1] != 1.0


def test_a_difference_above_the_threshold_stops_the_run(world, sft, tmp_path, capsys):
    arguments = ["fit", "-c", str(ROOT / "configs/quickstart/tgrpo.yaml"), *SHORT, *VLLM]
    arguments += ["--data.root", str(world), "--model.policy", str(sft / "hf"), "--data.batch_size", "2"]
    arguments += ["--trainer.default_root_dir", str(tmp_path)]
    status = cli.run([*arguments, "--model.rollout.agreement.threshold", "1e-12"])
    assert status == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("error: rollout.agreement: engine and trainer differ by")
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("command", ["validate", "predict"])
def test_other_commands_answer_as_with_the_hf_engine(command, world, sft, tmp_path, capsys):
    answers = {}
    for engine in ("hf", "vllm"):
        folder = tmp_path / engine
        arguments = [command, "-c", str(ROOT / "configs/quickstart/evaluate.yaml"), *SHORT]
        arguments += ["--data.root", str(world), "--model.policy", str(sft / "hf")]
        arguments += ["--trainer.default_root_dir", str(folder), "--model.rollout.engine", engine]
        arguments += ["--model.evaluation.sampling.max_new_tokens", "24"]
        arguments += ["--model.rollout.vllm.cpu_kv_gigabytes", "0.25"]
        if command == "predict":
            video = next((world / "videos").rglob("*.mp4"))
            arguments += ["--data.ask.media", str(video), "--data.ask.question", "which colour comes first?"]
            arguments += ["--model.evaluation.sampling.temperature", "0"]
        capsys.readouterr()
        cli.main(arguments)
        answers[engine] = capsys.readouterr().out
        if command == "validate":
            lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            answers[engine] = [row["response"] for row in rows if row["decoding"] == "greedy"]
    assert answers["vllm"]
    assert answers["vllm"] == answers["hf"]


def test_two_processes_with_an_engine_each(world, sft, tmp_path):
    """DDP: each rank its own records, engine and samples, and both the same weights."""
    arguments = [sys.executable, str(ROOT / "cli.py"), "fit"]
    arguments += ["-c", str(ROOT / "configs/quickstart/tgrpo.yaml"), *SHORT, *VLLM, *FEW]
    arguments += ["--data.root", str(world), "--model.policy", str(sft / "hf"), "--data.batch_size", "2"]
    arguments += ["--trainer.default_root_dir", str(tmp_path), "--trainer.max_steps", "3"]
    arguments += ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    logged = curves(tmp_path)
    assert len(logged["loss"]) == 3
    assert max(value for _, value in logged["engine/difference"]) < 1e-5  # means over both ranks
    assert max(value for _, value in logged["agreement/largest"]) < 1e-4
