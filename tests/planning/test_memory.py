"""Bytes by strategy, computed by hand for round numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.planning.support import SHAPE, make_job
from videor1.errors import ConfigError
from videor1.planning.activations import Trained
from videor1.planning.job import adapter_parameters
from videor1.planning.memory import RESERVED, cache_bytes, memory
from videor1.planning.spreads import formats

# 2 layers of 100 · 100 + 100 + 2 · (100 · 20 + 20) + 100 · 100 + 3 · 100 · 200 + 2 · 100, a norm, two ends
LANGUAGE = 2 * 84_340 + 100 + 200_000
# 2 blocks of 3 · 1640 + 1640 + 3 · 3200 + 160 + 40 + 80, patches; 40 + 160 · 161 + 100 · 161
TOWER, MERGER = 2 * 16_440 + 47_040, 41_900
ALL = LANGUAGE + TOWER + MERGER


def parts(**changes):
    found = memory(make_job(**changes), capacity=1e9)
    return [round(value / ALL, 6) for value in (found.weights, found.gradients, found.optimizer)]


def test_the_shape_of_the_tests_has_these_parameters():
    assert SHAPE.language.parameters == LANGUAGE
    assert (SHAPE.vision.tower_parameters, SHAPE.vision.merger_parameters) == (TOWER, MERGER)


@pytest.mark.parametrize(
    ("spread", "precision", "expected"),
    [
        ("ddp", "32-true", [4, 4, 8]),
        ("ddp", "bf16-mixed", [4, 4, 8]),
        ("ddp", "bf16-true", [2, 2, 4]),
        ("zero1", "bf16-true", [2, 2, 3]),
        ("zero2", "bf16-true", [2, 0.5, 3]),
        ("zero2", "bf16-mixed", [2, 0.5, 3]),
        ("zero2", "32-true", [4, 1, 3]),
        ("zero2_offload", "bf16-true", [2, 0, 0]),
        ("zero3", "bf16-true", [0.5, 0.5, 3]),
        ("zero3_offload", "bf16-true", [0, 0, 0]),
        ("fsdp2", "bf16-mixed", [1, 1, 2]),
    ],
)
def test_bytes_a_parameter_on_four_gpus(spread, precision, expected):
    assert parts(spread=spread, precision=precision) == expected


def test_the_reference_is_a_second_copy_cut_like_the_policy():
    assert memory(make_job(), capacity=1e9).reference == 2 * ALL
    assert memory(make_job(spread="zero3"), capacity=1e9).reference == 2 * ALL / 4
    assert memory(make_job(spread="zero3_offload"), capacity=1e9).reference == 0
    assert memory(make_job(reference=False), capacity=1e9).reference == 0


def test_eight_bit_moments_leave_the_master():
    assert parts(spread="zero2", moments=2) == [2, 0.5, (4 + 2) / 4]
    assert parts(spread="ddp", precision="bf16-mixed", moments=2) == [4, 4, 2]


def test_what_does_not_learn_has_weights_alone():
    trained = Trained(vision="still", merger="still")
    found = memory(make_job(spread="ddp", precision="bf16-mixed", trained=trained), capacity=1e9)
    assert found.weights == 4 * ALL
    assert found.gradients == 4 * LANGUAGE


def test_adapters_learn_over_a_base_in_bfloat16_that_is_the_reference():
    trained = Trained(vision="still", merger="still", language="adapted", rank=3)
    adapters = 3 * 2 * (200 + 120 + 120 + 200 + 3 * 300)
    assert adapter_parameters(SHAPE, trained) == adapters
    found = memory(make_job(spread="ddp", precision="bf16-mixed", trained=trained), capacity=1e9)
    assert found.weights == 2 * ALL + 4 * adapters
    assert (found.gradients, found.optimizer, found.reference) == (4 * adapters, 8 * adapters, 0)


def test_an_engine_of_shards_has_a_whole_copy():
    assert memory(make_job(spread="zero3"), capacity=1e9).engine == 2 * ALL
    assert memory(make_job(spread="zero3", engine="elsewhere"), capacity=1e9).engine == 0
    assert memory(make_job(spread="zero2"), capacity=1e9).engine == 0


def test_the_cache_has_each_prompt_once_an_order_and_room_for_each_response():
    job = make_job(questions=2, prompt=30, response=70)
    numbers = 2 * 2 * 20 * (2 * 2 * 30 + 2 * 12 * 128)  # room for 70 tokens is 128
    assert cache_bytes(job, formats(job)) == 2 * numbers
    images = replace(job, shuffled=0)
    assert cache_bytes(images, formats(images)) == 2 * (2 * 2 * 20 * (2 * 30 + 2 * 8 * 128))


def test_vllm_has_its_share_while_it_is_awake():
    job = make_job(engine="colocated")
    asleep, awake = memory(job, capacity=1e9), memory(replace(job, vllm_sleeps=False), capacity=1e9)
    assert (asleep.rollout, asleep.engine) == (0.4e9, 0)
    assert asleep.host == 4 * 2 * ALL
    assert (awake.rollout, awake.engine, awake.host) == (0, 0.4e9, 0)


def test_the_peak_is_what_stays_and_the_largest_of_what_comes():
    found = memory(make_job(), capacity=1e9)
    comes = max(found.rollout, found.reference_pass, found.update, found.step)
    assert found.peak == found.stays + comes + RESERVED
    assert found.step == 4 * ALL / 4  # float32 gradients of DeepSpeed's step


def test_what_is_offloaded_is_in_host_memory_of_all_nodes_together():
    assert memory(make_job(spread="zero2_offload"), capacity=1e9).host == 16 * ALL
    assert memory(make_job(spread="zero2_offload", nodes=2), capacity=1e9).host == 8 * ALL
    assert memory(make_job(spread="zero3_offload"), capacity=1e9).host == (16 + 2 + 2) * ALL


def test_inputs_of_layers_can_wait_in_host_memory():
    job = make_job(group=100)
    there = replace(job, activation_offload=True)
    kept = 2 * (2 * job.row.tokens * 100 + 2 * job.row.patches * 40)
    before, after = memory(job, capacity=1e9), memory(there, capacity=1e9)
    assert before.update - after.update == kept
    assert after.host == 4 * kept


def test_a_precision_that_is_not_known_is_named():
    with pytest.raises(ConfigError, match=r"trainer.precision: 'transformer-engine' cannot be planned"):
        memory(make_job(precision="transformer-engine"), capacity=1e9)
