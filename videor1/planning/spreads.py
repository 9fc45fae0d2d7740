"""Who holds what: bytes a number by strategy and precision.

                       weights   gradients   optimizer    computes in
    ZeRO, bf16          2         2           4 + 8        bfloat16       a float32 master and two moments
    bf16-mixed          4         4           8            mixed
    bf16-true           2         2           4            bfloat16       moments in bfloat16 too
    32-true             4         4           8            float32        ZeRO: 4 more for its master
    LoRA, bf16-mixed    2 frozen, and 4 + 4 + 8 a number of the adapters

ZeRO reads bf16-mixed as bf16-true; its gradients are in the weights' type (DeepSpeed 0.19.8,
`engine.get_data_types`) unless data_types.grad_accum_dtype says otherwise. FSDP2 under bf16-mixed keeps
float32 shards and gathers bfloat16. `cut` parts are divided by the number of GPUs, `host` parts wait in host
memory. An 8-bit optimizer has 2 bytes where Adam has 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from videor1.errors import ConfigError
from videor1.planning.job import Job
from videor1.planning.layers import Numerics

Part = Literal["weights", "gradients", "optimizer"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A strategy."""

    name: str
    zero: bool = False  # DeepSpeed's
    cut: frozenset[Part] = frozenset()  # over all GPUs
    host: frozenset[Part] = frozenset()  # not on the GPU
    overlay: str | None = None  # file of configs/strategy


_STATE: frozenset[Part] = frozenset({"gradients", "optimizer"})
_ALL: frozenset[Part] = _STATE | {"weights"}
SPREADS: dict[str, Spread] = {
    spread.name: spread
    for spread in (
        Spread(name="ddp", overlay="ddp"),
        Spread(name="zero1", zero=True, cut=frozenset({"optimizer"})),
        Spread(name="zero2", zero=True, cut=_STATE, overlay="zero2"),
        Spread(name="zero2_offload", zero=True, cut=_STATE, host=_STATE, overlay="zero2_offload"),
        Spread(name="zero3", zero=True, cut=_ALL, overlay="zero3"),
        Spread(name="zero3_optimizer_offload", zero=True, cut=_ALL, host=_STATE),
        Spread(name="zero3_offload", zero=True, cut=_ALL, host=_ALL, overlay="zero3_offload"),
        Spread(name="fsdp2", cut=_ALL, overlay="fsdp2"),
    )
}


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Bytes a number, and what products are made in."""

    weights: int  # that learn
    frozen: int
    gradients: int
    optimizer: float  # state, a float32 master included
    numerics: Numerics
    decoding: int  # of a number that the Hugging Face engine makes


def formats(job: Job) -> Formats:
    """How the numbers of a job are stored.

    Raises:
        ConfigError: a precision that is not known.
    """
    half, kind = _precision(job.precision)
    zero, shards = SPREADS[job.spread].zero, job.spread == "fsdp2"
    moments = job.moments
    if not half:
        return Formats(
            weights=4,
            frozen=4,
            gradients=4,
            optimizer=moments + 4 * zero,
            numerics="float32",
            decoding=4,
        )
    if zero:
        optimizer = moments + 4
        return Formats(weights=2, frozen=2, gradients=2, optimizer=optimizer, numerics="bfloat16", decoding=2)
    if kind == "true":
        return Formats(
            weights=2, frozen=2, gradients=2, optimizer=min(moments, 4), numerics="bfloat16", decoding=2
        )
    frozen = 2 if job.trained.rank else 4
    return Formats(
        weights=4,
        frozen=frozen,
        gradients=4,
        optimizer=moments,
        numerics="bfloat16" if shards else "mixed",
        decoding=2 if shards else frozen,
    )


def _precision(named: str) -> tuple[bool, str]:
    """Whether products are made in 16 bits, and whether weights are ("true") or not ("mixed")."""
    kinds = {"bf16-true", "bf16-mixed", "16-true", "16-mixed", "32-true"}
    full = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}.get(named, named)
    if full not in kinds:
        raise ConfigError(
            f"trainer.precision: '{named}' cannot be planned; one of {', '.join(sorted(kinds))}"
        )
    bits, kind = full.split("-")
    return bits != "32", kind
