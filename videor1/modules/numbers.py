"""Bounds that training must stay within, and what is done when it does not: `model.numbers`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, get_args

from videor1.errors import ConfigError, NumbersError

Action = Literal["warn", "stop", "rollback"]
KL, ENTROPY = "policy/kl", "policy/entropy"  # curves


@dataclass(frozen=True, kw_only=True)
class NumbersSettings:
    """When the numbers of a run are no good any more.

    Args:
        bad_steps: this many steps in a row that were left out, since something was NaN or infinite, end it.
        kl_above: nats a token; KL has exploded when it is more. Null for no bound.
        entropy_below: nats a token; entropy has collapsed when it is less. Null for no bound.
        window: steps whose mean is compared with these; T-GRPO only.
        action: what follows: "warn" says so once a run, "stop" ends it, "rollback" ends it with exit status
            76 so that the same command with `--ckpt_path last` goes on from the newest checkpoint before the
            window, with the records that would come after it.
        rollbacks: so many a run; the next one stops it.
    """

    bad_steps: int = 3
    kl_above: float | None = 10.0
    entropy_below: float | None = 0.001
    window: int = 10
    action: Action = "warn"
    rollbacks: int = 2

    def __post_init__(self) -> None:
        for key, least in (("bad_steps", 1), ("window", 1), ("rollbacks", 1)):
            if getattr(self, key) < least:
                raise ConfigError(f"model.numbers.{key} must be at least {least}, got {getattr(self, key)}")
        for key in ("kl_above", "entropy_below"):
            bound = getattr(self, key)
            if bound is not None and not bound > 0:
                raise ConfigError(f"model.numbers.{key} must be above 0, got {bound:g}; null for no bound")
        if self.action not in get_args(Action):
            raise ConfigError(f"model.numbers.action: {self.action} is none of {', '.join(get_args(Action))}")


class Bounds:
    """Means of the last steps against the bounds of the settings."""

    def __init__(self, settings: NumbersSettings) -> None:
        self.settings = settings
        self._last: dict[str, deque[float]] = {name: deque(maxlen=settings.window) for name in (KL, ENTROPY)}
        self.shown: dict[str, str] = {}  # by the last step, each sign with a sentence
        self.told: list[str] = []  # signs that were warned of

    def state_dict(self) -> dict[str, Any]:
        return {"last": {name: list(values) for name, values in self._last.items()}, "told": list(self.told)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, values in state["last"].items():
            self._last[name] = deque(values, maxlen=self.settings.window)
        self.told = list(state["told"])

    @property
    def asks_back(self) -> bool:
        """Whether an earlier checkpoint is better than what there is now."""
        return bool(self.shown) and self.settings.action == "rollback"

    @property
    def why(self) -> str:
        """The first of the signs that show, with its sentence."""
        return ": ".join(next(iter(self.shown.items())))

    def see(self, figures: Mapping[str, float], *, step: int) -> list[str]:
        """Takes in the curves of the `step`-th step; a bound counts only when its window is full.

        Returns:
            A line for each sign that shows for the first time.

        Raises:
            NumbersError: one shows, and `action` is "stop".
        """
        for name, values in self._last.items():
            if name in figures:
                values.append(figures[name])
        signs: dict[str, str] = {}
        settings = self.settings
        kl, entropy = self._mean(KL), self._mean(ENTROPY)
        if kl is not None and settings.kl_above is not None and kl > settings.kl_above:
            told = f"above model.numbers.kl_above {settings.kl_above:g}"
            signs["kl_explosion"] = self._sentence(KL, kl, told)
        if entropy is not None and settings.entropy_below is not None and entropy < settings.entropy_below:
            told = f"below model.numbers.entropy_below {settings.entropy_below:g}"
            signs["entropy_collapse"] = self._sentence(ENTROPY, entropy, told)
        self.shown = signs
        if signs and settings.action == "stop":
            raise NumbersError(f"step {step}, {self.why}; model.numbers.action is stop")
        new = [name for name in signs if name not in self.told]
        self.told += new
        return [f"Warning at step {step}, {name}: {signs[name]}" for name in new]

    def _mean(self, name: str) -> float | None:
        values = self._last[name]
        return fmean(values) if len(values) == self.settings.window else None

    def _sentence(self, name: str, mean: float, bound: str) -> str:
        return f"{name} is {mean:.3g} in the mean of {self.settings.window} steps, {bound}"
