"""Attention block by block against attention with a dense mask: what is seen, values, gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from videor1.policy.masked import dense_layout, flex_layout
from videor1.policy.shared_prefix import CascadeLayout, merge_parts, partial_attention, row_blocks

QUESTIONS = st.lists(
    st.tuples(st.integers(1, 40), st.lists(st.integers(0, 9), max_size=5)), min_size=1, max_size=3
)
HEADS, SHARED, SIZE = 6, 2, 8


def dense_mask(prompts, responses):
    """(S, S) by the definition: own question, the prompt or the own response, nothing later."""
    owners = [
        (question, segment)
        for question, (prompt, group) in enumerate(zip(prompts, responses, strict=True))
        for segment, length in enumerate([prompt, *group])
        for _ in range(length)
    ]
    return torch.tensor(
        [
            [
                owner[0] == other[0] and other[1] in (0, owner[1]) and key <= query
                for key, other in enumerate(owners)
            ]
            for query, owner in enumerate(owners)
        ]
    )


@settings(max_examples=50, deadline=None)
@given(QUESTIONS)
def test_blocks_cover_what_is_seen_once(questions):
    prompts, responses = zip(*questions, strict=True)
    mask = dense_mask(prompts, responses)
    covered = torch.zeros_like(mask, dtype=torch.int)
    for block in row_blocks(prompts, responses):
        queries = torch.arange(len(mask))[block.queries].view(block.rows, -1)
        keys = torch.arange(len(mask))[block.keys].view(block.rows, -1)
        for own_queries, own_keys in zip(queries, keys, strict=True):
            seen = torch.ones(len(own_queries), len(own_keys), dtype=torch.int)
            covered[own_queries[:, None], own_keys] += seen.tril() if block.causal else seen
    assert torch.equal(covered, mask.int())


@settings(max_examples=25, deadline=None)
@given(QUESTIONS)
def test_values_and_gradients_are_those_of_a_dense_mask(questions):
    prompts, responses = zip(*questions, strict=True)
    mask = dense_mask(prompts, responses)
    generator = torch.Generator().manual_seed(len(mask))
    query, key, value, weight = (
        torch.randn(1, heads, len(mask), SIZE, generator=generator)
        for heads in (HEADS, SHARED, SHARED, HEADS)
    )
    inputs = [query.requires_grad_(), key.requires_grad_(), value.requires_grad_()]
    layout = CascadeLayout(blocks=row_blocks(prompts, responses))
    out = layout.attend(0, query, key, value, 0.3).transpose(1, 2)
    expected = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.3, enable_gqa=True)
    assert torch.allclose(out, expected, atol=2e-6)
    found, wanted = (torch.autograd.grad((result * weight).sum(), inputs) for result in (out, expected))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=2e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 500), st.lists(st.integers(0, 300), max_size=4)), min_size=1, max_size=3
    )
)
def test_masks_say_the_same(questions):
    prompts, responses = zip(*questions, strict=True)
    blocks = row_blocks(prompts, responses)
    cpu = torch.device("cpu")
    dense = dense_layout(blocks, cpu).mask
    segment = torch.cat([
        torch.tensor([number * 100 + part]).repeat(length)
        for number, (prompt, group) in enumerate(questions)
        for part, length in enumerate([prompt, *group])
    ])  # fmt: skip
    order = torch.arange(len(segment))
    own = segment[:, None] == segment
    shared = (segment[:, None] // 100 == segment // 100) & (segment % 100 == 0)
    assert torch.equal(dense, (own | shared) & (order[:, None] >= order))
    mask = flex_layout(blocks, cpu).mask
    size = len(segment)
    tiles = torch.zeros(-(-size // 128) * 128, -(-size // 128) * 128, dtype=torch.bool)
    tiles[:size, :size] = dense
    tiles = tiles.unflatten(0, (-1, 128)).unflatten(2, (-1, 128)).transpose(1, 2)
    part, whole = torch.zeros(2, *tiles.shape[:2], dtype=torch.bool)
    for table, counts, indices in (
        (part, mask.kv_num_blocks, mask.kv_indices),
        (whole, mask.full_kv_num_blocks, mask.full_kv_indices),
    ):
        for row, (count, places) in enumerate(zip(counts[0, 0].tolist(), indices[0, 0], strict=True)):
            table[row, places[:count].long()] = True
    assert not (part & whole).any()
    assert torch.equal(part | whole, tiles.any(3).any(2))
    assert (tiles.all(3).all(2) | ~whole).all()  # nothing hidden is in a tile that is not masked
    sees = mask.mask_mod(None, None, order[:, None], order[None])
    assert torch.equal(sees, dense)


def test_bfloat16_stays_close():
    prompts, responses = [50], [[7, 7, 3]]
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, heads, 67, SIZE, generator=generator) for heads in (HEADS, SHARED, SHARED)]
    layout = CascadeLayout(blocks=row_blocks(prompts, responses))
    exact = layout.attend(0, *inputs, 0.3)
    rounded = layout.attend(0, *[tensor.bfloat16() for tensor in inputs], 0.3)
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.05


@pytest.mark.parametrize("device", ["cpu", "meta math"])
def test_parts_put_together_are_the_whole(device, monkeypatch):
    """By the CPU's kernel, and by the plain mathematics that other devices use."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, SIZE, generator=generator) for n in (4, 30, 30))
    if device != "cpu":
        monkeypatch.setattr("videor1.policy.shared_prefix._on_cpu", lambda tensor: False)
    first, second = (
        partial_attention(query, key[:, :, keys], value[:, :, keys], 0.3)
        for keys in (slice(0, 11), slice(11, 30))
    )
    expected = scaled_dot_product_attention(query, key, value, scale=0.3)
    assert torch.allclose(merge_parts(first, second), expected, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "meta math"])
def test_scores_are_not_rounded_to_bfloat16(device, monkeypatch):
    """Large common offsets of scores, as biases of keys make them, mean nothing and may cost nothing."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 40, SIZE, generator=generator).bfloat16() for _ in range(3))
    query, key = query.clone(), key.clone()
    query[..., 0], key[..., 0] = 10, 10
    if device != "cpu":
        monkeypatch.setattr("videor1.policy.shared_prefix._on_cpu", lambda tensor: False)
    out, _ = partial_attention(query, key, value, 1.0)
    exact = scaled_dot_product_attention(query.double(), key.double(), value.double(), scale=1.0)
    assert (out - exact).abs().max() < 0.02


def test_parts_of_mixed_types_are_brought_to_one():
    """As autocast leaves them: rotary positions make queries and keys float32 again, values stay bfloat16."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, SIZE, generator=generator) for n in (4, 30, 30))
    mask = torch.zeros(2, 1, 1, 30)
    mask[0, ..., 20:] = -torch.inf
    out, _ = partial_attention(query, key, value.bfloat16(), 0.3, mask)
    assert out.dtype == torch.bfloat16
    expected = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.3)
    assert (out - expected).abs().max() < 0.03
