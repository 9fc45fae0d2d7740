"""The update of a group on a GPU at real size: Qwen2.5-VL 3B and 7B, randomly initialised, in bfloat16.

    python -m benchmarks.gpu.group_pass [--sizes 3B 7B] [--frames 16] [--group 8] [--tokens 256] [--repeats 3]

Needs torch and transformers alone: no weights, no processor, no Lightning. For every size it measures the
policy's forward and backward per sample (a batch of G copies, transformers' own attention) and by the group
pass (flex_attention), each with and without gradient checkpointing: seconds, peak memory, and how far
log-probs and gradients are from those of the same weights in float32, by relative norm. What does not fit is
reported as out of memory. `--sizes tiny --device cpu` tries the program itself. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from benchmarks.support.per_sample import score_per_sample
from videor1.policy.attention import ATTENTION
from videor1.policy.group_pass import score_responses
from videor1.policy.vision import speed_up
from videor1.types import Clip, Prompt, Record

Model = Qwen2_5_VLForConditionalGeneration
IMAGE, VIDEO, VISION_START, VISION_END = 151655, 151656, 151652, 151653  # Qwen2.5-VL's ids
_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "window_size": 112}
_FULL = [7, 15, 23, 31]
SIZES: dict[str, dict[str, Any]] = {
    "3B": {
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
    },
    "7B": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
    },
    "tiny": {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
}


def make_model(size: str, dtype: torch.dtype, device: torch.device) -> Model:
    text = SIZES[size] | {
        "vocab_size": 152064,
        "max_position_embeddings": 32768,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }
    vision = _VISION | {
        "out_hidden_size": text["hidden_size"],
        "fullatt_block_indexes": _FULL,
        "tokens_per_second": 2,
    }
    if size == "tiny":
        vision |= {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2}
        vision |= {"fullatt_block_indexes": [1]}
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=VISION_START,
        vision_end_token_id=VISION_END,
    )
    torch.manual_seed(0)
    with device:
        return Model._from_config(config, dtype=dtype)


def make_prompt(frames: int, device: torch.device, height: int = 280, width: int = 336) -> Prompt:
    """A question of 60 tokens about random frames, 120 vision tokens a pair; the recipe has at most 128."""
    random = np.random.default_rng(0)
    grid = torch.tensor([[frames // 2, height // 14, width // 14]])
    tokens = int(grid.prod()) // 4
    words = torch.from_numpy(random.integers(1000, 100000, 60))
    ids = torch.cat([torch.tensor([VISION_START, *[VIDEO] * tokens, VISION_END]), words])
    record = Record(
        problem_id=0,
        problem="",
        data_type="video",
        problem_type="multiple choice",
        options=(),
        solution="",
        path="",
        data_source="",
    )
    clip = Clip(
        frames=np.zeros((frames, 1, 1, 3), np.uint8),
        indices=tuple(range(frames)),
        fps=2.0,
        source_fps=2.0,
        total_frames=frames,
        path="",
    )
    patches = torch.from_numpy(random.integers(0, 256, (int(grid.prod()), 1176), dtype=np.uint8))
    return Prompt(
        record=record,
        clip=clip,
        input_ids=ids.to(device),
        patches=patches.to(device),
        grid_thw=grid.to(device),
    )


def by_group_pass(model: Model, prompt: Prompt, responses: Tensor) -> Tensor:
    return score_responses(model, [prompt], [list(responses)], entropy="none").logprobs


def gradients(model: Model) -> Iterator[Tensor]:
    return (parameter.grad for parameter in model.parameters() if parameter.grad is not None)


def update(model: Model, score: Callable[..., Tensor], prompt: Prompt, responses: Tensor) -> Tensor:
    model.zero_grad()
    logprobs = score(model, prompt, responses)
    weights = torch.linspace(-1, 1, len(responses), device=logprobs.device)
    (logprobs.mean(1) * weights).sum().backward()
    return logprobs.detach()


def reference(model: Model, prompt: Prompt, responses: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Log-probs and gradients of the same weights in float32, row by row; kept on the CPU."""
    exact = copy.deepcopy(model).float()
    exact.zero_grad()
    weights = torch.linspace(-1, 1, len(responses))
    rows = []
    for row, weight in zip(responses, weights.tolist(), strict=True):
        logprobs = score_per_sample(exact, prompt, row[None])
        (logprobs.mean() * weight).backward()
        rows.append(logprobs.detach().cpu())
    return torch.cat(rows), [gradient.cpu() for gradient in gradients(exact)]


def difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """Norm of the difference over the norm, of all tensors together."""
    pairs = [(one.float().cpu(), other) for one, other in zip(found, expected, strict=True)]
    off = sum(float((one - other).norm() ** 2) for one, other in pairs)
    return float((off / sum(float(other.norm() ** 2) for _, other in pairs)) ** 0.5)


def measure(
    model: Model, score: Callable[..., Tensor], prompt: Prompt, responses: Tensor, repeats: int
) -> Any:
    """Seconds, peak MiB, log-probs and gradients; or None when it does not fit."""
    cuda = responses.is_cuda
    try:
        logprobs = update(model, score, prompt, responses)
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            update(model, score, prompt, responses)
            if cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    except torch.OutOfMemoryError:
        return None
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else 0.0
    return statistics.median(seconds), peak, logprobs, list(gradients(model))


def measure_size(size: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    device = torch.device(options.device)
    model = make_model(size, torch.bfloat16, device)
    prompt = make_prompt(options.frames, device)
    generator = torch.Generator().manual_seed(0)
    responses = torch.randint(1000, 100000, (options.group, options.tokens), generator=generator).to(device)
    logprobs, expected = reference(model, prompt, responses)
    ways = {"per sample": (score_per_sample, "sdpa"), "group pass": (by_group_pass, ATTENTION)}
    rows = []
    for way, (score, attention) in ways.items():
        model.set_attn_implementation({"text_config": attention})
        if way == "group pass":
            speed_up(model)
        for checkpointing in (False, True):
            model.train(checkpointing)  # transformers checkpoints in training only; there is no dropout
            if checkpointing:
                model.gradient_checkpointing_enable({"use_reentrant": False})
            else:
                model.gradient_checkpointing_disable()
            model.zero_grad()
            told = measure(model, score, prompt, responses, options.repeats)
            row: dict[str, Any] = {"size": size, "way": way, "checkpointing": checkpointing}
            if told is not None:
                row |= {"seconds": told[0], "peak_mib": told[1]}
                row["logprobs_off"] = difference([told[2]], [logprobs])
                row["gradients_off"] = difference(told[3], expected)
            print(row if told else row | {"seconds": "out of memory"}, flush=True)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=["3B", "7B"])
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    rows = [row for size in options.sizes for row in measure_size(size, options)]
    name = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    told = {"device": name, "frames": options.frames, "group": options.group, "tokens": options.tokens}
    print(json.dumps(told | {"rows": rows}))


if __name__ == "__main__":
    main()
