"""The teacher, and seeds: a record depends on its own number alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from videor1.errors import ConfigError
from videor1.toyworld.records import Question, draw_question, plan
from videor1.toyworld.settings import WorldSettings
from videor1.toyworld.tiny_model import TinyShape


def questions(settings: WorldSettings) -> list[Question]:
    return [draw_question(settings, slot)[0] for slot in plan(settings) if slot.split == "train"]


def temporal(drawn: list[Question]) -> list[Question]:
    return [question for question in drawn if question.record.data_source.startswith("temporal/")]


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_the_teacher_is_as_often_blind_as_set(share: float) -> None:
    drawn = questions(WorldSettings(train=400, blind_share=share))
    assert np.mean([question.blind for question in temporal(drawn)]) == pytest.approx(share, abs=0.1)
    for question in drawn:
        seeing = not question.blind
        assert question.told.process is not None
        if seeing:
            assert question.told.solution == question.record.solution
        else:
            assert question in temporal(drawn)


def test_a_blind_teacher_answers_as_it_argues() -> None:
    for question in questions(WorldSettings(train=200, blind_share=1.0, mixture={"first": 1.0})):
        said = question.told.process.removesuffix("</think>").split()[-1]
        letter = question.told.solution.removeprefix("<answer>")[0]
        assert f"{letter}. {said}" in question.told.options


def test_both_styles_of_thought_occur_as_set() -> None:
    for share in (0.0, 0.5, 1.0):
        settings = WorldSettings(train=300, detailed_share=share, mixture={"first": 1.0})
        long = ["i see" in str(question.told.process) for question in questions(settings)]
        assert np.mean(long) == pytest.approx(share, abs=0.1)


def test_the_mixture_is_kept_and_its_order_is_no_matter() -> None:
    settings = WorldSettings(train=1000, mixture={"first": 3.0, "colour": 1.0})
    tasks = [slot.task for slot in plan(settings) if slot.split == "train"]
    assert tasks.count("first") == pytest.approx(750, abs=60)
    assert plan(replace(settings, mixture={"colour": 1.0, "first": 3.0})) == plan(settings)


def test_a_record_does_not_depend_on_how_many_there_are() -> None:
    few, many = WorldSettings(train=20), WorldSettings(train=50)
    assert questions(few) == questions(many)[:20]
    assert questions(few) != questions(WorldSettings(train=20, seed=1))


def test_no_two_clips_are_equal() -> None:
    settings = WorldSettings(train=300, held_out=20, held_out_other=100, mixture={"digit": 1.0, "grow": 0.1})
    clips = [draw_question(settings, slot)[1].tobytes() for slot in plan(settings)]
    assert len(set(clips)) == len(clips) == 420


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"train": 0}, "train"),
        ({"held_out": -1}, "held_out"),
        ({"blind_share": 1.1}, "blind_share"),
        ({"mixture": {"frist": 1.0}}, "frist"),
        ({"mixture": {"first": 0.0}}, "mixture"),
    ],
)
def test_impossible_settings_are_named(wrong: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        WorldSettings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"hidden": 100}, "hidden"),
        ({"kv_heads": 3}, "kv_heads"),
        ({"vision_hidden": 60}, "vision_hidden"),
        ({"vocabulary": 100}, "vocabulary"),
    ],
)
def test_impossible_shapes_are_named(wrong: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigError, match=f"model.{key}"):
        TinyShape(**wrong)
