"""The harder dress: how often the cue is right in each split, and that frames show what each thought says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from videor1.errors import ConfigError
from videor1.toyworld.__main__ import main
from videor1.toyworld.build import build
from videor1.toyworld.canvas import COLOURS, SAMPLED
from videor1.toyworld.corpus import world_corpus
from videor1.toyworld.cued import FORETOLD, Twist
from videor1.toyworld.records import Question, draw_question, plan
from videor1.toyworld.scene import LETTERS
from videor1.toyworld.settings import WorldSettings, check_same

MIXTURE = {"first": 1.0, "last": 1.0, "grow": 1.0}
HARD = WorldSettings(
    train=450, held_out=150, shortcut=0.8, spells=4, blind_share=1.0, detailed_share=0.0, mixture=MIXTURE
)


def drawn(settings: WorldSettings, split: str) -> list[tuple[str, Question, np.ndarray]]:
    slots = [slot for slot in plan(settings) if slot.split == split]
    return [(slot.task, *draw_question(settings, slot)) for slot in slots]


def painted(frame: np.ndarray) -> dict[str, int]:
    found = {name: int((frame == colour).all(-1).sum()) for name, colour in COLOURS.items()}
    return {name: pixels for name, pixels in found.items() if pixels > 4}


def cued_letter(task: str, frames: np.ndarray) -> str:
    """The answer of whoever goes by the cue, from pixels alone and whatever the frames' order."""
    pixels: dict[str, int] = {}
    for frame in frames:
        for colour, area in painted(frame).items():
            pixels[colour] = max(area, pixels.get(colour, 0))
    if task == "grow":
        (colour,) = pixels
        return "A" if FORETOLD[colour] == "grows" else "B"
    return LETTERS[list(COLOURS).index(max(pixels, key=pixels.__getitem__))]


def answer(solution: str) -> str:
    return solution.removeprefix("<answer>").removesuffix("</answer>")


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", {"first": 0.8, "last": 0.8, "grow": 0.8}),
        ("held_out", {"first": 1 / 4, "last": 1 / 4, "grow": 1 / 2}),
    ],
)
def test_the_cue_is_as_often_right_as_set_and_at_chance_when_held_out(split, expected) -> None:
    right: dict[str, list[bool]] = {task: [] for task in expected}
    for task, question, frames in drawn(HARD, split):
        right[task].append(cued_letter(task, frames) == answer(question.record.solution))
    for task, share in expected.items():
        assert np.mean(right[task]) == pytest.approx(share, abs=0.12)


def test_a_blind_teacher_says_and_answers_what_the_cue_says() -> None:
    for task, question, frames in drawn(HARD, "train")[:150]:
        assert answer(question.told.solution) == cued_letter(task, frames)
        assert " then " not in question.told.process
        said = re.search(
            r"the big \w+ is (\w+), so" if task != "grow" else r"the \w+ is (\w+), so", question.told.process
        )
        assert said
        assert said[1] in set().union(*map(painted, frames))


@pytest.mark.parametrize("spells", [2, 3, 4])
def test_a_seeing_teacher_says_what_the_frames_show_in_order(spells: int) -> None:
    settings = WorldSettings(
        train=60, shortcut=0.8, spells=spells, blind_share=0.0, detailed_share=0.0, mixture=MIXTURE
    )
    for task, question, frames in drawn(settings, "train"):
        assert question.told.solution == question.record.solution
        shown = [painted(frame) for frame in frames]
        if task == "grow":
            small_first = sum(shown[0].values()) < sum(shown[-1].values())
            assert ("small then big" if small_first else "big then small") in question.told.process
            assert answer(question.record.solution) == ("A" if small_first else "B")
            continue
        order = list(dict.fromkeys(next(iter(shown[moment])) for moment in SAMPLED))
        assert len(order) == spells
        assert f"<think>{' then '.join(order)}, so" in question.told.process
        wanted = order[0] if task == "first" else order[-1]
        assert answer(question.record.solution) == LETTERS[list(COLOURS).index(wanted)]


def test_without_a_cue_no_size_and_no_colour_tells_the_answer() -> None:
    settings = WorldSettings(train=450, spells=4, mixture=MIXTURE)
    right = {task: [] for task in MIXTURE}
    for task, question, frames in drawn(settings, "train"):
        right[task].append(cued_letter(task, frames) == answer(question.record.solution))
    assert np.mean(right["first"]) == pytest.approx(1 / 4, abs=0.12)
    assert np.mean(right["grow"]) == pytest.approx(1 / 2, abs=0.12)


def test_distractors_change_frames_and_nothing_else() -> None:
    settings = WorldSettings(train=30, mixture={"first": 1.0, "colour": 1.0})
    disturbed = WorldSettings(train=30, mixture={"first": 1.0, "colour": 1.0}, distractors=3)
    for (_, one, plain), (_, two, busy) in zip(
        drawn(settings, "train"), drawn(disturbed, "train"), strict=True
    ):
        assert one == two
        assert (plain == busy).all() == (len(plain) == 1)
        changed = (plain != busy).any(-1)
        assert changed.sum(axis=(1, 2)).max() <= 3 * 8 * 8
        assert set(busy[changed].flatten()) <= {15, 250}


def test_the_missing_colour_is_missing_and_shuffling_keeps_the_others() -> None:
    for _, question, frames in drawn(WorldSettings(train=80, mixture={"absent": 1.0}), "train"):
        shown = [next(iter(painted(frames[moment]))) for moment in SAMPLED]
        (missing,) = COLOURS.keys() - set(shown)
        assert answer(question.record.solution) == LETTERS[list(COLOURS).index(missing)]
        assert sorted(map(shown.count, set(shown))) == [2, 3, 3]
        assert question.record.data_source == "other/absent"


def test_defaults_are_the_world_of_before() -> None:
    settings = WorldSettings()
    assert not {"shortcut", "spells", "distractors"} & settings.as_json().keys()
    assert "absent" not in settings.mixture
    corpus = world_corpus(0)
    assert not any("never appears" in line for line in corpus)
    hard = world_corpus(0, twist=Twist(cued=True, cue=0.9, spells=4), asked=["absent"])
    assert {"which colour never appears?", "which colour comes first?"} <= set(hard)
    assert any(line.startswith("red then") and line.count(" then ") == 3 for line in hard)


def test_the_settings_are_kept_and_compared(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(WorldSettings().as_json()))
    check_same(tmp_path / "settings.json", WorldSettings())
    with pytest.raises(ConfigError, match=r"shortcut 0\.0, not 0\.8"):
        check_same(tmp_path / "settings.json", WorldSettings(shortcut=0.8))


def test_a_file_of_settings_is_heeded(tmp_path: Path) -> None:
    file, world = tmp_path / "world.yaml", tmp_path / "world"
    file.write_text(
        "{train: 8, held_out: 1, held_out_other: 1, shortcut: 0.8, detailed_share: 0, mixture: {first: 1}}"
    )
    assert main(["--out", str(world), "--config", str(file), "--train", "6"]) == 0
    assert len(json.loads((world / "train.json").read_text())) == 6
    settings = WorldSettings(
        train=6, held_out=1, held_out_other=1, shortcut=0.8, detailed_share=0.0, mixture={"first": 1.0}
    )
    assert not build(world, settings)
    seen = json.loads((world / "seen.json").read_text())
    truth = json.loads((world / "train.json").read_text())
    assert [row["solution"] for row in seen] == [row["solution"] for row in truth]
    assert all(" then " in row["process"] for row in seen)


@pytest.mark.parametrize("wrong", [{"shortcut": 1.2}, {"spells": 5}, {"spells": 1}, {"distractors": -1}])
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        WorldSettings(**wrong)
