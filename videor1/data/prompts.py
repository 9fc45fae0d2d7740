"""Clip + question → `Prompt`: the words around the media, the chat template, token ids and patches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transformers import Qwen2_5_VLProcessor

from videor1.errors import ConfigError, RecordError
from videor1.types import PROBLEM_TYPES, Clip, Prompt, Record

_ANSWER_HINTS = {
    "multiple choice": "Give only the letter of the right option as your answer.",
    "numerical": "Give only a number as your answer.",
    "OCR": "Give only the text you read as your answer.",
    "free-form": "Give a short text as your answer.",
    "regression": "Give only a number as your answer.",
}


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """The words of a prompt. A model trained elsewhere needs the wording it was trained with.

    Args:
        question: how question and options are set; `{problem}` and `{options}` are filled in.
        instruction: asks for the reasoning and the answer in their tags.
        hints: one sentence for each answer type, keyed by problem_type.
    """

    question: str = "{problem}{options}"
    instruction: str = (
        "Reason step by step about what you see before you decide. Write your reasoning between <think> and"
        " </think>, then your final answer between <answer> and </answer>."
    )
    hints: dict[str, str] = field(default_factory=lambda: dict(_ANSWER_HINTS))

    def __post_init__(self) -> None:
        if "{problem}" not in self.question:
            raise ConfigError(f"data.template.question must contain {{problem}}, got {self.question!r}")
        try:
            self.question.format(problem="", options="")
        except (LookupError, ValueError, AttributeError) as error:
            raise ConfigError(
                "data.template.question: only {problem} and {options} are filled in, other braces are"
                f" written twice; got {self.question!r}"
            ) from error
        if missing := [kind for kind in PROBLEM_TYPES if kind not in self.hints]:
            raise ConfigError(f"data.template.hints lacks {missing}")

    def render(self, record: Record) -> str:
        """The user's text for one record, media apart."""
        options = "\nOptions:\n" + "\n".join(record.options) if record.options else ""
        question = self.question.format(problem=record.problem.strip(), options=options)
        return "\n".join(
            part for part in (question, self.instruction, self.hints[record.problem_type]) if part
        )


def target_text(record: Record) -> str:
    """What SFT teaches the model to write: `process + "\n" + solution`.

    Raises:
        RecordError: a record without `process`, as in the RL files.
    """
    if record.process is None:
        raise RecordError(f"record {record.problem_id}: SFT needs 'process'; is data.train a CoT file?")
    return f"{record.process}\n{record.solution}"


# The processor only cuts: frames.py has set the size, and policy/pixels.py normalises on the device.
_AS_THEY_ARE = {"do_resize": False, "do_rescale": False, "do_normalize": False}


class PromptBuilder:
    """Builds prompts with one Hugging Face processor and one template."""

    def __init__(self, processor: Qwen2_5_VLProcessor, template: PromptTemplate) -> None:
        self.processor = processor
        self.template = template
        self._special = (
            *processor.tokenizer.all_special_tokens,
            processor.image_token,
            processor.video_token,
        )

    def target_tokens(self, record: Record) -> int:
        """Length of a record's SFT target with its end token."""
        return len(self.processor.tokenizer(target_text(record), add_special_tokens=False)["input_ids"]) + 1

    def build(self, record: Record, clip: Clip) -> Prompt:
        """The prompt of one record; one token id for every vision token of the clip.

        The processor only cuts patches and writes ids here: frames are chosen and sized in `frames.py`, and
        timing stays in the clip, since the processor ignores the frame rate it is told.

        Raises:
            RecordError: the record's own words contain a special token, which would be read as one.
        """
        words = "\n".join((record.problem, *record.options))
        if found := [token for token in self._special if token in words]:
            raise RecordError(f"record {record.problem_id}: its text contains the special token {found[0]}")
        kind = "video" if clip.is_video else "image"
        content = [{"type": kind}, {"type": "text", "text": self.template.render(record)}]
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        inputs = self.processor(text=[text], return_tensors="pt", **_media_arguments(clip))
        suffix = "_videos" if clip.is_video else ""
        return Prompt(
            record=record,
            clip=clip,
            input_ids=inputs["input_ids"][0],
            patches=inputs[f"pixel_values{suffix}"],
            grid_thw=inputs[f"{kind}_grid_thw"],
        )


def _media_arguments(clip: Clip) -> dict[str, Any]:
    if not clip.is_video:
        return {"images": [clip.frames[0]], "images_kwargs": _AS_THEY_ARE}
    metadata = {
        "fps": clip.source_fps,
        "total_num_frames": clip.total_frames,
        "duration": clip.total_frames / clip.source_fps,
        "frames_indices": list(clip.indices),
        "video_backend": "decord",
    }
    return {
        "videos": [clip.frames],
        "videos_kwargs": _AS_THEY_ARE
        | {
            "do_sample_frames": False,
            "cap_pixels_per_frame": False,
            "video_metadata": [metadata],
        },
    }
