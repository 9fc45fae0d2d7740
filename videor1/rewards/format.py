"""The format reward: 1 when the whole response is `<think>…</think>`, white space, `<answer>…</answer>`.

The rule of arXiv 2503.21776 and its released code is a full match of

    <think>.*?</think>\\s*<answer>.*?</answer>        (. matches newlines)

A full match stretches both `.*?` as far as it must, so the pattern says no more than: the response opens
with `<think>`, ends with `</answer>`, and holds `</think>\\s*<answer>` in between. Matching the pattern as
it stands costs time quadratic in a response that repeats its tags; looking for the three parts is linear.
"""

from __future__ import annotations

import re

_BRIDGE = re.compile(r"</think>\s*+<answer>")


def format_reward(response: str) -> float:
    """1.0 when the whole of `response` is well formed, else 0.0; text around the tags is not allowed.

    Tags may repeat inside the thoughts or the answer, as the released rule has it.
    """
    if not (response.startswith("<think>") and response.endswith("</answer>")):
        return 0.0
    # No tag can share characters with another, so what is found lies between the two.
    return float(_BRIDGE.search(response) is not None)
