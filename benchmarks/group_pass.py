"""The update of a group (policy forward and backward, reference forward), per sample and by the group pass.

    python -m benchmarks.group_pass [--frames 16 64] [--groups 8] [--tokens 96] [--repeats 3] [--all]

A random Qwen2.5-VL of 42 M parameters in float32, one question about frames of 112×168 (12 vision tokens a
frame), G responses of --tokens tokens. Per sample is transformers' forward on a batch of G copies of the
question. Each way runs in a process of its own; memory is the peak of its first update above what the two
models take, gradients included. --all measures 8, 16, 32 and 64 frames with 4, 8 and 16 responses (half an
hour). The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from benchmarks.support.flops import count_flops, matmul_flops
from benchmarks.support.measured import last_line, peak_mb, restart_peak
from benchmarks.support.per_sample import score_per_sample
from benchmarks.support.workload import Media, make_prompts, write_model
from videor1.objective import policy_loss
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import load_policy
from videor1.types import Prompt

Score = Callable[[Qwen2_5_VLForConditionalGeneration, Prompt, Tensor], Tensor]
WAYS = ("per sample", "group pass")


def by_group_pass(model: Qwen2_5_VLForConditionalGeneration, prompt: Prompt, responses: Tensor) -> Tensor:
    return score_responses(model, [prompt], [list(responses)], entropy="none").logprobs


def update(
    score: Score,
    policy: Qwen2_5_VLForConditionalGeneration,
    reference: Qwen2_5_VLForConditionalGeneration,
    prompt: Prompt,
    responses: Tensor,
) -> Tensor:
    """One update's gradients, left in the policy; the log-probs."""
    policy.zero_grad()
    with torch.no_grad():
        held = score(reference, prompt, responses)
    logprobs = score(policy, prompt, responses)
    mask = torch.ones_like(responses, dtype=torch.bool)
    advantages = torch.linspace(-1, 1, len(responses))
    policy_loss(logprobs, mask, advantages, reference_logprobs=held).loss.backward()
    return logprobs.detach()


def measure(options: argparse.Namespace) -> None:
    """One way on one workload; its log-probs and gradients go to a file."""
    load = load_policy if options.way == "group pass" else Qwen2_5_VLForConditionalGeneration.from_pretrained
    score = by_group_pass if options.way == "group pass" else score_per_sample
    policy, reference = load(str(options.model)), load(str(options.model)).requires_grad_(False)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.mul_(1.01)  # another model than the policy, or there is nothing to hold it to
    (prompt,) = make_prompts(options.model, Media(frames=options.frames[0]))
    generator = torch.Generator().manual_seed(0)
    responses = torch.randint(20, 250, (options.groups[0], options.tokens), generator=generator)

    def once() -> Tensor:
        return update(score, policy, reference, prompt, responses)

    for parameter in policy.parameters():  # they are mapped from a file: once read, they are there
        parameter.detach().sum()
    before = restart_peak()
    once()  # warms up
    memory = peak_mb() - before
    seconds = []
    for _ in range(options.repeats):
        started = time.perf_counter()
        logprobs = once()
        seconds.append(time.perf_counter() - started)
    gradients = {name: parameter.grad for name, parameter in policy.named_parameters()}
    torch.save({"logprobs": logprobs, "gradients": gradients}, options.save)
    told = {
        "seconds": statistics.median(seconds),
        "mb": memory,
        "prompt_tokens": len(prompt.input_ids),
        "flops": count_flops(once),
        "matmul_flops": matmul_flops(),
    }
    print(json.dumps(told))


def compare(model: Path, frames: int, group: int, tokens: int, repeats: int) -> dict[str, Any]:
    """Both ways on one workload."""
    row: dict[str, Any] = {"frames": frames, "group": group, "tokens": tokens}
    results = []
    for way in WAYS:
        file = model.with_name(f"{way}.pt")
        settings = ["--frames", str(frames), "--groups", str(group), "--tokens", str(tokens)]
        places = ["--model", str(model), "--way", way, "--save", str(file), "--repeats", str(repeats)]
        row[way] = last_line([sys.executable, "-m", "benchmarks.group_pass", *settings, *places])
        results.append(torch.load(file))
        file.unlink()
    plain, ours = results
    row["logprob_difference"] = float((plain["logprobs"] - ours["logprobs"]).abs().max())
    row["gradient_difference"] = max(
        float((ours["gradients"][name] - gradient).norm() / gradient.norm())
        for name, gradient in plain["gradients"].items()
    )
    row["faster"] = row["per sample"]["seconds"] / row["group pass"]["seconds"]
    row["memory"] = row["group pass"]["mb"] / row["per sample"]["mb"]
    told = row["group pass"]
    row["explained"] = told["flops"] / told["matmul_flops"] / told["seconds"]
    return row


def show(row: dict[str, Any]) -> None:
    plain, ours = row["per sample"], row["group pass"]
    size = f"{row['frames']} frames, prompt {plain['prompt_tokens']}, {row['group']} x {row['tokens']} tokens"
    flops = f"{plain['flops'] / 1e9:.0f} → {ours['flops'] / 1e9:.0f} GFLOP"
    print(f"{size}: {plain['seconds']:.2f} → {ours['seconds']:.2f} s, {row['faster']:.2f} times as fast")
    print(f"    {plain['mb']:.0f} → {ours['mb']:.0f} MB, {row['memory']:.2f} of it")
    print(f"    {flops}, which explain {row['explained']:.0%} of the group pass's time")
    print(f"    log-probs differ by {row['logprob_difference']:.0e}", end=", ")
    print(f"gradients by {row['gradient_difference']:.0e} of their norm", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--groups", type=int, nargs="+", default=[8])
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # the three of a measuring process
    parser.add_argument("--save", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure(options)
        return
    frames, groups = ([8, 16, 32, 64], [4, 8, 16]) if options.all else (options.frames, options.groups)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "model")
        for count in frames:
            for group in groups:
                rows.append(compare(model, count, group, options.tokens, options.repeats))
                show(rows[-1])
    print(json.dumps({"model": "42 M parameters, float32", "rows": rows}))


if __name__ == "__main__":
    main()
