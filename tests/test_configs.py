"""Every shipped YAML parses against the classes it names, opens with a reason, and mistakes get one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cli

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml"))
# What each file is laid over or part of: overlays do not stand alone.
BASES = {
    "configs/ablation/evaluate.yaml": "configs/quickstart/evaluate.yaml",
    "configs/ablation/see.yaml": "configs/quickstart/sft.yaml",
    "configs/ablation/sft.yaml": "configs/quickstart/sft.yaml",
    "configs/ablation/tgrpo.yaml": "configs/quickstart/tgrpo.yaml",
    "configs/ablation/wo_image.yaml": "configs/video_r1_7b/sft.yaml",
    "configs/ablation/wo_temporal.yaml": "configs/quickstart/tgrpo.yaml",
    "configs/optimizer/paged_adamw8bit.yaml": "configs/own/tgrpo.yaml",
    "configs/rollout/vllm.yaml": "configs/quickstart/tgrpo.yaml",
    "configs/rollout/vllm_server.yaml": "configs/own/tgrpo.yaml",
    "configs/strategy/ddp.yaml": "configs/own/sft.yaml",
    "configs/strategy/zero2.yaml": "configs/video_r1_7b/tgrpo.yaml",
    "configs/strategy/zero2_offload.yaml": "configs/video_r1_7b/sft.yaml",
    "configs/strategy/zero3.yaml": "configs/own/tgrpo.yaml",
    "configs/strategy/zero3_offload.yaml": "configs/video_r1_7b/tgrpo.yaml",
    "configs/strategy/fsdp2.yaml": "configs/quickstart/tgrpo.yaml",
    "configs/strategy/lora.yaml": "configs/video_r1_7b/tgrpo.yaml",
    "configs/strategy/multinode.yaml": "configs/video_r1_7b/tgrpo.yaml",
    "configs/video_r1_7b/tgrpo_released.yaml": "configs/video_r1_7b/tgrpo.yaml",
}
PARTS = {"configs/ablation/world.yaml", "configs/quickstart/template.yaml"}
TGRPO = "configs/quickstart/tgrpo.yaml"


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_config_opens_with_one_line_that_says_why(path):
    first = (ROOT / path).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 40


@pytest.mark.parametrize("path", [p for p in CONFIGS if p.as_posix() not in PARTS], ids=str)
def test_config_parses(path, capsys):
    name = path.as_posix()
    files = [BASES[name], name] if name in BASES else [name]
    command = next((known for known in ("annotate", "evaluate") if known in name), "fit")
    command = {"evaluate": "validate"}.get(command, command)
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, *[word for file in files for word in ("-c", file)], "--print_config"])
    assert stopped.value.code == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    own = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    assert_contains(shown, own)


def assert_contains(shown, own):
    """Every value that a file sets is in what the parser understood."""
    for key, value in own.items():
        if key in ("callbacks", "template", "strategy"):
            continue  # lists of classes gain their defaults; a part is a file of its own
        if isinstance(value, dict):
            assert_contains(shown[key], value)
        elif value and isinstance(value, list) and isinstance(value[0], dict):
            assert len(shown[key]) == len(value), key
            for shown_line, line in zip(shown[key], value, strict=True):
                assert_contains(shown_line, line)
        else:
            assert shown[key] == value, key


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.rollout.group_size", "1"], "model.rollout.group_size must be at least 2, got 1"),
        (["--model.rollout.group_sise", "8"], "rollout.group_sise"),
        (["--model.rewards.l_min", "90"], "l_min <= l_max"),
        (["--model.loss.beta", "x"], "model.loss.beta: Expected float"),
        (["--model.rollout.sampling.temperature", "0"], "model.rollout.sampling.temperature must be above 0"),
        (["--data.clip.max_frames", "7"], "data.clip.max_frames must be even"),
        (["--data.clip.fps", "fast"], "data.clip.fps: Expected"),
        (["--data.batch_size", "0"], "data.batch_size must be at least 1"),
        (["--data.template.question", "what?"], "data.template.question must contain {problem}"),
        (["--model.policy", "/nowhere"], "model.policy: no Hugging Face model folder at '/nowhere'"),
        (["--trainer.max_stepz", "3"], "trainer.max_stepz"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_mistakes_get_one_line_that_names_the_key(world, tmp_path, capsys, arguments, message):
    status = cli.run(
        ["fit", "-c", TGRPO, "--data.root", str(world), "--model.policy", str(world / "model")]
        + ["--trainer.default_root_dir", str(tmp_path), *arguments]
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert status == 2
    assert len(errors) == 1
    assert message in errors[0]


def test_a_wrong_key_in_a_file_ends_the_command_without_a_traceback(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("model: {init_args: {rollout: {group_sise: 8}}}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "cli.py", "fit", "-c", TGRPO, "-c", str(wrong)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "group_sise" in done.stderr.splitlines()[-1]
