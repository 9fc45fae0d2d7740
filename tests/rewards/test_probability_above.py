"""The exact count against numerical integration, and the figures that the module's text gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from videor1.rewards import probability_above


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(0, 16))
    return draw(st.integers(0, n)), n


@settings(deadline=None)
@given(counts(), counts())
def test_it_is_the_integral_of_one_density_over_the_other_distribution(
    seen: tuple[int, int], shuffled: tuple[int, int]
) -> None:
    (k, n), (j, m) = seen, shuffled
    above, below = beta(k + 1, n - k + 1), beta(j + 1, m - j + 1)
    expected, _ = quad(lambda p: above.pdf(p) * below.cdf(p), 0, 1, epsabs=1e-10)
    assert probability_above(k, n, j, m) == pytest.approx(expected, abs=1e-8)
    assert probability_above(j, m, k, n) == pytest.approx(1 - expected, abs=1e-8)


@pytest.mark.parametrize(
    ("k", "n", "shuffled_k", "shuffled_n", "expected"),
    [
        (0, 0, 0, 0, 1 / 2),
        (1, 1, 0, 1, 5 / 6),  # ∫ 2p (1 - (1 - p)²) dp
        (1, 1, 0, 0, 2 / 3),  # ∫ 2p · p dp
        (8, 8, 4, 4, 9 / 14),  # ∫ 9p⁸ · p⁵ dp
        (8, 8, 0, 4, 1 - 1 / 2002),  # 9 B(9, 6) = 9 · 8! 5! / 14!
        (4, 8, 2, 4, 1 / 2),  # both symmetric about 1/2
        (5, 8, 5, 8, 1 / 2),
        (0, 8, 0, 4, 5 / 14),  # ∫ 9 (1 - p)⁸ (1 - (1 - p)⁵) dp
    ],
)
def test_known_cases(k: int, n: int, shuffled_k: int, shuffled_n: int, expected: float) -> None:
    assert probability_above(k, n, shuffled_k, shuffled_n) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("n", "shuffled_n", "least"), [(8, 4, [4, 6, 7, None, None]), (4, 4, [2, 4, 4, None, None])]
)
def test_counts_that_reach_nine_tenths(n: int, shuffled_n: int, least: list[int | None]) -> None:
    for shuffled_k, expected in enumerate(least):
        reached = [k for k in range(n + 1) if probability_above(k, n, shuffled_k, shuffled_n) >= 0.9]
        assert reached == ([] if expected is None else list(range(expected, n + 1)))


def test_figures_of_the_docstring() -> None:
    assert probability_above(3, 8, 0, 4) == pytest.approx(0.874, abs=5e-4)
    assert probability_above(8, 8, 3, 4) == pytest.approx(0.890, abs=5e-4)


@pytest.mark.parametrize("bad", [(5, 4, 0, 4), (0, 4, 5, 4), (-1, 4, 0, 4), (0, 4, -1, 4)])
def test_impossible_counts_are_refused(bad: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=rf"{bad[0]} of 4 and {bad[2]} of 4"):
        probability_above(*bad)
