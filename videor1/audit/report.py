"""`audit.json` → the page for a person, and the few lines for the screen."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from videor1.audit.finding import FAULTS
from videor1.audit.remarks import remarks
from videor1.audit.wording import count, percent, shorten
from videor1.table import Table

FIGURES = {"prompt_lengths": "Lengths of prompts", "sources": "Sources", "answer_letters": "Right letters"}
_FAULTS: dict[str, str] = {"malformed": "malformed record"} | dict(FAULTS)
_CAUSES = 3
_WIDEST = 120  # characters of a line on the screen


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    lines = ["# Audit", ""]
    for name, split in report["splits"].items():
        lines += [f"## data.{name}", "", f"`{split['file']}`", ""]
        lines += [f"* {remark}" for remark in remarks(split)]
        lines += _section("Usable?", _usable(split)) + _section("Kinds", _kinds(split))
        lines += _section("Sources", _sources(split)) + _section("Tokens", _tokens(split))
        lines += _section("Doubtful solutions", _flaws(split))
        if split["answers"]["letters"]:
            lines += _section("Right letters", _letters(split))
        if split["overlaps"]:
            lines += _section("Shared with files to be examined with", _overlaps(split)) + _shared(split)
        lines += [""]
    lines += ["## Figures", ""]
    lines += [f"![{title}]({name}.png)" for name, title in FIGURES.items()]
    return "\n".join([*lines, ""])


def screen(report: dict[str, Any]) -> str:
    """What is printed."""
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    lines = []
    for name, split in report["splits"].items():
        lines += ["", f"data.{name}: {split['file']}"]
        lines += [f"  {shorten(line, width - 2)}" for line in _usable(split).plain()]
        for remark in remarks(split):
            lines += textwrap.wrap(
                remark,
                width,
                initial_indent="  - ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def _section(title: str, table: Table) -> list[str]:
    return ["", f"### {title}", "", *table.markdown()]


def _usable(split: dict[str, Any]) -> Table:
    records, total = split["records"], max(split["records"]["all"], 1)
    rows = [["usable", count(records["usable"]), percent(records["usable"] / total), ""]]
    if records["excluded"]:
        excluded = records["excluded"]
        rows.append(["left out by data.exclude", count(excluded), percent(excluded / total), ""])
    for fault, found in split["faults"].items():
        if found["records"]:
            causes = "; ".join(
                f"{count(one['records'])} × {one['cause']}" for one in found["causes"][:_CAUSES]
            )
            rows.append([_FAULTS[fault], count(found["records"]), percent(found["records"] / total), causes])
    return Table(head=["", "records", "share", "causes"], rows=rows, words=frozenset({0, 3}))


def _kinds(split: dict[str, Any]) -> Table:
    rows = [[row["data_type"], row["problem_type"], count(row["records"])] for row in split["kinds"]]
    return Table(head=["data_type", "problem_type", "records"], rows=rows, words=frozenset({0, 1}))


def _sources(split: dict[str, Any]) -> Table:
    drawn = split["epoch"]["sources"] if split["epoch"] else None
    head = ["data_source", "records", "unusable", *(["drawn in an epoch"] if drawn is not None else [])]
    rows = [
        [source, count(row["records"]), count(row["unusable"])]
        + ([count(drawn.get(source, 0))] if drawn is not None else [])
        for source, row in split["sources"].items()
    ]
    return Table(head=head, rows=rows)


def _tokens(split: dict[str, Any]) -> Table:
    prompts = split["prompts"]
    lines = {
        "prompt": prompts["prompt"]["before"],
        "prompt within the budget": prompts["prompt"]["after"],
        "response": prompts["response"],
        "both": prompts["full"]["before"],
        "both within the budget": prompts["full"]["after"],
    }
    known = {name: line for name, line in lines.items() if line is not None}
    shares = list(next(iter(known.values()), {}))
    rows = [[name, *(count(line[share]) for share in shares)] for name, line in known.items()]
    return Table(head=["share of records with at most", *shares], rows=rows)


def _flaws(split: dict[str, Any]) -> Table:
    rows = [
        [flaw["what"], count(flaw["records"]), ", ".join(map(str, flaw["examples"]))]
        for flaw in split["answers"]["flaws"].values()
    ]
    return Table(head=["", "records", "such as record"], rows=rows, words=frozenset({0, 2}))


def _letters(split: dict[str, Any]) -> Table:
    rows = [
        [
            options,
            count(row["records"]),
            ", ".join(f"{letter} {percent(n / row['records'])}" for letter, n in row["counts"].items()),
            "too few to tell" if row["chance"] is None else f"{row['chance']:.2g}",
            "**yes**" if row["skewed"] else "no",
        ]
        for options, row in split["answers"]["letters"].items()
    ]
    head = ["options", "records", "right letter", "chance of this with even letters", "skewed"]
    return Table(head=head, rows=rows, words=frozenset({2, 3, 4}))


def _overlaps(split: dict[str, Any]) -> Table:
    keys = {
        "records": "its records",
        "malformed": "malformed",
        "media_missing": "media missing",
        "same_path": "same path",
        "same_content": "same content",
        "same_path_only": "same path, not content",
        "same_question": "same question too",
        "records_here": "records here",
    }
    rows = [[row["file"], *(count(row[key]) for key in keys)] for row in split["overlaps"]]
    return Table(head=["file", *keys.values()], rows=rows)


def _shared(split: dict[str, Any]) -> list[str]:
    shared = [one for row in split["overlaps"] for one in row["examples"]]
    lines = [f"* `{one['here']}` here, `{one['there']}` there" for one in shared]
    return ["", "First of them:", "", *lines] if lines else []
