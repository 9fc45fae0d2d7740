"""Bytes that a pass over a row holds beside weights and gradients.

    saved   what the backward pass needs: every layer's share (`layers.py`), or with gradient checkpointing
            every layer's input; and patches, merger, last norm, states, logits
    peak    saved, and the largest of
            3 · 4 bytes a logit of a chunk (2²⁶ at most), while log-probs are differentiated
            that gradient and the head's, until it is added to the others
            one layer computed again, and twice its widest tensor

A pass without gradients holds the widest tensors of one layer, or two chunks of logits. Autocast also keeps
a cast of each matrix, 2 bytes a number, until the forward pass is over. Measured by `benchmarks/memory.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from videor1.planning.layers import Numerics, Way, block_bytes, layer_bytes, norm_bytes, size
from videor1.planning.shape import ModelShape
from videor1.policy.token_scores import MOST_LOGITS


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one pass works on: the questions of a micro-batch with their responses."""

    tokens: int  # S, prompts and responses
    written: int  # M, of them the responses'
    patches: int  # N, four a vision token


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What learns."""

    vision: Way = "learns"
    merger: Way = "learns"
    language: Way = "learns"
    rank: int = 0  # of adapters; 0 without them

    @property
    def halved(self) -> bool:
        """Whether autocast finds the weights in bfloat16 already."""
        return self.rank > 0


@dataclass(frozen=True, kw_only=True)
class Held:
    """Bytes of one pass with gradients."""

    saved: int  # at the end of the forward pass
    peak: int  # the most at any time


def held(
    shape: ModelShape,
    row: Row,
    *,
    numerics: Numerics,
    checkpointing: bool,
    offload: bool = False,
    trained: Trained = Trained(),
) -> Held:
    """Of a pass with gradients over a row.

    Args:
        shape: of the model.
        row: what it works on.
        numerics: of its products.
        checkpointing: keeps the inputs of layers alone.
        offload: keeps these in host memory.
        trained: what learns.
    """
    language, vision = shape.language, shape.vision
    layer = layer_bytes(language, row.tokens, numerics, trained.language, rank=trained.rank)
    block = block_bytes(vision, row.patches, numerics, trained.vision, rank=trained.rank)
    casts = numerics == "mixed" and not trained.halved
    if casts:
        layer += 2 * language.linear_parameters
        block += 2 * vision.linear_parameters
    sees = trained.vision != "still"
    saved = _ends(shape, row, numerics, trained)
    if not checkpointing:
        saved += language.layers * layer + sees * vision.depth * block
    elif not offload:
        saved += layer_inputs(shape, row, numerics, trained)
    logits = 4 * min(row.written * language.vocabulary, MOST_LOGITS)
    whole = row.written * language.vocabulary <= MOST_LOGITS
    again = checkpointing * max(layer, sees * block)
    widest = max(row.tokens * language.intermediate, sees * row.patches * vision.intermediate)
    learns = trained.language == "learns"
    head = learns * language.vocabulary * language.hidden * (6 if casts else size(numerics))
    peaks = [3 * logits, logits + head, again + 2 * size(numerics) * widest]
    if casts and checkpointing:
        peaks.append(cast_bytes(shape) + passing(shape, row, numerics=numerics))
    return Held(saved=saved + whole * logits, peak=saved + max(peaks))


def layer_inputs(shape: ModelShape, row: Row, numerics: Numerics, trained: Trained) -> int:
    """What checkpointing keeps: the input of each layer."""
    language, vision = shape.language, shape.vision
    stream = 4 if numerics == "mixed" and not trained.halved else size(numerics)
    kept = language.layers * stream * row.tokens * language.hidden
    if trained.vision != "still":
        kept += vision.depth * size(numerics) * row.patches * vision.hidden
    return kept


def passing(shape: ModelShape, row: Row, *, numerics: Numerics) -> int:
    """Bytes that a pass without gradients holds at most."""
    language, vision = shape.language, shape.vision
    tokens = row.tokens * (3 * language.intermediate + 3 * language.hidden)
    patches = row.patches * (3 * vision.intermediate + 3 * vision.hidden + vision.patch)
    logits = 4 * min(row.written * language.vocabulary, MOST_LOGITS)
    return max(size(numerics) * tokens, size(numerics) * patches, 2 * logits)


def cast_bytes(shape: ModelShape) -> int:
    """What autocast keeps of float32 matrices during a forward pass."""
    language, vision = shape.language, shape.vision
    numbers = language.layers * language.linear_parameters + vision.depth * vision.linear_parameters
    return 2 * (numbers + language.vocabulary * language.hidden + vision.merger_parameters)


def _ends(shape: ModelShape, row: Row, numerics: Numerics, trained: Trained) -> int:
    """Before the first layer and behind the last."""
    language, vision, bytes_ = shape.language, shape.vision, size(numerics)
    casts = numerics == "mixed" and not trained.halved
    turns = 2 * row.tokens * (language.hidden // language.heads) * (4 if casts else bytes_)
    kept = turns + 4 * row.tokens * language.hidden  # of the last norm, only its input where nothing learns
    if trained.language == "learns":
        kept += (4 if casts else bytes_) * row.tokens * language.hidden
        kept += bytes_ * row.written * language.hidden  # states that the head reads
    if casts:
        kept += 2 * language.vocabulary * language.hidden
    if trained.merger != "still":
        way = trained.merger
        kept += norm_bytes(row.patches, vision.hidden, numerics, way, stream=False, readers=1)
        kept += (1 if way == "passes" else 2) * bytes_ * row.patches * vision.hidden
        kept += casts * 2 * vision.merger_parameters
    if trained.vision == "learns":
        kept += bytes_ * row.patches * vision.patch
    if trained.vision != "still":
        kept += 2 * 4 * row.patches * (vision.hidden // vision.heads)  # turns, in float32
    return kept
