"""Tokens a second of rollouts: the Hugging Face engine, vLLM, and transformers' own `generate`.

    python -m benchmarks.rollout [--frames 16] [--tokens 200] [--questions 1 8] [--repeats 3]

A random Qwen2.5-VL of 42 M parameters on a CPU, questions about frames of 112×168, 8 responses to the frames
in order and 4 to the same frames shuffled, all of exactly --tokens tokens. `generate` is called twice a
question, with num_return_sequences of 8 and of 4, as in the released trainer, one question after the other.
vLLM takes part where it is installed (`make VLLM=1 setup`), in float32 and bfloat16. The engines take turns,
so that a machine that slows down does so for all. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
import transformers
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from benchmarks.support.workload import Media, make_prompts, write_model
from videor1.policy.loading import load_policy, load_processor
from videor1.policy.pixels import normalise
from videor1.rollout.engine import Engine, Sampling
from videor1.rollout.hf import HFEngine, HFEngineSettings
from videor1.rollout.perturb import perturb
from videor1.rollout.vllm_settings import VLLMSettings
from videor1.types import Prompt

GROUP, SHUFFLED = 8, 4


def both_orders(prompts: Sequence[Prompt]) -> tuple[list[Prompt], list[int]]:
    """The questions, then the same with their frames shuffled; and how many responses each is to have."""
    shuffled = [perturb(prompt, ["shuffled"], seed=0, step=0, vision_ids=())[1] for prompt in prompts]
    return [*prompts, *shuffled], [GROUP] * len(prompts) + [SHUFFLED] * len(prompts)


def by_generate(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    counts: Sequence[int],
    tokens: int,
    suppressed: list[int],
) -> int:
    """The number of tokens written."""
    written = 0
    for prompt, count in zip(prompts, counts, strict=True):
        ids = prompt.input_ids[None]
        kinds = 2 * (ids == model.config.video_token_id).long()
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=kinds,
            pixel_values_videos=normalise(prompt.patches),
            video_grid_thw=prompt.grid_thw,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=count,
            max_new_tokens=tokens,
            suppress_tokens=suppressed,
        )
        written += out[:, ids.shape[1] :].numel()
    return written


def speeds(ways: Mapping[str, Callable[[], int]], expected: int, repeats: int) -> dict[str, float]:
    """Tokens a second of each way, by the median time; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):  # the first warms up
        for name, write in ways.items():
            started = time.perf_counter()
            if write() != expected:
                raise RuntimeError(f"{expected} tokens were to be written")
            seconds[name].append(time.perf_counter() - started)
    return {name: expected / statistics.median(taken[1:]) for name, taken in seconds.items()}


def vllm_engines(path: str, processor: Qwen2_5_VLProcessor, longest: int) -> dict[str, Engine]:
    """vLLM in float32 and bfloat16, where it is installed; no response of theirs ends early."""
    if importlib.util.find_spec("vllm") is None:
        return {}
    from videor1.rollout.vllm import VLLMEngine

    engines = {}
    for dtype in (torch.float32, torch.bfloat16):
        engine = VLLMEngine(path, processor, VLLMSettings(), dtype=dtype, longest=longest)
        engine.end_ids = []
        engines[f"vllm {str(dtype).removeprefix('torch.')}"] = engine
    return engines


def compare(
    engines: Mapping[str, Engine],
    suppressed: list[int],
    plain: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    counts: Sequence[int],
    options: argparse.Namespace,
) -> dict[str, float]:
    """Tokens a second of every engine, and of `generate`."""
    sampling, expected = Sampling(max_new_tokens=options.tokens), sum(counts) * options.tokens

    def by_engine(engine: Engine) -> int:
        groups = engine.generate(prompts, counts, sampling, seed=0)
        return sum(len(response.token_ids) for group in groups for response in group)

    ways: dict[str, Callable[[], int]] = {
        name: partial(by_engine, engine) for name, engine in engines.items()
    }
    if options.generate:
        ways["generate"] = partial(by_generate, plain, prompts, counts, options.tokens, suppressed)
    return speeds(ways, expected, options.repeats)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--questions", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-generate", dest="generate", action="store_false", help="leave `generate` out")
    options = parser.parse_args()
    transformers.logging.disable_progress_bar()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(write_model(Path(folder) / "model"))
        policy, processor = load_policy(path).eval(), load_processor(path)
        plain = Qwen2_5_VLForConditionalGeneration.from_pretrained(path).eval()
        own = {
            "hf float32": HFEngine(policy, processor),
            "hf bfloat16": HFEngine(policy, processor, HFEngineSettings(products="bfloat16")),
        }
        for engine in own.values():
            engine.forbidden_ids = sorted({*engine.forbidden_ids, *engine.end_ids})  # no response ends early
        suppressed = own["hf float32"].forbidden_ids
        engines = {**own, **vllm_engines(path, processor, 1024 + options.tokens)}
        for questions in options.questions:
            prompts, counts = both_orders(make_prompts(Path(path), Media(frames=options.frames), questions))
            row = {"questions": questions, **compare(engines, suppressed, plain, prompts, counts, options)}
            if "generate" in row:
                row["hf / generate"] = row["hf float32"] / row["generate"]
            if "vllm float32" in row:
                row["vllm / hf"] = row["vllm float32"] / row["hf float32"]
            rows.append(row)
            print("   ".join(f"{name} {value:.2f}" for name, value in row.items()), flush=True)
    print(json.dumps({"frames": options.frames, "tokens": options.tokens, "rows": rows}))


if __name__ == "__main__":
    main()
