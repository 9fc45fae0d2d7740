"""GRPO steps of TRL's GRPOTrainer on one image and one question, on CPU in float32.

    PYTHON -m benchmarks.peer.trl_step --model FOLDER --image FILE --question TEXT [--tokens 64] [--steps 4]

PYTHON is that of TRL's environment; `benchmarks.peer_trl` starts it so. Every response has exactly
--tokens tokens. The last line is one JSON object: seconds by part, their medians and those of every
step; tokens generated and read a step; peak memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers
from datasets import Dataset, Image
from torch import Tensor
from transformers import AutoProcessor, PrinterCallback, TrainerCallback, TrainerControl, TrainerState
from trl import GRPOConfig, GRPOTrainer

from benchmarks.support.measured import medians, peak_mb

GROUP = 8
# Pixels of an image, videor1's defaults; the model folder's own would shrink it.
PIXELS = {"shortest_edge": 4 * 28 * 28, "longest_edge": 256 * 28 * 28}


class TimedTrainer(GRPOTrainer):
    """Takes the time of each part of a step; what none of them holds is `other`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.lengths: list[int] = []  # of the last step's responses, in tokens
        self.prompt_tokens = 0
        self._spent: dict[str, float] = {}  # in the step under way
        self._ended = self._differentiated = 0.0
        self._plain_backward = self.accelerator.backward
        self.accelerator.backward = self._backward

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - started

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        with self._part("rollout"):
            generated = super()._generate(prompts)
        self.prompt_tokens = len(generated[0][0])
        self.lengths = [len(response) for response in generated[1]]
        return generated

    def _calculate_rewards(self, *arguments: Any, **settings: Any) -> Tensor:
        with self._part("reward"):
            return super()._calculate_rewards(*arguments, **settings)

    def _get_per_token_logps_and_entropies(
        self, model: Any, *arguments: Any, **settings: Any
    ) -> tuple[Any, ...]:
        if model is not self.ref_model:  # the policy's pass is timed with its loss
            return super()._get_per_token_logps_and_entropies(model, *arguments, **settings)
        with self._part("reference"):
            return super()._get_per_token_logps_and_entropies(model, *arguments, **settings)

    def compute_loss(self, *arguments: Any, **settings: Any) -> Tensor:
        with self._part("forward"):
            return super().compute_loss(*arguments, **settings)

    def _backward(self, loss: Tensor, **settings: Any) -> None:
        with self._part("backward"):
            self._plain_backward(loss, **settings)
        self._differentiated = time.perf_counter()

    def start(self) -> None:
        """The first step begins."""
        self._ended = time.perf_counter()

    def close_step(self) -> None:
        """A step has ended, and the next one begins: its data belong to it."""
        now = time.perf_counter()
        parts = self._spent | {"optimizer": now - self._differentiated}  # clipping included
        parts |= {"other": now - self._ended - sum(parts.values()), "step": now - self._ended}
        for part, seconds in parts.items():
            self.steps[part].append(seconds)
        self._spent = {}
        self._ended = time.perf_counter()


class StepEnds(TrainerCallback):
    """Tells a trainer when its steps end."""

    def __init__(self, trainer: TimedTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: GRPOConfig, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.trainer.start()

    def on_step_end(self, args: GRPOConfig, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.trainer.close_step()


def checksum(completions: list[Any], **_: Any) -> list[float]:
    """A reward that tells responses apart and costs nothing."""
    return [zlib.crc32(messages[0]["content"].encode()) / 2**32 for messages in completions]


def grpo_config(folder: Path, *, tokens: int, steps: int, never: list[int]) -> GRPOConfig:
    """One group of responses an optimizer step, and no more work than that."""
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=GROUP,
        num_generations=GROUP,
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        max_completion_length=tokens,
        generation_kwargs={"suppress_tokens": never},
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        use_vllm=False,
        beta=0.04,
        loss_type="grpo",
        learning_rate=1e-6,
        weight_decay=0.01,
        lr_scheduler_type="constant",
        optim="adamw_torch_fused",
        max_grad_norm=5.0,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def train(model: Path, image: Path, question: str, *, tokens: int, steps: int) -> TimedTrainer:
    processor = AutoProcessor.from_pretrained(model, padding_side="left", size=PIXELS)
    special = processor.tokenizer.added_tokens_decoder.items()
    # No end token, so that responses have their full length, and no vision token, which could not be scored.
    never = [number for number, token in special if token.special]
    rows = {"prompt": [[{"role": "user", "content": question}]] * steps, "image": [str(image)] * steps}
    with tempfile.TemporaryDirectory() as folder:
        trainer = TimedTrainer(
            model=str(model),
            reward_funcs=checksum,
            args=grpo_config(Path(folder), tokens=tokens, steps=steps, never=never),
            train_dataset=Dataset.from_dict(rows).cast_column("image", Image()),
            processing_class=processor,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(StepEnds(trainer))
        trainer.train()
    if set(trainer.lengths) != {tokens}:
        raise RuntimeError(f"responses of {sorted(set(trainer.lengths))} tokens, all were to have {tokens}")
    return trainer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--question", required=True)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    trainer = train(
        options.model, options.image, options.question, tokens=options.tokens, steps=options.steps
    )
    told = {
        "seconds": medians(trainer.steps),
        "steps": trainer.steps,
        "tokens": sum(trainer.lengths),
        "prompt_tokens": trainer.prompt_tokens,
        "peak_mb": round(peak_mb(), 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
