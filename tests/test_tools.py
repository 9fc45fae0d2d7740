"""The commands without a config: what they take, and what they say when it is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

import cli
from tests.runs import ROOT, SHORT


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare"], "error: compare: the following arguments are required: runs"),
        (["compare", "nowhere"], "error: nowhere"),
        (["export", "--checkpoint", "nowhere", "--output", "x"], "error: checkpoint: 'nowhere' is not there"),
        (["export", "--what"], "error: export: "),
        (["judge", "--run", "nowhere", "--policy", "x"], "error: nowhere/predictions.jsonl: No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, told, capsys):
    assert cli.run(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(told)


@pytest.mark.parametrize("name", ["compare", "export", "judge"])
def test_help_says_what_it_takes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: cli.py {name}" in capsys.readouterr().out


def test_a_config_stands_for_its_run(sft, tmp_path, capsys):
    """`-c` as in the other commands: the last checkpoint becomes the folder that the next stage names."""
    run = shutil.copytree(sft, tmp_path / "run")
    shutil.rmtree(run / "hf")
    (tmp_path / "first.yaml").write_text("trainer: {default_root_dir: elsewhere, max_steps: 3}")
    (tmp_path / "second.yaml").write_text(f"trainer: {{default_root_dir: {run}}}")
    cli.main(["export", "-c", str(tmp_path / "first.yaml"), "-c", str(tmp_path / "second.yaml")])
    assert (run / "hf/model.safetensors").read_bytes() == (sft / "hf/model.safetensors").read_bytes()
    assert cli.run(["export", "-c", str(ROOT / "configs/quickstart/template.yaml")]) == 2
    assert "no trainer.default_root_dir" in capsys.readouterr().err
    assert cli.run(["export"]) == 2
    assert "name --checkpoint and --output, or with -c the config of the run" in capsys.readouterr().err


def test_what_only_asks_leaves_the_settings_of_a_run_alone(world, sft, tmp_path):
    """They say what a model was trained with, and an export reads them."""
    (tmp_path / "config.yaml").write_text("of the training")
    for name in ("validate", "predict"):
        words = [name, "-c", str(ROOT / "configs/quickstart/evaluate.yaml"), *SHORT]
        words += ["--data.root", str(world), "--model.policy", str(world / "model")]
        words += [
            "--trainer.default_root_dir",
            str(tmp_path),
            "--model.evaluation.sampling.max_new_tokens",
            "2",
        ]
        if name == "predict":
            film = next((world / "videos").rglob("*.mp4"))
            words += ["--data.ask.media", str(film), "--data.ask.question", "what?"]
        cli.main(words)
        assert (tmp_path / "config.yaml").read_text() == "of the training"


def test_an_untaught_judge_is_undecided_and_the_rule_is_not(world, sft, tmp_path, capsys):
    run = tmp_path / "run"
    cli.main(
        ["validate", "-c", str(ROOT / "configs/quickstart/evaluate.yaml"), *SHORT, "--data.root", str(world)]
        + ["--model.policy", str(sft / "hf"), "--trainer.default_root_dir", str(run)]
        + ["--model.evaluation.samples", "2", "--model.evaluation.greedy", "false"]
    )
    cli.main(["judge", "--run", str(run), "--policy", str(world / "model"), "--dtype", "float32"])
    found = json.loads((run / "reasoning.json").read_text())
    report = json.loads((run / "report.json").read_text())
    assert set(found["benchmarks"]) == {"temporal", "other", "all"}
    for name in ("temporal", "other"):
        cell = found["benchmarks"][name]
        assert cell["responses"] == 2 * report["benchmarks"][name]["questions"]
        assert cell["rule"] == pytest.approx(report["benchmarks"][name]["manner"]["temporal"])
    whole = found["benchmarks"]["all"]["agreement"]
    assert whole["pairs"] + whole["undecided"] == found["benchmarks"]["all"]["responses"]
    assert "temporal by the rule" in capsys.readouterr().out
