"""The commands that need no config: they read what runs have left behind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import docstring_parser
from jsonargparse import ArgumentParser

from videor1.errors import ConfigError
from videor1.evaluation.opinion import judge
from videor1.evaluation.reports.compare import compare
from videor1.export import export

TOOLS: dict[str, Callable[..., Any]] = {"compare": compare, "export": export, "judge": judge}


class ToolParser(ArgumentParser):
    """Says what is wrong with a command in one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        told = " ".join(message.split()) or str(ex)
        raise ConfigError(f"{self.prog.split()[-1]}: {told} (--help lists what it takes)") from ex


def run_tool(name: str, args: Sequence[str]) -> None:
    """Runs one of `TOOLS`: its signature is its command line.

    A list of strings is given as words, a bool that is False is a flag, `config` is -c and may come more than
    once, everything else is `--name value`.
    """
    tool = TOOLS[name]
    told = docstring_parser.parse(tool.__doc__ or "")
    told_of = {parameter.arg_name: parameter.description for parameter in told.params}
    parser = ToolParser(prog=f"cli.py {name}", description=told.short_description)
    ours: set[str | int] = set()
    for key, parameter in inspect.signature(tool, eval_str=True).parameters.items():
        if parameter.annotation == list[str]:
            parser.add_argument(key, nargs="+", metavar=key.upper()[:-1], help=told_of[key])
        elif key == "config":
            parser.add_argument("-c", "--config", action="append", default=[], help=told_of[key])
        elif parameter.default is False:
            parser.add_argument(f"--{key}", action="store_true", help=told_of[key])
        else:
            continue
        ours.add(key)
    parser.add_function_arguments(tool, skip=ours)
    given = parser.parse_args(list(args))
    tool(**parser.instantiate_classes(given))
