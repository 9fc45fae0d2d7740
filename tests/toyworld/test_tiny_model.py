"""The tiny model is an ordinary Hugging Face folder: plain transformers loads it, offline, and runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from videor1.toyworld.corpus import world_corpus
from videor1.toyworld.tasks import TASKS, UNSPOKEN
from videor1.toyworld.tiny_model import TinyShape, write_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    state = torch.get_rng_state()
    parameters = write_tiny_model(folder, world_corpus(0), seed=0)
    assert 1e6 < parameters < 3e6
    assert torch.equal(torch.get_rng_state(), state)
    return folder


@pytest.fixture(scope="module")
def processor(folder: Path):
    return AutoProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def model(folder: Path):
    return AutoModelForImageTextToText.from_pretrained(folder).eval()


def test_classes_and_ids_are_those_of_qwen(processor, model) -> None:
    assert type(model).__name__ == "Qwen2_5_VLForConditionalGeneration"
    assert type(processor).__name__ == "Qwen2_5_VLProcessor"
    tokenizer, config = processor.tokenizer, model.config
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert len(model.get_input_embeddings().weight) == len(tokenizer)
    for token, id_ in (
        ("<|image_pad|>", config.image_token_id),
        ("<|video_pad|>", config.video_token_id),
        ("<|vision_start|>", config.vision_start_token_id),
        ("<|im_end|>", tokenizer.eos_token_id),
        ("<|endoftext|>", tokenizer.pad_token_id),
    ):
        assert tokenizer.convert_tokens_to_ids(token) == id_
        assert tokenizer.added_tokens_decoder[id_].special
    assert model.generation_config.eos_token_id == [tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert TinyShape().mrope_section == config.text_config.rope_parameters["mrope_section"] == [4, 6, 6]


def test_text_comes_back_and_tags_survive(processor) -> None:
    tokenizer = processor.tokenizer
    for text in ("<think>red then green</think>\n<answer>A</answer>", "What's in 12 videos?\n é中\t  x"):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    ids = tokenizer("<think>i see</think><|im_end|>").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>i see</think>"


def test_what_is_said_in_the_world_is_short(processor) -> None:
    tokenizer = processor.tokenizer
    lengths: dict[str, list[int]] = {"terse": [], "detailed": []}
    for name in TASKS.keys() - UNSPOKEN:
        task = TASKS[name]
        for seed in range(20):
            seen = task.draw(np.random.default_rng(seed)).seen
            for style, argued in (("terse", seen.terse), ("detailed", seen.detailed)):
                text = f"<think>{argued}</think>\n<answer>{seen.answer}</answer>"
                lengths[style].append(len(tokenizer(text).input_ids))
    assert max(lengths["detailed"]) < 48
    assert 1.5 < np.mean(lengths["detailed"]) / np.mean(lengths["terse"]) < 3


@pytest.mark.parametrize(("kind", "task", "tokens"), [("video", "first", 16), ("image", "colour", 4)])
def test_it_reads_a_prompt(processor, model, kind: str, task: str, tokens: int) -> None:
    frames = TASKS[task].draw(np.random.default_rng(0)).frames
    content = [{"type": kind}, {"type": "text", "text": "which colour comes first?"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    assert text.startswith("<|im_start|>user\n<|vision_start|>")
    assert text.endswith("<|im_end|>\n<|im_start|>assistant\n")
    media = {"videos": [frames[::2]], "videos_kwargs": {"do_sample_frames": False}}
    inputs = processor(
        text=[text], return_tensors="pt", **(media if kind == "video" else {"images": [frames[0]]})
    )
    pad = model.config.video_token_id if kind == "video" else model.config.image_token_id
    assert int((inputs["input_ids"] == pad).sum()) == tokens
    with torch.no_grad():
        logits = model(**inputs).logits
    assert logits.shape == (1, inputs["input_ids"].shape[1], len(processor.tokenizer))
    assert bool(torch.isfinite(logits).all())


def test_the_seed_and_the_shape_are_heeded(folder: Path, tmp_path: Path) -> None:
    shape = TinyShape(hidden=96, layers=2, intermediate=192)
    assert write_tiny_model(tmp_path / "small", world_corpus(0), seed=0, shape=shape) < 1e6
    write_tiny_model(tmp_path / "other", world_corpus(0), seed=1)
    weights = [(path / "model.safetensors").read_bytes() for path in (folder, tmp_path / "other")]
    assert weights[0] != weights[1]
