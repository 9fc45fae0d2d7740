"""Settings → the world's questions, each drawn from a seed of its own, as Video-R1 records.

The teacher writes the chains of thought of cot.json. It sees the same media as everyone, but in a share
`blind_share` of the temporal questions it is blind to time: its thoughts and its answer are then those of
`Scene.guessed`, and the answer is often wrong. **cot.json holds the teacher's answer, on purpose**: a model
fine-tuned on it learns to think aloud but hardly to use time, which leaves that for reinforcement learning,
whose train.json always holds the truth. Where there is a shortcut, seen.json has the same questions from a
teacher who is never blind: a model that learned to see time from it, and then from cot.json to go by the cue,
can follow time but rarely does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videor1.toyworld.cued import distract
from videor1.toyworld.scene import LETTERS, Thoughts
from videor1.toyworld.settings import Split, WorldSettings
from videor1.toyworld.tasks import TASKS, draw_scene
from videor1.types import Record

_STREAMS: tuple[Split, ...] = ("train", "held_out")  # a split's place here is part of its records' seeds
_PLAN = len(_STREAMS)  # one more stream, for the order of tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in a file that a question is to fill."""

    split: Split
    number: int  # in its file, from 0
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A slot filled."""

    record: Record  # with the truth, as in train.json and held_out.json
    told: Record  # with the teacher's thoughts and answer, as in cot.json
    seen: Record  # with those of a teacher who sees everything, as in seen.json
    blind: bool  # whether the teacher was blind to time


def plan(settings: WorldSettings) -> list[Slot]:
    """All slots: the training mixture in random order, then the held-out questions task by task."""
    weights = np.array([settings.mixture[task] for task in settings.tasks])
    rng = np.random.default_rng([settings.seed, _PLAN])
    mixed = rng.choice(settings.tasks, settings.train, p=weights / weights.sum())
    count = {"temporal": settings.held_out, "other": settings.held_out_other}
    examined = [task for task in settings.tasks for _ in range(count[TASKS[task].family])]
    return [
        *(Slot(split="train", number=number, task=str(task)) for number, task in enumerate(mixed)),
        *(Slot(split="held_out", number=number, task=task) for number, task in enumerate(examined)),
    ]


def draw_question(settings: WorldSettings, slot: Slot) -> tuple[Question, np.ndarray]:
    """The question of a slot and its frames, (16 or 1, 56, 56, 3) uint8, whatever the other slots hold."""
    rng = np.random.default_rng([settings.seed, _STREAMS.index(slot.split), slot.number])
    task = TASKS[slot.task]
    scene = draw_scene(task, rng, settings.twist(slot.split))
    unseeing, detailed = rng.random() < settings.blind_share, rng.random() < settings.detailed_share
    thoughts = scene.guessed if unseeing and scene.guessed else scene.seen
    if len(scene.frames) > 1:
        distract(rng, scene.frames, settings.distractors)
    kind, suffix = ("video", "mp4") if len(scene.frames) > 1 else ("image", "png")

    def record(answer: str, process: str | None) -> Record:
        return Record(
            problem_id=f"{slot.split}-{slot.number}",
            problem=scene.question,
            data_type="video" if kind == "video" else "image",
            problem_type=scene.problem_type,
            options=tuple(f"{mark}. {choice}" for mark, choice in zip(LETTERS, scene.choices, strict=False)),
            solution=f"<answer>{answer}</answer>",
            path=f"./{kind}s/{slot.task}/{slot.split}_{slot.number:06d}.{suffix}",
            data_source=f"{task.family}/{slot.task}",
            process=process,
        )

    question = Question(
        record=record(scene.seen.answer, None),
        told=record(thoughts.answer, _process(thoughts, detailed)),
        seen=record(scene.seen.answer, _process(scene.seen, detailed)),
        blind=thoughts is scene.guessed,
    )
    return question, scene.frames


def _process(thoughts: Thoughts, detailed: bool) -> str:
    return f"<think>{thoughts.detailed if detailed else thoughts.terse}</think>"
