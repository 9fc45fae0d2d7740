"""Sign: responses move into the band of lengths that is paid for, and are no more right than before."""

from __future__ import annotations

from callbacks.signs.sign import Sign
from callbacks.signs.windows import Rise


def length_band(in_band: Rise, accuracy: Rise, *, rise: float = 0.2, gain: float = 0.02) -> Sign:
    """Shows when the share of responses in the band rose by `rise` and accuracy by less than `gain`."""
    return Sign(
        shows=in_band.reaches(rise) and accuracy.by < gain,
        figures={"in_band": in_band.last, "in_band_rise": in_band.by, "accuracy_rise": accuracy.by},
        seen=f"responses of l_min … l_max tokens {in_band}, accuracy {accuracy}",
        advice="the length bonus is earned without being more right: lower model.rewards.omega, or set"
        " l_min … l_max to what right answers need",
    )
