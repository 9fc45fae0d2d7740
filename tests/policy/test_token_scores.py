"""Log-probs and entropies from hidden states: against plain softmax, and in chunks that never grow."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from videor1.policy.token_scores import score_tokens

M, HIDDEN, VOCABULARY = 37, 16, 211


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    head = nn.Linear(HIDDEN, VOCABULARY, bias=False)
    return head, torch.randn(M, HIDDEN, requires_grad=True), torch.randint(20, VOCABULARY, (M,))


def test_they_are_those_of_the_softmax(inputs):
    head, states, targets = inputs
    logprobs, entropies = score_tokens(head, states, targets, temperature=0.7)
    distribution = torch.distributions.Categorical(logits=head(states) / 0.7)
    assert torch.allclose(logprobs, distribution.log_prob(targets), atol=1e-6)
    assert torch.allclose(entropies, distribution.entropy(), atol=1e-5)
    assert not entropies.requires_grad
    assert score_tokens(head, states, targets, entropy=False)[1] is None


def test_forbidden_ids_are_left_out(inputs):
    head, states, targets = inputs
    forbidden = torch.arange(20)
    logprobs, entropies = score_tokens(head, states, targets, forbidden=forbidden)
    distribution = torch.distributions.Categorical(logits=head(states)[:, 20:])
    assert torch.allclose(logprobs, distribution.log_prob(targets - 20), atol=1e-6)
    assert torch.allclose(entropies, distribution.entropy(), atol=1e-5)


@pytest.mark.parametrize("rows", [1, 10, 36, 37])
def test_chunks_change_nothing_and_hold_few_logits(inputs, rows):
    head, states, targets = inputs
    forbidden = torch.arange(20)
    results = []
    for most in (rows * VOCABULARY, 2**30):
        states.grad = head.weight.grad = None
        seen = []
        hook = head.register_forward_hook(lambda module, args, out, seen=seen: seen.append(out.numel()))
        logprobs, entropies = score_tokens(
            head, states, targets, forbidden=forbidden, temperature=1.3, most_logits=most
        )
        (logprobs * torch.arange(M)).sum().backward()
        hook.remove()
        assert max(seen) <= most
        if rows < M and most < 2**30:  # made again in the backward pass, not kept for it
            assert len(seen) == 2 * -(-M // rows)
        results.append((logprobs, entropies, states.grad, head.weight.grad))
    for chunked, whole in zip(*results, strict=True):
        assert torch.allclose(chunked, whole, atol=1e-4, rtol=1e-5)


def test_the_scores_are_float32_whatever_the_head_is(inputs):
    head, states, targets = inputs
    logprobs, entropies = score_tokens(head.bfloat16(), states.bfloat16(), targets)
    assert logprobs.dtype == entropies.dtype == torch.float32
