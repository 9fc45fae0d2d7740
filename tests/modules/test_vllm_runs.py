"""Training, validation and prediction by the command line with vLLM, in one process and in two."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from tests.runs import ROOT, SHORT, curves, fit
from tests.strategies.ranks import overlay
from tests.vllm import needs_vllm

pytestmark = needs_vllm
VLLM = ["--model.rollout.engine", "vllm", "--model.rollout.vllm.cpu_kv_gigabytes", "0.25"]
SERVER = ["--model.rollout.vllm.mode", "server", "--model.rollout.vllm.timeout", "120"]
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


@pytest.fixture(scope="module")
def ahead(world, sft, tmp_path_factory) -> tuple[Path, list[dict]]:
    """The same four steps with rollouts a batch ahead."""
    folder = tmp_path_factory.mktemp("ahead")
    arguments = [*VLLM, *FEW, "--model.rollout.overlap", "true", "--trainer.max_steps", "4"]
    return folder, fit("tgrpo", world, folder, *arguments, policy=sft / "hf")


def test_overlap_is_one_step_stale_and_made_up_for(plain, ahead):
    folder, rows = ahead
    assert [row["records"] for row in rows] == [row["records"] for row in plain[1]]
    # nothing has been learned when the first two batches are written to: the second is one step stale
    assert rows[0]["sampled"] == plain[1][0]["sampled"]
    logged = curves(folder)
    differences = [value for _, value in logged["engine/difference"]]
    assert differences[0] < 1e-5
    assert max(differences[1:]) > 1e-4
    assert logged["engine/weight"][0][1] == pytest.approx(1.0, abs=1e-4)
    assert max(abs(value - 1) for _, value in logged["engine/weight"]) > 1e-4
    assert max(value for _, value in logged["agreement/largest"]) < 1e-4  # the check sees fresh weights


def test_validation_in_the_middle_of_an_overlapping_run_changes_nothing(ahead, world, sft, tmp_path):
    """It waits for the engine, asks it with the newest weights, and leaves what was begun as it is."""
    arguments = [*VLLM, *FEW, "--model.rollout.overlap", "true", "--trainer.max_steps", "4"]
    arguments += ["--data.validate", "held_out.json", "--trainer.limit_val_batches", "1"]
    arguments += ["--trainer.val_check_interval", "2", "--data.validation_batch_size", "4"]
    arguments += ["--model.evaluation.sampling.max_new_tokens", "8"]
    rows = fit("tgrpo", world, tmp_path, *arguments, policy=sft / "hf")
    assert [row["sampled"] for row in rows] == [row["sampled"] for row in ahead[1]]
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


def command(world, policy, folder, *arguments) -> subprocess.CompletedProcess[str]:
    """`fit` as a user runs it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "fit", "-c", str(ROOT / "configs/quickstart/tgrpo.yaml")]
        + [*SHORT, *VLLM, "--data.root", str(world), "--model.policy", str(policy)]
        + ["--data.batch_size", "2", "--trainer.default_root_dir", str(folder), *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--model.rollout.agreement.threshold", "1e-12"],
            r"error: rollout\.agreement: engine and trainer differ by .* on average .*",
        ),
        pytest.param(
            ["--model.rollout.vllm.arguments", "{kv_cache_memory_bytes: 4096}"],
            r"error: rollout\.engine: vLLM does not start: .*memory.*",
            marks=pytest.mark.nightly,
        ),
        (
            ["--model.rollout.vllm.tensor_parallel_size", "2"],
            r"error: model\.rollout\.vllm\.tensor_parallel_size: 1 processes cannot share engines in 2s",
        ),
        pytest.param(
            ["--model.rollout.vllm.max_model_len", "512"],
            r"error: model\.rollout\.vllm\.max_model_len is 512, but data\.max_prompt_tokens lets .*",
            marks=pytest.mark.nightly,
        ),
        (
            ["--model.rollout.overlap", "true", "--trainer.precision", "bf16-true"],
            r"error: model\.rollout\.overlap: trainer\.precision bf16-true changes .*",
        ),
    ],
    ids=["difference", "memory", "shared", "room", "overlap"],
)
def test_what_cannot_go_on_ends_in_one_line(arguments, told, world, sft, tmp_path):
    done = command(world, sft / "hf", tmp_path, *arguments)
    assert done.returncode == 2, done.stderr[-2000:]
    assert re.fullmatch(told, done.stderr.strip().splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(("name", "every"), [("validate", 50), ("validate", 0), ("predict", 50)])
def test_other_commands_answer_as_with_the_hf_engine(
    name, every, plain, world, sft, tmp_path, capfd, monkeypatch
):
    """Where no check of agreement is wanted, the trainer does without weights of its own."""

    def no_second_copy(path, **kwargs):
        raise AssertionError(f"{path} was loaded beside vLLM")

    answers = {}
    for engine in ("hf", "vllm"):
        if (engine, every) == ("vllm", 0):
            monkeypatch.setattr("videor1.modules.policy.load_policy", no_second_copy)
        folder = tmp_path / engine
        arguments = [name, "-c", str(ROOT / "configs/quickstart/evaluate.yaml"), *SHORT]
        arguments += ["--data.root", str(world), "--model.policy", str(sft / "hf")]
        arguments += ["--trainer.default_root_dir", str(folder), "--model.rollout.engine", engine]
        arguments += ["--model.evaluation.sampling.max_new_tokens", "24"]
        arguments += ["--model.rollout.vllm.cpu_kv_gigabytes", "0.25"]
        arguments += ["--model.rollout.agreement.every", str(every)]
        if name == "predict":
            video = next((world / "videos").rglob("*.mp4"))
            arguments += ["--data.ask.media", str(video), "--data.ask.question", "which colour comes first?"]
            arguments += ["--model.evaluation.sampling.temperature", "0"]
        capfd.readouterr()
        cli.main(arguments)
        answers[engine] = capfd.readouterr().out
        if name == "validate":
            lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            answers[engine] = [row["response"] for row in rows if row["decoding"] == "greedy"]
    assert answers["vllm"]
    assert answers["vllm"] == answers["hf"]


def test_a_server_that_is_killed_is_replaced_and_nobody_sees_a_difference(plain, world, sft, tmp_path):
    arguments = [*VLLM, *FEW, *SERVER, "--model.rollout.vllm.restarts", "1", "--trainer.max_steps", "4"]
    killer = ["--trainer.callbacks+", "tests.modules.recorder.KillsTheServer"]
    with pytest.warns(UserWarning, match=r"died: signal 9; it is started again \(1 of 1\)"):
        rows = fit("tgrpo", world, tmp_path, *arguments, *killer, policy=sft / "hf")
    assert [row["sampled"] for row in rows] == [row["sampled"] for row in plain[1]]
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in plain[1]], abs=1e-5)
    assert not list((tmp_path / "rollout").glob("weights-*"))  # 15 GB of a 7B would stay


@pytest.mark.nightly
def test_a_server_that_is_killed_stops_the_run_in_one_line(plain, world, sft, tmp_path, capfd):
    """Without restarts; what was learned is whole, and a resumed run goes on as if nothing had happened."""
    arguments = ["fit", "-c", str(ROOT / "configs/quickstart/tgrpo.yaml"), *SHORT, *VLLM, *FEW, *SERVER]
    arguments += ["--data.root", str(world), "--model.policy", str(sft / "hf"), "--data.batch_size", "3"]
    arguments += ["--trainer.default_root_dir", str(tmp_path), "--trainer.max_steps", "4"]
    arguments += ["--trainer.callbacks+", "tests.modules.recorder.Recorder"]
    arguments += ["--trainer.callbacks+", "lightning.pytorch.callbacks.ModelCheckpoint"]
    arguments += ["--trainer.callbacks.every_n_train_steps", "1", "--trainer.callbacks.save_last", "true"]
    killer = ["--trainer.callbacks+", "tests.modules.recorder.KillsTheServer"]
    assert cli.run([*arguments, *killer]) == 2
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("error: rollout.vllm: the server at 127.0.0.1:")
    assert "died: signal 9; no part of the step was applied" in told
    assert cli.run([*arguments, "--ckpt_path", "last"]) == 0
    lines = (tmp_path / "seen.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["sampled"] for line in lines] == [row["sampled"] for row in plain[1]]


def test_a_call_beyond_its_deadline_ends_the_process(world, sft, tmp_path):
    """In one process nothing gentler reaches vLLM: it says where it hangs, and leaves no model behind."""
    done = command(world, sft / "hf", tmp_path, "--model.rollout.vllm.timeout", "0.01")
    assert done.returncode == 1
    assert "Timeout: vLLM took more than 0.01 s" in done.stderr
    assert "in generate" in done.stderr
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(("shared", "strategy"), [(1, "zero3"), (2, "ddp")])
def test_two_processes(shared, strategy, world, sft, tmp_path):
    """Each rank its own records and samples; an engine each, or one of both by tensor parallelism.

    Under ZeRO-3 no rank has the whole policy: each step it is gathered tensor by tensor into the engines.
    """
    arguments = [*overlay(strategy), *FEW, "--trainer.max_steps", "3"]
    arguments += ["--model.rollout.vllm.tensor_parallel_size", str(shared)]
    # and a validation of 5 questions, so that one rank has one more to ask about than the other
    records = json.loads((world / "held_out.json").read_text(encoding="utf-8"))
    (tmp_path / "five.json").write_text(json.dumps(records[:5]), encoding="utf-8")
    arguments += ["--data.validate", str(tmp_path / "five.json"), "--data.validation_batch_size", "1"]
    arguments += ["--trainer.limit_val_batches", "1.0", "--trainer.val_check_interval", "3"]
    arguments += ["--model.evaluation.sampling.max_new_tokens", "4", "--model.evaluation.samples", "1"]
    done = command(world, sft / "hf", tmp_path, *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    logged = curves(tmp_path)
    assert len(logged["loss"]) == 3
    assert logged["agreement/mean"][0][1] < 1e-4
    assert max(value for _, value in logged["engine/difference"]) < 1e-5  # means over both ranks
    assert max(value for _, value in logged["agreement/largest"]) < 1e-4
