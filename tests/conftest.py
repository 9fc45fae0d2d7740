"""Shared fixtures: a small toy world on disk, its tiny Qwen2.5-VL, and prompts of every kind of media."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import sys
from pathlib import Path

import absl.logging
import pytest
import torch

from tests.runs import fit
from videor1.data.frames import ClipSettings, read_clip, read_media
from videor1.data.prompts import PromptBuilder, PromptTemplate
from videor1.data.record_file import RecordFile
from videor1.policy.loading import load_policy, load_processor
from videor1.toyworld.build import build
from videor1.toyworld.settings import WorldSettings
from videor1.types import Prompt

# vLLM reconfigures logging, which closes all handlers, and absl's closes its stream: that would be pytest's
# own if a test captures stderr at that moment.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

SMALL = WorldSettings(train=48, held_out=2, held_out_other=1)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory) -> Path:
    """What would go into the user's cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A toy world of 48 training records with its tiny model, written once."""
    root = tmp_path_factory.mktemp("world")
    build(root, SMALL)
    return root


@pytest.fixture(scope="session")
def tiny_policy(world):
    """The tiny model in evaluation mode; tests that train it take a copy or zero its gradients."""
    torch.manual_seed(0)
    return load_policy(str(world / "model")).eval()


@pytest.fixture(scope="session")
def tiny_processor(world):
    return load_processor(str(world / "model"))


@pytest.fixture(scope="session")
def sft(world, tmp_path_factory) -> Path:
    """The run of 60 SFT steps whose model writes answers that are sometimes right."""
    folder = tmp_path_factory.mktemp("sft")
    arguments = ["--trainer.max_steps", "60", "--trainer.log_every_n_steps", "1"]
    fit("sft", world, folder, *arguments, "--model.schedule.warmup_steps", "5")
    return folder


@pytest.fixture(scope="session")
def prompt_builder(tiny_processor) -> PromptBuilder:
    return PromptBuilder(tiny_processor, PromptTemplate())


@pytest.fixture(scope="session")
def media_prompts(world, prompt_builder) -> dict[str, Prompt]:
    """One prompt of each kind: a video, an image, and a longer, larger video whose sides differ."""
    records = RecordFile.open(world / "train.json")
    settings = ClipSettings(max_frames=8, video_max_pixels=3136, image_max_pixels=3136)
    video = next(record for record in records if record.data_type == "video")
    image = next(record for record in records if record.data_type == "image")
    longer = read_clip(world / video.path, max_frames=16, min_pixels=8 * 784, max_pixels=12 * 784, fps=4.0)
    return {
        "video": prompt_builder.build(video, read_media(world / video.path, "video", settings)),
        "image": prompt_builder.build(image, read_media(world / image.path, "image", settings)),
        "long video": prompt_builder.build(video, longer),
    }
