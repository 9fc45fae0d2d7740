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
    assert score_tokens(head, states, targets, entropy="none")[1] is None


def test_forbidden_ids_are_left_out(inputs):
    head, states, targets = inputs
    forbidden = torch.arange(20)
    logprobs, entropies = score_tokens(head, states, targets, forbidden=forbidden)
    distribution = torch.distributions.Categorical(logits=head(states)[:, 20:])
    assert torch.allclose(logprobs, distribution.log_prob(targets - 20), atol=1e-6)
    assert torch.allclose(entropies, distribution.entropy(), atol=1e-5)


def bytes_kept(work):
    """Bytes of all storages that the graph of `work` holds for its backward pass."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        work()
    return sum(kept.values())


@pytest.mark.parametrize("rows", [10, 37])
def test_an_entropy_that_is_learned_has_its_gradient(inputs, rows):
    head, states, targets = inputs
    forbidden, weights = torch.arange(20), torch.linspace(-1, 2, M)
    logprobs, entropies = score_tokens(
        head,
        states,
        targets,
        forbidden=forbidden,
        temperature=1.3,
        entropy="learn",
        most_logits=rows * VOCABULARY,
    )
    got = torch.autograd.grad((weights * entropies + logprobs).sum(), [states, head.weight])
    exact = torch.distributions.Categorical(logits=(states.double() @ head.weight.double().T)[:, 20:] / 1.3)
    wanted = torch.autograd.grad(
        (weights * exact.entropy() + exact.log_prob(targets - 20)).sum(), [states, head.weight]
    )
    assert torch.allclose(entropies.double(), exact.entropy(), atol=1e-5)
    for one, other in zip(got, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-5, rtol=1e-4)


def test_an_entropy_keeps_no_more_for_the_backward_pass(inputs):
    head, states, targets = inputs
    kept = {
        kind: bytes_kept(lambda kind=kind: score_tokens(head, states, targets, entropy=kind))
        for kind in ("none", "watch", "learn")
    }
    # autograd's own product would keep the probabilities, 4 * M * VOCABULARY, once more
    assert kept["watch"] == kept["none"]
    assert kept["learn"] <= kept["none"] + 4 * M * 8


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
