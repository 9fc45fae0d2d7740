"""The section of a run's report on what temporal credit changed, and on signs that a reward is gamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from videor1.errors import RecordError
from videor1.table import NOTHING, Table


def read_watch(path: Path) -> dict[str, Any] | None:
    """What callbacks.RewardWatch left; None when there is none.

    Raises RecordError when it cannot be read.
    """
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise RecordError(f"{path}: cannot be read ({error})") from error
    return content


def watch_section(watch: dict[str, Any]) -> list[str]:
    """Its lines."""
    temporal = watch["temporal"]
    spread = temporal["token_weight_spread"]
    weighed = "" if spread is None else f" Tokens weigh {_number(spread)} more or less than 1 on average."
    rows = [
        [name, _verdict(sign), "not measured" if sign["seen"] is None else sign["seen"]]
        for name, sign in watch["signs"].items()
    ]
    return [
        "## T-GRPO's signs",
        "",
        f"Temporal credit `{watch['credit']}` changed the advantages of {_number(temporal['changed_groups'])}"
        f" of the groups about videos, by {_number(temporal['change'])} a response on average.{weighed}"
        f" Figures are means over the first and the last {watch['window']} steps.",
        "",
        *Table(head=["sign", "raised", "seen at the end"], rows=rows, words=frozenset({0, 1, 2})).markdown(),
    ]


def _verdict(sign: dict[str, Any]) -> str:
    if not sign["raised"]:
        return NOTHING if sign["seen"] is None else "no"
    return f"step {sign['step']}" + ("" if sign["shows"] else ", gone since")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"
