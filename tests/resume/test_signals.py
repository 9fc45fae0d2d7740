"""Ctrl-C and SIGTERM, once and twice, to all processes of the run."""

from __future__ import annotations

import signal

import pytest
import torch

from tests.resume.compared import TGRPO, assert_as_undisturbed


def test_ctrl_c_saves_the_step_under_way_and_ends_with_130(driver, command, whole, tmp_path):
    words = command("tgrpo", tmp_path, *TGRPO, trouble={"plan": ["4:interrupt"]})
    assert driver.run(words, tmp_path) == [128 + signal.SIGINT]
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 5
    said = (tmp_path / "said.txt").read_text()
    assert "Ctrl-C: the run ends when this step is done and saved" in said
    assert "Traceback" not in said
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path) == [0]
    assert_as_undisturbed(tmp_path, whole)


@pytest.mark.parametrize(
    ("deed", "status"),
    [
        ("interrupt_twice", 128 + signal.SIGINT),
        pytest.param("terminate_twice", -signal.SIGTERM, marks=pytest.mark.nightly),
    ],
)
def test_twice_ends_the_run_at_once(driver, command, whole, tmp_path, deed, status):
    words = command("tgrpo", tmp_path, *TGRPO, trouble={"plan": [f"5:{deed}"]})
    assert driver.run(words, tmp_path) == [status]
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 4
    assert "Traceback" not in (tmp_path / "said.txt").read_text()
    assert driver.run([*words, "--ckpt_path", "last"], tmp_path) == [0]
    assert_as_undisturbed(tmp_path, whole)
