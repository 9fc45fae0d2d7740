"""Answers as a person and a program see them, and reasoning that appears word by word."""

from __future__ import annotations

import json

import pytest
import torch

from callbacks.answer_text import REASONING, as_dict, conclusion, heading
from callbacks.show_answers import ReasoningStreamer
from videor1.rewards import reasoning_of
from videor1.types import Group, Response

TEXT = "<think>the red ball\nfalls 球 behind naïve 🎈 boxes </think>\n<answer>it falls</answer>"


def group(prompt, text, finished=True):
    response = Response(token_ids=torch.arange(7), logprobs=torch.zeros(7), text=text, finished=finished)
    return Group(prompt=prompt, ordered=(response,), shuffled=())


def test_a_person_sees_which_frames_were_used(media_prompts):
    video, image = media_prompts["video"], media_prompts["image"]
    _, media, shown, question = heading(video).split("\n", 3)
    clip = video.clip
    assert media == f"media      {video.record.problem_id}"
    height, width = clip.frames.shape[1:3]
    seconds = ", ".join(f"{index / clip.source_fps:.1f}" for index in clip.indices)
    assert shown == f"shown      {len(clip.indices)} frames at {width}x{height}, seconds {seconds}"
    assert question.startswith(f"question   {video.record.problem}")
    height, width = image.clip.frames.shape[1:3]
    assert f"\nshown      image {width}x{height}\n" in heading(image)


@pytest.mark.parametrize(
    ("text", "finished", "told"),
    [
        (TEXT, True, "answer     it falls"),
        ("<think>and so on", False, "answer     (none given)   [cut off at max_new_tokens]"),
        ("<answer>B</answer>", True, "answer     B"),
    ],
)
def test_a_person_sees_the_answer(media_prompts, text, finished, told):
    assert conclusion(group(media_prompts["video"], text, finished)) == told


def test_a_program_reads_the_same_as_json(media_prompts):
    prompt = media_prompts["video"]
    clip, record = prompt.clip, prompt.record
    found = json.loads(json.dumps(as_dict(group(prompt, TEXT), 1.23456)))
    assert found == {
        "media": record.problem_id,
        "question": record.problem,
        "options": list(record.options),
        "frames": {
            "count": len(clip.frames),
            "indices": list(clip.indices),
            "seconds": [round(index / clip.source_fps, 3) for index in clip.indices],
            "height": clip.frames.shape[1],
            "width": clip.frames.shape[2],
            "fps": round(clip.fps, 3),
            "source_fps": round(clip.source_fps, 3),
            "source_frames": clip.total_frames,
        },
        "reasoning": "the red ball\nfalls 球 behind naïve 🎈 boxes",
        "answer": "it falls",
        "response": TEXT,
        "tokens": 7,
        "finished": True,
        "seconds": 1.235,
    }
    image = as_dict(group(media_prompts["image"], "none"), 0.0)
    assert image["frames"]["seconds"] == [0.0]
    assert image["answer"] is None


@pytest.mark.parametrize(
    "text", [TEXT, "<think>cut off in mid sent", "no tags at all", "", "<think></think>"]
)
def test_streamed_reasoning_is_the_reasoning_and_appears_in_pieces(tiny_processor, capsys, text):
    tokenizer = tiny_processor.tokenizer
    streamer = ReasoningStreamer(tokenizer)
    pieces = [capsys.readouterr().out]
    for token in [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]:
        streamer.hear(0, [token])
        pieces.append(capsys.readouterr().out)
    streamer.say(text)
    pieces.append(capsys.readouterr().out)
    assert "".join(pieces) == REASONING + reasoning_of(text)
    words = reasoning_of(text).count(" ")
    assert sum(piece != "" for piece in pieces[1:-1]) >= words
    assert not any("<" in piece or "�" in piece for piece in pieces)


def test_reasoning_of_a_beginning_is_a_beginning_of_the_reasoning():
    whole = reasoning_of(TEXT)
    words = TEXT.split(" ")
    for end in range(len(words)):
        assert whole.startswith(reasoning_of(" ".join(words[:end])))
