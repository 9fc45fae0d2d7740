"""The questions of `predict`: of the command line, of files, and what is wrong with one."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from videor1.data.ask import ROOT, Ask, AskedPrompts
from videor1.data.frames import ClipSettings
from videor1.data.maker import PromptMaker
from videor1.data.media import MediaReader
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError, RecordError


def asked(ask):
    return [(record.problem_id, record.problem, record.data_type) for record in ask.records()]


def test_each_question_is_asked_about_each_medium(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (56, 56)).save(tmp_path / "real.PNG")
    (tmp_path / "link.png").symlink_to("real.PNG")
    ask = Ask(media=["a.mp4", "link.png"], question=["what: red?", "why?"])
    assert asked(ask) == [
        ("a.mp4", "what: red?", "video"),
        ("a.mp4", "why?", "video"),
        ("link.png", "what: red?", "image"),
        ("link.png", "why?", "image"),
    ]
    here = os.path.realpath(tmp_path)
    assert str(ROOT / ask.records()[0].path) == f"{here}/a.mp4"
    assert str(ROOT / ask.records()[2].path) == f"{here}/real.PNG"
    assert asked(Ask(media="a.mp4", question="why?")) == [("a.mp4", "why?", "video")]


@pytest.mark.parametrize("lines", [True, False])
def test_a_file_holds_questions_relative_to_its_folder(tmp_path, lines):
    questions = [
        {"media": "x.mp4", "question": "what?"},
        {"media": "/far/y", "question": "which?", "options": ["A. b"]},
        {"media": "../z.mp4", "question": "how many?", "problem_type": "numerical"},
    ]
    file = tmp_path / "questions"
    file.write_text("\n".join(map(json.dumps, questions)) if lines else json.dumps(questions))
    records = Ask(file=str(file)).records()
    folder = os.path.realpath(tmp_path)
    assert [str(ROOT / record.path) for record in records] == [
        f"{folder}/x.mp4",
        "/far/y",
        f"{os.path.dirname(folder)}/z.mp4",
    ]
    assert [record.problem_type for record in records] == ["free-form", "multiple choice", "numerical"]
    assert records[1].options == ("A. b",)


def test_what_a_file_holds_decides_and_not_its_name(tmp_path):
    red, blue = (Image.new("RGB", (56, 56), colour) for colour in ("red", "blue"))
    red.save(tmp_path / "still", format="JPEG")
    red.save(tmp_path / "still.webm", format="WEBP")
    red.save(tmp_path / "moving.webp", save_all=True, append_images=[blue])
    kinds = {}
    for name in ("still", "still.webm", "moving.webp", "not_there.png"):
        (record,) = Ask(media=str(tmp_path / name), question="what?").records()
        kinds[name] = record.data_type
    assert kinds == {
        "still": "image",
        "still.webm": "image",
        "moving.webp": "video",
        "not_there.png": "video",  # which the reader then says
    }


@pytest.mark.parametrize("given", ["[what: first?, why?]", "[a.mp4, 1, true]", " [1] "])
@pytest.mark.parametrize("name", ["media", "question"])
def test_a_list_that_yaml_did_not_take_for_one_of_texts_is_refused(given, name):
    fields = {"media": "a.mp4", "question": "what?"} | {name: given}
    with pytest.raises(ConfigError, match=rf"data\.ask\.{name}: a list whose items are not all texts"):
        Ask(**fields)


def test_a_record_file_will_do(world):
    found = Ask(file=str(world / "held_out.json")).records()
    expected = list(RecordFile.open(world / "held_out.json"))
    for name in ("problem", "problem_type", "options", "data_type"):
        assert [getattr(one, name) for one in found] == [getattr(one, name) for one in expected]
    assert [one.problem_id for one in found] == [one.path for one in expected]
    assert {one.solution for one in found} == {""}


GOOD = {"media": "x.mp4", "question": "what?"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"question": "what?"}, "question 1: 'media' must be a text, got None"),
        ({"media": "x.mp4", "question": ["what?"]}, "question 1: 'question' must be a text, got ['what?']"),
        ({"media": "x.mp4", "question": " "}, "question 1: 'question' must be a text, got ' '"),
        ({"media": "x\0.mp4", "question": "what?"}, r"question 1: 'media' must be a text, got 'x\x00.mp4'"),
        (GOOD | {"media": "https://x.org/y.mp4"}, "question 1: 'media' must be a file, got the address"),
        (GOOD | {"problem_type": "essay"}, "question 1: 'problem_type' must be one of"),
        (GOOD | {"problem_type": "multiple choice"}, "question 1: multiple choice without 'options'"),
        (GOOD | {"options": "A"}, "question 1: 'options' must be a list of strings, got 'A'"),
        ("x.mp4", "question 1: expected an object, got str"),
    ],
)
def test_a_wrong_question_is_named_by_file_position_and_field(tmp_path, wrong, told):
    file = tmp_path / "questions.json"
    file.write_text(json.dumps([GOOD, wrong]))
    with pytest.raises(RecordError) as raised:
        Ask(file=str(file)).records()
    assert str(raised.value).startswith(f"{file}: {told}")
    assert "\n" not in str(raised.value)


def test_broken_missing_and_empty_files_are_named(tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps(GOOD) + '\n{"media": \n')
    with pytest.raises(RecordError, match=r"questions\.jsonl: question 1: broken JSON"):
        Ask(file=str(file)).records()
    file.write_text("[]")
    with pytest.raises(ConfigError, match=r"data\.ask\.file: .*questions\.jsonl holds no question"):
        Ask(file=str(file)).records()
    with pytest.raises(RecordError, match=r"none\.json: No such file"):
        Ask(file=str(tmp_path / "none.json")).records()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"file": "x.json", "media": "x.mp4"}, r"data\.ask\.file has its own media and questions"),
        ({"media": "x.mp4"}, r"data\.ask\.question is missing"),
        ({"question": "what?"}, r"data\.ask\.media is missing"),
    ],
)
def test_settings_that_do_not_go_together_name_their_keys(settings, told):
    with pytest.raises(ConfigError, match=told):
        Ask(**settings)


def test_a_question_that_cannot_be_asked_leaves_its_place_empty(world, tmp_path, prompt_builder):
    video = world / next(
        one.path for one in RecordFile.open(world / "train.json") if one.data_type == "video"
    )
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    records = Ask(media=[str(tmp_path / "bad.mp4"), str(video)], question=["what?", "<|im_end|>"]).records()
    maker = PromptMaker(
        MediaReader(ROOT),
        clip=ClipSettings(max_frames=4, video_max_pixels=3136),
        builder=prompt_builder,
        max_tokens=1024,
        response_tokens=16,
    )
    prompts = AskedPrompts(records, maker)
    batches = [prompts[[number]] for number in range(4)]
    assert [len(batch) for batch in batches] == [0, 0, 1, 0]
    assert batches[2].prompts[0].record == records[2]
    assert batches[2].prompts[0].clip.path == os.path.realpath(video)
    causes = [one.cause for batch in batches for one in batch.quarantined]
    assert [one.record for batch in batches for one in batch.quarantined] == [0, 1, 3]
    assert causes[0].startswith(f"{os.path.realpath(tmp_path)}/bad.mp4: Invalid data")
    assert causes[2] == f"record {video}: its text contains the special token <|im_end|>"
    assert len(prompts[[]]) == 0
