"""Two processes, stopped and continued by every strategy, go on as if nothing had happened."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.runs import curves
from tests.strategies import ranks

STRATEGIES = ("ddp", "zero2", "zero3", "fsdp2")
WORDS = [
    *("--model.optimizer.lr", "0.002", "--model.schedule.warmup_steps", "3"),
    *("--model.rollout.sampling.max_new_tokens", "16", "--data.batch_size", "2"),
    *("--trainer.accumulate_grad_batches", "2"),
    *("--trainer.callbacks", "callbacks.HFExport", "--trainer.callbacks+", "callbacks.LengthCurve"),
    *("--trainer.callbacks+", "callbacks.RunCheckpoint", "--trainer.callbacks.every_n_train_steps", "2"),
]


@pytest.fixture(scope="module")
def runs(world, sft, tmp_path_factory) -> Path:
    """<strategy>_whole of 4 steps, <strategy>_broken of 2 and 2."""
    folder = tmp_path_factory.mktemp("resumed")

    def command(strategy: str, name: str, *words: str) -> list[str]:
        own = [*ranks.overlay(strategy), *WORDS, *words]
        return ranks.fitting("tgrpo", world, sft / "hf", folder / f"{strategy}_{name}", *own)

    ranks.run(
        folder,
        [
            command(strategy, name, "--trainer.max_steps", steps, "--ckpt_path", "last")
            for strategy in STRATEGIES
            for name, steps in (("whole", "4"), ("broken", "2"), ("broken", "4"))
        ],
    )
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_curves_and_weights_go_on(runs, strategy):
    whole, broken = runs / f"{strategy}_whole", runs / f"{strategy}_broken"
    expected, found = curves(whole), curves(broken)
    assert len(expected["loss"]) == 4
    for name, points in expected.items():
        if not name.startswith(("seconds/", "agreement/")):  # a resumed run checks its engine anew
            assert [step for step, _ in found[name]] == [step for step, _ in points], name
            assert dict(found[name]) == pytest.approx(dict(points), abs=1e-6), name
    with (whole / "length_curve.csv").open() as one, (broken / "length_curve.csv").open() as other:
        assert list(csv.reader(one)) == list(csv.reader(other))
    weights, all_at_once = (load_file(folder / "hf/model.safetensors") for folder in (broken, whole))
    for name, tensor in weights.items():
        assert (tensor - all_at_once[name]).abs().max() <= 1e-6, name


def test_a_checkpoint_of_another_number_of_processes_is_refused(runs, world, sft, capsys):
    import cli

    again = [*WORDS, "--trainer.max_steps", "6", "--ckpt_path", "last"]
    folder = runs / "ddp_broken"
    assert cli.run(ranks.fitting("tgrpo", world, sft / "hf", folder, *again)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("error: ")
    assert "2" in told
