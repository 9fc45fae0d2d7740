"""What the benchmarks of update and rollout work on: a model of a stated size, prompts of any length."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.policy.loading import load_processor
from videor1.toyworld.tiny_model import TinyShape, write_tiny_model
from videor1.types import Clip, Prompt, Record

# 42 M parameters, vision tower and language model in about the proportions of Qwen2.5-VL-7B
SHAPE = TinyShape(
    hidden=512,
    layers=8,
    heads=8,
    kv_heads=4,
    intermediate=1536,
    vision_hidden=256,
    vision_layers=8,
    vision_heads=4,
    vision_intermediate=768,
    vocabulary=1024,
    initializer_range=0.02,
)
VOCABULARY = 8192  # rows of the head; those past the tokenizer are never sampled
QUESTION = (
    "What happens in the video? Think about the order of what you see."
    " Options: A. left B. right C. up D. down"
)


def write_model(folder: Path, *, vocabulary: int = VOCABULARY, shape: TinyShape = SHAPE) -> Path:
    """A randomly initialised Qwen2.5-VL folder with its processor; untied, as the 7B is."""
    corpus = [QUESTION, PromptTemplate().instruction, *PromptTemplate().hints.values()]
    write_tiny_model(folder, corpus, seed=0, shape=shape)
    config = Qwen2_5_VLConfig.from_pretrained(folder)
    config.text_config.vocab_size = vocabulary
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, ignore_mismatched_sizes=True
    ).generation_config
    whole = folder.with_name(f"{folder.name}.processor")
    folder.rename(whole)
    model.save_pretrained(folder)
    for file in whole.iterdir():
        if not (folder / file.name).exists():
            shutil.copy(file, folder)
    shutil.rmtree(whole)
    return folder


@dataclass(frozen=True, kw_only=True)
class Media:
    """Frames and their size in pixels; one frame is an image."""

    frames: int
    height: int = 112
    width: int = 168


def make_prompts(folder: Path, media: Media, count: int = 1) -> list[Prompt]:
    """Questions about random frames; each has its own."""
    builder = PromptBuilder(load_processor(str(folder)), PromptTemplate())
    return [builder.build(_record(number, media), _clip(number, media)) for number in range(count)]


def _record(number: int, media: Media) -> Record:
    return Record(
        problem_id=number,
        problem=QUESTION,
        data_type="video" if media.frames > 1 else "image",
        problem_type="multiple choice",
        options=("A. left", "B. right", "C. up", "D. down"),
        solution="<answer>A</answer>",
        path=f"{number}.mp4",
        data_source="random",
    )


def _clip(number: int, media: Media) -> Clip:
    frames = np.random.default_rng(number).integers(
        0, 256, (media.frames, media.height, media.width, 3), dtype=np.uint8
    )
    video = media.frames > 1
    return Clip(
        frames=frames,
        indices=tuple(range(0, 12 * media.frames, 12)),
        fps=2.0 if video else 0.0,
        source_fps=24.0 if video else 0.0,
        total_frames=12 * media.frames,
        path=f"{number}.mp4",
    )
