"""Signs of gamed rewards: each rule shows what it should and only that; one warning each, resumed or not."""

from __future__ import annotations

import json
from itertools import cycle, islice

import pytest

from callbacks.reward_watch import RewardWatch
from callbacks.signs import Mean, Rise, Thresholds, Windows, judge
from callbacks.signs.blind_gain import blind_gain
from callbacks.signs.format_only import format_only
from callbacks.signs.idle_credit import idle_credit
from callbacks.signs.length_band import length_band
from callbacks.signs.letter_prior import letter_prior
from videor1.errors import ConfigError

FLAT = Rise(first=0.5, last=0.5)


def rise(by: float, *, first: float = 0.3, error: float = 0.0) -> Rise:
    return Rise(first=first, last=first + by, error=error)


def watched(watch: RewardWatch, curves: dict[str, list[float]], *, credit: bool = True, omega: float = 0.2):
    """Warnings by step of a run with these curves."""
    said = {}
    for step, values in enumerate(zip(*curves.values(), strict=True), start=1):
        watch.see(dict(zip(curves, values, strict=True)), {})
        signs = judge(watch.windows, {}, watch.thresholds, credit=credit, omega=omega)
        if lines := watch.warnings(signs, step):
            said[step] = lines
    return said


def test_windows_share_no_step_and_skip_steps_without_a_value():
    windows = Windows(2)
    for step, value in enumerate([0.1, 0.3, 0.9, 0.5, 0.7]):
        windows.add({"x": value, **({"rare": value} if step % 2 else {})})
        assert (windows.rise("x") is None) == (step < 3)
    found = windows.rise("x")
    assert (found.first, found.last) == pytest.approx((0.2, 0.6))
    # variances 0.02 and 0.02 of two values each
    assert found.error == pytest.approx(((0.02 + 0.02) / 2) ** 0.5)
    assert windows.mean("x") == Mean(value=pytest.approx(0.6), error=pytest.approx(0.1))
    assert windows.mean("rare").value == pytest.approx(0.4)
    assert windows.rise("rare") is None
    assert windows.mean("unknown") is windows.latest("unknown") is None


@pytest.mark.parametrize(
    ("in_band", "accuracy", "shows"),
    [
        (rise(0.25), FLAT, True),
        (rise(0.25), rise(0.01), True),
        (rise(0.25), rise(-0.1), True),
        (rise(0.25), rise(0.03), False),  # longer and better
        (rise(0.15), FLAT, False),
        (rise(0.25, error=0.1), FLAT, False),  # noise
    ],
)
def test_length_band(in_band, accuracy, shows):
    sign = length_band(in_band, accuracy)
    assert sign.shows == shows
    assert sign.figures["in_band_rise"] == pytest.approx(in_band.by)


@pytest.mark.parametrize(
    ("form", "accuracy", "shows"),
    [(rise(0.12), FLAT, True), (rise(0.12), rise(0.05), False), (rise(0.05), FLAT, False)],
)
def test_format_only(form, accuracy, shows):
    assert format_only(form, accuracy).shows == shows


@pytest.mark.parametrize(
    ("excess", "error", "shows", "distance"),
    [
        ([0.2, -0.1, -0.1, 0.0], 0.01, True, 0.2),
        ([0.1, -0.05, -0.05, 0.0], 0.01, False, 0.1),
        ([0.2, -0.1, -0.1, 0.0], 0.08, False, 0.2),  # by chance, of few questions
    ],
)
def test_letter_prior(excess, error, shows, distance):
    means = {letter: Mean(value=value, error=error) for letter, value in zip("ABCD", excess, strict=True)}
    sign = letter_prior(means)
    assert sign.shows == shows
    assert sign.figures["distance"] == pytest.approx(distance)
    assert "A is answered +" in sign.seen


@pytest.mark.parametrize(
    ("ordered", "blind", "shows"),
    [
        (rise(0.3), rise(0.2), True),
        (rise(0.3), rise(0.1), False),  # most of it needs the video
        (rise(0.06), rise(0.04), False),
        (rise(-0.1), rise(0.06), True),
    ],
)
def test_blind_gain(ordered, blind, shows):
    assert blind_gain(ordered, blind).shows == shows


@pytest.mark.parametrize(("share", "shows"), [(0.0, True), (0.009, True), (0.02, False)])
def test_idle_credit(share, shows):
    assert idle_credit(Mean(value=share, error=0.0)).shows == shows


def test_a_liking_for_a_letter_stays_and_noise_cancels():
    noise = list(islice(cycle([0.3, -0.3]), 10))
    letters = {"letters/A": noise, "letters/B": [-value for value in noise]}
    assert watched(RewardWatch(window=4), letters) == {}
    liking = {"letters/A": [0.2 + value / 10 for value in noise], "letters/B": [-0.2] * 10}
    assert list(watched(RewardWatch(window=4), liking)) == [4]


def test_a_healthy_run_warns_of_nothing():
    steps = [step / 10 for step in range(10)]
    healthy = {
        "reward/accuracy": steps,
        "accuracy/ordered": steps,
        "accuracy/blind": [0.25] * 10,
        "reward/format": steps,
        "length/in_band": steps,
        "letters/A": [0.01, -0.01] * 5,
        "temporal/changed_groups": [0.2] * 10,
    }
    assert watched(RewardWatch(window=2), healthy) == {}


def test_each_sign_is_told_once_with_figures_and_advice():
    gamed = {
        "reward/accuracy": [0.5] * 8,
        "accuracy/ordered": [0.5] * 8,
        "accuracy/blind": [0.3, 0.3, 0.3, 0.3, 0.45, 0.45, 0.3, 0.45],
        "reward/format": [0.6] * 2 + [0.9] * 6,
        "length/in_band": [0.1] * 4 + [0.5] * 4,
        "temporal/changed_groups": [0.0] * 8,
        "temporal/change": [0.001] * 8,
    }
    watch = RewardWatch(window=2)
    said = watched(watch, gamed)
    assert {step: [line.split(", ")[1].split(":")[0] for line in lines] for step, lines in said.items()} == {
        2: ["idle_credit"],
        4: ["format_only"],
        6: ["length_band", "blind_gain"],
    }
    (line,) = said[4]
    assert line.startswith("Warning at step 4, format_only: format 0.600 → 0.900, accuracy 0.500 → 0.500; ")
    assert "model.rewards.weights" in line
    assert not [line for lines in said.values() for line in lines if "\n" in line]


def test_signs_of_what_is_switched_off_are_not_judged():
    gamed = {
        "reward/accuracy": [0.5] * 4,
        "length/in_band": [0.1] * 2 + [0.5] * 2,
        "temporal/changed_groups": [0.0] * 4,
    }
    assert watched(RewardWatch(window=2), gamed, credit=False, omega=0.0) == {}
    assert len(watched(RewardWatch(window=2), gamed)) == 2


def test_examinations_without_media_count_from_the_first_to_the_newest():
    watch = RewardWatch()
    for ordered, blind in ((0.4, 0.3), (0.4, 0.2), (0.5, 0.4)):
        found = {"eval/toy/sampled/ordered": ordered, "eval/toy/sampled/blind": blind}
        watch.see({}, found)
    examined = {name: Rise(first=ends[0], last=ends[1]) for name, ends in watch.examined.items()}
    sign = judge(watch.windows, examined, Thresholds(), credit=True, omega=0.2)["blind_gain"]
    assert sign.shows
    assert sign.seen == "accuracy without media 0.300 → 0.400, with them 0.400 → 0.500"


def test_a_resume_keeps_windows_and_does_not_warn_again():
    curve = {"temporal/changed_groups": [0.0, 0.0, 0.5, 0.3]}
    watch = RewardWatch(window=2)
    assert list(watched(watch, curve)) == [2]
    resumed = RewardWatch(window=2)
    resumed.load_state_dict(json.loads(json.dumps(watch.state_dict())))
    assert resumed.windows.mean("temporal/changed_groups").value == pytest.approx(0.4)
    assert watched(resumed, {"temporal/changed_groups": [0.0, 0.0]}) == {}
    signs = judge(resumed.windows, {}, resumed.thresholds, credit=True, omega=0.2)
    report = resumed.report(signs, credit="reward")
    assert report["temporal"] == {"changed_groups": 0.0, "change": None, "token_weight_spread": None}
    told = report["signs"]["idle_credit"]
    assert (told["raised"], told["step"], told["shows"]) == (True, 2, True)
    assert report["signs"]["format_only"]["seen"] is None


def test_a_window_of_one_step_has_no_noise_to_tell():
    with pytest.raises(ConfigError, match=r"callbacks\.RewardWatch\.window"):
        RewardWatch(window=1)
