"""`vllm.LLM.generate` step by step, for somebody who wants to hear tokens as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from videor1.rollout.engine import Watch


def generate_aloud(
    llm: Any, requests: Sequence[dict[str, Any]], parameters: Sequence[Any], watch: Watch
) -> list[Any]:
    """One `RequestOutput` a request, as `llm.generate` gives it.

    `LLM` itself hands out finished responses only, so its engine is stepped here.

    Args:
        llm: a `vllm.LLM` with nothing left to do.
        requests: what `llm.generate` takes.
        parameters: `SamplingParams` of each, with n = 1. Their `output_kind`, by default, is all tokens so
            far.
        watch: see `Engine.generate`.
    """
    engine, numbers = llm.llm_engine, {}
    for number, (request, parameter) in enumerate(zip(requests, parameters, strict=True)):
        name = str(next(llm.request_counter))
        numbers[name] = number
        engine.add_request(name, request, parameter)
    outputs: list[Any] = [None] * len(requests)
    heard = [0] * len(requests)
    while engine.has_unfinished_requests():
        for output in engine.step():
            number, ids = numbers[output.request_id], output.outputs[0].token_ids
            outputs[number] = output
            watch(number, list(ids[heard[number] :]))
            heard[number] = len(ids)
    return outputs
