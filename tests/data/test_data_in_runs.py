"""What a run sees of its data: quarantine, mixture, cache, limits, and the same again after a resume."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import cli
from tests.data.damage import claim_too_many_frames
from tests.runs import fit
from videor1.data.quarantine import read_quarantine
from videor1.errors import ConfigError, UserError

TINY = ["--trainer.enable_checkpointing", "true", "--data.workers", "2", "--data.max_bad_share", "0.5"]


@pytest.fixture(scope="module")
def damaged(world, tmp_path_factory):
    """A copy of the world with 5 of its 48 records unusable, each in another way, and their ids."""
    root = tmp_path_factory.mktemp("damaged") / "world"
    shutil.copytree(world, root)
    for name in ("train.json", "cot.json"):
        records = json.loads((root / name).read_text())
        records[7]["problem_type"] = "riddle"
        records[11]["problem"] += " <|im_end|>"
        (root / name).write_text(json.dumps(records))
    videos = [record for record in records if record["data_type"] == "video"]
    images = [record for record in records if record["data_type"] == "image"]
    usable = [r for r in (*videos[3:5], images[2]) if r["problem_id"] not in (7, 11)]
    assert len(usable) == 3
    missing, crasher, cut = (root / record["path"] for record in usable)
    missing.unlink()
    crasher.write_bytes(claim_too_many_frames(crasher.read_bytes()))
    cut.write_bytes(cut.read_bytes()[:40])
    return root, {records[7]["problem_id"], records[11]["problem_id"], *(r["problem_id"] for r in usable)}


def test_unusable_records_are_skipped_and_nothing_else_is_lost(damaged, tmp_path):
    root, bad = damaged
    rows = fit("sft", root, tmp_path, *TINY, "--trainer.max_epochs", "1", "--trainer.max_steps", "-1")
    seen = Counter(number for row in rows for number in row["records"])
    everything = {record["problem_id"] for record in json.loads((root / "cot.json").read_text())}
    assert set(seen) == everything - bad
    assert sum(seen.values()) == 47  # the malformed one is never drawn; the other four have stand-ins
    assert max(seen.values()) <= 5
    found = read_quarantine(tmp_path / "quarantine.jsonl")
    assert {one.problem_id for one in found} == bad
    causes = {one.problem_id: one.cause for one in found}
    assert sum("no such file" in cause for cause in causes.values()) == 1
    assert sum("crashed the decoder (SIGABRT" in cause for cause in causes.values()) == 1
    assert sum("special token <|im_end|>" in cause for cause in causes.values()) == 1
    assert sum("riddle" in cause for cause in causes.values()) == 1
    logged = EventAccumulator(str(tmp_path))
    logged.Reload()
    counted = [event.value for event in logged.Scalars("data/quarantined")]
    assert counted == sorted(counted)
    assert counted[-1] == 4  # met while training; the malformed one is known before


@pytest.mark.parametrize(
    ("stop", "workers"), [(3, 2), (16, 2), pytest.param(21, 0, marks=pytest.mark.nightly)]
)
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(damaged, tmp_path, whole, stop, workers):
    """Epochs have 16 batches, and two workers have decoded ahead when the run stops."""
    root, bad = damaged
    fit("sft", root, tmp_path, *TINY, *MIXED, "--trainer.max_steps", str(stop))
    again = ["--trainer.max_steps", "30", "--ckpt_path", "last", "--data.workers", str(workers)]
    rows = fit("sft", root, tmp_path, *TINY, *MIXED, *again)
    assert [row["records"] for row in rows] == [row["records"] for row in whole]
    assert {one.problem_id for one in read_quarantine(tmp_path / "quarantine.jsonl")} == bad


def test_so_does_one_that_goes_on_after_its_last_epoch(damaged, tmp_path, whole):
    epochs = ["--trainer.max_steps", "-1", "--trainer.max_epochs"]
    fit("sft", damaged[0], tmp_path, *TINY, *MIXED, *epochs, "1")
    rows = fit("sft", damaged[0], tmp_path, *TINY, *MIXED, *epochs, "2", "--ckpt_path", "last")
    assert [row["records"] for row in rows[:30]] == [row["records"] for row in whole]


@pytest.mark.parametrize("stop", [7, 10])
def test_so_does_one_whose_epochs_are_limited(world, tmp_path, stop):
    limited = ["--trainer.limit_train_batches", "7", "--trainer.max_steps"]
    whole = fit("sft", world, tmp_path / "whole", *limited, "16")
    fit("sft", world, tmp_path / "broken", *limited, str(stop))
    rows = fit("sft", world, tmp_path / "broken", *limited, "16", "--ckpt_path", "last")
    assert [row["records"] for row in rows] == [row["records"] for row in whole]
    assert len({tuple(row["records"]) for row in whole}) == 16  # each epoch has an order of its own


MIXED = ["--data.mixture", "[{data_type: image, weight: 1.5}, {data_type: video, weight: 0.9}]"]


@pytest.fixture(scope="module")
def whole(damaged, tmp_path_factory):
    rows = fit(
        "sft", damaged[0], tmp_path_factory.mktemp("whole"), *TINY, *MIXED, "--trainer.max_steps", "30"
    )
    assert len(rows) == 30
    return rows


def test_the_run_stops_when_too_much_is_bad(damaged, tmp_path):
    with pytest.raises(UserError, match=r"data\.max_bad_share = 0\.05.*quarantine\.jsonl"):
        fit("sft", damaged[0], tmp_path, "--data.max_bad_share", "0.05", "--trainer.max_steps", "30")
    assert len(read_quarantine(tmp_path / "quarantine.jsonl")) >= 3


def test_an_array_that_is_cut_off_is_not_trained_on_in_part(world, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(world, root)
    whole = (root / "cot.json").read_bytes()
    (root / "cot.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cot\.json: record \d+: the array is cut off"):
        fit("sft", root, tmp_path / "run", "--trainer.max_steps", "1")
    (root / "cot.json").write_bytes(whole.rstrip()[:-1])  # only the last bracket is missing
    assert fit("sft", root, tmp_path / "other", "--data.max_bad_share", "0.05", "--trainer.max_steps", "1")


def test_strict_stops_at_the_first(damaged, tmp_path):
    root, _ = damaged
    with pytest.raises(UserError, match=r"cot\.json: record 7: .*riddle"):
        fit("sft", root, tmp_path, "--data.strict", "true", "--trainer.max_steps", "1")


def test_excluded_records_are_not_tried_or_counted(damaged, tmp_path, whole):
    root, bad = damaged
    earlier = tmp_path / "audited.jsonl"
    fit("sft", root, tmp_path / "first", *TINY, "--trainer.max_epochs", "1", "--trainer.max_steps", "-1")
    shutil.move(tmp_path / "first" / "quarantine.jsonl", earlier)
    arguments = ["--data.exclude", f"[{earlier}]", "--data.max_bad_share", "0"]
    epoch = ["--trainer.max_epochs", "1", "--trainer.max_steps", "-1"]
    rows = fit("sft", root, tmp_path / "second", *arguments, *epoch)
    seen = Counter(number for row in rows for number in row["records"])
    assert len(seen) == 43
    assert set(seen.values()) == {1}
    assert not bad & set(seen)
    assert not (tmp_path / "second" / "quarantine.jsonl").exists()


def test_a_quarantine_of_another_file_is_refused(damaged, tmp_path):
    root, _ = damaged
    line = {"file": "/other/cot.json", "record": 3, "problem_id": "zzz", "path": "x.mp4", "cause": "c"}
    (tmp_path / "foreign.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(ConfigError, match=r"data\.exclude: .*foreign\.jsonl is about another cot\.json"):
        fit("sft", root, tmp_path, "--data.exclude", f"[{tmp_path / 'foreign.jsonl'}]")


def test_data_that_are_not_there_at_all_stop_with_the_summary(world, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(world, root, ignore=shutil.ignore_patterns("*.mp4", "*.png"))
    with pytest.raises(UserError, match=r"records are unusable.*no such file.*quarantine\.jsonl"):
        fit("sft", root, tmp_path / "run", "--trainer.max_steps", "2")
    assert len(read_quarantine(tmp_path / "run" / "quarantine.jsonl")) > 0
    with pytest.raises(UserError, match="no usable record was found for a whole batch"):
        fit("sft", root, tmp_path / "run", "--trainer.max_steps", "2", "--data.max_bad_share", "1")


def test_validation_counts_what_cannot_be_seen(damaged, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(damaged[0], root)
    records = json.loads((root / "held_out.json").read_text())
    (root / records[1]["path"]).unlink()
    cli.main(
        ["validate", "-c", "configs/quickstart/evaluate.yaml", "--data.root", str(root)]
        + ["--model.policy", str(root / "model"), "--trainer.default_root_dir", str(tmp_path / "run")]
        + ["--data.max_bad_share", "0.5", "--data.workers", "1", "--trainer.enable_progress_bar", "false"]
        + ["--model.evaluation.samples", "1", "--model.evaluation.sampling.max_new_tokens", "4"]
        + ["--data.validation_batch_size", "1"]  # the missing record's batch is empty
    )
    (one,) = read_quarantine(tmp_path / "run" / "quarantine.jsonl")
    assert (one.record, one.path, one.cause) == (1, records[1]["path"], "no such file")
    lines = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    judged = [json.loads(line) for line in lines]
    assert {one["problem_id"] for one in judged} == {record["problem_id"] for record in records}
    assert {one["question"] for one in judged if one["missing"] == "no such file"} == {1}
    assert all(one["missing"] is None for one in judged if one["question"] != 1)


def test_predict_says_what_is_wrong_with_its_file(world, tmp_path, capsys):
    (tmp_path / "x.mp4").write_bytes(b"no video")
    status = cli.run(
        ["predict", "-c", "configs/quickstart/evaluate.yaml", "--model.policy", str(world / "model")]
        + ["--data.ask.media", str(tmp_path / "x.mp4"), "--data.ask.question", "what?"]
        + ["--data.root", str(world), "--trainer.default_root_dir", str(tmp_path / "run")]
    )
    told = capsys.readouterr().err
    assert status == 2
    assert f"error: {tmp_path}/x.mp4: Invalid data" in told
    assert told.strip().endswith("error: no answer to 1 of 1 questions")


def test_the_second_epoch_comes_from_the_cache(world, tmp_path):
    root = tmp_path / "world"
    shutil.copytree(world, root)
    cache = ["--data.cache.folder", str(tmp_path / "cache"), "--data.cache.gigabytes", "1"]
    epoch = ["--trainer.max_epochs", "1", "--trainer.max_steps", "-1"]
    first = fit("sft", root, tmp_path / "first", *cache, *epoch)
    for record in json.loads((root / "cot.json").read_text()):
        file = root / record["path"]
        status = file.stat()
        file.write_bytes(b"x" * status.st_size)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = fit("sft", root, tmp_path / "second", *cache, *epoch)
    assert [row["records"] for row in first] == [row["records"] for row in second]
    assert [row["loss"] for row in first] == [row["loss"] for row in second]
