"""How well the lexical rule and a judge model tell which texts reason about time, where this is known.

    python -m benchmarks.reasoning_judge [--questions 4000] [--steps 400] [--seed 0]

The texts are the chains of thought of the toy world, all of its tasks equally often. Those of its temporal
family argue from an order, the others do not. The different texts are halved at random: on one half the tiny
model learns to judge, by the loss of SFT on text-only questions, on the other both are measured. The halves
are alike, and the rule's lists were written with such texts in view: this shows that both work, not how they
do on the texts of a large model. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import transformers
from torch import Tensor
from transformers import get_cosine_schedule_with_warmup

from videor1.evaluation.reasoning import ReasoningSettings, is_temporal
from videor1.evaluation.reasoning_judge import JudgeSettings, ReasoningJudge, agreement
from videor1.objective import sft_loss
from videor1.policy.group_pass import score_responses
from videor1.policy.loading import end_token_ids, load_policy, load_processor
from videor1.rollout.hf import HFEngine
from videor1.toyworld.corpus import world_corpus
from videor1.toyworld.records import draw_question, plan
from videor1.toyworld.settings import WorldSettings
from videor1.toyworld.tasks import TASKS
from videor1.toyworld.tiny_model import write_tiny_model
from videor1.types import Record

# Few words: the tiny model reads the default's as hundreds of tokens.
SETTINGS = JudgeSettings(
    template="{reasoning}\nOptions:\nA. yes\nB. no\nIs it about the order?", max_new_tokens=6, batch=64
)
BATCH = 16
Verdicts = Sequence[bool | None]


def draw_texts(questions: int, seed: int) -> list[Record]:
    """Records of the toy world with thoughts that differ from each other, in random order; no media."""
    world = WorldSettings(
        seed=seed, train=questions, held_out=0, held_out_other=0, mixture=dict.fromkeys(TASKS, 1.0)
    )
    told = (draw_question(world, slot)[0].told for slot in plan(world))
    different = list({record.process: record for record in told}.values())
    random.Random(seed).shuffle(different)
    return different


def truth(records: Sequence[Record]) -> list[bool]:
    return [record.data_source.startswith("temporal/") for record in records]


def rule_says(records: Sequence[Record]) -> list[bool]:
    return [
        is_temporal(
            record.process or "", ReasoningSettings(), question="\n".join((record.problem, *record.options))
        )
        for record in records
    ]


def train_judge(judge: ReasoningJudge, records: Sequence[Record], *, steps: int, seed: int = 0) -> None:
    """Teaches the model behind the judge's engine the letter of each text."""
    assert isinstance(judge.engine, HFEngine)
    model, tokenizer = judge.engine.model.train(), judge.processor.tokenizer
    end = end_token_ids(model.generation_config)[0]

    def target(temporal: bool) -> Tensor:
        text = f"<answer>{'A' if temporal else 'B'}</answer>"
        return torch.tensor([*tokenizer(text, add_special_tokens=False)["input_ids"], end])

    examples = [
        (judge.prompt(record.process or ""), [target(temporal)])
        for record, temporal in zip(records, truth(records), strict=True)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    scheduler = get_cosine_schedule_with_warmup(optimizer, steps // 10, steps)
    draw = random.Random(seed)
    for step in range(steps):
        prompts, targets = zip(*draw.sample(examples, BATCH), strict=True)
        scored = score_responses(model, prompts, targets, entropy="none")
        loss = sft_loss(scored.logprobs, scored.mask)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}, loss {loss.item():.4f}", flush=True)
    model.eval()


def against(verdicts: Verdicts, wanted: Verdicts) -> dict[str, float | int | None]:
    """Precision and recall of yes, and the agreement; an undecided text is neither found nor named."""
    both = sum(one is True and other is True for one, other in zip(verdicts, wanted, strict=True))
    named, there = sum(one is True for one in verdicts), sum(one is True for one in wanted)
    figures = {
        "precision": both / named if named else None,
        "recall": both / there if there else None,
        **asdict(agreement(verdicts, wanted)),
    }
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def share_by_task(records: Sequence[Record], verdicts: Verdicts) -> dict[str, float]:
    """Share of yes among the texts of each task."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for record, verdict in zip(records, verdicts, strict=True):
        kinds[record.data_source].append(verdict is True)
    return {source: round(sum(found) / len(found), 3) for source, found in sorted(kinds.items())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=4000, help="drawn; their different texts are fewer")
    parser.add_argument("--steps", type=int, default=400, help="of training the judge")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    transformers.logging.disable_progress_bar()
    records = draw_texts(options.questions, options.seed)
    learned, unseen = records[::2], records[1::2]
    rule, kinds = rule_says(records), truth(records)
    print(f"{len(records)} different texts; the rule says yes to: {share_by_task(records, rule)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_tiny_model(path, world_corpus(options.seed, [SETTINGS.template]), seed=options.seed)
        model, processor = load_policy(str(path)), load_processor(str(path))
        judge = ReasoningJudge(HFEngine(model, processor), processor, SETTINGS)
        untrained = judge.judge([record.process or "" for record in unseen])
        started = time.perf_counter()
        train_judge(judge, learned, steps=options.steps, seed=options.seed)
        seconds = time.perf_counter() - started
        judged = judge.judge([record.process or "" for record in unseen])
    print(f"the judge says yes to: {share_by_task(unseen, judged)}")
    result = {
        "texts": len(records),
        "temporal": sum(kinds),
        "steps": options.steps,
        "train_seconds": round(seconds, 1),
        "rule / truth, all": against(rule, kinds),
        "rule / truth, unseen half": against(rule[1::2], kinds[1::2]),
        "untrained judge / truth": against(untrained, kinds[1::2]),
        "judge / truth": against(judged, kinds[1::2]),
        "rule / judge": against(rule[1::2], judged),
    }
    for name, row in result.items():
        print(f"{name:<28}{row}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
