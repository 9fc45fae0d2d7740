"""Signs that a run learns something else than it should: one rule a file, pure functions of figures."""

from callbacks.signs.judge import CHANGES, SIGNS, Thresholds, is_read, judge
from callbacks.signs.sign import Sign
from callbacks.signs.windows import Mean, Rise, Windows

__all__ = ["CHANGES", "SIGNS", "Mean", "Rise", "Sign", "Thresholds", "Windows", "is_read", "judge"]
