"""What a world is made of, and the check that a folder holds that world and no other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from videor1.errors import ConfigError
from videor1.toyworld.canvas import COLOURS
from videor1.toyworld.cued import Twist
from videor1.toyworld.tasks import TASKS, default_mixture
from videor1.toyworld.tiny_model import TinyShape

_FORMAT = 1  # of what is drawn from given settings; raise it when the same settings give other files
_ADDED = {"shortcut": 0.0, "spells": 3, "distractors": 0}  # later settings, as worlds without them have them
Split = Literal["train", "held_out"]


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """What a world is made of. The same settings give the same files.

    Args:
        seed: of every record and of the model's first weights.
        train: questions in train.json and, as told by the teacher, in cot.json.
        held_out: held-out questions of each temporal task.
        held_out_other: held-out questions of each other task.
        blind_share: probability that the teacher is blind to time in a temporal question.
        detailed_share: probability that the teacher thinks in detail rather than tersely.
        mixture: weights of the tasks; they need not sum to 1, and tasks left out are not asked.
        shortcut: share of the training videos of `first`, `last` and `grow` in which a cue that needs no time
            (the big shape, the colour) gives the right answer; a blind teacher goes by the cue. In held-out
            videos it is right at chance. No cue if 0.
        spells: colours one after another in `first` and `last`.
        distractors: small squares in each video that move or blink and play no part.
        model: size of the tiny model.
        extra_corpus: more text that the tokenizer should know well, such as the words of a prompt template.
    """

    seed: int = 0
    train: int = 8000
    held_out: int = 120
    held_out_other: int = 60
    blind_share: float = 0.7
    detailed_share: float = 0.5
    mixture: dict[str, float] = field(default_factory=default_mixture)
    shortcut: float = 0.0
    spells: int = 3
    distractors: int = 0
    model: TinyShape = field(default_factory=TinyShape)
    extra_corpus: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key in ("seed", "held_out", "held_out_other", "distractors"):
            if getattr(self, key) < 0:
                raise ConfigError(f"{key} must not be negative, got {getattr(self, key)}")
        if self.train < 1:
            raise ConfigError(f"train must be at least 1, got {self.train}")
        for key in ("blind_share", "detailed_share", "shortcut"):
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigError(f"{key} must lie in 0 … 1, got {getattr(self, key)}")
        if not 2 <= self.spells <= len(COLOURS):
            raise ConfigError(f"spells must lie in 2 … {len(COLOURS)}, got {self.spells}")
        if unknown := sorted(set(self.mixture) - set(TASKS)):
            raise ConfigError(f"mixture has no task {', '.join(unknown)}; there are {', '.join(TASKS)}")
        if not self.mixture or min(self.mixture.values()) < 0 or sum(self.mixture.values()) <= 0:
            raise ConfigError(f"mixture needs weights of at least 0 and one above it, got {self.mixture}")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks asked, in the order of `TASKS`, so that the order of `mixture` is no matter."""
        return tuple(name for name in TASKS if self.mixture.get(name))

    def as_json(self) -> dict[str, Any]:
        """What settings.json holds; later settings only if they change it, so older worlds stay valid."""
        chosen = {"format": _FORMAT, **asdict(self)}
        return {key: value for key, value in chosen.items() if key not in _ADDED or value != _ADDED[key]}

    def twist(self, split: Split) -> Twist:
        """How the scenes of a split are dressed."""
        cue = self.shortcut if self.shortcut and split == "train" else None
        return Twist(cued=self.shortcut > 0, cue=cue, spells=self.spells)


def check_same(path: Path, settings: WorldSettings) -> None:
    """Compares with the settings.json at `path`.

    Raises:
        ConfigError: the settings there are others; the message names the first that differs.
    """
    try:
        there = _flat({**_ADDED, **json.loads(path.read_text(encoding="utf-8"))})
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: broken JSON at line {error.lineno}: {error.msg}") from error
    here = _flat({**_ADDED, **settings.as_json()})
    for key in [*here, *there]:
        if there.get(key) != here.get(key):
            raise ConfigError(
                f"{path.parent} holds a world with {key} {there.get(key)!r}, not {here.get(key)!r}:"
                " name another folder, or add --overwrite"
            )


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"hidden": 96}} as {"model.hidden": 96}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
