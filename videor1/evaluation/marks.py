"""The mark of one response to one question, by a benchmark's own rules and by those of Video-R1's script.

|                 | official                               | released                                   |
|-----------------|----------------------------------------|--------------------------------------------|
| the answer      | first answer tags, else the whole text | the same; the whole text if they are empty |
| multiple choice | same option letter                     | same text                                  |
| regression      | official MRA in VSI-Bench, else reward | MRA in float32, most ties lost             |
| numerical       | accuracy reward                        | same to 2 decimals, and a "." or "," in    |
|                 |                                        | both or in neither                         |
| OCR, free-form  | accuracy reward                        | 0                                          |

"Released" is `reward_fn` of `src/eval_bench.py` beside arXiv 2503.21776, value for value.
"""

from __future__ import annotations

from videor1.evaluation.benchmarks import Benchmark
from videor1.evaluation.mra import mean_relative_accuracy, released_mean_relative_accuracy
from videor1.rewards import accuracy, extract_answer
from videor1.rewards.accuracy import Rules
from videor1.rewards.answer import parse_choice, parse_number


def official_mark(
    response: str, solution: str, problem_type: str, benchmark: Benchmark, *, rules: Rules = "paper"
) -> float:
    """Mark of `response` in [0, 1]; `solution` has answer tags or is itself the gold answer.

    Where the benchmark has no rules of its own this is `videor1.rewards.accuracy` with `rules`, and so are
    the answer types for which the table says so. A gold number that is 0 or cannot be read has no relative
    error: under MRA it gives 0 to every response.

    Raises ValueError as `videor1.rewards.accuracy` does.
    """
    if benchmark.marking == "reward":
        return accuracy(response, solution, problem_type, rules=rules)
    out, gold = _answer(response), _answer(solution)
    if problem_type == "multiple choice":
        return _same_choice(out, gold)
    if problem_type == "regression" and benchmark.marking == "answer+mra":
        return _official_mra(out, gold)
    return accuracy(f"<answer>{out}</answer>", f"<answer>{gold}</answer>", problem_type, rules=rules)


def released_mark(response: str, solution: str, problem_type: str) -> float:
    """Mark of `response` in [0, 1] by Video-R1's script: an unknown type and what it cannot read earn 0.

    A solution without answer tags is the empty answer there, which an empty response equals.
    """
    out, gold = extract_answer(response) or response, extract_answer(solution) or ""
    if problem_type == "multiple choice":
        return float(out.strip() == gold)
    out_number, gold_number = _python_float(out), _python_float(gold)
    if out_number is None or gold_number is None:
        return 0.0
    if problem_type == "numerical":
        out_marked, gold_marked = ("." in text or "," in text for text in (out, gold))
        return float(out_marked == gold_marked and round(out_number, 2) == round(gold_number, 2))
    if problem_type == "regression":
        return released_mean_relative_accuracy(out_number, gold_number)
    return 0.0


def _answer(text: str) -> str:
    answer = extract_answer(text)
    return text.strip() if answer is None else answer


def _same_choice(out: str, gold: str) -> float:
    letter = parse_choice(gold)
    if letter is not None:
        return float(parse_choice(out) == letter)
    # Some questions are answered by a word: "yes".
    return float(out.rstrip(".").casefold() == gold.rstrip(".").casefold())


def _official_mra(out: str, gold: str) -> float:
    out_number, gold_number = parse_number(out), parse_number(gold)
    if out_number is None or not gold_number:
        return 0.0
    return mean_relative_accuracy(out_number, gold_number)


def _python_float(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None
