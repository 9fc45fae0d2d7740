"""An answer in words, for a person, and as a dictionary, for a program."""

from __future__ import annotations

from typing import Any

from videor1.rewards import extract_answer, reasoning_of
from videor1.types import Clip, Group, Prompt, Record

REASONING = "reasoning  "  # stands before what `reasoning_of` returns


def heading(prompt: Prompt) -> str:
    """What a person reads before the reasoning, after an empty line."""
    record, clip = prompt.record, prompt.clip
    size = f"{clip.frames.shape[2]}x{clip.frames.shape[1]}"
    shown = f"image {size}"
    if clip.is_video:
        times = ", ".join(f"{second:.1f}" for second in _seconds(clip))
        shown = f"{len(clip.frames)} frames at {size}, seconds {times}"
    question = f"{record.problem} {' '.join(record.options)}".rstrip()
    return f"\nmedia      {record.problem_id}\nshown      {shown}\nquestion   {question}"


def conclusion(group: Group) -> str:
    """What a person reads after the reasoning."""
    answer = extract_answer(group.ordered[0].text)
    told = "(none given)" if answer is None else answer
    return f"answer     {told}" + ("" if group.ordered[0].finished else "   [cut off at max_new_tokens]")


def as_dict(group: Group, seconds: float) -> dict[str, Any]:
    """The first ordered response of a group, which took so many seconds, as a program reads it."""
    clip, response = group.prompt.clip, group.ordered[0]
    count, height, width, _ = clip.frames.shape
    frames = {
        "count": count,
        "indices": list(clip.indices),  # in the file, from 0
        "seconds": [round(second, 3) for second in _seconds(clip)],
        "height": height,
        "width": width,
        "fps": round(clip.fps, 3),  # 0, as the next, for an image
        "source_fps": round(clip.source_fps, 3),
        "source_frames": clip.total_frames,
    }
    return question_of(group.prompt.record) | {
        "frames": frames,
        "reasoning": reasoning_of(response.text),
        "answer": extract_answer(response.text),
        "response": response.text,
        "tokens": len(response.token_ids),
        "finished": response.finished,
        "seconds": round(seconds, 3),
    }


def question_of(record: Record) -> dict[str, Any]:
    """What was asked, as a program reads it."""
    return {"media": record.problem_id, "question": record.problem, "options": list(record.options)}


def _seconds(clip: Clip) -> list[float]:
    """When each frame is shown in the film; 0 for an image."""
    return [index / clip.source_fps if clip.is_video else 0.0 for index in clip.indices]
