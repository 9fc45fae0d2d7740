"""Every public function either answers or raises its documented error, whose message is one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")


def answer(call: Callable[[], _Answer], *documented: type[Exception]) -> _Answer | None:
    """What the call returns, None where it raises a documented error; any other error is a failure."""
    try:
        return call()
    except documented as error:
        assert str(error).strip()
        assert len(str(error).splitlines()) == 1, f"not one line: {error!s:.500}"
        return None
