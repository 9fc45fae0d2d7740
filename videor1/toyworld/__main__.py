"""python -m videor1.toyworld --out FOLDER [--world.seed N …]: writes the toy world and its tiny model."""

from __future__ import annotations

import sys
from pathlib import Path

from jsonargparse import ArgumentParser

from videor1.errors import UserError
from videor1.toyworld.tasks import TASKS
from videor1.toyworld.tiny_model import TinyShape, write_tiny_model
from videor1.toyworld.writer import WorldSettings, make_scene, write_world

# Words of prompts, so that the tokenizer knows them whole.
_PROMPT_WORDS = (
    "user assistant Options: A. B. C. D. Think, then answer. Answer with the letter. Answer with a number."
    " Answer with the text you read. Answer in a few words."
)


def build(out: Path, world: WorldSettings, model: TinyShape) -> None:
    """Writes what is missing of the world in `out`."""
    if not write_world(out, world):
        print(f"{out} is complete")
    if not (out / "model" / "model.safetensors").is_file():
        parameters = write_tiny_model(out / "model", corpus(world), shape=model, seed=world.seed)
        print(f"{out / 'model'}: Qwen2.5-VL with {parameters / 1e6:.2f} M parameters")


def corpus(world: WorldSettings, scenes: int = 100) -> list[str]:
    """What is said in this world: questions, choices, thoughts of every task, and the words of prompts."""
    lines = [_PROMPT_WORDS] * scenes
    for task in TASKS:
        for number in range(scenes):
            scene = make_scene(world, "train", number, task)
            lines += [scene.question, *scene.choices, scene.thoughts, scene.answer]
    return lines


def main() -> None:
    """The command line."""
    parser = ArgumentParser(prog="python -m videor1.toyworld", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart/world"), help="folder to write")
    parser.add_argument("--world", type=WorldSettings, default=WorldSettings())
    parser.add_argument("--model", type=TinyShape, default=TinyShape())
    arguments = parser.instantiate_classes(parser.parse_args())
    build(arguments.out, arguments.world, arguments.model)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
