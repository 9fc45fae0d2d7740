"""Keys and values while responses are written: each prompt's once, and each response's own.

No response has a copy of its prompt. A step attends to the prompts, all responses of a question at one time,
then to what each response has written itself, and merges the two (`policy/shared_prefix.py`). All responses
have written equally much, so their own part needs no padding; prompts of similar length share a call, padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from videor1.policy.attention import Layout
from videor1.policy.shared_prefix import merge_parts, partial_attention

_ROOM = 64  # tokens there is room for at first; doubled whenever it is full
_SIMILAR = 0.75  # prompts share a call when the shortest has at least this share of the longest


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
        self.written = 0  # tokens that each response has in its own keys and values
        device = next(iter(prefill.keys.values())).device
        self._question = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(device)  # (N,)
        self._own: dict[int, tuple[Tensor, Tensor]] = {}  # layer → 2 x (N, K, room, D)
        self._buckets = [_Bucket(prefill, prompts, numbers) for numbers in _by_length(prompts, counts)]
        self._place_rows()

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Layout.attend`; B = N, S = 1."""
        rows, heads, _, size = query.shape
        grouped = query.view(rows, key.shape[1], -1, size)  # (N, K, H / K, D)
        own = partial_attention(grouped, *self._append(layer, key, value), scaling)
        merged = merge_parts(self._attend_to_prompts(layer, grouped, scaling), own)
        return merged.reshape(rows, 1, heads, size)

    def advance(self) -> None:
        """To be called when all layers have attended."""
        self.written += 1

    def keep(self, rows: Tensor) -> None:
        """Drops all responses but those at `rows`, which are in order."""
        self._question = self._question[rows]
        self._own = {layer: (keys[rows], values[rows]) for layer, (keys, values) in self._own.items()}
        self._place_rows()

    def _attend_to_prompts(self, layer: int, query: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
        """(N, K, H / K, D) → its shape and (N, K, H / K)."""
        if len(self._buckets) == 1:
            return self._buckets[0].attend(layer, query, scaling)
        parts = [bucket.attend(layer, query[bucket.rows], scaling) for bucket in self._buckets]
        outs, lses = zip(*parts, strict=True)
        return torch.cat(outs)[self._order], torch.cat(lses)[self._order]

    def _place_rows(self) -> None:
        for bucket in self._buckets:
            bucket.place(self._question)
        self._buckets = [bucket for bucket in self._buckets if len(bucket.rows)]
        self._order = torch.cat([bucket.rows for bucket in self._buckets]).argsort()

    def _append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The new token's keys and values behind the others: 2 x (N, K, written + 1, D)."""
        keys, values = self._own.get(layer, (key[:, :, :0], value[:, :, :0]))
        if keys.shape[2] == self.written:
            self._own[layer] = keys, values = _with_room(keys), _with_room(values)
        keys[:, :, self.written], values[:, :, self.written] = key[:, :, 0], value[:, :, 0]
        return keys[:, :, : self.written + 1], values[:, :, : self.written + 1]


class _Bucket:
    """Prompts of similar length and the responses to them: one call of the kernel.

    `rows` (M,) says which responses these are, `slots` (M,) where each stands in a grid of prompts × the most
    responses that one of them has.
    """

    def __init__(self, prefill: PromptKV, prompts: Sequence[slice], numbers: Sequence[int]) -> None:
        places = [prompts[number] for number in numbers]
        self.keys = {layer: _padded(keys, places) for layer, keys in prefill.keys.items()}  # (B, K, P, D)
        self.values = {layer: _padded(values, places) for layer, values in prefill.values.items()}
        some = next(iter(self.keys.values()))
        self.numbers = torch.tensor(numbers, device=some.device)
        lengths = torch.tensor([place.stop - place.start for place in places])
        hidden = torch.arange(int(lengths.max())) >= lengths[:, None]
        mask = torch.zeros(hidden.shape, dtype=some.dtype).masked_fill(hidden, -torch.inf)
        self.mask = mask.to(some.device)[:, None, None] if hidden.any() else None  # (B, 1, 1, P), added

    def place(self, question: Tensor) -> None:
        """Looks up its responses among all, (N,) of which the questions are given, in order."""
        member = question[:, None] == self.numbers
        self.rows = member.any(1).nonzero()[:, 0]
        within = member[self.rows].int()
        rank = (within.cumsum(0) * within).sum(1) - 1  # among the responses of the same question
        self.most = int(rank.max()) + 1 if len(rank) else 0
        self.slots = within.argmax(1) * self.most + rank

    def attend(self, layer: int, query: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
        """(M, K, H / K, D) → its shape and (M, K, H / K)."""
        keys, values = self.keys[layer], self.values[layer]
        size, full = len(keys) * self.most, len(query) == len(keys) * self.most
        # a full grid has the responses in order: there is nothing to move
        grid = query if full else query.new_zeros(size, *query.shape[1:]).index_copy(0, self.slots, query)
        by_head = grid.unflatten(0, (-1, self.most)).transpose(1, 2).flatten(2, 3)  # (B, K, most * H / K, D)
        parts = partial_attention(by_head, keys, values, scaling, self.mask)
        out, lse = (part.unflatten(2, (self.most, -1)).transpose(1, 2).flatten(0, 1) for part in parts)
        return (out, lse) if full else (out[self.slots], lse[self.slots])


def _by_length(prompts: Sequence[slice], counts: Sequence[int]) -> list[list[int]]:
    """Numbers of the prompts that have responses, those of similar length together."""
    lengths = [place.stop - place.start for place in prompts]
    together: list[list[int]] = []
    for number in sorted(range(len(prompts)), key=lambda number: -lengths[number]):
        if not counts[number]:
            continue
        if together and lengths[number] >= _SIMILAR * lengths[together[-1][0]]:
            together[-1].append(number)
        else:
            together.append([number])
    return [sorted(numbers) for numbers in together]


def _padded(whole: Tensor, places: Sequence[slice]) -> Tensor:
    """(K, S, D) → (B, K, longest, D), the segments at `places`, zeros behind the shorter ones."""
    segments = [whole[:, place].transpose(0, 1) for place in places]
    return pad_sequence(segments, batch_first=True).transpose(1, 2)


def _with_room(full: Tensor) -> Tensor:
    """(N, K, T, D) → a larger copy, with room for as many tokens again."""
    rows, heads, tokens, size = full.shape
    return torch.cat([full, full.new_empty(rows, heads, max(tokens, _ROOM), size)], dim=2)
