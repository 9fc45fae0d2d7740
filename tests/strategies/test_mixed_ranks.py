"""No rank waits for another for ever, whatever each of them is given to see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs import asking, curves
from tests.strategies import ranks
from tests.strategies.mixed import STEPS

STRATEGIES = ("ddp", "zero2", "zero3", "fsdp2")
SHORT = ["--model.rollout.sampling.max_new_tokens", "12"]


@pytest.fixture(scope="module")
def runs(world, sft, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    records = json.loads((world / "train.json").read_text(encoding="utf-8"))
    (folder / "five.json").write_text(json.dumps(records[:5]), encoding="utf-8")

    def command(name: str, strategy: str, *words: str) -> list[str]:
        spread = [*ranks.overlay(strategy), *SHORT]
        return ranks.fitting("tgrpo", world, sft / "hf", folder / f"{name}_{strategy}", *spread, *words)

    mixed = ["--data.batch_size", "1", "--trainer.callbacks", "tests.strategies.mixed.DealOut"]
    # 5 records on 2 ranks with batches of 2: the last block has one record for two ranks
    uneven = [
        "--data.train",
        str(folder / "five.json"),
        "--data.batch_size",
        "2",
        "--trainer.callbacks",
        "[]",
    ]
    # all questions in one batch: the second rank has none, and looks at no engine's agreement
    few = ["--model.evaluation.samples", "1", "--model.evaluation.sampling.max_new_tokens", "8"]
    ranks.run(
        folder,
        [
            command(name, strategy, *words, "--trainer.max_steps", steps)
            for strategy in STRATEGIES
            for name, words, steps in (("mixed", mixed, str(len(STEPS))), ("uneven", uneven, "4"))
        ]
        + [
            asking(
                "validate", world, sft / "hf", folder / f"asked_{strategy}", *few, *ranks.overlay(strategy)
            )
            for strategy in ("ddp", "zero3", "fsdp2")
        ],
    )
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_media_on_one_rank_and_none_on_the_other(runs, strategy):
    logged = curves(runs / f"mixed_{strategy}")
    assert [step for step, _ in logged["loss"]] == list(range(len(STEPS)))
    # the share of videos tells that each rank saw what it was given
    seen = {step for step, _ in logged["accuracy/shuffled"]}
    assert seen == {number for number, kinds in enumerate(STEPS) if {"video", "hopeless"} & set(kinds)}
    same = dict(curves(runs / "mixed_ddp")["policy/kl"])
    assert dict(logged["policy/kl"]) == pytest.approx(same, abs=1e-4)


def test_a_group_without_variance_met_one_with_it(runs):
    shares = {value for _, value in curves(runs / "mixed_zero3")["group/zero_variance"]}
    assert 0.5 in shares


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_uneven_last_block(runs, strategy):
    logged = curves(runs / f"uneven_{strategy}")
    assert [step for step, _ in logged["loss"]] == [0, 1, 2, 3]


@pytest.mark.parametrize("strategy", ["zero3", "fsdp2"])
def test_an_examination_that_only_one_rank_has_questions_of(runs, strategy):
    found, expected = (runs / f"asked_{name}/predictions.jsonl" for name in (strategy, "ddp"))
    assert found.read_bytes() == expected.read_bytes()
    assert found.stat().st_size > 1000
