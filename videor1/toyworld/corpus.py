"""Everything that is said in the toy world, for its tokenizer to learn words from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from videor1.toyworld.cued import Twist
from videor1.toyworld.tasks import TASKS, UNSPOKEN, draw_scene

_STREAM = 3  # of seeds, apart from those of the records
_SCENES = 40  # of each task: enough for every word to occur, and to become one token

# The quickstart's prompt words, and those of the default template. Any other text can be written too, only
# in more tokens.
_PROMPTS = (
    "user\nassistant\nOptions:\nA. B. C. D.\nThink, then answer.\nAnswer with the letter.\n"
    "Answer with a number.\nAnswer with the text you read.\nAnswer in a few words.",
    "Reason step by step about what you see before you decide. Write your reasoning between <think> and"
    " </think>, then your final answer between <answer> and </answer>. Give only the letter of the right"
    " option as your answer. Give only a number as your answer.",
)


def world_corpus(
    seed: int, extra: Sequence[str] = (), *, twist: Twist = Twist(), asked: Collection[str] = ()
) -> list[str]:
    """Questions, choices, thoughts and answers of every task, then the words of prompts and `extra` ones.

    Args:
        seed: of the scenes.
        extra: more texts, each repeated as often as a prompt.
        twist: how the scenes are dressed.
        asked: tasks to speak of even if they are in `UNSPOKEN`.
    """
    lines: list[str] = []
    for place, (name, task) in enumerate(TASKS.items()):
        if name in UNSPOKEN and name not in asked:
            continue
        for number in range(_SCENES):
            scene = draw_scene(task, np.random.default_rng([seed, _STREAM, place, number]), twist)
            lines += [scene.question, *scene.choices]
            for thoughts in (scene.seen, scene.guessed):
                if thoughts:
                    lines += [thoughts.terse, thoughts.detailed, thoughts.answer]
    return lines + [*_PROMPTS, *extra] * _SCENES
