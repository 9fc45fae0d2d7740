"""How close an answer comes to the gold answer, in [0, 1]: the three graded formulas of Video-R1.

    OCR         max(0, 1 - WER),  WER = word edit distance / max(1, words of the gold)
    free-form   (ROUGE-1 + ROUGE-2 + ROUGE-L) / 3, F-measures over stemmed words
    regression  1 - min(1, (|out - gold| + 1e-9) / (|gold| + 1e-9))

Source: arXiv 2503.21776 and its released code, value for value; both reward rules share them.
"""

from __future__ import annotations

import functools

import jiwer
from rouge_score.rouge_scorer import RougeScorer


def transcription_score(out: str, gold: str) -> float:
    """1 - word error rate of `out` against `gold`, not below 0; words are what `str.split` yields."""
    out_words, gold_words = out.split(), gold.split()
    if not gold_words:
        # jiwer's answer for an empty reference has changed between its versions. The formula's answer:
        # every word of `out` is an insertion, divided by max(1, 0) = 1.
        return 0.0 if out_words else 1.0
    # jiwer parts words at ASCII spaces only, so it is given words already parted.
    return max(0.0, 1.0 - jiwer.wer(" ".join(gold_words), " ".join(out_words)))


@functools.cache
def _rouge_scorer() -> RougeScorer:
    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)


def rouge_score(out: str, gold: str) -> float:
    """Mean F-measure of ROUGE-1, ROUGE-2 and ROUGE-L; 0 when either text has no ASCII letter or digit.

    A one-word answer has no bigram, so it earns at most 2/3.
    """
    scores = _rouge_scorer().score(gold, out)
    mean = (scores["rouge1"].fmeasure + scores["rouge2"].fmeasure + scores["rougeL"].fmeasure) / 3
    return float(max(0.0, min(1.0, mean)))


def relative_closeness(out: float, gold: float) -> float:
    """1 - relative error of `out`, the error capped at 1: an answer of 0, or of 2 * gold, earns 0.

    The two 1e-9 keep a gold of 0 from dividing by zero, at a price: there even the right answer, 0, earns 0,
    and elsewhere it earns 1e-9 / |gold| less than 1. A NaN error earns 1, since `max(0.0, nan)` is 0.0; the
    released rules let "nan" and "inf" come this far, the paper rules pass finite numbers only.
    """
    error = (abs(out - gold) + 1e-9) / (abs(gold) + 1e-9)
    return 1.0 - min(1.0, max(0.0, error))
