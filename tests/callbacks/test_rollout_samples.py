"""Samples in TensorBoard: every reward term, both orders, and model text that stays text."""

from __future__ import annotations

import html
import re

import pytest
import torch
from tensorboard.plugin_util import markdown_to_safe_html

from callbacks.rollout_samples import RolloutSamples, _cell, frame_strip
from videor1.rollout.perturb import reorder_prompt
from videor1.types import Group, Response, Rewards


def test_table_shows_terms_of_both_orders_and_escapes_what_the_model_wrote(media_prompts):
    hostile = "<script>alert(1)</script> | `code`\n# heading"
    answer = Response(
        token_ids=torch.zeros(3, dtype=torch.long), logprobs=torch.zeros(3), text=hostile, finished=True
    )
    video = media_prompts["video"]
    group = Group(
        prompt=video,
        ordered=(answer,) * 2,
        shuffled=(answer,),
        perturbation="reversed",
        perturbed=reorder_prompt(video, range(len(video.clip.frames) - 1, -1, -1)),
    )
    rewards = Rewards(
        accuracy=torch.tensor([1.0, 0.25]),
        format=torch.tensor([1.0, 0.0]),
        temporal=torch.tensor([0.3, 0.3]),
        length=torch.tensor([0.2, 0.0]),
        overlong=torch.zeros(2),
        custom={},
        untimed=torch.tensor([2.2, 0.25]),
        shuffled_accuracy=torch.tensor([0.75]),
        shuffled_untimed=torch.tensor([1.75]),
    )
    rows = RolloutSamples(responses=2)._table(group, rewards).splitlines()[2:]
    assert len(rows) == 5  # head, rule, two ordered, one shuffled
    assert rows[2].startswith("| ordered | 2.50 | 1.00 | 1.00 | 0.30 | 0.20 | ")
    assert rows[3].startswith("| ordered | 0.55 | 0.25 | 0.00 | 0.30 | 0.00 | ")
    assert rows[4].startswith(f"| reversed {list(video.clip.indices[::-1])} |  | 0.75 |")
    for row in rows[2:]:
        assert "<script" not in row
        assert "`" not in row
        assert row.count("|") == 8  # the model's own bar is no column


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "![seen](http://example.org/you.png)",
        "[here](javascript:alert(1)) [there][1] <http://example.org>",
        "**bold** _soft_ ~~no~~ `code` \\` | a | &lt;b&gt; &amp;",
    ],
)
def test_tensorboard_shows_text_as_it_is(text):
    """Its own cleaning would keep links and images, which a browser fetches."""
    shown = markdown_to_safe_html(f"| a |\n|---|\n| **{_cell(text)}** |")
    assert not re.search(r"<(?!/?(table|thead|tbody|tr|th|td|strong)>)", shown)
    assert shown.count("<td>") == shown.count("<strong>") == 1
    inside = shown.split("<strong>")[1].split("</strong>")[0]
    assert html.unescape(inside) == text


def test_strip_lays_frames_side_by_side_in_order(media_prompts):
    clip = media_prompts["video"].clip
    strip = frame_strip(clip)
    height, width = clip.frames.shape[1:3]
    assert strip.shape == (height, len(clip.frames) * width, 3)
    assert (strip[:, 2 * width : 3 * width] == clip.frames[2]).all()
