"""Text that may be handed on: without keys, and without names of users in paths."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|(^|_)KEYS?($|_)")  # in names of environment variables
_LEAST = 8  # characters of a value that is taken for a secret
_BEFORE, _AFTER = r"(?<![\w.~-])", r"(?![\w.-])"  # a whole part of a path


def portable(text: str) -> str:
    """`text` without what belongs to this user and machine alone.

    A secret in the environment (HF_TOKEN, …) becomes "<HF_TOKEN>". The home folder becomes "$HOME" and the
    user's name in another path "$USER", so that `here` finds the file again; somebody else's home becomes
    "/home/<user>".
    """
    for name, value in os.environ.items():
        if len(value) >= _LEAST and _SECRET.search(name.upper()):
            text = text.replace(value, f"<{name}>")
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(_BEFORE + re.escape(home) + _AFTER, "$HOME", text)
    user = _user()
    if user not in ("", "root"):
        text = re.sub(rf"(?<=/){re.escape(user)}{_AFTER}", "$USER", text)
    return re.sub(rf"{_BEFORE}/(home|Users)/(?!\$)[^/\s\"'`<>]+", r"/\1/<user>", text)


def here(path: str) -> Path:
    """The path that `portable` has made portable."""
    return Path(path.replace("$HOME", str(Path.home())).replace("$USER", _user()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return ""
