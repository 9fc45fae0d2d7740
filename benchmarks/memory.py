"""How far `cli.py plan`'s formulas are from measurement, on a CPU and small models.

    python -m benchmarks.memory

For models of 6 and 42 M parameters, each case in a process of its own: bytes kept for the backward pass
(counted), the peak of all that an update allocates (counted), the growth of resident memory, and the bytes of
weights, gradients and optimizer; "formula / measured" of each. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from transformers import Qwen2_5_VLForConditionalGeneration

from benchmarks.support.held import peak_bytes, saved_bytes, state_bytes
from benchmarks.support.measured import last_line, peak_mb, restart_peak
from benchmarks.support.workload import SHAPE, Media, make_prompts, write_model
from videor1.planning.activations import Row, Trained, held, passing
from videor1.planning.job import adapter_parameters
from videor1.planning.layers import Numerics
from videor1.planning.shape import ModelShape, shape_of
from videor1.policy.adapters import LoraSettings, add_adapters
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import load_policy
from videor1.policy.parts import freeze_parts
from videor1.toyworld.tiny_model import TinyShape

SMALL = TinyShape(
    hidden=256, layers=3, heads=4, kv_heads=2, intermediate=512, vision_hidden=64, vision_layers=4
)
SHAPES = {"6M": SMALL, "42M": SHAPE}
LEARNS = {
    "all": Trained(),
    "language": Trained(vision="still", merger="still"),
    "lora": Trained(vision="still", merger="still", language="adapted", rank=8),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One workload."""

    model: str = "42M"
    numerics: Numerics = "float32"
    checkpointing: bool = False
    learns: str = "all"
    frames: int = 16
    group: int = 8
    tokens: int = 96
    questions: int = 1


CASES = (
    *[
        Case(numerics=numerics, checkpointing=again)
        for numerics in ("float32", "bfloat16", "mixed")
        for again in (False, True)
    ],
    Case(frames=64, group=4, checkpointing=True),
    Case(frames=8, group=16, tokens=200),
    Case(questions=3, frames=8, group=4, tokens=50),
    Case(model="6M", numerics="bfloat16", frames=32),
    Case(learns="language"),
    Case(learns="lora"),
    Case(learns="lora", numerics="mixed", checkpointing=True),
)


def load(folder: Path, case: Case) -> Qwen2_5_VLForConditionalGeneration:
    halved = case.numerics == "bfloat16" or (case.learns == "lora" and case.numerics == "mixed")
    model = load_policy(str(folder), dtype=torch.bfloat16 if halved else torch.float32)
    if case.learns == "lora":
        add_adapters(model, LoraSettings(rank=LEARNS["lora"].rank), seed=0)
    elif case.learns == "language":
        freeze_parts(model, ["vision", "merger"])
    if case.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def measure(folder: Path, case: Case) -> dict[str, Any]:
    """Bytes of one case, measured and by formula."""
    model = load(folder, case)
    shape = shape_of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    prompts = make_prompts(folder, Media(frames=case.frames), case.questions)
    generator = torch.Generator().manual_seed(0)
    responses = [
        list(torch.randint(20, 250, (case.group, case.tokens), generator=generator)) for _ in prompts
    ]

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=case.numerics == "mixed"):
            return score_responses(model, prompts, responses, entropy="none").logprobs

    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learning:  # as in a run that accumulates; ones, since zeros take no room until written
        parameter.grad = torch.ones_like(parameter)
    for parameter in model.parameters():  # they are mapped from a file: once read, they are there
        parameter.detach().sum()
    before = restart_peak()
    forward().sum().backward()
    resident = (peak_mb() - before) * 2**20
    found = {
        "saved": saved_bytes(model, forward),
        "peak": peak_bytes(lambda: forward().sum().backward()),
        "resident": resident,
    }
    with torch.no_grad():
        found["without gradients"] = peak_bytes(forward)
    optimizer = AdamW(learning, lr=0.0)
    optimizer.step()
    found["weights"] = sum(parameter.nbytes for parameter in model.parameters())
    found["gradients"] = sum(parameter.grad.nbytes for parameter in learning if parameter.grad is not None)
    found["optimizer"] = state_bytes(optimizer)
    written = case.questions * case.group * case.tokens
    row = Row(
        tokens=written + sum(len(prompt.input_ids) for prompt in prompts),
        written=written,
        patches=sum(len(prompt.patches) for prompt in prompts),
    )
    return {"case": asdict(case), "measured": found, "formula": formula(shape, row, case)}


def formula(shape: ModelShape, row: Row, case: Case) -> dict[str, float]:
    trained = LEARNS[case.learns]
    pass_ = held(shape, row, numerics=case.numerics, checkpointing=case.checkpointing, trained=trained)
    number = 2 if case.numerics == "bfloat16" else 4
    learning = {
        "all": shape.parameters,
        "language": shape.language.parameters,
        "lora": adapter_parameters(shape, trained),
    }[case.learns]
    base = 2 if case.learns == "lora" and case.numerics == "mixed" else number
    adapters = 4 * learning if case.learns == "lora" else 0
    return {
        "saved": pass_.saved,
        "peak": pass_.peak,
        "resident": pass_.peak,
        "without gradients": passing(shape, row, numerics=case.numerics),
        "weights": base * shape.parameters + adapters,
        "gradients": number * learning,
        "optimizer": 2 * number * learning,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="measure one case, --case, with the models there")
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    if options.folder is not None:
        case = CASES[options.case]
        print(json.dumps(measure(options.folder / case.model, case)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            write_model(Path(folder) / name, shape=shape)
        for number in range(len(CASES)):
            places = ["--folder", folder, "--case", str(number)]
            row = last_line([sys.executable, "-m", "benchmarks.memory", *places])
            rows.append(row)
            print(describe(row), flush=True)
    print(json.dumps({"rows": rows}))


def describe(row: dict[str, Any]) -> str:
    case, measured, told = row["case"], row["measured"], row["formula"]
    learns = "checkpointed" if case["checkpointing"] else "whole"
    name = (
        f"{case['model']} {case['numerics']:8} {learns:12} {case['learns']:8}"
        f" {case['questions']} x {case['frames']} frames, {case['group']} x {case['tokens']}"
    )
    ratios = [f"{part} {told[part] / value:.3f} of {value / 1e6:.0f} MB" for part, value in measured.items()]
    return f"{name}: {', '.join(ratios)}"


if __name__ == "__main__":
    main()
