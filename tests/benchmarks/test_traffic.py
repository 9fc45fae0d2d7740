"""Collectives are counted with the whole of what they make, whoever calls them."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore

from benchmarks.support.traffic import Traffic

FLOATS = 64 * 64 + 64
BYTES = 4 * FLOATS


@pytest.fixture
def pair():
    """A group of two, one of whom is not there: nothing is moved, but all is asked for."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    yield
    dist.destroy_process_group()


@pytest.fixture
def alone():
    """A group of this process, for DDP, which wants an answer."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_calls_of_each_kind_and_part(pair):
    tensor, half = torch.zeros(FLOATS), torch.zeros(FLOATS // 2)
    with Traffic() as traffic:
        traffic.part = "one"
        dist.all_reduce(tensor)
        dist.broadcast(tensor, 0)
        dist.barrier()
        traffic.part = "two"
        dist.all_gather_into_tensor(tensor, half)
        dist.all_gather([half, half.clone()], half)
        dist.reduce_scatter_tensor(half, tensor)
        dist.reduce(tensor, 0)
        tensor + tensor
    assert traffic.bytes == {
        ("one", "all_reduce"): BYTES,
        ("one", "broadcast"): BYTES,
        ("two", "all_gather"): 2 * BYTES,
        ("two", "reduce_scatter"): BYTES,
        ("two", "reduce"): BYTES,
    }


def test_ddp_sums_its_gradients_once(alone):
    model = DistributedDataParallel(torch.nn.Linear(64, 64))
    with Traffic() as traffic:
        model(torch.ones(1, 64)).sum().backward()
    assert traffic.bytes["", "all_reduce"] == BYTES


def test_fsdp2_gathers_twice_and_scatters_once_and_a_whole_tensor_is_gathered_once_more(pair):
    model = torch.nn.Linear(64, 64)
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)), reshard_after_forward=True)
    with Traffic() as traffic:
        model(torch.ones(1, 64)).sum().backward()
        traffic.part = "export"
        model.weight.full_tensor()
    assert traffic.bytes["", "all_gather"] == 2 * BYTES
    assert traffic.bytes["", "reduce_scatter"] == BYTES
    assert traffic.bytes["export", "all_gather"] == 4 * 64 * 64
