"""Sign: the temporal credit is measured, paid for in rollouts, and changes nothing that is learned.

So it is with the paper's bonus where rewards are 0 or 1 and advantages are divided by their deviation.
"""

from __future__ import annotations

from callbacks.signs.sign import Sign
from callbacks.signs.windows import Mean


def idle_credit(changed: Mean, *, share: float = 0.01) -> Sign:
    """Shows when the credit changed the advantages of less than `share` of the groups."""
    return Sign(
        shows=changed.value < share,
        figures={"changed_groups": changed.value},
        seen=f"temporal credit changed the advantages of {changed.value:.3f} of the groups of videos",
        advice="it costs rollouts and teaches nothing: take model.scale none or another model.credit, or"
        " switch it off (model.credit none)",
    )
