"""How sure a few responses make us that one rate of success is above another.

    P(p > p~ | k of n, k~ of n~),   p and p~ independent, uniform before anything was seen

p is then Beta(k + 1, n - k + 1): the (k + 1)-th smallest of n + 1 uniform numbers, and p~ the (k~ + 1)-th of
n~ + 1 others. p > p~ says that among the m = k + k~ + 1 smallest of both lots at least k~ + 1 are of the
second; which lot a place falls to is drawn without replacement, so it is the tail of a hypergeometric:

    Σ_{j > k~}  C(n~ + 1, j) · C(n + 1, m - j) / C(n + n~ + 2, m)

A tie is no evidence: equal counts of equal groups give exactly 1/2, and 8 of 8 against 4 of 4 gives 9/14,
above 1/2 only because more responses were seen. Small groups reach little. With 8 and 4, 0.9 is reached by

    shuffled correct, of 4     0     1     2     3     4
    ordered correct, of 8     ≥ 4   ≥ 6   ≥ 7   none  none

(3 against 0 is 0.874, 8 against 3 is 0.890), with 4 and 4 by ≥ 2 against 0 and by 4 against 1 or 2 alone.
"""

from __future__ import annotations

from math import comb


def probability_above(k: int, n: int, shuffled_k: int, shuffled_n: int) -> float:
    """P(p > p~) after `k` of `n` and `shuffled_k` of `shuffled_n`, exact but for the last rounding.

    Nothing seen on either side (n = shuffled_n = 0) gives 1/2. Raises ValueError unless 0 ≤ k ≤ n on both.
    """
    if not (0 <= k <= n and 0 <= shuffled_k <= shuffled_n):
        raise ValueError(f"counts must lie in 0 … n, not {k} of {n} and {shuffled_k} of {shuffled_n}")
    places = k + shuffled_k + 1
    ways = sum(
        comb(shuffled_n + 1, j) * comb(n + 1, places - j)
        for j in range(shuffled_k + 1, min(places, shuffled_n + 1) + 1)
    )
    return ways / comb(n + shuffled_n + 2, places)
