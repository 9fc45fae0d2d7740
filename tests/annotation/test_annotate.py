"""`annotate` through the command line: chains of thought that are right, and that SFT reads as they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import cli
from tests.runs import asking, fit
from videor1.data.record_file import RecordFile
from videor1.rewards import accuracy

TRIES = 4


def command(world: Path, policy: Path, folder: Path, *arguments: str) -> list[str]:
    tries = ["--model.evaluation.samples", str(TRIES)]
    return asking("annotate", world, policy, folder, *tries, *arguments)


@pytest.fixture(scope="module")
def annotated(world, sft, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("annotated") / "run"
    cli.main(command(world, sft / "hf", folder))
    return folder


def rows(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_what_is_kept_is_right_and_comes_from_the_model(annotated, world):
    originals = {record["problem_id"]: record for record in json.loads((world / "train.json").read_text())}
    responses: dict[str, list[dict]] = {}
    for one in rows(annotated / "predictions.jsonl"):
        responses.setdefault(one["problem_id"], []).append(one)
    assert {len(tries) for tries in responses.values()} == {TRIES}
    assert set(responses) == set(originals)
    kept = rows(annotated / "cot.jsonl")
    assert 0 < len(kept) < len(originals)
    for record in kept:
        original = originals[record["problem_id"]]
        assert {key: record[key] for key in original if key != "process"} == {
            key: value for key, value in original.items() if key != "process"
        }
        full = [one["response"] for one in responses[record["problem_id"]]]
        mine = [text for text in full if text.startswith(record["process"])]
        marks = [accuracy(text, record["solution"], record["problem_type"]) for text in mine]
        assert max(marks) > 0.6
    right = {
        name
        for name, tries in responses.items()
        if any(one["accuracy"] > 0.6 and one["format"] and one["finished"] for one in tries)
    }
    assert [record["problem_id"] for record in kept] == [name for name in originals if name in right]


def test_statistics_count_what_is_in_the_files(annotated, capsys):
    found = json.loads((annotated / "annotation.json").read_text())
    kept, judged = rows(annotated / "cot.jsonl"), rows(annotated / "predictions.jsonl")
    assert found["records"] == len(judged) // TRIES
    assert found["kept"] == found["chains"] == len(kept)
    assert sum(found["responses"].values()) == len(judged)
    for field in ("problem_type", "data_source"):
        for value, cell in found[f"by_{field}"].items():
            assert cell["records"] == sum(one[field] == value for one in judged) // TRIES
            assert cell.get("kept", 0) == sum(record[field] == value for record in kept)
    text = (annotated / "annotation.md").read_text()
    assert f"{len(kept)} of {found['records']} records have a chain of thought" in text


def test_started_again_it_writes_the_same(annotated, world, sft):
    before = {file.name: file.read_bytes() for file in annotated.glob("*.json*")}
    (annotated / "cot.jsonl").unlink()
    cli.main(command(world, sft / "hf", annotated))
    assert {file.name: file.read_bytes() for file in annotated.glob("*.json*")} == before


def test_another_filter_uses_the_same_responses(annotated, world, sft, tmp_path):
    folder = shutil.copytree(annotated, tmp_path / "run")
    before = (folder / "predictions.jsonl").read_bytes()
    cli.main(command(world, sft / "hf", folder, "--filter.keep", "4", "--filter.accuracy_above", "0"))
    assert (folder / "predictions.jsonl").read_bytes() == before
    found = json.loads((folder / "annotation.json").read_text())
    records = RecordFile.open(folder / "cot.jsonl", strict=True)  # which refuses an id that comes twice
    assert found["chains"] == len(records) > found["kept"]


def test_sft_reads_it_as_it_is(annotated, world, tmp_path):
    records = RecordFile.open(annotated / "cot.jsonl", strict=True)
    seen = fit(
        *["sft", world, tmp_path, "--data.train", str(annotated / "cot.jsonl"), "--trainer.max_steps", "30"],
        *["--model.schedule.warmup_steps", "2"],
    )
    assert {name for row in seen for name in row["records"]} <= {record.problem_id for record in records}
    losses = [row["loss"] for row in seen]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_without_records_it_says_which_key(world, sft, tmp_path, capsys):
    assert cli.run(command(world, sft / "hf", tmp_path, "--data.train", "null")) == 2
    assert "error: data.train is missing" in capsys.readouterr().err
