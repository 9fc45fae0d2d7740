"""Attention block by block against attention with a dense mask: what is seen, values, gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from videor1.policy.flex import flex_layout
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
    flex = flex_layout(prompts, responses, torch.device("cpu"))
    by_flex = flex.attend(0, *[tensor.detach() for tensor in inputs], 0.3)  # its backward is for GPUs only
    assert torch.allclose(by_flex.transpose(1, 2), expected, atol=2e-6)
    found, wanted = (torch.autograd.grad((result * weight).sum(), inputs) for result in (out, expected))
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=2e-5)


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
