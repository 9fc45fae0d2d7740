"""Two processes by every strategy: stopped and continued as if nothing had happened; a bad step left out."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.modules.unsound import seen, told
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
    """<strategy>_whole of 4 steps, <strategy>_broken of 2 and 2; unsound_… of 3, one of them not finite."""
    folder = tmp_path_factory.mktemp("resumed")

    def command(strategy: str, name: str, *words: str) -> list[str]:
        own = [*ranks.overlay(strategy), *WORDS, *words]
        return ranks.fitting("tgrpo", world, sft / "hf", folder / f"{strategy}_{name}", *own)

    def unsound(strategy: str, what: str, batch: int) -> list[str]:
        """SFT, two batches of one record a step; rank 1 is harmed in the second."""
        return ranks.fitting(
            *("sft", world, world / "model", folder / f"unsound_{strategy}_{what}"),
            *(*ranks.overlay(strategy), "--trainer.max_steps", "3", "--model.optimizer.lr", "0.01"),
            *("--data.batch_size", "1", "--trainer.accumulate_grad_batches", "2"),
            *("--trainer.callbacks", "tests.modules.unsound.Unsound", "--trainer.callbacks.rank", "1"),
            *("--trainer.callbacks.what", what, "--trainer.callbacks.batch", str(batch)),
        )

    ranks.run(
        folder,
        [
            command(strategy, name, "--trainer.max_steps", steps, "--ckpt_path", "last")
            for strategy in STRATEGIES
            for name, steps in (("whole", "4"), ("broken", "2"), ("broken", "4"))
        ]
        + [unsound(strategy, "forward", batch=2) for strategy in STRATEGIES]
        + [unsound("fsdp2", "shard", batch=1)],
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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ranks_leave_out_a_step_together_and_name_the_record(runs, strategy):
    run = runs / f"unsound_{strategy}_forward"
    for rank in (0, 1):
        weights = [line["weights"] for line in seen(run, rank)[1::2]]
        assert weights[0] == weights[1] != weights[2], rank
        assert len({line["rate"] for line in seen(run, rank)[1::2]}) == 3  # the schedule goes on
    blamed = seen(run, 1)[2]["records"]
    assert told(run) == [{"step": 2, "left_out": True, "found": [{"what": "log-probs", "records": blamed}]}]


def test_one_bad_shard_is_enough(runs):
    """Nothing in the losses tells whose fault it is: all records of the step are named."""
    run = runs / "unsound_fsdp2_shard"
    for rank in (0, 1):
        weights = [line["weights"] for line in seen(run, rank)[1::2]]
        assert weights[0] == weights[1] != weights[2], rank
    (line,) = told(run)
    blamed = {record for rank in (0, 1) for one in seen(run, rank)[2:4] for record in one["records"]}
    assert [one["what"] for one in line["found"]] == ["gradient"]
    assert set(line["found"][0]["records"]) == blamed
    assert len(blamed) == 4
