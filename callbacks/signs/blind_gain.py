"""Sign: what is learned needs no media."""

from __future__ import annotations

from callbacks.signs.sign import Sign
from callbacks.signs.windows import Rise


def blind_gain(ordered: Rise, blind: Rise, *, rise: float = 0.05, share: float = 0.5) -> Sign:
    """Shows when accuracy without media rose by `rise`, and by `share` of what it rose with them."""
    return Sign(
        shows=blind.reaches(rise) and blind.by >= share * ordered.by,
        figures={"blind_rise": blind.by, "ordered_rise": ordered.by},
        seen=f"accuracy without media {blind}, with them {ordered}",
        advice="the words alone give answers away: take out questions that are answered blind"
        " (data.exclude), or deal their options anew",
    )
