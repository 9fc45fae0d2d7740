"""Prompts of a real processor: the words in order, an id a vision token, patches cut from the clip as it is.

A video of T frames of H x W pixels has T/2 * H/14 * W/14 patches, and a quarter as many vision tokens.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.errors import ConfigError
from videor1.policy.loading import load_processor
from videor1.policy.pixels import normalise
from videor1.types import PROBLEM_TYPES, Clip, Record

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # Qwen2.5-VL's


def make_record(problem_type="free-form", problem="What is shown?", options=(), data_type="video"):
    return Record(
        problem_id=1,
        problem=problem,
        data_type=data_type,
        problem_type=problem_type,
        options=options,
        solution="<answer>x</answer>",
        path="x",
        data_source="test",
    )


def make_clip(frames, height, width, *, video=True):
    pixels = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return Clip(
        frames=pixels,
        indices=tuple(range(0, 3 * frames, 3)),
        fps=10.0 if video else 0.0,
        source_fps=30.0 if video else 0.0,
        total_frames=3 * frames,
        path="x",
    )


def vision_ids(prompt, processor):
    pad = "<|video_pad|>" if prompt.clip.is_video else "<|image_pad|>"
    return prompt.input_ids == processor.tokenizer.convert_tokens_to_ids(pad)


def cut_patches(frames):
    """Normalised 14 x 14 x 2 patches, in squares of 2 x 2 so that four neighbours become one token."""
    pixels = (frames / 255 - np.array(MEAN)) / np.array(STD)
    rows = []
    for time in range(0, pixels.shape[0], 2):
        for top in range(0, pixels.shape[1], 28):
            for left in range(0, pixels.shape[2], 28):
                for y, x in ((0, 0), (0, 14), (14, 0), (14, 14)):
                    patch = pixels[time : time + 2, top + y : top + y + 14, left + x : left + x + 14]
                    rows.append(patch.transpose(3, 0, 1, 2).ravel())  # colour, frame, row, column
    return np.stack(rows)


@pytest.mark.parametrize(
    ("frames", "height", "width", "grid"),
    [
        (4, 56, 84, [2, 4, 6]),
        (2, 28, 28, [1, 2, 2]),  # smaller than the processor's own least size
        (6, 252, 280, [3, 18, 20]),  # larger than its greatest, 64 x 28 x 28
        (2, 28, 280, [1, 2, 20]),
    ],
)
def test_a_video_reaches_the_model_unchanged(prompt_builder, tiny_processor, frames, height, width, grid):
    clip = make_clip(frames, height, width)
    prompt = prompt_builder.build(make_record(), clip)
    patches = grid[0] * grid[1] * grid[2]
    assert prompt.grid_thw.tolist() == [grid]
    assert prompt.patches.shape == (patches, 1176)  # 3 colours x 2 frames x 14 x 14
    assert prompt.patches.dtype == torch.uint8
    assert vision_ids(prompt, tiny_processor).sum() == patches // 4
    np.testing.assert_allclose(normalise(prompt.patches).numpy(), cut_patches(clip.frames), atol=1e-5)
    assert prompt.clip is clip


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(56, 84, [1, 4, 6]), (28, 28, [1, 2, 2]), (280, 252, [1, 20, 18])]
)
def test_an_image_reaches_the_model_unchanged(prompt_builder, tiny_processor, height, width, grid):
    clip = make_clip(1, height, width, video=False)
    prompt = prompt_builder.build(make_record(data_type="image"), clip)
    patches = grid[1] * grid[2]
    assert prompt.grid_thw.tolist() == [grid]
    assert prompt.patches.shape == (patches, 1176)
    assert vision_ids(prompt, tiny_processor).sum() == patches // 4
    twice = np.repeat(clip.frames, 2, axis=0)  # one frame fills both places of a patch
    np.testing.assert_allclose(normalise(prompt.patches).numpy(), cut_patches(twice), atol=1e-5)


@pytest.mark.parametrize(
    ("clip", "media"),
    [
        (make_clip(4, 56, 84), "<|vision_start|>" + 12 * "<|video_pad|>" + "<|vision_end|>"),
        (make_clip(1, 56, 84, video=False), "<|vision_start|>" + 6 * "<|image_pad|>" + "<|vision_end|>"),
    ],
    ids=["video", "image"],
)
def test_the_words_in_order(prompt_builder, tiny_processor, clip, media):
    record = make_record("multiple choice", "  Which way? é中\n", ("A. left", "B. right"))
    prompt = prompt_builder.build(record, clip)
    assert prompt.input_ids.dtype == torch.int64
    assert prompt.input_ids.ndim == 1
    assert tiny_processor.tokenizer.decode(prompt.input_ids) == (
        f"<|im_start|>user\n{media}"
        "Which way? é中\nOptions:\nA. left\nB. right\n"
        "Reason step by step about what you see before you decide. Write your reasoning between <think> and"
        " </think>, then your final answer between <answer> and </answer>.\n"
        "Give only the letter of the right option as your answer.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("problem_type", "hint"),
    [
        ("multiple choice", "Give only the letter of the right option as your answer."),
        ("numerical", "Give only a number as your answer."),
        ("OCR", "Give only the text you read as your answer."),
        ("free-form", "Give a short text as your answer."),
        ("regression", "Give only a number as your answer."),
    ],
)
def test_the_hint_goes_by_the_answer_type(problem_type, hint):
    lines = PromptTemplate().render(make_record(problem_type)).split("\n")
    assert lines == ["What is shown?", PromptTemplate().instruction, hint]


HINTS = {kind: f"[{kind}]" for kind in PROBLEM_TYPES}


def test_a_template_of_ones_own(tiny_processor):
    template = PromptTemplate(question="Q: {problem} {{now}}{options}\n", instruction="Think.", hints=HINTS)
    record = make_record("OCR", "A {brace} and \\frac{1}{2}?", ("A. {x}",))
    text = "Q: A {brace} and \\frac{1}{2}? {now}\nOptions:\nA. {x}\n\nThink.\n[OCR]"
    assert template.render(record) == text
    prompt = PromptBuilder(tiny_processor, template).build(record, make_clip(2, 28, 28))
    assert f"<|vision_end|>{text}<|im_end|>" in tiny_processor.tokenizer.decode(prompt.input_ids)


def test_empty_parts_leave_no_empty_line():
    template = PromptTemplate(instruction="", hints=dict.fromkeys(PROBLEM_TYPES, ""))
    assert template.render(make_record()) == "What is shown?"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"question": "{options}"}, r"^data\.template\.question must contain \{problem\}, got '\{options\}'"),
        (
            {"question": "{problem} {choices}"},
            r"^data\.template\.question: .* got '\{problem\} \{choices\}'$",
        ),
        ({"question": "{problem} \\boxed{}"}, r"^data\.template\.question: only \{problem\} and \{options\}"),
        ({"question": "{problem} {"}, r"^data\.template\.question: only \{problem\} and \{options\}"),
        (
            {"hints": {"OCR": "x", "numerical": "y", "regression": "z"}},
            r"^data\.template\.hints lacks \['multiple choice', 'free-form'\]$",
        ),
    ],
)
def test_a_template_that_cannot_work_names_its_key(settings, message):
    with pytest.raises(ConfigError, match=message):
        PromptTemplate(**settings)


def test_normalising_later_is_what_the_processor_does_to_the_bit(prompt_builder, tiny_processor):
    clip = make_clip(4, 56, 84)
    patches = prompt_builder.build(make_record(), clip).patches
    inputs = tiny_processor.video_processor(
        [clip.frames],
        do_resize=False,
        do_sample_frames=False,
        cap_pixels_per_frame=False,
        return_tensors="pt",
    )
    assert torch.equal(normalise(patches), inputs["pixel_values_videos"])


def test_a_processor_that_normalises_otherwise_is_refused(world, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(world / "model", folder)
    processor = load_processor(str(folder))
    processor.image_processor.image_mean = [0.5, 0.5, 0.5]
    processor.save_pretrained(folder)
    with pytest.raises(ConfigError, match=r"model\.policy: image_mean of its processor is .0\.5"):
        load_processor(str(folder))
