"""A world on disk: its files, that it can be interrupted, and that it is not mixed with another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videor1.data.frames import read_clip
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError
from videor1.toyworld import build as build_module
from videor1.toyworld.__main__ import main
from videor1.toyworld.build import build
from videor1.toyworld.canvas import COLOURS, SAMPLED
from videor1.toyworld.records import draw_question, plan
from videor1.toyworld.settings import WorldSettings
from videor1.types import PROBLEM_TYPES, Record

SETTINGS = WorldSettings(seed=3, train=48, held_out=2, held_out_other=2)
FIELDS = {
    *("problem_id", "problem", "data_type", "problem_type"),
    *("options", "solution", "path", "data_source"),
}
JSON_FILES = ("train.json", "cot.json", "held_out.json", "world.json")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("toy") / "world"
    assert build(out, SETTINGS, processes=2)
    return out


@pytest.fixture
def copy(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world, tmp_path / "world"))


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def pixels(out: Path, record: Record) -> np.ndarray:
    if record.data_type == "image":
        return np.array(Image.open(out / record.path))[None]
    return read_clip(out / record.path, max_frames=16).frames


def test_records_are_as_published(world: Path) -> None:
    train, cot, held_out = (json.loads((world / name).read_text()) for name in JSON_FILES[:3])
    assert [len(rows) for rows in (train, cot, held_out)] == [48, 48, 3 * 2 + 6 * 2]
    assert all(set(row) == FIELDS for row in train + held_out)
    assert all(set(row) == FIELDS | {"process"} for row in cot)
    assert {row["problem_type"] for row in train} == set(PROBLEM_TYPES)
    for row, told in zip(train, cot, strict=True):
        assert all(row[field] == told[field] for field in FIELDS - {"solution"})
        assert told["process"].startswith("<think>")
        assert told["process"].endswith("</think>")
        assert row["solution"].startswith("<answer>")
        assert row["path"].startswith(f"./{row['data_type']}s/")
        assert (world / row["path"]).is_file()
        assert row["data_source"].split("/")[0] in ("temporal", "other")
        assert row["options"][:1] in ([], ["A. red"], ["A. grows"])
    assert RecordFile.open(world / "cot.json")[5].process == cot[5]["process"]


def test_decoded_frames_show_what_was_drawn(world: Path) -> None:
    slots = [slot for slot in plan(SETTINGS) if slot.split == "held_out"]
    for slot, record in zip(slots, RecordFile.open(world / "held_out.json"), strict=True):
        drawn = draw_question(SETTINGS, slot)[1]
        if record.data_type == "image":
            np.testing.assert_array_equal(pixels(world, record), drawn)
            continue
        clip = read_clip(world / record.path, max_frames=16)
        assert (clip.indices, clip.source_fps, clip.total_frames) == (SAMPLED, 4.0, 16)
        for shown, moment in zip(clip.frames, SAMPLED, strict=True):
            assert abs(shown.astype(int) - drawn[moment]).mean() < 6
            for colour in COLOURS.values():
                inside = (drawn[moment] == colour).all(-1)
                if inside.sum() > 100:
                    assert abs(np.median(shown[inside], axis=0) - colour).max() < 25


def test_the_same_settings_give_the_same_world(world: Path, tmp_path: Path) -> None:
    build(tmp_path / "again", SETTINGS, processes=1)
    assert [(tmp_path / "again" / name).read_text() for name in JSON_FILES] == [
        (world / name).read_text() for name in JSON_FILES
    ]
    for record in RecordFile.open(world / "train.json"):
        np.testing.assert_array_equal(pixels(tmp_path / "again", record), pixels(world, record))
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / "again" / "model" / name).read_bytes() == (world / "model" / name).read_bytes()


def test_an_interrupted_build_goes_on(copy: Path) -> None:
    whole = contents(copy)
    for path in [*sorted(copy.glob("videos/*/*"))[::3], copy / "world.json", copy / "train.json"]:
        path.unlink()
    victim = next(copy.glob("videos/first/*"))
    victim.rename(victim.with_name(f"{victim.name}.part"))
    victim.with_name(f"{victim.name}.part").write_bytes(b"half a video")
    (copy / "model").rename(copy / "model.part")
    assert build(copy, SETTINGS, processes=1)
    assert contents(copy) == whole


def test_an_error_midway_leaves_only_whole_files(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt_after(files: int) -> Callable[..., None]:
        original, written = build_module.write_media, []

        def write(path: Path, frames: np.ndarray) -> None:
            if len(written) == files:
                raise KeyboardInterrupt
            written.append(path)
            original(path, frames)

        return write

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "write_media", interrupt_after(20))
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, SETTINGS, processes=1)
    assert not (tmp_path / "world.json").exists()
    there, whole = contents(tmp_path), contents(world)
    assert there.items() <= whole.items()
    assert build(tmp_path, SETTINGS, processes=1)
    assert contents(tmp_path) == whole


def test_a_complete_world_is_left_alone(copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert not build(copy, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_another_world_is_refused_and_names_the_setting(copy: Path) -> None:
    with pytest.raises(ConfigError, match=r"held_out 2, not 3.*--overwrite"):
        build(copy, replace(SETTINGS, held_out=3))
    (copy / "world.json").unlink()  # an unfinished one is, too
    with pytest.raises(ConfigError, match=r"mixture\.first 0\.2, not 0\.3"):
        build(copy, replace(SETTINGS, mixture={**SETTINGS.mixture, "first": 0.3}))


def test_overwriting_leaves_nothing_of_the_old_world_and_touches_nothing_else(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    settings = replace(SETTINGS, train=8, held_out=1, held_out_other=0, mixture={"colour": 1.0, "grow": 1.0})
    assert build(copy, settings, overwrite=True, processes=1)
    assert (copy / "notes.txt").read_text() == "mine"
    media = [path for folder in ("videos", "images") for path in (copy / folder).rglob("*.*")]
    assert len(media) == 8 + 1


def test_a_folder_of_unknown_origin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"videos but no settings\.json"):
            build(tmp_path, SETTINGS, overwrite=overwrite)
    assert list(tmp_path.iterdir()) == [tmp_path / "videos"]


def test_the_inventory_tells_what_the_teacher_did(world: Path) -> None:
    inventory = json.loads((world / "world.json").read_text())
    assert sum(inventory["questions"]["train"].values()) == 48
    assert inventory["questions"]["held_out"]["temporal/first"] == 2
    assert 0.4 < inventory["teacher"]["blind"] <= 1
    assert 0 < inventory["teacher"]["wrong"] < inventory["teacher"]["blind"]
    assert inventory["settings"]["seed"] == 3


def test_the_command_line(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", str(copy), "--seed", "3", "--train", "48", "--held_out", "2", "--held_out_other", "2"]
    assert main(options) == 0
    assert "complete already" in capsys.readouterr().out
    for wrong, reason in (
        (["--model.hidden", "96"], f"{copy} holds a world with model.hidden 128, not 96: "),
        (["--mixture", '{"grow": 1}'], f"{copy} holds a world with mixture."),
        (["--train", "0"], "train must be at least 1, got 0"),
        (["--model.heads", "3"], "model.hidden must be a multiple of 24, got 128"),
    ):
        assert main([*options, *wrong]) == 2
        refusal = capsys.readouterr().err
        assert refusal.startswith(f"error: {reason}")
        assert refusal.count("\n") == 1
