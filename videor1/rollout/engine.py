"""What a rollout engine is: prompts in, responses out. The modules know this file, not the engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from videor1.errors import ConfigError
from videor1.types import Prompt, Response

if TYPE_CHECKING:  # transformers, which takes seconds that a server's messages need not
    from videor1.policy.weights import PolicyWeights


# Hears tokens as they are written: number of a response, question by question, and the ids it has grown by.
Watch = Callable[[int, Sequence[int]], None]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Args:
        max_new_tokens: longest response; a longer one is cut off and counts as unfinished.
        temperature: divides the logits; 0 takes the likeliest token.
        top_p: smallest set of tokens with this much probability. Below 1 the sampled distribution is no
            longer the one that is trained; importance weights make up for that only within the set.
    """

    max_new_tokens: int = 768
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigError(f"sampling.max_new_tokens must be at least 1, got {self.max_new_tokens}")
        if self.temperature < 0:
            raise ConfigError(f"sampling.temperature must be at least 0, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"sampling.top_p must lie in (0, 1], got {self.top_p}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a prompt has become inside an engine; the trainer's own is compared with it."""

    token_ids: Tensor  # (P,) int64, vision tokens included
    positions: Tensor  # (3, P) int64 M-RoPE positions


class Engine(Protocol):
    """Writes responses with weights that it has taken over from the policy."""

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        ...

    def sync(self, weights: PolicyWeights, *, version: int) -> None:
        """Takes over the policy's weights, unless those it has are already of this `version`.

        Every rank calls it at the same time, since weights may have to be gathered from all.

        Raises:
            EngineError: the engine did not take them.
        """
        ...

    def generate(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        *,
        seed: int,
        watch: Watch | None = None,
    ) -> list[list[Response]]:
        """`counts[i]` responses to `prompts[i]`; the same arguments and weights give the same responses.

        Args:
            prompts: what is asked.
            counts: how many responses to each.
            sampling: how tokens are drawn.
            seed: of the draws, which depend on the questions too: one seed will do for all ranks.
            watch: hears of every token, the end token included. An engine that hands out whole responses only
                does not call it. It changes nothing in what is drawn.

        Raises:
            EngineError: the engine died or does not answer.
        """
        ...

    def read(self, prompts: Sequence[Prompt]) -> list[Reading]:
        """How each prompt reaches the model."""
        ...

    def close(self) -> None:
        """Gives back what it holds; it is of no use afterwards."""
        ...
