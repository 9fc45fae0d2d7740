"""A whole T-GRPO step at real size on a GPU: Lightning's Trainer, films on disk, the Hugging Face engine.

    python -m benchmarks.gpu.step [--size 3B] [--tokens 256] [--questions 1] [--steps 4] [--data FOLDER]

Qwen2.5-VL of that size, randomly initialised, in bfloat16, with a toy tokenizer: 8 responses to 16 frames
of 280×336 in order and 4 to shuffled ones, all of exactly --tokens tokens, KL to the reference, AdamW with
states in bfloat16. Seconds by part of a step, medians over all but the first, and the peak of the GPU's
memory. --data is written where it does not exist. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from benchmarks.gpu.group_pass import SIZES
from benchmarks.support.measured import last_line, medians
from benchmarks.support.questions import write_questions
from benchmarks.support.workload import Media, write_model

MEDIA = Media(frames=16, height=280, width=336)
_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16}


def write_real_size(folder: Path, size: str, *, device: str) -> int:
    """A folder with a model of that size and the toy processor; returns its number of parameters."""
    write_model(folder)
    config = Qwen2_5_VLConfig.from_pretrained(folder)
    for name, value in SIZES[size].items():
        setattr(config.text_config, name, value)
    config.text_config.vocab_size = 151936
    config.text_config.layer_types = ["full_attention"] * config.text_config.num_hidden_layers
    config.text_config.rope_parameters |= {"rope_theta": 1e6, "mrope_section": [16, 24, 24]}
    if size != "tiny":
        for name, value in _VISION.items():
            setattr(config.vision_config, name, value)
        config.vision_config.fullatt_block_indexes = [7, 15, 23, 31]
    config.vision_config.out_hidden_size = config.text_config.hidden_size
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = size == "3B"
    generation = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder).generation_config
    with torch.device(device):
        model = Qwen2_5_VLForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    model.generation_config = generation
    for file in folder.glob("*.safetensors"):
        file.unlink()
    model.save_pretrained(folder)
    return int(model.num_parameters())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SIZES), default="3B")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--questions", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4, help="at least 2: the first is not counted")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--accelerator", default="gpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = options.data or Path(name) / "data"
        if not data.exists():
            write_questions(data, MEDIA, batch=options.questions, steps=options.steps)
        gpu = options.accelerator != "cpu"
        model = Path(name) / "model"
        parameters = write_real_size(model, options.size, device="cuda" if gpu else "cpu")
        if gpu:
            torch.cuda.empty_cache()
        command = [sys.executable, "-m", "benchmarks.support.timed_run", "--model", str(model)]
        command += ["--data", str(data), "--accelerator", options.accelerator, "--precision", "bf16-true"]
        for key in ("questions", "tokens", "steps"):
            command += [f"--{key}", str(getattr(options, key))]
        told = last_line(command)
        shutil.rmtree(data / "run", ignore_errors=True)
    seconds = medians(told["steps"])
    device = torch.cuda.get_device_name() if gpu else "cpu"
    result = {"device": device, "size": options.size, "parameters": parameters, "seconds": seconds}
    result |= {key: told[key] for key in ("prompt_tokens", "tokens", "peak_mb", "gpu_peak_mb") if key in told}
    result["tokens_per_second"] = told["tokens"] / seconds["rollout"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
