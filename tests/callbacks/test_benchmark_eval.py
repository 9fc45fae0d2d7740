"""Benchmarks in the middle of training: curves, a monitor, and a run that is not disturbed by them."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.runs import curves, fit
from videor1.errors import ConfigError

EVAL = "callbacks.BenchmarkEval"
BENCHMARKS = "[{name: records, annotations: held_out.json, questions: 8}]"
FEW = ["--model.rollout.group_size", "2", "--model.rollout.shuffled_size", "1", "--trainer.max_steps", "4"]


def arguments(every: int) -> list[str]:
    return [
        *["--trainer.callbacks+", EVAL, "--trainer.callbacks.every_n_steps", str(every)],
        *["--trainer.callbacks.benchmarks", BENCHMARKS, "--trainer.callbacks.name", "often"],
        *["--model.evaluation.blind", "true", "--model.evaluation.samples", "2"],
        *["--trainer.accumulate_grad_batches", "2"],
    ]


@pytest.fixture(scope="module")
def run(world, sft, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    best = "lightning.pytorch.callbacks.ModelCheckpoint"
    rows = fit(
        *["tgrpo", world, folder, *FEW, *arguments(2), "--trainer.callbacks+", best],
        *["--trainer.callbacks.monitor", "often/temporal/sampled/ordered", "--trainer.callbacks.mode", "max"],
        *[
            "--trainer.callbacks.every_n_train_steps",
            "2",
            "--trainer.callbacks.dirpath",
            str(folder / "best"),
        ],
        policy=sft / "hf",
    )
    return folder, rows


def test_curves_of_every_way_of_asking_before_the_first_step_and_every_n(run):
    logged = curves(run[0])
    for benchmark in ("temporal", "other"):
        for order in ("ordered", "shuffled", "blind", "gap"):
            points = logged[f"often/{benchmark}/sampled/{order}"]
            assert [step for step, _ in points] == [0, 2, 4], (benchmark, order)
        assert [step for step, _ in logged[f"often/{benchmark}/tokens"]] == [0, 2, 4]
    ordered, shuffled, gap = (
        [value for _, value in logged[f"often/temporal/sampled/{order}"]]
        for order in ("ordered", "shuffled", "gap")
    )
    assert gap == pytest.approx([a - b for a, b in zip(ordered, shuffled, strict=True)], abs=1e-6)
    assert all(0 <= value <= 1 for value in ordered + shuffled)


def test_it_can_be_what_checkpoints_are_chosen_by(run):
    folder, _ = run
    values = dict(curves(folder)["often/temporal/sampled/ordered"])
    best = max((2, 4), key=values.__getitem__)
    (kept,) = (folder / "best").glob("*.ckpt")
    assert f"step={best}" in kept.name


def test_the_run_is_the_one_without_it(run, world, sft, tmp_path):
    apart = ["--trainer.accumulate_grad_batches", "2"]
    rows = fit("tgrpo", world, tmp_path, *FEW, *apart, policy=sft / "hf")
    assert [row["sampled"] for row in rows] == [row["sampled"] for row in run[1]]
    assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in run[1]], abs=1e-6)


def test_media_are_looked_for_where_its_questions_are(world, sft, tmp_path):
    """The benchmarks may lie elsewhere than the training data."""
    root = tmp_path / "elsewhere"
    shutil.copytree(world, root)
    data = shutil.copytree(world, tmp_path / "data")
    for record in json.loads((world / "held_out.json").read_text()):
        if record["data_type"] == "video":
            (data / record["path"]).unlink()
    apart = ["--trainer.callbacks.root", str(root), "--trainer.max_steps", "1"]
    fit("tgrpo", data, tmp_path / "run", *FEW, *arguments(2), *apart, policy=sft / "hf")
    logged = curves(tmp_path / "run")
    assert logged["eval/temporal/missing"] == [(0, 1.0)]  # of the quickstart's own, below the training data
    assert not {name for name in logged if name.startswith("often/") and name.endswith("missing")}
    assert logged["often/temporal/tokens"][0][1] > 0


@pytest.mark.parametrize(
    ("given", "key"), [({"benchmarks": []}, "benchmarks"), ({"every_n_steps": 0}, "every")]
)
def test_settings_that_cannot_work_are_named(given, key):
    from callbacks import BenchmarkEval
    from videor1.data.annotations.benchmark_file import BenchmarkFile

    sound = {"benchmarks": [BenchmarkFile(name="records", annotations="x.json")], "every_n_steps": 1}
    with pytest.raises(ConfigError, match=f"callbacks.BenchmarkEval.{key}"):
        BenchmarkEval(**(sound | given))
