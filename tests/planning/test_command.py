"""`python cli.py plan -c CONFIG` on a machine that has neither GPU nor data nor weights."""

from __future__ import annotations

from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[2]
TGRPO = "configs/video_r1_7b/tgrpo.yaml"
ROWS = ["ddp", "zero2", "zero2_offload", "zero3", "zero3_offload", "fsdp2", "lora (ddp)"]
TRAININGS = [
    f"configs/{folder}/{stage}.yaml"
    for folder in ("video_r1_7b", "own", "quickstart")
    for stage in ("sft", "tgrpo")
]


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def plan(capsys, *words: str) -> tuple[int, str]:
    """Exit status and what was printed."""
    try:
        status = cli.run(["plan", *words])
    except SystemExit as ended:
        status = ended.code
    told = capsys.readouterr()
    return status, told.out or told.err.strip().splitlines()[-1]


def cells(out: str, row: str) -> list[str]:
    """The columns of a strategy's row, without its name."""
    line = next(line for line in out.splitlines() if line.removeprefix("→").strip().startswith(f"{row}  "))
    return line.split(row, 1)[1].split()


@pytest.mark.parametrize("config", TRAININGS)
def test_every_training_config_is_planned(config, capsys):
    size = ["--size", "3B"] if "quickstart" in config else []
    status, out = plan(capsys, "-c", config, "--gpus", "8", *size)
    assert status in (0, 1)
    for row in ROWS:
        assert len(cells(out, row)) == 12
    assert ("FITS" in out.splitlines()[-1]) == (status == 0)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs/strategy").glob("*.yaml")))
def test_every_strategy_overlay_is_planned_as_what_it_is(name, capsys):
    status, out = plan(
        capsys, "-c", TGRPO, "-c", f"configs/strategy/{name}.yaml", "--trainer.precision", "bf16-mixed"
    )
    marked = next(line for line in out.splitlines() if line.startswith("→")).split()[1]
    assert marked == {"lora": "zero3", "multinode": "zero3"}.get(name, name)
    assert ("LoRA of rank 64" in out) == (name == "lora")
    assert ("16 × H100" in out) == (name == "multinode")
    assert status == (name == "ddp")


def test_the_recipe_fits_on_eight_gpus_and_says_how_much_is_left(capsys):
    status, out = plan(capsys, "-c", TGRPO)
    assert status == 0
    assert "8 × H100, 80.0 GiB each, 1 node; zero3, bf16-true, with gradient checkpointing" in out
    assert "a question: 1280 tokens, 1024 of them media; 8 and 4 responses of at most 768" in out
    assert cells(out, "zero3")[0] == "1.9"  # 2 bytes of 8.29 B in eighths
    assert "an estimate, no GPU has measured it" in out
    assert out.splitlines()[-1].startswith("FITS, with ")


def test_what_does_not_fit_is_exit_status_1_with_what_to_change(capsys):
    status, out = plan(capsys, "-c", TGRPO, "--gpus", "1", "--gpu", "RTX4090")
    assert status == 1
    lines = out.splitlines()
    assert any(line.startswith("DOES NOT FIT: ") for line in lines)
    assert any("configs/strategy/lora.yaml" in line and "GiB" in line for line in lines)


def test_memory_of_a_gpu_can_be_given(capsys):
    status, out = plan(capsys, "-c", TGRPO, "--memory", "30.5")
    assert status == 1
    assert "8 × H100, 30.5 GiB each" in out


def test_weights_that_would_not_move_are_warned_of(capsys):
    _, out = plan(capsys, "-c", TGRPO, "-c", "configs/strategy/ddp.yaml")
    assert "warning: trainer.precision: bf16-true without DeepSpeed" in out
    assert "warning" not in plan(capsys, "-c", TGRPO)[1]


def test_a_share_too_small_for_vllm_does_not_fit(capsys):
    words = ["-c", TGRPO, "-c", "configs/rollout/vllm.yaml"]
    assert plan(capsys, *words)[0] == 0
    status, out = plan(capsys, *words, "--model.rollout.vllm.gpu_memory_utilization", "0.1")
    assert status == 1
    assert "DOES NOT FIT: model.rollout.vllm.gpu_memory_utilization: 0.1 of 80.0 GiB" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["-c", "configs/quickstart/sft.yaml", "--model.policy", "nowhere"],
            "error: model.policy: there is nothing",
        ),
        (["-c", TGRPO, "--gpu", "B9000"], "error: gpu must be one of A100, H100, H200, RTX4090, got 'B9000'"),
        (["-c", TGRPO, "--gpus", "0"], "error: gpus must be at least 1, got 0"),
        (["-c", TGRPO, "--memory", "-1"], "error: memory must be above 0, got -1.0"),
        (["-c", TGRPO, "--utilisation", "2"], "error: utilisation must lie in (0, 1], got 2.0"),
        (
            ["-c", TGRPO, "--trainer.strategy", "deepspeed_stage_9"],
            "error: trainer.strategy: 'deepspeed_stage_9'",
        ),
        (["-c", "configs/quickstart/evaluate.yaml"], "error: model.class_path: PolicyModule does not train"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_mistakes_are_exit_status_2_and_one_line(words, told, capsys):
    status, line = plan(capsys, *words)
    assert status == 2
    assert line.startswith(told)


def test_help_explains_the_flags(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["plan", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "Prints what a training will need of each GPU" in out
    assert "--utilisation" in out
