"""Operations against a count of the real pass; bytes between GPUs and seconds by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from benchmarks.support.flops import count_flops
from tests.planning.support import make_job
from videor1.planning.activations import Trained
from videor1.planning.flops import forward, reference, update
from videor1.planning.gpus import GPUS
from videor1.planning.seconds import exchanged, seconds
from videor1.planning.shape import shape_of
from videor1.policy.group_pass import score_responses


def test_operations_of_a_forward_pass_are_those_of_the_real_one(world, tiny_policy, media_prompts):
    prompt = media_prompts["long video"]
    responses = [torch.randint(20, 60, (40,)) for _ in range(8)]
    with torch.no_grad():
        counted = count_flops(lambda: score_responses(tiny_policy, [prompt], [responses], entropy="none"))
    job = make_job(
        shape=shape_of(json.loads((world / "model/config.json").read_text())),
        frames=2 * int(prompt.grid_thw[0, 0]),
        vision_tokens=len(prompt.patches) // 4,
        prompt=len(prompt.input_ids),
        response=40,
    )
    assert forward(job, responses=8).total == pytest.approx(counted, rel=0.05)


def test_an_update_is_worth_three_forward_passes_and_a_fourth_with_checkpointing():
    job = make_job(checkpointing=False)
    once = forward(job, responses=8)
    assert update(job) == pytest.approx(3 * once.total)
    again = replace(job, checkpointing=True)
    assert update(again) == pytest.approx(3 * once.total + once.layers + once.tower)


def test_adapters_spare_the_gradients_of_the_matrices_and_the_tower_is_seen_once():
    trained = Trained(vision="still", merger="still", language="adapted", rank=4)
    job = make_job(checkpointing=False, trained=trained)
    once = forward(job, responses=8)
    assert update(job) == pytest.approx(2 * (once.layers + once.head) + once.tower + once.merger)
    assert reference(job) == pytest.approx(once.layers + once.head)
    assert reference(replace(job, reference=False)) == 0


def test_bytes_that_each_of_four_gpus_sends():
    numbers = make_job().shape.parameters
    part = 3 / 4
    assert exchanged(make_job(spread="ddp", precision="bf16-mixed")) == part * 2 * 4 * numbers
    assert exchanged(make_job(spread="zero2")) == part * (2 + 2) * numbers
    # weights for policy forward and backward, reference and engine; gradients
    assert exchanged(make_job(spread="zero3")) == part * (4 * 2 + 2) * numbers
    assert exchanged(make_job(spread="zero3", accumulate=2)) == part * (7 * 2 + 2 * 2) * numbers
    assert exchanged(make_job(spread="zero3", reference=False, engine="none")) == part * 6 * numbers
    assert exchanged(make_job(gpus=1)) == 0


def test_a_token_takes_as_long_as_reading_the_weights_or_starting_the_operations():
    gpu = GPUS["A100"]
    job = make_job(engine="elsewhere", group=1, shuffled=0, prompt=1, response=1000)
    slow = replace(gpu, bandwidth=1e3, half=1e30)
    language = job.shape.language
    read = 2 * language.parameters + 4 * language.layers * language.kv * (1 + 500)
    assert seconds(job, slow, utilisation=1.0).rollout == pytest.approx(1000 * read / 1e3)
    started = 1000 * language.layers * 50 * 10e-6
    fast = replace(gpu, bandwidth=1e30, half=1e30)
    assert seconds(replace(job, engine="hf"), fast, utilisation=1.0).rollout == pytest.approx(started)


def test_rollouts_that_are_learned_from_twice_take_half_the_time_a_step():
    gpu = GPUS["H100"]
    once, twice = (seconds(make_job(inner_updates=count), gpu, utilisation=0.4) for count in (1, 2))
    assert (twice.rollout, twice.reference) == (once.rollout / 2, once.reference / 2)
    assert twice.update == once.update


def test_other_nodes_make_the_exchange_slower():
    one, two = (make_job(spread="zero3", gpus=16, nodes=nodes) for nodes in (1, 2))
    gpu = GPUS["H100"]
    ratio = seconds(two, gpu, utilisation=0.4).exchange / seconds(one, gpu, utilisation=0.4).exchange
    assert ratio == pytest.approx(450 / 50)
