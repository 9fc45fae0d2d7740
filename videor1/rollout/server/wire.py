"""What a trainer asks of its rollout server and what it answers, as bytes: prompts, responses, readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videor1.rollout.engine import Reading, Sampling
from videor1.rollout.server.envelope import checked, malformed, pack, unpack
from videor1.types import Clip, Prompt, Record, Response

_PATCH = 3 * 2 * 14 * 14  # numbers that a patch has


def pack_request(prompts: Sequence[Prompt], counts: Sequence[int], sampling: Sampling, seed: int) -> bytes:
    """The arguments of `Engine.generate`.

    Of a prompt goes what an engine reads: all but its patches, which vLLM cuts from the frames itself.
    """
    parts, tensors = _parts_of(prompts)
    rest = {"prompts": parts, "counts": list(counts), "sampling": asdict(sampling), "seed": seed}
    return pack(rest, tensors)


def unpack_request(data: bytes) -> tuple[list[Prompt], list[int], Sampling, int]:
    """What `pack_request` was given; the prompts come without patches.

    Raises:
        EngineError: the bytes are something else.
        ConfigError: the sampling is impossible.
    """
    with malformed("a request to generate"):
        rest, tensors = unpack(data)
        prompts = _prompts_of(rest["prompts"], tensors)
        counts, seed, sampling = rest["counts"], rest["seed"], Sampling(**rest["sampling"])
        whole = all(isinstance(number, int) for number in (*counts, seed)) and min((0, *counts)) == 0
        if not whole or len(counts) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts, counts {counts}, seed {seed}")
        return prompts, counts, sampling, seed


def pack_prompts(prompts: Sequence[Prompt]) -> bytes:
    """The argument of `Engine.read`."""
    parts, tensors = _parts_of(prompts)
    return pack({"prompts": parts}, tensors)


def unpack_prompts(data: bytes) -> list[Prompt]:
    """What `pack_prompts` was given, without patches.

    Raises:
        EngineError: the bytes are something else.
    """
    with malformed("a request to read"):
        rest, tensors = unpack(data)
        return _prompts_of(rest["prompts"], tensors)


def pack_groups(groups: Sequence[Sequence[Response]]) -> bytes:
    """What `Engine.generate` returned."""
    rest, tensors = [], {}
    for number, group in enumerate(groups):
        rest.append([{"text": response.text, "finished": response.finished} for response in group])
        for place, response in enumerate(group):
            tensors[f"{number}.{place}.ids"] = response.token_ids
            tensors[f"{number}.{place}.logprobs"] = response.logprobs
    return pack({"groups": rest}, tensors)


def unpack_groups(data: bytes) -> list[list[Response]]:
    """What `pack_groups` was given, on the CPU.

    Raises:
        EngineError: the bytes are something else.
    """
    with malformed("an answer with responses"):
        rest, tensors = unpack(data)
        return [
            [
                Response(
                    token_ids=checked(tensors, f"{number}.{place}.ids", torch.int64, None),
                    logprobs=checked(tensors, f"{number}.{place}.logprobs", torch.float32, None),
                    text=part["text"],
                    finished=part["finished"],
                )
                for place, part in enumerate(group)
            ]
            for number, group in enumerate(rest["groups"])
        ]


def pack_readings(readings: Sequence[Reading]) -> bytes:
    """What `Engine.read` returned."""
    ids = {f"{number}.ids": reading.token_ids for number, reading in enumerate(readings)}
    positions = {f"{number}.positions": reading.positions for number, reading in enumerate(readings)}
    return pack({"readings": len(readings)}, ids | positions)


def unpack_readings(data: bytes) -> list[Reading]:
    """What `pack_readings` was given, on the CPU.

    Raises:
        EngineError: the bytes are something else.
    """
    with malformed("an answer with readings"):
        rest, tensors = unpack(data)
        return [
            Reading(
                token_ids=checked(tensors, f"{number}.ids", torch.int64, None),
                positions=checked(tensors, f"{number}.positions", torch.int64, 3, None),
            )
            for number in range(rest["readings"])
        ]


def _parts_of(prompts: Sequence[Prompt]) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    parts, tensors = [], {}
    for number, prompt in enumerate(prompts):
        clip = prompt.clip
        timing = {"indices": clip.indices, "fps": clip.fps, "source_fps": clip.source_fps}
        timing |= {"total_frames": clip.total_frames, "path": clip.path}
        parts.append({"record": asdict(prompt.record), "clip": timing})
        tensors[f"{number}.ids"] = prompt.input_ids
        tensors[f"{number}.frames"] = torch.tensor(np.ascontiguousarray(clip.frames))
        tensors[f"{number}.grid"] = prompt.grid_thw
    return parts, tensors


def _prompts_of(parts: list[dict[str, Any]], tensors: dict[str, Tensor]) -> list[Prompt]:
    prompts = []
    for number, part in enumerate(parts):
        record, clip = part["record"], part["clip"]
        frames = checked(tensors, f"{number}.frames", torch.uint8, None, None, None, 3)
        prompts.append(
            Prompt(
                record=Record(**record | {"options": tuple(record["options"])}),
                clip=Clip(**clip | {"indices": tuple(clip["indices"])}, frames=frames.numpy()),
                input_ids=checked(tensors, f"{number}.ids", torch.int64, None),
                patches=torch.empty(0, _PATCH, dtype=torch.uint8),
                grid_thw=checked(tensors, f"{number}.grid", torch.int64, None, 3),
            )
        )
    return prompts
