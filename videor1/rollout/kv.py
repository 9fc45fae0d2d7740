"""Keys and values while responses are written: each prompt's once, and each response's own.

No response has a copy of its prompt. A step attends to the prompts question by question, all responses at one
time, then to what each has written itself, and merges the two (`policy/shared_prefix.py`). All responses
have written equally much, so there is no padding and no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from videor1.policy.attention import Layout
from videor1.policy.shared_prefix import merge_parts, partial_attention

_ROOM = 64  # tokens there is room for at first; doubled whenever it is full


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptKV:
    """A layout that keeps what a prefill computes."""

    layout: Layout  # of the row of prompts
    keys: dict[int, Tensor] = field(default_factory=dict)  # layer → (K, S, D)
    values: dict[int, Tensor] = field(default_factory=dict)  # layer → (K, S, D)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = 1."""
        self.keys[layer], self.values[layer] = key[0], value[0]
        return self.layout.attend(layer, query, key, value, scaling)


class DecodingLayout:
    """Attends from the newest token of N responses to their prompts and to what they have written.

    Args:
        prefill: keys and values of all prompts.
        prompts: where each prompt lies in them.
        counts: responses of each prompt; N together.
    """

    def __init__(self, prefill: PromptKV, prompts: Sequence[slice], counts: Sequence[int]) -> None:
        self.prompts = [
            {
                layer: (prefill.keys[layer][:, place], prefill.values[layer][:, place])
                for layer in prefill.keys
            }
            for place in prompts
        ]
        self.counts = list(counts)
        self.written = 0  # tokens that each response has in its own keys and values
        self._own: dict[int, tuple[Tensor, Tensor]] = {}  # layer → 2 x (N, K, room, D)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = N, S = 1."""
        rows, heads, _, size = query.shape
        grouped = query.view(rows, key.shape[1], -1, size)  # (N, K, H / K, D)
        own_keys, own_values = self._append(layer, key, value)
        own = partial_attention(grouped, own_keys, own_values, scaling)
        merged = merge_parts(self._attend_to_prompts(layer, grouped, scaling), own)
        return merged.reshape(rows, 1, heads, size)

    def advance(self) -> None:
        """To be called when all layers have attended."""
        self.written += 1

    def keep(self, rows: Tensor) -> None:
        """Drops all responses but those at `rows`, which are in order."""
        ends = torch.tensor(self.counts).cumsum(0)
        question = torch.bucketize(rows.cpu(), ends, right=True)
        self.counts = torch.bincount(question, minlength=len(self.counts)).tolist()
        self._own = {layer: (keys[rows], values[rows]) for layer, (keys, values) in self._own.items()}

    def _attend_to_prompts(self, layer: int, query: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
        """(N, K, H / K, D) → its shape and (N, K, H / K)."""
        shared = query.shape[2]
        by_head = query.transpose(0, 1).flatten(1, 2)[None]  # (1, K, N * H / K, D)
        parts, start = [], 0
        for prompt, count in zip(self.prompts, self.counts, strict=True):
            if count:
                part = by_head[:, :, start : start + count * shared]
                keys, values = prompt[layer]
                parts.append(partial_attention(part, keys[None], values[None], scaling))
                start += count * shared
        out = torch.cat([part for part, _ in parts], dim=2)[0].unflatten(1, (-1, shared)).transpose(0, 1)
        lse = torch.cat([part for _, part in parts], dim=2)[0].unflatten(1, (-1, shared)).transpose(0, 1)
        return out, lse

    def _append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The new token's keys and values behind the others: 2 x (N, K, written + 1, D)."""
        keys, values = self._own.get(layer, (key[:, :, :0], value[:, :, :0]))
        if keys.shape[2] == self.written:
            self._own[layer] = keys, values = _with_room(keys), _with_room(values)
        keys[:, :, self.written], values[:, :, self.written] = key[:, :, 0], value[:, :, 0]
        return keys[:, :, : self.written + 1], values[:, :, : self.written + 1]


def _with_room(full: Tensor) -> Tensor:
    """(N, K, T, D) → a larger copy, with room for as many tokens again."""
    rows, heads, tokens, size = full.shape
    return torch.cat([full, full.new_empty(rows, heads, max(tokens, _ROOM), size)], dim=2)
