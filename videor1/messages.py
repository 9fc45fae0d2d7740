"""What a user sees of a mistake: one line that names the key or the file, and says what to do about it."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

from videor1.errors import ConfigError, UserError

TRACEBACK = "VIDEOR1_TRACEBACK"  # set in the environment, it asks for the traceback too
_MOVED = {f"model.{key}": f"model.loss.{key}" for key in ("beta", "clip_low", "clip_high", "kl_clamp")}
_MOST, _DEEPEST = 100_000, 50  # values of a config, and levels
_QUALIFIED = re.compile(r"^videor1\.[\w.]+: ")  # of an error from a loader's worker
_KEY = re.compile(r'Parser key "([^"]+)":?')
_NESTED = re.compile(r"NestedArg\(key='([^']+)'")
_UNKNOWN = (
    re.compile(r"Option '(?P<key>[^']+)' is not accepted"),
    re.compile(r"Group '(?P<group>[^']+)' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"Subcommand '[^']+' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"unrecognized arguments: --(?P<key>[^\s=]+)"),
    re.compile(r"ambiguous option: --(?P<key>[^\s=]+)"),
)
_WANTED = re.compile(r"- Expected a (<class '[^']+'>|typing\.Literal\[[^\]]*\])")
_CHOICES = re.compile(r"typing\.Literal\[([^\]]*)\]")
_CLASS = re.compile(r"<class '([^']+)'>")


class UnknownKeyError(ConfigError):
    """A setting that there is none of.

    Args:
        key: it, as far as the one who looked for it knows it.
        known: those that there are.
    """

    def __init__(self, key: str, known: Collection[str]) -> None:
        self.key = key
        ends = {name.rsplit(".", 1)[-1]: name for name in sorted(known, reverse=True)}
        near = difflib.get_close_matches(key, known, n=1)
        near += [ends[end] for end in difflib.get_close_matches(key.rsplit(".", 1)[-1], ends, n=1)]
        self.near = near[0] if near else None
        super().__init__(self.told(""))

    def told(self, within: str) -> str:
        """The message, where the key is one of the setting `within`."""
        before = f"{within}." if within else ""
        key = before + self.key
        if (now := _MOVED.get(key.replace(".init_args", ""))) is not None:
            return f"{key}: this setting is now {now}"
        advice = "--help lists those there are" if self.near is None else f"did you mean {before}{self.near}?"
        return f"{key}: there is no such setting; {advice}"


def parse_error(message: str, error: Exception | None, known: Collection[str]) -> ConfigError:
    """What jsonargparse says of a command or config, in one line.

    Args:
        message: its own, of many lines and with every option there is.
        error: that caused it.
        known: names of the settings that there are.
    """
    if "required: " in message and message.endswith(".model"):
        return ConfigError("no config was named: add -c CONFIG, for instance configs/quickstart/sft.yaml")
    keys, told, wanted = _KEY.findall(message)[:1], message, list[str]()
    if keys and (nested := _NESTED.search(message)):
        keys = [f"{keys[0]}.{nested[1]}"]
    for cause in _causes(error):  # from the whole config inwards to the value itself
        told = str(cause)
        if isinstance(cause, UnknownKeyError):
            return ConfigError(cause.told(_outer(keys, cause.key)))
        if not _is_whole(keys):
            keys += [key for key in _KEY.findall(told)[:1] if not any(one.startswith(key) for one in keys)]
        wanted = [kind for kind in _WANTED.findall(told) if "NoneType" not in kind] or wanted
    for pattern in _UNKNOWN:
        if match := pattern.search(told):
            group = match.groupdict().get("group")
            return UnknownKeyError(f"{group}.{match['key']}" if group else match["key"], known)
    if len(wanted) > 1 and " Got value: " in told:
        told = f"Expected a {' or '.join(wanted)}. Got value: {told.rsplit(' Got value: ', 1)[1]}"
    told = _CLASS.sub(r"\1", _CHOICES.sub(r"one of \1", _KEY.sub("", told)))
    told = told.replace("Expected a ", "Expected ") + _looked_for(told)
    told = " ".join(told.split()).strip(" :")
    return ConfigError(f"{'.'.join(keys)}: {told}" if keys else told)


def check_syntax(words: Sequence[str]) -> None:
    """Raises ConfigError, with file and line, where a config of a command line is no YAML of settings."""
    for flag, name in pairwise(words):
        if flag not in ("-c", "--config") or not Path(name).is_file():
            continue
        try:
            node = yaml.compose(Path(name).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{name}, line {line}: no YAML: {error.problem}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name}: no YAML: {' '.join(str(error).split())}") from error
        except RecursionError as error:
            raise ConfigError(f"{name}: nested too deeply") from error
        if node is not None and not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{name}: a config holds settings, `key: value`, and this is a {node.id}")
        if node is not None and _written_out(node, name, within=()) > _MOST:
            raise ConfigError(f"{name}: its aliases, written out, are more than {_MOST} values")


def tell(error: BaseException, line: str) -> None:
    """Prints the line, and before it the traceback if `VIDEOR1_TRACEBACK` is set."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    print(f"error: {line}", file=sys.stderr)


def line_of(error: BaseException) -> tuple[str, int] | None:
    """The line and the exit status of an error that is the input's fault; None for one that is not."""
    for cause in _causes(error):  # jsonargparse wraps what a constructor raises
        if isinstance(cause, UserError | OSError):
            told = str(cause).strip().splitlines()[-1]  # a loader's worker puts its own traceback before it
            status = cause.status if isinstance(cause, UserError) else UserError.status
            return _QUALIFIED.sub("", told), status
    return None


def _written_out(node: yaml.Node, name: str, within: tuple[yaml.Node, ...]) -> int:
    """How many values a node is, with each alias in it written out; counts no further than `_MOST`.

    Raises:
        ConfigError: it is in itself, or too deep, or holds a character that no setting can.
    """
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode) and "\0" in node.value:
        raise ConfigError(f"{name}, line {line}: a NUL character")
    if any(node is outer for outer in within):
        raise ConfigError(f"{name}, line {line}: an alias stands within what it stands for")
    if len(within) > _DEEPEST:
        raise ConfigError(f"{name}, line {line}: nested too deeply")
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [one for pair in node.value for one in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    total = 1
    for one in inner:
        total += _written_out(one, name, (*within, node))
        if total > _MOST:
            break
    return total


def _looked_for(told: str) -> str:
    """Where a class of a config may be instead."""
    if match := re.search(r"module '([^']+)' has no attribute '([^']+)'", told):
        near = difflib.get_close_matches(match[2], dir(sys.modules.get(match[1])), n=1)
        return f"; did you mean {match[1]}.{near[0]}?" if near else ""
    return " (modules are looked for beside cli.py and on PYTHONPATH)" if "No module named" in told else ""


def _is_whole(keys: Sequence[str]) -> bool:
    """Whether the whole key is known already."""
    return bool(keys) and "." in keys[0] and not keys[0].startswith(("trainer.", "data."))


def _outer(keys: Sequence[str], key: str) -> str:
    """The setting that `key` is one of, where `keys` may end in it already."""
    return ".".join(keys).removesuffix(key).rstrip(".") if keys else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
