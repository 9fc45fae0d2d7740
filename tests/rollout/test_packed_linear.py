"""Packed weights: the same products, everything else of a layer untouched, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from videor1.rollout.packed_linear import has_products, packed_linears


class Adapted(nn.Linear):
    """A layer of another class, as adapters make them; it is left as it is."""


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(32, 48), nn.GELU(), nn.Linear(48, 32, bias=False), Adapted(32, 8))


@torch.no_grad()
def test_products_are_the_same_for_any_number_of_rows(model):
    for shape in [(8, 32), (1, 32), (2, 1, 32), (1, 300, 32)]:
        rows = torch.randn(shape)
        expected = model(rows)
        with packed_linears(model, 8, torch.float32):
            assert torch.allclose(model(rows), expected, atol=1e-5)


@pytest.mark.skipif(not has_products(torch.bfloat16), reason="this CPU has no products of bfloat16")
@torch.no_grad()
def test_bfloat16_products_come_back_in_the_layers_type(model):
    rows = torch.randn(8, 32)
    expected = model(rows)
    with packed_linears(model, 8, torch.bfloat16):
        rounded = model(rows)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - expected).abs().max() < 0.05


@torch.no_grad()
def test_the_weights_are_read_anew_each_time_and_layers_are_as_before(model):
    rows = torch.randn(3, 32)
    with packed_linears(model, 3, torch.float32):
        pass
    for parameter in model.parameters():
        parameter.mul_(1.5)
    expected = model(rows)
    with packed_linears(model, 3, torch.float32):
        assert torch.allclose(model(rows), expected, atol=1e-5)
    assert all("forward" not in vars(layer) for layer in model)


@torch.no_grad()
def test_types_that_the_cpu_cannot_multiply_are_left_to_torch(model):
    with packed_linears(model, 3, torch.float64):
        assert all("forward" not in vars(layer) for layer in model)


@torch.no_grad()
def test_an_error_inside_leaves_nothing_behind(model):
    with pytest.raises(RuntimeError, match="within"), packed_linears(model, 3, torch.float32):
        raise RuntimeError("within")
    assert all("forward" not in vars(layer) for layer in model)


@torch.no_grad()
def test_packing_that_fails_half_way_leaves_nothing_behind(model, monkeypatch):
    calls = []

    def fail_at_the_second(weight, rows):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return weight

    monkeypatch.setattr("torch.ops.mkldnn._reorder_linear_weight", fail_at_the_second)
    with pytest.raises(MemoryError), packed_linears(model, 3, torch.float32):
        pass
    assert all("forward" not in vars(layer) for layer in model)


@torch.no_grad()
def test_a_forward_that_somebody_has_replaced_is_left_alone(model):
    model[0].forward = lambda rows: rows.new_full((len(rows), 48), 7.0)
    rows = torch.randn(3, 32)
    expected = model(rows)
    with packed_linears(model, 3, torch.float32):
        assert torch.allclose(model(rows), expected, atol=1e-5)
    assert torch.equal(model(rows), expected)


@torch.no_grad()
def test_hooks_and_other_classes_of_layers_keep_working(model):
    seen = []
    model[0].register_forward_hook(lambda *_: seen.append(0))
    with packed_linears(model, 3, torch.float32):
        assert "forward" in vars(model[0])
        assert "forward" not in vars(model[3])
        model(torch.randn(3, 32))
    assert seen == [0]
