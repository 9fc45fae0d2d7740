"""A parsed config → `Job`. Keys are read as the parser left them, defaults included; nothing is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videor1.data.frame_rules import SIDE
from videor1.errors import ConfigError
from videor1.planning.activations import Trained
from videor1.planning.job import Engine, Job
from videor1.planning.layers import Way
from videor1.planning.sizes import find_shape

GPUS_A_NODE = 8
LORA_RANK = 64  # of configs/strategy/lora.yaml


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What a config does not say."""

    gpus: int | None = None  # in all; None: trainer.devices × trainer.num_nodes
    size: str | None = None  # of a policy that is not there yet
    text: int = 256  # tokens of a prompt beside those of its media
    target: int = 512  # tokens that SFT teaches to write; the recipe's chains of thought have no more


def read_job(config: Any, assumed: Assumed) -> Job:
    """The job of a training config.

    Args:
        config: of one sub-command, as jsonargparse understood it.
        assumed: what it does not say.

    Raises:
        ConfigError: it is no training config, or says something that cannot be planned.
    """
    trainer, model, data = config.trainer, config.model.init_args, config.data
    name = str(config.model.class_path).rpartition(".")[2]
    if name == "PolicyModule":
        raise ConfigError(
            "model.class_path: PolicyModule does not train; plan needs the config of a training"
        )
    grouped = "rewards" in model
    files = [Path(file) for file in config.get("config") or []]
    gpus, nodes = _gpus(trainer, assumed)
    rank = model.lora.rank if model.get("lora") else 0
    optimizer = model.optimizer
    options = optimizer.get("init_args") or {}
    vision = max(
        data.clip.max_frames // 2 * (data.clip.video_max_pixels // SIDE**2),
        data.clip.image_max_pixels // SIDE**2,
    )
    response = model.rollout.sampling.max_new_tokens if grouped else assumed.target
    room = data.max_prompt_tokens - response
    vllm = model.rollout.vllm
    return Job(
        shape=find_shape(model.policy, size=assumed.size, configs=files),
        precision=str(trainer.precision or "32-true"),
        spread=spread_of(trainer.strategy),
        gpus=gpus,
        nodes=nodes,
        trained=_trained(model, rank),
        moments=_moments(str(optimizer.class_path)),
        fused=bool(options.get("fused")) or "8bit" in str(optimizer.class_path),
        checkpointing=model.gradient_checkpointing,
        activation_offload=bool(model.get("activation_offload")),
        questions=data.batch_size,
        accumulate=trainer.accumulate_grad_batches,
        inner_updates=model.get("inner_updates") or 1,
        group=model.rollout.group_size if grouped else 1,
        shuffled=model.rollout.shuffled_size if grouped else 0,
        frames=data.clip.max_frames,
        vision_tokens=min(vision, max(1, room - assumed.text)),
        prompt=min(vision + assumed.text, room),
        response=response,
        reference=grouped and model.loss.beta > 0,
        engine=_engine(model.rollout) if grouped else "none",
        vllm_share=vllm.gpu_memory_utilization,
        vllm_sleeps=vllm.sleep,
        vllm_ranks=vllm.tensor_parallel_size,
        most_rows=model.rollout.hf.max_rows,
    )


def spread_of(strategy: Any) -> str:
    """The name in `SPREADS` of trainer.strategy: a string or a class with its arguments.

    Raises:
        ConfigError: one that is not known.
    """
    if strategy is None or isinstance(strategy, str):
        named = strategy or "auto"
        stage = {"deepspeed": "2"}.get(named, named.removeprefix("deepspeed_stage_"))
        if named == "auto" or named.startswith("ddp"):
            return "ddp"
        if stage[:1] in ("1", "2", "3") and stage[1:] in ("", "_offload"):
            return f"zero{stage}"
        raise ConfigError(f"trainer.strategy: '{named}' cannot be planned")
    name, options = str(strategy.class_path).rpartition(".")[2], strategy.get("init_args") or {}
    if name in ("DDPStrategy", "SingleDeviceStrategy"):
        return "ddp"
    if name in ("ShardedStrategy", "ModelParallelStrategy", "FSDPStrategy"):
        return "fsdp2"
    if name in ("ZeroStrategy", "DeepSpeedStrategy"):
        stage = options.get("stage", 2)
        if options.get("offload_parameters"):
            return "zero3_offload"
        if not options.get("offload_optimizer"):
            return f"zero{stage}"
        return "zero3_optimizer_offload" if stage == 3 else f"zero{stage}_offload"
    raise ConfigError(f"trainer.strategy: {strategy.class_path} cannot be planned")


def _gpus(trainer: Any, assumed: Assumed) -> tuple[int, int]:
    """GPUs in all, and nodes."""
    nodes, devices = trainer.num_nodes, trainer.devices
    if assumed.gpus is not None:
        if assumed.gpus < 1:
            raise ConfigError(f"gpus must be at least 1, got {assumed.gpus}")
        return assumed.gpus, max(1, -(-assumed.gpus // GPUS_A_NODE))
    if trainer.accelerator == "cpu" and devices == "auto":
        return nodes, nodes
    if isinstance(devices, str) and devices.isdigit():
        devices = int(devices)
    if isinstance(devices, list):
        devices = len(devices)
    known = isinstance(devices, int) and devices > 0
    return (devices if known else GPUS_A_NODE) * nodes, nodes


def _trained(model: Any, rank: int) -> Trained:
    if rank:
        ways: dict[str, Way] = {part: "adapted" for part in model.lora.parts}
    else:
        frozen = set(model.get("freeze") or ())
        ways = {part: "learns" for part in ("vision", "merger", "language") if part not in frozen}
    # gradients have to pass through what lies behind a part that learns
    vision = ways.get("vision", "still")
    merger = ways.get("merger", "passes" if vision != "still" else "still")
    language = ways.get("language", "passes")
    return Trained(vision=vision, merger=merger, language=language, rank=rank)


def _moments(optimizer: str) -> int:
    """Bytes of state a number, where Adam has two float32."""
    if "8bit" in optimizer:
        return 2
    return 4 if optimizer.endswith("SGD") else 8


def _engine(rollout: Any) -> Engine:
    if rollout.engine == "hf":
        return "hf"
    if rollout.vllm.mode == "colocated":
        return "colocated"
    return "elsewhere" if rollout.vllm.addresses else "beside"
