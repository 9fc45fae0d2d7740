"""Rollouts with vLLM, in this process: token ids in, token ids and their log-probs out.

Importing this module imports vLLM, which takes seconds and changes the process (see `in_process.py`), so
`settings.build_engine` does it only where the config names this engine. The folder's model is registered anew
with two differences: positions are computed by the trainer's own rule, and tokens that no response may
contain are never sampled.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the scheduler too lives in this process
# The runner that takes logits processors of the kind below, and its random numbers from torch.
os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "0"
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # stdout belongs to the answers of `predict`
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")

import torch
from torch import Tensor
from transformers import GenerationConfig, Qwen2_5_VLConfig, Qwen2_5_VLProcessor

if not torch.cuda.is_available():
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # the trainer's threads are bound with it
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # it would compile for 17 s what runs eagerly as fast

from vllm import LLM, ModelRegistry, RequestOutput, SamplingParams
from vllm.distributed.parallel_state import get_tp_group
from vllm.model_executor.models.qwen2_5_vl import Qwen2_5_VLForConditionalGeneration
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor

from videor1.errors import ConfigError, EngineError
from videor1.policy.loading import end_token_ids, unspeakable_token_ids
from videor1.policy.mrope import position_ids
from videor1.policy.weights import PolicyWeights
from videor1.rollout.draw import identity
from videor1.rollout.engine import Reading, Sampling, Watch
from videor1.rollout.in_process import deadline, ranks_in_environment, undisturbed
from videor1.rollout.segments import remove_stale
from videor1.rollout.vllm_request import UNCAPPED, as_request
from videor1.rollout.vllm_settings import VLLMSettings
from videor1.rollout.vllm_stream import generate_aloud
from videor1.types import Prompt, Response

_BATCHED = 8192  # tokens read in one step, prompts and responses together
# Responses of a group share the prompt's cache in whole blocks; vLLM's own 128 on a CPU is most of a prompt.
_CPU_BLOCK = 32


class Policy(Qwen2_5_VLForConditionalGeneration):
    """vLLM's model with M-RoPE positions by `videor1.policy.mrope`.

    vLLM multiplies time in float64, transformers and the training of the released weights in float32. Of
    200,000 random clips 2.2 % had a row that the two put at different times.
    """

    def get_mrope_input_positions(
        self, input_tokens: list[int], mm_features: list[Any]
    ) -> tuple[Tensor, int]:
        """(3, P) positions, and how far the next one is from P."""
        config: Qwen2_5_VLConfig = self.config
        features = sorted(mm_features, key=lambda feature: feature.mm_position.offset)
        videos = [feature.data for feature in features if feature.modality == "video"]
        images = [feature.data for feature in features if feature.modality == "image"]

        def grids(name: str, media: list[Any]) -> Tensor | None:
            return torch.stack([one[name].data for one in media]) if media else None

        positions = position_ids(
            torch.tensor(input_tokens),
            image_grid_thw=grids("image_grid_thw", images),
            video_grid_thw=grids("video_grid_thw", videos),
            second_per_grid_ts=[float(video["second_per_grid_ts"].data) for video in videos],
            image_token_id=config.image_token_id,
            video_token_id=config.video_token_id,
            spatial_merge_size=config.vision_config.spatial_merge_size,
            tokens_per_second=config.vision_config.tokens_per_second,
        )
        return positions, int(positions.max()) + 1 - len(input_tokens)


class Forbidden(LogitsProcessor):
    """Gives the ids in `additional_config["forbidden"]` no probability, in all rows of every batch.

    vLLM's own `allowed_token_ids` would copy a list as long as the vocabulary for every response.
    """

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self.ids = torch.tensor(vllm_config.additional_config["forbidden"], device=device)

    def apply(self, logits: Tensor) -> Tensor:
        return logits.index_fill_(-1, self.ids, -torch.inf)

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """All rows are treated alike."""


ModelRegistry.register_model("Qwen2_5_VLForConditionalGeneration", Policy)


class VLLMEngine:
    """Engine on vLLM in this process, beside the trainer or alone in a server.

    Under several ranks each has an engine of its own, or ranks that follow each other share one of
    `tensor_parallel_size`; torch.distributed must then be initialised.

    Args:
        path: Hugging Face folder whose model it begins with.
        processor: of the same folder; decodes the responses.
        settings: see there.
        dtype: of weights and activations, if the settings name none.
        longest: most tokens of a prompt and its response together, if the settings name none.
    """

    def __init__(
        self,
        path: str | Path,
        processor: Qwen2_5_VLProcessor,
        settings: VLLMSettings,
        *,
        dtype: torch.dtype,
        longest: int,
    ) -> None:
        self.settings = settings
        self.dtype = dtype if settings.dtype == "auto" else getattr(torch, settings.dtype)
        self.tokenizer = processor.tokenizer
        config = Qwen2_5_VLConfig.from_pretrained(path)
        generation = GenerationConfig.from_pretrained(path)
        self.end_ids = end_token_ids(generation)
        self.forbidden_ids = unspeakable_token_ids(config, generation, processor)
        self.vision_ids = {config.image_token_id, config.video_token_id}
        self.longest = settings.max_model_len or min(longest, config.text_config.max_position_embeddings)
        self.version: int | None = None  # of the weights it has; the folder's are of none
        self.asleep = False
        _check_ranks(settings.tensor_parallel_size)
        if settings.tensor_parallel_size > 1 and not torch.cuda.is_available():
            remove_stale()
            torch.distributed.barrier()  # before any rank makes its own
        with undisturbed(), ranks_in_environment(), _as_engine_error("does not start"):
            self.llm = LLM(str(path), **self._arguments())
        self.sleeps = settings.sleep and torch.cuda.is_available()

    def _arguments(self) -> dict[str, Any]:
        """Of `vllm.LLM`; what the settings name goes before ours."""
        cpu = not torch.cuda.is_available()
        own: dict[str, Any] = {
            "dtype": self.dtype,
            "tensor_parallel_size": self.settings.tensor_parallel_size,
            "max_model_len": self.longest,
            # as much is kept of encoded media: a clip that is longer would be refused
            "max_num_batched_tokens": max(_BATCHED, self.longest),
            "gpu_memory_utilization": self.settings.gpu_memory_utilization,
            "enable_sleep_mode": self.settings.sleep and not cpu,
            "enforce_eager": cpu,
            "generation_config": "vllm",  # the folder's would set top_k, top_p and repetition_penalty
            "logprobs_mode": "processed_logprobs",  # of what tokens are drawn from
            "logits_processors": [f"{__name__}:{Forbidden.__name__}"],
            "additional_config": {"forbidden": self.forbidden_ids},
            "limit_mm_per_prompt": {"image": 1, "video": 1},
            "mm_processor_cache_gb": 0,  # no clip comes twice
            "mm_processor_kwargs": {"videos_kwargs": UNCAPPED},
            "use_tqdm_on_load": False,
        }
        if cpu:
            own |= {"kv_cache_memory_bytes": int(self.settings.cpu_kv_gigabytes * 2**30)}
            own |= {"block_size": _CPU_BLOCK, "skip_mm_profiling": True}
        if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            own |= {"distributed_executor_backend": "external_launcher"}
        return own | self.settings.arguments

    def sync(self, weights: PolicyWeights, *, version: int) -> None:
        """See `Engine.sync`. After the first time only what training moves is taken over."""
        if version != self.version:
            self.load(weights.tensors(all=self.version is None, dtype=self.dtype))
            self.version = version

    def load(self, tensors: Iterable[tuple[str, Tensor]]) -> None:
        """Replaces weights, named as in the checkpoint, and forgets what was computed with the old ones.

        Raises:
            EngineError: a name that the model does not have. The engine is then of no further use.
        """
        self._wake()
        with torch.no_grad(), undisturbed(), _as_engine_error("does not take the policy's weights"):
            self.llm.collective_rpc("reload_weights", kwargs={"weights_iterator": iter(tensors)})
        if not torch.cuda.is_available():
            self.llm.apply_model(_repack_head)
        self.llm.reset_prefix_cache()
        self.llm.llm_engine.reset_encoder_cache()

    def generate(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        *,
        seed: int,
        watch: Watch | None = None,
    ) -> list[list[Response]]:
        """See `Engine.generate`. `watch` hears only of prompts that have one response each, on one rank."""
        if self.settings.tensor_parallel_size > 1:
            return self._write_together(prompts, counts, sampling, seed)
        return self._write(prompts, counts, sampling, seed, watch if max(counts, default=0) <= 1 else None)

    def _write_together(
        self, prompts: Sequence[Prompt], counts: Sequence[int], sampling: Sampling, seed: int
    ) -> list[list[Response]]:
        """Ranks that share an engine write to the prompts of all of them; each keeps its own."""
        sharing = get_tp_group()
        bare = [replace(prompt, patches=prompt.patches[:0]).to("cpu") for prompt in prompts]
        every: list[Any] = [None] * sharing.world_size
        torch.distributed.all_gather_object(every, (bare, list(counts), seed), group=sharing.cpu_group)
        groups = self._write(
            [prompt for prompts, _, _ in every for prompt in prompts],
            [count for _, counts, _ in every for count in counts],
            sampling,
            every[0][2],
        )
        start = sum(len(prompts) for prompts, _, _ in every[: sharing.rank_in_group])
        return [
            [response.to(prompt.input_ids.device) for response in group]
            for prompt, group in zip(prompts, groups[start : start + len(prompts)], strict=True)
        ]

    def _write(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        seed: int,
        watch: Watch | None = None,
    ) -> list[list[Response]]:
        seed = hash((seed, *map(identity, prompts))) % 2**63  # ranks ask at the same seed
        asked = [number for number, count in enumerate(counts) if count]
        groups: list[list[Response]] = [[] for _ in prompts]
        outputs = self._ask(
            [prompts[number] for number in asked],
            [self._parameters(sampling, counts[number]) for number in asked],
            seed=seed,
            watch=watch,
        )
        for number, output in zip(asked, outputs, strict=True):
            device = prompts[number].input_ids.device
            written = [self._response(completion, device) for completion in output.outputs]
            groups[number] = written * (counts[number] // len(written))
        return groups

    def read(self, prompts: Sequence[Prompt]) -> list[Reading]:
        """See `Engine.read`: what vLLM's own input processing makes of the prompts."""
        engine = self.llm.llm_engine
        readings = []
        for prompt in prompts:
            with undisturbed():
                request = engine.input_processor.process_inputs(
                    "read",
                    as_request(prompt, self.vision_ids),
                    SamplingParams(max_tokens=1),
                    supported_tasks=engine.get_supported_tasks(),
                )
            ids, features = request.prompt_token_ids, request.mm_features or []
            (found,) = self.llm.apply_model(
                lambda model, ids=ids, features=features: model.get_mrope_input_positions(ids, features)[0]
            )
            readings.append(Reading(token_ids=torch.tensor(ids), positions=found))
        return readings

    def close(self) -> None:
        """See `Engine.close`."""
        self.llm.llm_engine.engine_core.shutdown()

    def _ask(
        self,
        prompts: Sequence[Prompt],
        parameters: Sequence[SamplingParams],
        *,
        seed: int,
        watch: Watch | None,
    ) -> list[RequestOutput]:
        for prompt, parameter in zip(prompts, parameters, strict=True):
            needed = len(prompt.input_ids) + int(parameter.max_tokens or 0)
            if needed > self.longest:
                raise ConfigError(
                    f"model.rollout.vllm.max_model_len: record {prompt.record.problem_id} needs {needed}"
                    f" tokens with its response, the engine has room for {self.longest}"
                )
        if not prompts:
            return []
        self._wake()
        requests = [as_request(prompt, self.vision_ids) for prompt in prompts]
        with undisturbed(seed), deadline(self.settings.timeout), _as_engine_error("fails"):
            if watch is None:
                outputs = self.llm.generate(requests, list(parameters), use_tqdm=False)
            else:
                outputs = generate_aloud(self.llm, requests, parameters, watch)
        self._rest()
        for prompt, output in zip(prompts, outputs, strict=True):
            if output.prompt_token_ids != prompt.input_ids.tolist():
                raise EngineError(
                    f"rollout.engine: vLLM reads record {prompt.record.problem_id} otherwise than the"
                    f" trainer: {len(output.prompt_token_ids)} tokens instead of {len(prompt.input_ids)}"
                )
        return outputs

    def _parameters(self, sampling: Sampling, count: int) -> SamplingParams:
        return SamplingParams(
            n=count if sampling.temperature else 1,  # greedy ones are all alike
            temperature=sampling.temperature,
            top_p=sampling.top_p if sampling.temperature else 1.0,
            max_tokens=sampling.max_new_tokens,
            # No `seed`: a generator a response is slow, and on a CPU vLLM dies when a prompt that has one is
            # read in pieces. The whole call is seeded instead.
            ignore_eos=True,
            stop_token_ids=self.end_ids,
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
        )

    def _response(self, completion: Any, device: torch.device) -> Response:
        if completion.finish_reason not in ("stop", "length"):
            raise EngineError(f"rollout.engine: vLLM ended a response with '{completion.finish_reason}'")
        ids, finished = list(completion.token_ids), completion.finish_reason == "stop"
        return Response(
            token_ids=torch.tensor(ids, device=device),
            logprobs=torch.tensor(completion.logprobs.logprobs, device=device, dtype=torch.float32),
            text=self.tokenizer.decode(ids[:-1] if finished else ids, skip_special_tokens=True),
            finished=finished,
        )

    def _wake(self) -> None:
        if self.asleep:
            self.llm.wake_up()
            self.asleep = False

    def _rest(self) -> None:
        """Leaves the GPU to the update: weights wait in host memory, the cache is given back."""
        if self.sleeps:
            self.llm.sleep(level=1)
            self.asleep = True


@contextmanager
def _as_engine_error(what: str) -> Iterator[None]:
    """Within it what vLLM, torch and pydantic raise about arguments, memory and weights becomes one line."""
    try:
        yield
    except (ValueError, RuntimeError, TypeError) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise EngineError(f"rollout.engine: vLLM {what}: {told[:500]}") from error


def _check_ranks(sharing: int) -> None:
    """Raises ConfigError for processes that vLLM cannot run in as one engine of `sharing` ranks."""
    ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    if ranks % sharing:
        raise ConfigError(
            f"model.rollout.vllm.tensor_parallel_size: {ranks} processes cannot share engines in {sharing}s"
        )
    if ranks == 1 and torch.cuda.is_available() and torch.cuda.current_device() != 0:
        raise ConfigError(
            "trainer.devices: in a single process vLLM takes the first GPU that it sees; take"
            " CUDA_VISIBLE_DEVICES to choose another"
        )


def _repack_head(model: Any) -> None:
    """Packs the head's weights anew: on a CPU vLLM 0.32 goes on with the old ones where they are tied."""
    head = model.language_model.lm_head
    head.quant_method.process_weights_after_loading(head)
