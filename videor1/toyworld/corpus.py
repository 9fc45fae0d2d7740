"""Everything that is said in the toy world, for its tokenizer to learn words from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from videor1.toyworld.tasks import TASKS

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


def world_corpus(seed: int, extra: Sequence[str] = ()) -> list[str]:
    """Questions, choices, thoughts and answers of every task, then the words of prompts and `extra` ones."""
    lines: list[str] = []
    for place, task in enumerate(TASKS.values()):
        for number in range(_SCENES):
            scene = task.draw(np.random.default_rng([seed, _STREAM, place, number]))
            lines += [scene.question, *scene.choices]
            for thoughts in (scene.seen, scene.guessed):
                if thoughts:
                    lines += [thoughts.terse, thoughts.detailed, thoughts.answer]
    return lines + [*_PROMPTS, *extra] * _SCENES
