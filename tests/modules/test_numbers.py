"""What is NaN or infinite costs one step and no more; too many in a row, and bounds, end the run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import cli
from tests.modules.unsound import seen, told
from tests.runs import curves, fit
from tests.strategies import ranks
from videor1.errors import ConfigError, NumbersError
from videor1.modules.finite import gradients_sound, unsound_rows
from videor1.modules.numbers import Bounds, NumbersSettings
from videor1.resume.rollback import batches_passed_over, roll_back, rollbacks

RATE = ["--model.optimizer.init_args.lr", "0.01", "--model.schedule.warmup_steps", "0"]


def harm(batch: int, what: str, **more: str) -> list[str]:
    words = ["--trainer.callbacks+", "tests.modules.unsound.Unsound"]
    for name, value in {"batch": str(batch), "what": what, **more}.items():
        words += [f"--trainer.callbacks.{name}", value]
    return words


def test_rows_are_judged_where_the_mask_says_so():
    mask = torch.tensor([[True, True, False], [True, False, False], [True, True, True]])
    logprobs = torch.tensor([[-1.0, -2.0, math.nan], [-math.inf, 0.0, 0.0], [-1.0, -1.0, math.nan]])
    values = {"log-probs": logprobs, "advantages": torch.tensor([math.inf, 0.0, 1.0]), "none": None}
    assert unsound_rows(values, mask) == {"log-probs": [1, 2], "advantages": [0]}
    assert unsound_rows({"log-probs": torch.zeros(3, 3)}, mask) == {}


@pytest.mark.parametrize(("value", "sound"), [(1e30, True), (math.nan, False), (-math.inf, False)])
def test_gradients_are_sound_when_all_are_finite(value, sound):
    """1e30 is finite; its square is not."""
    first, second, third = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    first.grad, second.grad = torch.tensor([0.0, 1.0]), torch.tensor([value, 0.0])
    assert gradients_sound([first, second, third]) is sound


@pytest.mark.parametrize("what", ["forward", "gradient"])
def test_a_step_that_is_not_finite_is_left_out_and_told_of(what, world, tmp_path, capfd):
    """Two batches of one record a step; the first of the second step is harmed."""
    few = ["--trainer.accumulate_grad_batches", "2", "--data.batch_size", "1", "--trainer.max_steps", "4"]
    fit("sft", world, tmp_path, *RATE, *few, "--trainer.log_every_n_steps", "1", *harm(2, what))
    lines = seen(tmp_path)
    weights = [line["weights"] for line in lines[1::2]]
    assert weights[0] == weights[1]
    assert len(set(weights)) == 3
    assert [line["optimizer"] for line in lines[1::2]] == [[1], [1], [2], [3]]
    assert len({line["rate"] for line in lines[1::2]}) == 4  # the schedule goes on
    assert [line["step"] for line in lines[1::2]] == [1, 2, 3, 4]
    blamed = [record for line in lines[2:4] for record in line["records"]]
    blamed, name = (blamed[:1], "log-probs") if what == "forward" else (blamed, "gradient")
    assert told(tmp_path) == [{"step": 2, "left_out": True, "found": [{"what": name, "records": blamed}]}]
    (line,) = [line for line in capfd.readouterr().out.splitlines() if line.startswith("Warning at step 2")]
    assert line.endswith("; the step is left out")
    assert all(str(record) in line for record in blamed)
    steps = [step for step, _ in curves(tmp_path)["loss"]]
    assert steps == ([0, 2, 3] if what == "forward" else [0, 1, 2, 3])


def test_what_t_grpo_is_made_of_names_its_record(world, sft, tmp_path):
    few = ["--trainer.max_steps", "3", "--model.rollout.sampling.max_new_tokens", "8"]
    fit("tgrpo", world, tmp_path, *RATE, *few, *harm(1, "reference"), policy=sft / "hf")
    lines = seen(tmp_path)
    found = [{"what": "reference's log-probs", "records": [lines[1]["records"][1]]}]
    assert told(tmp_path) == [{"step": 2, "left_out": True, "found": found}]
    weights = [line["weights"] for line in lines]
    assert weights[0] == weights[1] != weights[2]


def test_too_many_in_a_row_end_the_run(world, tmp_path):
    few = ["--trainer.max_steps", "9", "--model.numbers.bad_steps", "2"]
    with pytest.raises(NumbersError, match=r"^step 3, not finite: log-probs of records .*bad_steps is 2"):
        fit("sft", world, tmp_path, *few, *harm(1, "forward", always="true"))
    assert [line["step"] for line in told(tmp_path)] == [2, 3]


def test_bounds_speak_when_their_window_is_full_and_once():
    bounds = Bounds(NumbersSettings(kl_above=2.0, entropy_below=0.5, window=2))
    assert bounds.see({"policy/kl": 9.0, "policy/entropy": 0.8}, step=1) == []
    lines = bounds.see({"policy/kl": 1.0, "policy/entropy": 0.1}, step=2)
    assert lines == [
        "Warning at step 2, kl_explosion: policy/kl is 5 in the mean of 2 steps, above"
        " model.numbers.kl_above 2",
        "Warning at step 2, entropy_collapse: policy/entropy is 0.45 in the mean of 2 steps, below"
        " model.numbers.entropy_below 0.5",
    ]
    again = Bounds(bounds.settings)
    again.load_state_dict(json.loads(json.dumps(bounds.state_dict())))
    assert again.see({"policy/entropy": 0.1}, step=3) == []  # told already
    assert set(again.shown) == {"kl_explosion", "entropy_collapse"}
    again.see({"policy/kl": 1.0, "policy/entropy": 2.0}, step=4)
    assert again.shown == {}


def test_bounds_can_stop_a_run():
    bounds = Bounds(NumbersSettings(kl_above=2.0, window=1, action="stop"))
    with pytest.raises(NumbersError, match=r"^step 7, kl_explosion: policy/kl is 3 .*action is stop"):
        bounds.see({"policy/kl": 3.0}, step=7)


@pytest.mark.parametrize("wrong", [{"bad_steps": 0}, {"kl_above": -1.0}, {"action": "panic"}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"model.numbers.{next(iter(wrong))}"):
        NumbersSettings(**wrong)


def test_a_rollback_without_a_checkpoint_is_one_to_the_beginning(tmp_path):
    assert roll_back(tmp_path / "checkpoints/last.ckpt", before=3, step=5, batches=2, why="x") == 0
    assert batches_passed_over(tmp_path / "checkpoints", step=0) == 10
    assert batches_passed_over(tmp_path / "checkpoints", step=3) == 0


def test_a_run_out_of_bounds_goes_on_from_before_with_the_records_after(world, sft, tmp_path, capfd):
    """KL is 0 in the first step and never again, so each start goes back to it; the third gives up."""

    def words(folder: Path, *more: str) -> list[str]:
        return ranks.fitting(
            *("tgrpo", world, sft / "hf", folder, *RATE, "--data.batch_size", "2"),
            *("--model.rollout.sampling.max_new_tokens", "8", "--trainer.max_steps", "4"),
            *("--trainer.callbacks", "tests.modules.unsound.Begun"),
            *("--trainer.callbacks+", "callbacks.RunCheckpoint"),
            *("--trainer.callbacks.every_n_train_steps", "1", "--ckpt_path", "last", *more),
        )

    def records(folder: Path) -> list[list]:
        lines = (folder / "begun.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    assert cli.run(words(tmp_path / "free")) == 0
    free = [names for _, names in records(tmp_path / "free")]
    assert len(free) == 4
    bound = ["--model.numbers.kl_above", "1e-6", "--model.numbers.window", "1"]
    bound += ["--model.numbers.action", "rollback"]
    run = tmp_path / "run"
    statuses = [cli.run(words(run, *bound)) for _ in range(3)]
    assert statuses == [76, 76, 2]
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert "step 2, kl_explosion" in errors[0]
    assert "--ckpt_path last goes on from the checkpoint of step 1" in errors[0]
    assert "model.numbers.rollbacks is 2" in errors[2]
    assert records(run) == [[0, free[0]], [1, free[1]], [1, free[2]], [1, free[3]]]
    assert [(one["to"], one["batches"]) for one in rollbacks(run / "checkpoints")] == [(1, 1), (1, 1)]
