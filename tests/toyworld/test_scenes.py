"""Every kind of question: sound, and the temporal ones really need the frames' order."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import numpy as np
import pytest

from videor1.data.frames import sample_indices
from videor1.toyworld.canvas import COLOURS, FRAMES, FRAMES_PER_SECOND, SAMPLED
from videor1.toyworld.scene import LETTERS, Scene
from videor1.toyworld.tasks import TASKS, default_mixture
from videor1.types import PROBLEM_TYPES

TEMPORAL = [name for name, task in TASKS.items() if task.family == "temporal"]


def scenes(task: str, number: int = 40) -> list[Scene]:
    return [TASKS[task].draw(np.random.default_rng([7, seed])) for seed in range(number)]


def painted(frame: np.ndarray) -> dict[str, int]:
    """How many pixels of each object colour a drawn frame has."""
    found = {name: int((frame == colour).all(-1).sum()) for name, colour in COLOURS.items()}
    return {name: pixels for name, pixels in found.items() if pixels > 4}


def told_by_pixels(task: str, frames: np.ndarray) -> str | None:
    """The true answer, worked out from drawn frames alone."""
    shown = [painted(frame) for frame in frames]
    if task in ("first", "last"):
        return LETTERS[list(COLOURS).index(next(iter(shown[0 if task == "first" else -1])))]
    if task == "grow":
        sizes = [sum(colours.values()) for colours in shown]
        return "A" if sizes[0] < sizes[-1] else "B"
    if task == "direction":
        ends = [np.argwhere((frames[k] == COLOURS[next(iter(shown[k]))]).all(-1)).mean(0) for k in (0, -1)]
        down, across = ends[1] - ends[0]
        return LETTERS[int(across > 0) if abs(across) > abs(down) else 2 + int(down > 0)]
    return None


def test_the_sampled_frames_are_those_of_the_recipe() -> None:
    assert list(SAMPLED) == sample_indices(FRAMES, FRAMES_PER_SECOND, max_frames=8)
    assert list(SAMPLED) == sample_indices(FRAMES, FRAMES_PER_SECOND, max_frames=16)


def test_the_default_mixture_is_half_temporal_and_has_every_answer_type() -> None:
    mixture = default_mixture()
    assert sum(mixture.values()) == pytest.approx(1)
    assert 0.5 <= sum(weight for name, weight in mixture.items() if name in TEMPORAL) <= 0.6
    assert {scenes(name, 1)[0].problem_type for name in mixture} == set(PROBLEM_TYPES)
    assert not {"direction", "digits"} & set(mixture)


@pytest.mark.parametrize("task", TASKS)
def test_scenes_are_well_formed(task: str) -> None:
    for scene in scenes(task):
        assert scene.frames.shape in ((FRAMES, 56, 56, 3), (1, 56, 56, 3))
        assert scene.frames.dtype == np.uint8
        assert bool(scene.choices) == (scene.problem_type == "multiple choice")
        assert (scene.guessed is not None) == (task in TEMPORAL)
        assert not any(choice in scene.question.split() for choice in scene.choices)
        for thoughts in filter(None, (scene.seen, scene.guessed)):
            said = scene.choices[LETTERS.index(thoughts.answer)] if scene.choices else thoughts.answer
            assert said in thoughts.terse
            assert said in thoughts.detailed
            assert len(thoughts.detailed.split()) > 1.4 * len(thoughts.terse.split())


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_balanced(task: str) -> None:
    counts = Counter(scene.seen.answer for scene in scenes(task, 240))
    assert len(counts) > 1
    assert min(counts.values()) > 0.4 * 240 / len(counts)


@pytest.mark.parametrize("task", TEMPORAL)
def test_a_blind_viewer_is_as_often_right_as_a_guess(task: str) -> None:
    chance = {"first": 1 / 3, "last": 1 / 3, "grow": 1 / 2, "direction": 1 / 2, "digits": 1 / 2}[task]
    right = [scene.seen.answer == scene.guessed.answer for scene in scenes(task, 400) if scene.guessed]
    assert np.mean(right) == pytest.approx(chance, abs=0.08)


@pytest.mark.parametrize("task", ["first", "last", "grow", "direction"])
def test_the_reversed_clip_has_the_same_frames_and_another_answer(task: str) -> None:
    for scene in scenes(task):
        assert told_by_pixels(task, scene.frames) == scene.seen.answer
        assert told_by_pixels(task, scene.frames[::-1]) != scene.seen.answer


@pytest.mark.parametrize("asked", ["first", "last"])
def test_how_long_a_colour_is_shown_does_not_tell_its_place(asked: str) -> None:
    place: dict[int, Counter[int]] = {2: Counter(), 3: Counter()}
    for scene in scenes(asked, 200):
        shown = [next(iter(painted(scene.frames[moment]))) for moment in SAMPLED]
        spells = [len(list(run)) for _, run in itertools.groupby(shown)]
        assert sorted(spells) == [2, 3, 3]
        for number, spell in enumerate(spells):
            place[spell][number] += 1
    assert min(place[2].values()) > 0.25 * 200
    assert min(place[3].values()) > 0.25 * 400


def test_flashes_are_counted_in_any_order_and_never_touch() -> None:
    for scene in scenes("count"):
        lit = [bool(painted(frame)) for frame in scene.frames]
        assert sum(lit[moment] for moment in SAMPLED) == sum(lit) == int(scene.seen.answer)
        assert not any(one and two for one, two in itertools.pairwise(lit))


def test_a_width_is_the_painted_width() -> None:
    for scene in scenes("width"):
        (pixels,) = painted(scene.frames[0]).values()
        assert pixels == int(scene.seen.answer) ** 2


def test_options_keep_their_letters() -> None:
    fixed = {task: {json.dumps(scene.choices) for scene in scenes(task)} for task in TASKS}
    assert all(len(choices) == 1 for choices in fixed.values())
