"""All rules, on the windows of a run: which signs there are figures for, and which of them show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callbacks.signs.blind_gain import blind_gain
from callbacks.signs.format_only import format_only
from callbacks.signs.idle_credit import idle_credit
from callbacks.signs.length_band import length_band
from callbacks.signs.letter_prior import letter_prior
from callbacks.signs.sign import Sign
from callbacks.signs.windows import Rise, Windows

SIGNS = ("length_band", "letter_prior", "format_only", "blind_gain", "idle_credit")
CHANGES = ("temporal/changed_groups", "temporal/change", "temporal/token_weight_spread")
_LETTERS = "letters/"
_READ = {"accuracy/ordered", "accuracy/blind", "reward/accuracy", "reward/format", "length/in_band", *CHANGES}


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From where on a sign shows; shares and accuracies are in [0, 1].

    Args:
        in_band_rise: length_band: rise of the share of responses of l_min … l_max tokens.
        letter_distance: letter_prior: distance of the letters answered from those that are right.
        format_rise: format_only: rise of the format reward.
        accuracy_rise: length_band, format_only: a rise of accuracy from which on all is well.
        blind_rise: blind_gain: rise of accuracy without media.
        blind_share: blind_gain: of the rise of accuracy with media.
        changed_groups: idle_credit: share of groups below which the credit changes nothing.
    """

    in_band_rise: float = 0.2
    letter_distance: float = 0.15
    format_rise: float = 0.1
    accuracy_rise: float = 0.02
    blind_rise: float = 0.05
    blind_share: float = 0.5
    changed_groups: float = 0.01


def is_read(name: str) -> bool:
    """Whether a rule reads this curve of a step."""
    return name in _READ or name.startswith(_LETTERS)


def judge(
    windows: Windows, examined: Mapping[str, Rise], limits: Thresholds, *, credit: bool, omega: float
) -> dict[str, Sign]:
    """The signs that there are figures for, by name.

    Args:
        windows: of the curves of steps.
        examined: `…/ordered` and `…/blind` of examinations.
        limits: thresholds.
        credit: whether temporal credit is given; idle_credit is about it.
        omega: the length bonus; length_band is about it.
    """
    signs = {
        "length_band": _length_band(windows, limits) if omega > 0 else None,
        "letter_prior": _letter_prior(windows, limits),
        "format_only": _format_only(windows, limits),
        "blind_gain": _blind_gain(windows, examined, limits),
        "idle_credit": _idle_credit(windows, limits) if credit else None,
    }
    return {name: sign for name, sign in signs.items() if sign is not None}


def _length_band(windows: Windows, limits: Thresholds) -> Sign | None:
    in_band, accuracy = windows.rise("length/in_band"), windows.rise("reward/accuracy")
    if in_band is None or accuracy is None:
        return None
    return length_band(in_band, accuracy, rise=limits.in_band_rise, gain=limits.accuracy_rise)


def _letter_prior(windows: Windows, limits: Thresholds) -> Sign | None:
    letters = [name for name in windows.first if name.startswith(_LETTERS)]
    excess = {name.removeprefix(_LETTERS): mean for name in letters if (mean := windows.mean(name))}
    return letter_prior(excess, distance=limits.letter_distance) if excess else None


def _format_only(windows: Windows, limits: Thresholds) -> Sign | None:
    form, accuracy = windows.rise("reward/format"), windows.rise("reward/accuracy")
    if form is None or accuracy is None:
        return None
    return format_only(form, accuracy, rise=limits.format_rise, gain=limits.accuracy_rise)


def _blind_gain(windows: Windows, examined: Mapping[str, Rise], limits: Thresholds) -> Sign | None:
    """The worst of all places in which accuracy without media is measured."""
    signs = [
        blind_gain(ordered, blind, rise=limits.blind_rise, share=limits.blind_share)
        for ordered, blind in _blind(windows, examined)
    ]
    return max(signs, key=lambda sign: (sign.shows, sign.figures["blind_rise"]), default=None)


def _blind(windows: Windows, examined: Mapping[str, Rise]) -> Iterator[tuple[Rise, Rise]]:
    """Accuracy with media and without."""
    ordered, blind = windows.rise("accuracy/ordered"), windows.rise("accuracy/blind")
    if ordered is not None and blind is not None:
        yield ordered, blind
    for name, without in examined.items():
        beside = examined.get(name.removesuffix("blind") + "ordered")
        if name.endswith("/blind") and beside is not None:
            yield beside, without


def _idle_credit(windows: Windows, limits: Thresholds) -> Sign | None:
    changed = windows.mean("temporal/changed_groups")
    return None if changed is None else idle_credit(changed, share=limits.changed_groups)
