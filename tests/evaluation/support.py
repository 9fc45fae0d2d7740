"""Judgements as an examination makes them, and finished examinations on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from videor1.data.frames import ClipSettings
from videor1.data.prompts import PromptTemplate
from videor1.data.record_index import Kind
from videor1.evaluation.judge import Judgement
from videor1.evaluation.protocol import protocol
from videor1.evaluation.reports.report import build_report, write_report
from videor1.evaluation.scores import Marks, MarkTable
from videor1.evaluation.ways import EvaluationSettings
from videor1.rollout.engine import Sampling


def judged(source: str, accuracy: float, **more: Any) -> Judgement:
    """One response; it is to question 0, sampled, to a video in order, unless said otherwise."""
    told = {
        "question": 0,
        "problem_id": more.get("question", 0),
        "problem": "what?",
        "solution": "<answer>B</answer>",
        "problem_type": "multiple choice",
        "data_type": "video",
        "decoding": "sampled",
        "order": "ordered",
        "sample": 0,
        "response": "",
        "answer": None,
        "released": accuracy,
        "format": 1.0,
        "temporal": False,
        "reflective": False,
        "tokens": 10,
        "finished": True,
    }
    return Judgement(data_source=source, accuracy=accuracy, **(told | more))


def answers(source: str, marks: str, *, start: int = 0, **more: Any) -> list[Judgement]:
    """One response a question: "1" right, "0" wrong, "x" one whose media could not be read."""
    found = []
    for question, mark in enumerate(marks, start):
        missing = {"missing": "no such file", "format": 0.0, "tokens": 0, "finished": False}
        told = missing if mark == "x" else {}
        found.append(judged(source, float(mark == "1"), question=question, **(told | more)))
    return found


def marks_of(judgements: Sequence[Judgement], *, unasked: Sequence[str] = ()) -> Marks:
    """Their marks, and rows for questions of `unasked` data sources that nobody was asked."""
    kinds = {
        one.question: Kind(
            data_type=one.data_type, problem_type=one.problem_type, data_source=one.data_source
        )
        for one in judgements
    }
    rest = [Kind(data_type="video", problem_type="multiple choice", data_source=source) for source in unasked]
    table = MarkTable([*(kinds[number] for number in range(len(kinds))), *rest])
    table.update(judgements)
    return table.marks()


def protocol_with(*, max_frames: int = 64, temperature: float = 0.01, samples: int = 1) -> dict[str, Any]:
    """The recipe's, but for these."""
    sampling = Sampling(max_new_tokens=1024, temperature=temperature, top_p=0.001)
    settings = EvaluationSettings(samples=samples, sampling=sampling, greedy=False, shuffled=False)
    return protocol(
        ClipSettings(max_frames=max_frames),
        PromptTemplate(),
        settings,
        max_prompt_tokens=16384,
        engine={"engine": "hf"},
        precision="bf16-true",
        batch=8,
        seed=0,
    )


def examined(
    folder: Path,
    judgements: Sequence[Judgement],
    *,
    model: str = "models/x",
    questions_digest: str = "d",
    **settings: Any,
) -> Path:
    """A folder as `validate` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(one)) + "\n" for one in judgements]
    (folder / "predictions.jsonl").write_text("".join(lines), encoding="utf-8")
    report = build_report(
        marks_of(judgements),
        model=model,
        protocol=protocol_with(**settings),
        questions_digest=questions_digest,
    )
    write_report(folder, report)
    return folder


def table(text: str, head: str) -> dict[str, dict[str, str]]:
    """The Markdown table whose head line begins with `head`: cells by row and column."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    columns, *rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in [lines[start], *lines[start + 2 : lines.index("", start)]]
    ]
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows}
