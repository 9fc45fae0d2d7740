"""Bytes that one layer keeps for its backward pass, read off what each of its operations saves.

e is the size of a number that a product gives (4 in float32, else 2), S tokens, N patches. A norm of a stream
(S, H) that r matrices read keeps, beside 4 S for its inverse norms,

                learns                              adapted                       passes
    float32     12 S H   input, normalised, result   8 S H   input, result         4 S H   input
    bfloat16     8 S H   the input in float32        6 S H                         4 S H
    mixed       (8 + 2 r) S H   a cast a matrix      (4 + 2 r) S H                 4 S H

(mixed, in the tower: 6 + 2 r, since only embeddings make a stream of float32). Beside its two norms

    layer of language   e S (2 H + 2 K + 4 I) + 4 heads S      r = 3 and 2
                        q, k, v, the attention's result and log-sum-exps, gate, silu, up, product
    block of vision     e N (7 h + 4 i) + 4 heads N            r = 1 and 2
                        qkv whole, q and k turned, result, the same in another order, gate, silu, up, product

A part that only passes gradients on does not keep what its matrices read (product, the reordered result).
An adapted one keeps what its adapters read, under autocast a cast for each, and their narrow results.
"""

from __future__ import annotations

from typing import Literal

from videor1.planning.shape import LanguageShape, VisionShape

Numerics = Literal["float32", "bfloat16", "mixed"]  # mixed: products in bfloat16 by autocast
# What a part of the model does in the backward pass; "still": no gradient reaches it
Way = Literal["learns", "adapted", "passes", "still"]


def size(numerics: Numerics) -> int:
    """Bytes of a number that a product gives."""
    return 4 if numerics == "float32" else 2


def norm_bytes(rows: int, width: int, numerics: Numerics, way: Way, *, stream: bool, readers: int) -> int:
    """Of a norm.

    Args:
        rows: tokens or patches.
        width: numbers of each.
        numerics: of the pass.
        way: of the part.
        stream: whether autocast leaves in float32 what is normalised.
        readers: matrices that read the result.
    """
    if way == "still":
        return 0
    shared = readers > 0  # several matrices keep one result, unless each makes a cast of its own
    kept = 4
    if way == "learns" and numerics == "mixed":
        kept += (4 if stream else 2) + 2 * readers
    elif way == "learns":
        kept += size(numerics) * (1 + shared)
    elif way == "adapted":
        kept += 2 * readers if numerics == "mixed" else size(numerics) * shared
    return kept * rows * width + 4 * rows


def layer_bytes(shape: LanguageShape, tokens: int, numerics: Numerics, way: Way, *, rank: int = 0) -> int:
    """Of a layer of the language model; `rank` of its adapters."""
    cast = way == "adapted" and numerics == "mixed"
    wide = (2 + cast) * shape.hidden + 2 * shape.kv + (3 if way == "passes" else 4) * shape.intermediate
    norms = sum(
        norm_bytes(tokens, shape.hidden, numerics, way, stream=way == "learns", readers=readers)
        for readers in (3, 2)
    )
    return norms + size(numerics) * tokens * (wide + 7 * rank) + 4 * shape.heads * tokens


def block_bytes(shape: VisionShape, patches: int, numerics: Numerics, way: Way, *, rank: int = 0) -> int:
    """Of a block of the vision tower; `rank` of its adapters."""
    if way == "still":
        return 0
    passes = way == "passes"
    wide = (6 if passes else 7) * shape.hidden + (3 if passes else 4) * shape.intermediate
    norms = sum(
        norm_bytes(patches, shape.hidden, numerics, way, stream=False, readers=readers) for readers in (1, 2)
    )
    return norms + size(numerics) * patches * (wide + 5 * rank) + 4 * shape.heads * patches
