"""What autograd keeps of the real group pass, counted, against the formula."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks.support.held import peak_bytes, saved_bytes
from videor1.planning.activations import Row, Trained, held
from videor1.planning.shape import shape_of
from videor1.policy.adapters import LoraSettings, add_adapters
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import load_policy
from videor1.policy.parts import freeze_parts

STILL = Trained(vision="still", merger="still")
LORA = Trained(vision="still", merger="still", language="adapted", rank=8)
CASES = [
    ("float32", False, Trained()),
    ("bfloat16", True, Trained()),
    ("mixed", True, Trained()),
    ("float32", False, STILL),
    ("mixed", False, LORA),
]


@pytest.mark.parametrize(("numerics", "checkpointing", "trained"), CASES)
def test_the_formula_is_what_autograd_keeps(world, media_prompts, numerics, checkpointing, trained):
    halved = numerics == "bfloat16" or (numerics == "mixed" and trained.rank > 0)
    model = load_policy(str(world / "model"), dtype=torch.bfloat16 if halved else torch.float32)
    if trained.rank:
        add_adapters(model, LoraSettings(rank=trained.rank), seed=0)
    elif trained.vision == "still":
        freeze_parts(model, ["vision", "merger"])
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    prompts = [media_prompts["long video"], media_prompts["image"]]
    responses = [[torch.randint(20, 60, (40,)) for _ in range(6)] for _ in prompts]

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=numerics == "mixed"):
            return score_responses(model, prompts, responses, entropy="none").logprobs

    def update():
        forward().sum().backward()

    update()
    row = Row(
        tokens=sum(len(prompt.input_ids) for prompt in prompts) + 2 * 6 * 40,
        written=2 * 6 * 40,
        patches=sum(len(prompt.patches) for prompt in prompts),
    )
    shape = shape_of(json.loads((world / "model/config.json").read_text()))
    told = held(shape, row, numerics=numerics, checkpointing=checkpointing, trained=trained)
    assert told.saved / saved_bytes(model, forward) == pytest.approx(1, abs=0.15)
    assert told.peak / peak_bytes(update) == pytest.approx(1, abs=0.25)
