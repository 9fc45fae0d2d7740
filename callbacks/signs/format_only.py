"""Sign: responses learn the format and nothing else."""

from __future__ import annotations

from callbacks.signs.sign import Sign
from callbacks.signs.windows import Rise


def format_only(form: Rise, accuracy: Rise, *, rise: float = 0.1, gain: float = 0.02) -> Sign:
    """Shows when the format reward rose by `rise` and accuracy by less than `gain`."""
    return Sign(
        shows=form.reaches(rise) and accuracy.by < gain,
        figures={"format_rise": form.by, "accuracy_rise": accuracy.by},
        seen=f"format {form}, accuracy {accuracy}",
        advice="only the format is learned: begin from a model that has it (SFT), or pay less for it"
        " (model.rewards.weights)",
    )
