"""Sign: a letter is answered because of the letter.

    distance = 1/2 · Σ over letters of |share of answers with it - share of solutions with it|

the total variation distance, of shares averaged over a window: a wrong answer that is as often A for B as B
for A cancels, a liking for A does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from callbacks.signs.sign import Sign
from callbacks.signs.windows import Mean


def letter_prior(excess: Mapping[str, Mean], *, distance: float = 0.15) -> Sign:
    """Shows when the distance is at least `distance`, and the excess of one letter more than noise.

    `excess` by letter: share of answers - share of solutions. Few questions a step make a distance by chance.
    """
    found = 0.5 * sum(abs(mean.value) for mean in excess.values())
    most = max(excess, key=lambda letter: excess[letter].value)
    return Sign(
        shows=found >= distance and any(mean.sure for mean in excess.values()),
        figures={"distance": found, **{letter: mean.value for letter, mean in excess.items()}},
        seen=f"letters answered and letters that are right are {found:.3f} apart, {most} is answered"
        f" {excess[most].value:+.3f} too often",
        advice=f"{most} is guessed: look whether solutions of the data favour it (cli.py audit), and deal the"
        " options anew",
    )
