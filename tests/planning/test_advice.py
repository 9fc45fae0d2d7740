"""Options are named only where they help, with what they save, and together are enough or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.planning.support import make_job
from videor1.planning.advice import OPTIONS, adapted, enough, savings, spread_over
from videor1.planning.memory import GIB, memory
from videor1.planning.sizes import SIZES

A_7B = make_job(
    shape=SIZES["7B"], gpus=8, frames=16, vision_tokens=1024, prompt=1280, response=768, checkpointing=False
)


def names(options) -> list[str]:
    return [option.setting.split("/")[-1].split(":")[0] for option in options]


def test_each_saving_is_that_of_its_option_alone():
    for saving in savings(A_7B, capacity=80 * GIB):
        before = memory(A_7B, capacity=80 * GIB).peak
        after = memory(saving.option.change(A_7B), capacity=80 * GIB).peak
        assert saving.bytes == pytest.approx(before - after)
        assert saving.bytes > 0
        assert saving.fits == (after <= 80 * GIB)


def test_what_does_not_help_is_not_named():
    found = names(saving.option for saving in savings(A_7B, capacity=80 * GIB))
    assert found[0] == "model.gradient_checkpointing"
    assert not {"data.batch_size", "zero2.yaml", "model.activation_offload"} & set(found)  # it is so already
    one = replace(A_7B, gpus=1)
    assert not {"zero2.yaml", "zero3.yaml"} & set(names(s.option for s in savings(one, capacity=80 * GIB)))


def test_what_costs_least_comes_first_and_nothing_more_than_is_needed():
    assert memory(A_7B, capacity=80 * GIB).peak > 80 * GIB
    assert names(enough(A_7B, capacity=80 * GIB)) == ["model.gradient_checkpointing"]
    four = replace(A_7B, gpus=2, questions=4)
    taken = enough(four, capacity=80 * GIB)
    for option in taken:
        job = four
        for other in taken:
            job = job if other is option else other.change(job)
        assert memory(job, capacity=80 * GIB).peak > 80 * GIB, option.setting
    assert enough(replace(A_7B, gpus=1), capacity=8 * GIB) is None


def test_a_strategy_without_a_master_is_tried_in_mixed_precision():
    job = make_job(spread="zero3", precision="bf16-true")
    assert spread_over(job, "fsdp2").precision == "bf16-mixed"
    assert spread_over(job, "zero2").precision == "bf16-true"
    assert spread_over(replace(job, precision="32-true"), "ddp").precision == "32-true"


def test_lora_spares_reference_and_state():
    job = replace(A_7B, spread="ddp", precision="bf16-mixed", checkpointing=True)
    found = memory(adapted(job), capacity=24 * GIB)
    assert found.reference == 0
    assert found.gradients + found.optimizer < 0.15 * found.weights


def test_no_option_makes_a_run_larger_that_has_it_already():
    job = make_job(
        spread="zero3_offload", activation_offload=True, moments=2, reference=False, engine="elsewhere"
    )
    before = memory(job, capacity=GIB).peak
    for option in OPTIONS:
        if option.setting.startswith("model.") and "freeze" not in option.setting:
            assert memory(option.change(job), capacity=GIB).peak <= before, option.setting
