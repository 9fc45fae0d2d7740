"""Figures of a step: exact means over unequal shares, what the credit changed, and signs of gamed rewards."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from videor1.modules.metrics import add_rollouts
from videor1.modules.step_means import StepMeans
from videor1.rewards import RewardSettings
from videor1.types import Clip, Experience, Group, Prompt, Record, Response, Rewards

HERE = SingleDeviceStrategy(torch.device("cpu"))
SETTINGS = RewardSettings(l_min=20, l_max=30)
NO_CHANGE = [0.5, -0.5, 0.5, -0.5]


def prompt(*, video: bool, solution: str | None = None) -> Prompt:
    clip = Clip(
        frames=np.zeros((2, 28, 28, 3), np.uint8),
        indices=(0, 1),
        fps=2.0 if video else 0.0,
        source_fps=8.0 if video else 0.0,
        total_frames=8,
        path="",
    )
    record = Record(
        problem_id=1,
        problem="",
        data_type="video" if video else "image",
        problem_type="numerical" if solution is None else "multiple choice",
        options=(),
        solution=f"<answer>{solution or 3}</answer>",
        path="",
        data_source="",
    )
    empty = torch.empty(0, dtype=torch.int64)
    return Prompt(record=record, clip=clip, input_ids=empty, patches=empty, grid_thw=empty)


def responses(*lengths: int, finished: bool = True, answers: str = "") -> tuple[Response, ...]:
    """Of these lengths; "B" of `answers` is the answer B, "-" none."""
    texts = [
        "" if letter == "-" else f"<answer>{letter}</answer>" for letter in answers or "-" * len(lengths)
    ]
    return tuple(
        Response(
            token_ids=torch.zeros(n, dtype=torch.long), logprobs=torch.zeros(n), text=text, finished=finished
        )
        for n, text in zip(lengths, texts, strict=True)
    )


def rewarded(accuracy, *, temporal=0.0, shuffled=(), custom=None) -> Rewards:
    accuracy, shuffled = torch.tensor(accuracy), torch.tensor(shuffled)
    return Rewards(
        accuracy=accuracy,
        format=torch.ones(4),
        temporal=temporal * (accuracy > 0.1).float(),
        length=torch.zeros(4),
        overlong=torch.tensor([0.0, 0.0, -0.5, -1.0]),
        custom=custom or {},
        untimed=accuracy + 1,
        shuffled_accuracy=shuffled,
        shuffled_untimed=shuffled + 1,
    )


def figures(*pairs, advantages=None, plain=None, settings=SETTINGS, learned=None, token_weights=None):
    groups, rewards = zip(*pairs, strict=True)
    plain = torch.tensor(plain or NO_CHANGE * len(groups))
    experience = Experience(
        groups=groups,
        rewards=rewards,
        advantages=plain if advantages is None else torch.tensor(advantages),
        plain_advantages=plain,
        learned=tuple(range(len(groups))) if learned is None else learned,
        share=1.0,
        token_weights=token_weights,
        sampled_logprobs=torch.zeros(4 * len(groups), 5),
        old_logprobs=None,
        reference_logprobs=None,
        vision=None,
    )
    means = StepMeans()
    add_rollouts(means, experience, rewards=settings)
    return means.reduce(HERE)


def video(*lengths, perturbed=2, kind="shuffled"):
    ordered = responses(*lengths or (9, 9, 9, 9))
    return Group(
        prompt=prompt(video=True), ordered=ordered, shuffled=responses(*[5] * perturbed), perturbation=kind
    )


def image(*lengths):
    return Group(prompt=prompt(video=False), ordered=responses(*lengths, finished=False))


def test_means_weigh_values_not_calls():
    means = StepMeans()
    means.add("x", torch.tensor([1.0, 2.0, 3.0]))
    means.add("x", 10.0)
    means.add("nothing", torch.empty(0))
    means.add("means", 1.0, weight=3)
    means.add("means", 5.0, weight=1)
    assert means.reduce(HERE) == {"x": 4.0, "means": 2.0}


def test_accuracy_by_what_was_seen_is_of_videos_alone():
    got = figures(
        (video(10, 20, 30, 40), rewarded([1.0, 1.0, 0.0, 0.0], shuffled=[1.0, 0.0])),
        (video(10, 10, 10, 10, kind="blind"), rewarded([1.0, 1.0, 1.0, 1.0], shuffled=[0.0, 0.0])),
        (image(8, 8, 8, 8), rewarded([0.0, 0.0, 0.0, 0.0], custom={})),
    )
    assert got["accuracy/ordered"] == 0.75  # (2 + 4) / 8
    assert got["accuracy/shuffled"] == 0.5
    assert got["accuracy/blind"] == 0.0
    assert not {"accuracy/reversed", "accuracy/frozen", "accuracy/dropped"} & set(got)
    assert got["accuracy/gap"] == 0.5  # (0.5 - 0.5 + 1 - 0) / 2
    assert got["reward/accuracy"] == 0.5  # all 12
    assert got["reward/overlong"] == -0.375
    assert got["response/tokens"] == pytest.approx((100 + 40 + 32) / 12)
    assert got["response/truncated"] == pytest.approx(4 / 12)


def test_images_alone_leave_no_figures_of_time():
    got = figures(
        (image(8, 8, 8, 8), rewarded([0.0, 1.0, 0.0, 0.0])), advantages=[9.0, 0, 0, 0], plain=NO_CHANGE
    )
    assert not [name for name in got if name.startswith("temporal/")]
    assert [name for name in got if name.startswith("accuracy/")] == ["accuracy/out_of_band"]


def test_plain_grpo_has_ordered_accuracy_and_no_gap():
    got = figures((video(perturbed=0), rewarded([1.0, 1.0, 0.0, 0.0])))
    assert got["accuracy/ordered"] == 0.5
    assert not {"accuracy/gap", "accuracy/shuffled", "temporal/order_helped"} & set(got)


def test_each_custom_term_has_a_curve():
    got = figures((video(), rewarded([1.0] * 4, custom={"SaysWhen": torch.tensor([0.2, 0.0, 0.0, 0.2])})))
    assert got["reward/SaysWhen"] == pytest.approx(0.1)


def test_changed_groups_are_those_whose_advantages_moved():
    got = figures(
        (video(), rewarded([1.0, 0.0, 1.0, 0.0])),
        (video(), rewarded([1.0, 0.0, 1.0, 0.0])),
        advantages=[0.8, -0.5, 0.5, -0.6, 0.505, -0.5, 0.5, -0.5],
    )
    assert got["temporal/changed_groups"] == 0.5
    assert got["temporal/change"] == pytest.approx((0.3 + 0.1 + 0.005) / 8)
    assert "temporal/token_weight_spread" not in got


def test_token_weights_change_groups_that_have_advantages():
    """Of three groups one is passed over, and one has weights but nothing that they could weigh."""
    weights = torch.ones(8, 3)
    weights[:, 0] = 1.5
    weights[:, 2] = 99.0  # padding: responses have two tokens
    pair = (video(2, 2, 2, 2), rewarded([1.0, 0.0, 1.0, 0.0]))
    got = figures(pair, pair, pair, plain=[0.0] * 8 + NO_CHANGE, learned=(1, 2), token_weights=weights)
    assert got["temporal/changed_groups"] == pytest.approx(1 / 3)
    assert got["temporal/change"] == 0.0
    assert got["temporal/token_weight_spread"] == 0.25  # 0.5 at one token of two
    assert got["group/zero_variance"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("advantages", "share"),
    [
        ([0.0, 0.0, 0.0, 0.0], 1.0),
        ([0.3, 0.3, 0.3, 0.3], 0.0),  # all right and paid for it: the credit left something to learn
        ([0.0, 0.0, 0.0, 1e-3], 0.0),
    ],
)
def test_a_group_of_zero_variance_teaches_nothing(advantages, share):
    got = figures((video(), rewarded([1.0] * 4)), plain=[0.0] * 4, advantages=advantages)
    assert got["group/zero_variance"] == share


def test_order_helped_where_the_rule_paid_somebody():
    """0 ≥ 0 holds by the rule and marks nobody; without a bonus nothing can be told."""
    right = (video(), rewarded([1.0, 0.0, 0.0, 0.0], temporal=0.3, shuffled=[0.0, 0.0]))
    wrong = (video(), rewarded([0.0, 0.0, 0.0, 0.0], temporal=0.3, shuffled=[0.0, 0.0]))
    assert figures(right, wrong)["temporal/order_helped"] == 0.5
    assert "temporal/order_helped" not in figures(right, settings=RewardSettings(alpha=0.0))


def test_lengths_and_accuracy_in_and_out_of_the_band():
    got = figures((image(19, 20, 30, 31), rewarded([1.0, 0.5, 0.0, 0.2])))
    assert got["length/in_band"] == 0.5
    assert got["accuracy/in_band"] == 0.25  # of 20 and 30 tokens, both ends in it
    assert got["accuracy/out_of_band"] == pytest.approx(0.6)


def test_letters_are_compared_with_solutions_where_one_is_named():
    def choice(answers: str, solution: str) -> tuple[Group, Rewards]:
        ordered = responses(5, 5, 5, 5, answers=answers)
        return Group(prompt=prompt(video=False, solution=solution), ordered=ordered), rewarded([0.0] * 4)

    got = figures(choice("AAB-", "B"), choice("CAAA", "A"), (image(8, 8, 8, 8), rewarded([0.0] * 4)))
    assert got["letters/A"] == pytest.approx((5 - 4) / 7)
    assert got["letters/B"] == pytest.approx((1 - 3) / 7)
    assert got["letters/C"] == pytest.approx(1 / 7)
    assert got["letters/D"] == got["letters/E"] == 0.0
    assert math.isclose(sum(got[f"letters/{letter}"] for letter in "ABCDE"), 0.0, abs_tol=1e-12)
    assert "letters/A" not in figures((image(8, 8, 8, 8), rewarded([0.0] * 4)))
