"""A second opinion on which responses of an examination reason about time: any model's, beside the rule's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from videor1.errors import UserError
from videor1.evaluation.benchmarks import benchmark_of
from videor1.evaluation.journal import read_predictions
from videor1.evaluation.judge import Judgement
from videor1.evaluation.reasoning_judge import JudgeSettings, ReasoningJudge, agreement
from videor1.files import write_whole
from videor1.policy.loading import load_policy, load_processor
from videor1.portable import portable
from videor1.rollout.settings import EngineSettings, Surroundings, build_engine


def judge(
    run: str,
    *,
    policy: str,
    engine: Literal["hf", "vllm"] = "hf",
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    longest: int = 4096,
    settings: JudgeSettings = JudgeSettings(),
) -> None:
    """Asks a model which responses of an examination reason about time; writes `reasoning.json` into the run.

    The text alone is shown, of sampled responses to ordered frames. Beside the model's share stand that of
    the lexical rule (model.evaluation.reasoning of the run) and how well the two agree.

    Args:
        run: folder of a `validate`, with its predictions.jsonl.
        policy: Hugging Face folder (or hub name) of the judge, a Qwen2.5-VL.
        engine: that writes its verdicts.
        dtype: that it computes in.
        longest: most tokens of a text with its question and the verdict; longer ones stay undecided.
        settings: what it is asked.

    Raises:
        UserError: there are no predictions.
    """
    judged = [
        one
        for one in read_predictions(Path(run) / "predictions.jsonl")
        if (one.decoding, one.order, one.missing) == ("sampled", "ordered", None)
    ]
    if not judged:
        raise UserError(f"{run}/predictions.jsonl: holds no sampled response to ordered frames")
    verdicts = _verdicts(sorted({one.response for one in judged}), policy, engine, dtype, longest, settings)
    names = dict.fromkeys(benchmark_of(one.data_source).name for one in judged)
    found = {
        name: _compare([one for one in judged if benchmark_of(one.data_source).name == name], verdicts)
        for name in names
    }
    found["all"] = _compare(judged, verdicts)
    report = {"judge": policy, "settings": asdict(settings), "benchmarks": found}
    file = Path(run) / "reasoning.json"
    write_whole(file, portable(json.dumps(report, indent=2)) + "\n")
    for name, compared in found.items():
        print(f"{name}: {_told(compared)}")
    print(f"\nIn {file}")


def _verdicts(
    texts: Sequence[str],
    policy: str,
    engine: Literal["hf", "vllm"],
    dtype: str,
    longest: int,
    settings: JudgeSettings,
) -> dict[str, bool | None]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, processor = getattr(torch, dtype), load_processor(policy)
    model = load_policy(policy, dtype=kind).to(device).eval() if engine == "hf" else None
    around = Surroundings(
        folder=Path(), rank=0, dtype=kind, longest=longest, device=device, barrier=lambda: None
    )
    writer = build_engine(EngineSettings(engine=engine), policy, model, processor, around)
    asked = ReasoningJudge(writer, processor, settings, device=device)
    room = longest - settings.max_new_tokens
    fitting = [text for text in texts if len(asked.prompt(text).input_ids) <= room]
    verdicts: dict[str, bool | None] = dict.fromkeys(texts)  # undecided where it is too long to be shown
    try:
        for start in tqdm(range(0, len(fitting), settings.batch), desc="judging", unit="batch"):
            some = fitting[start : start + settings.batch]
            verdicts |= zip(some, asked.judge(some, seed=start), strict=True)
    finally:
        writer.close()
    return verdicts


def _compare(judged: Sequence[Judgement], verdicts: dict[str, bool | None]) -> dict[str, Any]:
    by_rule = [one.temporal for one in judged]
    by_judge = [verdicts[one.response] for one in judged]
    decided = [verdict for verdict in by_judge if verdict is not None]
    return {
        "responses": len(judged),
        "rule": sum(by_rule) / len(judged),
        "judge": sum(decided) / len(decided) if decided else None,
        "agreement": asdict(agreement(by_rule, by_judge)),
    }


def _told(found: dict[str, Any]) -> str:
    by_judge = "–" if found["judge"] is None else f"{found['judge']:.1%}"
    agreed = found["agreement"]
    kappa = "–" if agreed["kappa"] is None else f"{agreed['kappa']:.3f}"
    return (
        f"{found['responses']} responses, temporal by the rule {found['rule']:.1%}, by the judge {by_judge};"
        f" kappa {kappa}, {agreed['undecided']} undecided"
    )
