"""The README tells the truth: its commands run, the files and make targets it names exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from videor1.evaluation.reports.stages import main as stages
from videor1.toyworld.__main__ import main as toyworld

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
# The same commands, over in seconds.
SHORT = {
    "toyworld": ["--train", "24", "--held_out", "1", "--held_out_other", "1"],
    "sft.yaml": ["--trainer.max_steps", "1", "--data.batch_size", "2", "--data.workers", "0"],
    "tgrpo.yaml": [
        *("--trainer.max_steps", "1", "--data.batch_size", "2", "--data.workers", "0"),
        *("--model.rollout.sampling.max_new_tokens", "8"),
    ],
    "validate": [
        *("--model.evaluation.samples", "1", "--data.workers", "0"),
        *("--model.evaluation.sampling.max_new_tokens", "8"),
    ],
    "predict": ["--model.evaluation.sampling.max_new_tokens", "8"],
}


def test_python_commands_run_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    lines = [line for line in LINES if line.startswith("python ")]
    if importlib.util.find_spec("vllm") is None:  # CI has it
        lines = [line for line in lines if "vllm" not in line]
    commands = [shlex.split(line) for line in lines]
    assert len(commands) >= 9
    for words in commands:
        short = [
            flag for word, flags in SHORT.items() if any(word in w for w in words[1:5]) for flag in flags
        ]
        if words[2] == "videor1.evaluation.reports.stages":
            stages(Path(words[3]))
        elif words[1] == "-m":
            assert words[2] == "videor1.toyworld"
            assert toyworld([*words[3:], *short]) == 0
            world = tmp_path / "runs/quickstart/world"
            shutil.copy(next((world / "videos").rglob("*.mp4")), tmp_path / "my.mp4")
            (tmp_path / "my_data").symlink_to(world)
            (tmp_path / "my_model").symlink_to(world / "model")
            shutil.copy(world / "train.json", world / "my_records.json")
            shutil.copy(world / "cot.json", world / "my_cot.json")
        elif "--trainer.devices" in words:  # starts its other processes as it was started itself
            program = [sys.executable, str(ROOT / "cli.py"), *words[2:], *short]
            subprocess.run(program, check=True, timeout=280, capture_output=True)
        else:
            assert words[1] == "cli.py"
            assert cli.run([*words[2:], *short]) == 0, words
    assert "answer " in capsys.readouterr().out


@pytest.mark.parametrize("target", re.findall(r"make (?:\w+=\S+ )*([a-z]+)", "\n".join(LINES)))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:videor1|callbacks|configs|docs|tests)/[\w/.]*)`", README)))
)
def test_named_files_exist(path):
    assert (ROOT / path).exists()


def test_pictures_exist():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()
