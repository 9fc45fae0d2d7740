"""How often each kind of record comes in an epoch, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from videor1.data.record_file import Kind
from videor1.errors import ConfigError
from videor1.types import DataType, ProblemType


@dataclass(frozen=True, kw_only=True)
class Share:
    """One line of `data.mixture`: which records it is about, and how often they come in an epoch.

    Args:
        data_type: only records of this type; null for any.
        problem_type: only records with this kind of answer; null for any.
        data_source: only records of this source; null for any.
        weight: how often each comes: 1 once, 0 never, 2 twice, 0.5 a random half, drawn anew each epoch.
        count: instead of weight, how many of them come; drawn anew each epoch.
    """

    data_type: DataType | None = None
    problem_type: ProblemType | None = None
    data_source: str | None = None
    weight: float | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if (self.weight is None) == (self.count is None):
            raise ConfigError(f"data.mixture: give a weight or a count, one of the two: {self}")
        if not 0 <= (self.weight or 0) < math.inf or (self.count or 0) < 0:
            raise ConfigError(f"data.mixture: weight and count must be at least 0 and finite: {self}")

    def covers(self, kind: Kind) -> bool:
        """Whether this line is about a kind of record."""
        pairs = ((getattr(self, key), value) for key, value in asdict(kind).items())
        return all(wanted in (None, value) for wanted, value in pairs)

    def draws(self, records: int) -> int:
        """How many draws an epoch makes from `records` records that this line is about."""
        return self.count if self.count is not None else round((self.weight or 0) * records)


class EpochOrder:
    """The record numbers of each epoch: a pure function of (seed, epoch), the same on every rank.

    The first line of the mixture that covers a record decides on it; one that no line covers comes once.

    Args:
        codes: (M,) kind of each record, a number into `kinds`.
        kinds: table of kinds.
        numbers: (M,) record numbers that the codes belong to; by default 0 … M - 1.
        mixture: lines of `data.mixture`.
        seed: of the draws and of the order.

    Raises:
        ConfigError: the mixture leaves nothing, or asks for records that there are none of.
    """

    def __init__(
        self,
        codes: np.ndarray,
        kinds: Sequence[Kind],
        *,
        numbers: np.ndarray | None = None,
        mixture: Sequence[Share] = (),
        seed: int = 0,
    ) -> None:
        self.seed = seed
        numbers = np.arange(len(codes)) if numbers is None else numbers
        whole = Share(weight=1.0)
        lines = [*mixture, whole]
        line_of_kind = np.array([[s.covers(kind) for s in lines].index(True) for kind in kinds], dtype=int)
        line_of_record = line_of_kind[codes]
        self._pools = [numbers[line_of_record == line] for line in range(len(lines))]
        self._draws = [line.draws(len(pool)) for line, pool in zip(lines, self._pools, strict=True)]
        for line, pool, draws in zip(mixture, self._pools, self._draws, strict=False):
            if not len(pool) and any(line.covers(kinds[code]) for code in np.unique(codes)):
                raise ConfigError(f"data.mixture: lines before it have taken all records of {line}")
            misspelt = line.data_source is not None and not any(line.covers(kind) for kind in kinds)
            if not len(pool) and (draws or misspelt):
                sources = sorted({kind.data_source for kind in kinds})
                raise ConfigError(f"data.mixture: no record is left for {line}; sources are {sources}")
        if not len(self):
            raise ConfigError("data.mixture leaves no record")

    def __len__(self) -> int:
        return sum(self._draws)

    def numbers(self) -> np.ndarray:
        """The numbers of all records that may come, ascending."""
        pools = zip(self._pools, self._draws, strict=True)
        return np.sort(np.concatenate([pool for pool, draws in pools if draws]))

    def draw(self, epoch: int) -> np.ndarray:
        """(len(self),) record numbers."""
        random = np.random.default_rng([self.seed, epoch])
        numbers = [
            _draw(pool, draws, random) for pool, draws in zip(self._pools, self._draws, strict=True) if draws
        ]
        return np.concatenate(numbers)[random.permutation(len(self))]


def _draw(pool: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Everyone equally often, and the rest by lot without repetition."""
    times, rest = divmod(draws, len(pool))
    chosen = random.permutation(pool)[:rest] if rest else pool[:0]
    return np.concatenate([np.tile(pool, times), chosen])
