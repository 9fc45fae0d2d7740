"""The policy's tensors for a rollout engine: names, values, what moves; with adapters and with shards."""

from __future__ import annotations

import copy
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from safetensors.torch import load_file
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import Qwen2_5_VLForConditionalGeneration

from tests.policy.plain import plain_logprobs
from videor1.errors import ConfigError
from videor1.policy.loading import load_policy
from videor1.policy.weights import PolicyWeights

EVERYWHERE = ["q_proj", "v_proj", "down_proj", "qkv", "patch_embed.proj", "merger.mlp.0"]
FIRST_LAYER = "model.language_model.layers.0."


@pytest.fixture
def policy(world):
    return load_policy(str(world / "model")).eval()


@pytest.fixture(scope="module")
def untied(tiny_policy):
    config = copy.deepcopy(tiny_policy.config)
    config.tie_word_embeddings = False
    torch.manual_seed(1)
    return Qwen2_5_VLForConditionalGeneration(config).eval()


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """How a model gets its adapters."""

    wrapped: bool

    def __call__(self, model: nn.Module, *, name: str = "default", **settings) -> nn.Module:
        config = LoraConfig(**{"r": 4, "target_modules": EVERYWHERE, **settings})
        if self.wrapped:
            model = get_peft_model(model, config, adapter_name=name)
        else:
            model = inject_adapter_in_model(config, model, adapter_name=name)
        randomise(model)
        return model


@pytest.fixture(params=[False, True], ids=["injected", "wrapped"])
def adapt(request) -> Adaptation:
    return Adaptation(wrapped=request.param)


def randomise(model: nn.Module) -> None:
    """Adapters start as zero, and another in each process; these do something, the same."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(parameter, std=0.1)


def current_names(saved: dict) -> dict:
    """`save_pretrained` writes the names of before transformers 4.52; `from_pretrained` renames them so."""
    heads = {"visual.": "model.visual.", "model.": "model.language_model.", "lm_head.": "lm_head."}
    return {
        next(new + name.removeprefix(old) for old, new in heads.items() if name.startswith(old)): tensor
        for name, tensor in saved.items()
    }


def plain_with(weights: PolicyWeights, like: nn.Module) -> nn.Module:
    """A fresh plain model that holds what `weights` yields, and nothing else."""
    torch.manual_seed(2)
    plain = Qwen2_5_VLForConditionalGeneration(like.config).eval()
    left = plain.load_state_dict(dict(weights.tensors()), strict=False)
    assert not left.unexpected_keys
    assert set(left.missing_keys) <= {"lm_head.weight"}  # tied
    return plain


def logprobs(model, media_prompts) -> torch.Tensor:
    response = torch.arange(30, 60)
    with torch.no_grad():
        return torch.cat([plain_logprobs(model, prompt, response) for prompt in media_prompts.values()])


def reason(model: nn.Module) -> str:
    with pytest.raises(ConfigError, match=r"^model\.policy: rollout weights: ") as caught:
        PolicyWeights(model)
    return str(caught.value)


@pytest.mark.parametrize("tied", [True, False])
def test_they_are_the_tensors_of_the_saved_checkpoint(tiny_policy, untied, tmp_path, tied):
    model = tiny_policy if tied else untied
    model.save_pretrained(tmp_path)
    saved = current_names(load_file(tmp_path / "model.safetensors"))
    found = dict(PolicyWeights(model).tensors())
    assert found.keys() == saved.keys()
    assert ("lm_head.weight" in found) is not tied
    assert list(found) == [name for name, _ in model.named_parameters()]
    assert all(torch.equal(found[name], saved[name]) and not found[name].requires_grad for name in saved)


@pytest.mark.parametrize("tied", [True, False])
def test_a_plain_model_that_loads_them_gives_the_same_outputs(tiny_policy, untied, media_prompts, tied):
    model = tiny_policy if tied else untied
    plain = plain_with(PolicyWeights(model), model)
    assert torch.allclose(logprobs(plain, media_prompts), logprobs(model, media_prompts), atol=1e-5)


def test_a_checkpoint_has_no_buffers(untied):
    assert untied.state_dict().keys() == {name for name, _ in untied.named_parameters()}


def test_values_are_read_when_asked_for(policy):
    weights = PolicyWeights(policy)
    with torch.no_grad():
        policy.model.visual.merger.ln_q.weight.fill_(3)
    assert dict(weights.tensors())["model.visual.merger.ln_q.weight"].eq(3).all()


def test_dtype_casts_them(policy):
    weights = PolicyWeights(policy.bfloat16())
    assert {tensor.dtype for _, tensor in weights.tensors()} == {torch.bfloat16}
    assert {tensor.dtype for _, tensor in weights.tensors(dtype=torch.float32)} == {torch.float32}
    assert next(policy.parameters()).dtype == torch.bfloat16


def test_adapters_are_merged_into_what_is_yielded_alone(policy, adapt, media_prompts):
    without = logprobs(policy, media_prompts)
    model = adapt(policy)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    answer = logprobs(model, media_prompts)
    assert (answer - without).abs().max() > 0.1
    weights = PolicyWeights(model)
    assert not any(tensor.requires_grad for _, tensor in weights.tensors())
    plain = plain_with(weights, model)
    assert (logprobs(plain, media_prompts) - answer).abs().max() <= 1e-5
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(logprobs(model, media_prompts), answer)


def test_adapters_of_untied_embeddings(untied, media_prompts):
    targets = ["embed_tokens", "lm_head"]
    model = Adaptation(wrapped=False)(copy.deepcopy(untied), target_modules=targets)
    weights = PolicyWeights(model)
    assert weights.moving == ("model.language_model.embed_tokens.weight", "lm_head.weight")
    plain = plain_with(weights, model)
    assert (logprobs(plain, media_prompts) - logprobs(model, media_prompts)).abs().max() <= 1e-5


def test_the_state_of_adapters_is_that_of_the_moment(policy, media_prompts):
    """Of two adapters, on other layers each: those active, none, and merged ones while they are merged."""
    plain = logprobs(policy, media_prompts)
    model = Adaptation(wrapped=True)(policy, name="one", target_modules=["q_proj", "qkv"])
    model.add_adapter("two", LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    randomise(model)
    weights = PolicyWeights(model)

    def yielded() -> torch.Tensor:
        return logprobs(plain_with(weights, model), media_prompts)

    answers = []
    for active in (["one"], ["two"], ["one", "two"]):
        model.base_model.set_adapter(active)
        answers.append(logprobs(model, media_prompts))
        assert (yielded() - answers[-1]).abs().max() <= 1e-5
        assert all((answers[-1] - other).abs().max() > 0.1 for other in [plain, *answers[:-1]])
    with model.disable_adapter():
        assert (yielded() - plain).abs().max() <= 1e-5
    model.merge_adapter(["two"])  # "one" is active too, but counts only in layers where nothing is merged
    assert (yielded() - logprobs(model, media_prompts)).abs().max() <= 1e-5
    assert (yielded() - answers[2]).abs().max() > 0.1
    with model.disable_adapter():
        assert (yielded() - plain).abs().max() <= 1e-5


def test_bfloat16_is_rounded_once(policy):
    model = Adaptation(wrapped=True)(policy.bfloat16())  # PEFT keeps the factors in float32
    name = FIRST_LAYER + "self_attn.q_proj"
    layer = model.base_model.model.get_submodule(name)
    merged = layer.base_layer.weight.float() + layer.get_delta_weight("default")
    weights = PolicyWeights(model)
    assert torch.equal(dict(weights.tensors())[name + ".weight"], merged.bfloat16())
    assert torch.equal(dict(weights.tensors(dtype=torch.float32))[name + ".weight"], merged)


def test_all_moves_when_nothing_is_frozen(policy):
    weights = PolicyWeights(policy)
    assert weights.moving == tuple(name for name, _ in weights.tensors())
    assert [name for name, _ in weights.tensors(all=False)] == list(weights.moving)


def test_a_frozen_tower_stays(policy):
    policy.model.visual.requires_grad_(False)
    policy.model.visual.merger.mlp[0].bias.requires_grad_(True)
    policy.model.language_model.layers[1].requires_grad_(False)
    policy.model.language_model.layers[2].requires_grad_(False)
    policy.model.language_model.layers[2].mlp.up_proj.weight.requires_grad_(True)
    weights = PolicyWeights(policy)
    names = [name for name, _ in weights.tensors()]
    still = ("model.visual.", "model.language_model.layers.1.")
    expected = [name for name in names if not name.startswith(still) or ".merger.mlp.0." in name]
    assert list(weights.moving) == expected == [name for name, _ in weights.tensors(all=False)]
    assert "model.visual.merger.mlp.0.weight" in expected


def test_blocks_with_adapters_move_whole(policy, adapt):
    model = adapt(policy, target_modules=["q_proj"], layers_to_transform=[0, 2])
    weights = PolicyWeights(model)
    names = [name for name, _ in weights.tensors()]
    blocks = (FIRST_LAYER, "model.language_model.layers.2.")
    assert list(weights.moving) == [name for name in names if name.startswith(blocks)]
    assert FIRST_LAYER + "mlp.up_proj.weight" in weights.moving


def test_outside_of_blocks_modules_with_adapters_move(policy, adapt):
    model = adapt(policy, target_modules=["merger.mlp.0"]).requires_grad_(False)
    prefix = "model.visual.merger.mlp.0."
    assert set(PolicyWeights(model).moving) == {prefix + "weight", prefix + "bias"}


def test_biases_that_an_adapter_trains_are_tensors_of_the_checkpoint(policy, adapt):
    model = adapt(policy, target_modules=["merger.mlp.0"], bias="lora_only")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" not in name and parameter.requires_grad:
                parameter.fill_(7)
    tensors = dict(PolicyWeights(model).tensors(all=False))
    assert tensors["model.visual.merger.mlp.0.bias"].eq(7).all()


def test_what_is_missing_is_named(policy):
    del policy.model.language_model.layers[2]
    message = reason(policy)
    assert "missing model.language_model.layers.2.self_attn.q_proj.weight, " in message
    assert message.count("layers.2.") == 3


def test_what_is_too_much_is_named(policy):
    policy.value_head = nn.Linear(2, 1)
    assert reason(policy).endswith("weights: not of the checkpoint: value_head.weight, value_head.bias")


def test_another_shape_is_named(policy):
    policy.model.visual.merger.ln_q.weight = nn.Parameter(torch.ones(5))
    width = policy.config.vision_config.hidden_size
    shape = f"of another shape: model.visual.merger.ln_q.weight (5,) instead of ({width},)"
    assert reason(policy).endswith(shape)


def test_integers_are_not_taken_for_weights(policy):
    layer = policy.model.visual.merger.mlp[0]
    layer.weight = nn.Parameter(layer.weight.detach().to(torch.int8), requires_grad=False)
    assert "of another shape: model.visual.merger.mlp.0.weight" in reason(policy)
    assert "torch.int8" in reason(policy)


def test_tied_embeddings_that_came_apart_are_named(policy):
    policy.lm_head.weight = nn.Parameter(policy.lm_head.weight.detach().clone())
    assert "not of the checkpoint: lm_head.weight" in reason(policy)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.filterwarnings("ignore:aLoRA is currently only supported")
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"modules_to_save": ["ln_q"]}, "merger.ln_q.modules_to_save.default.weight"),
        ({"modules_to_save": ["lm_head"]}, "lm_head.modules_to_save.default.weight"),
        ({"use_dora": True}, "merger.mlp.0.lora_magnitude_vector.default.weight"),
        ({"alora_invocation_tokens": [1]}, "merger.mlp.0.lora_A.default.weight"),
        ({"lora_bias": True}, "merger.mlp.0.lora_B.default.bias"),
        ({"trainable_token_indices": [1, 2]}, "token_adapter.trainable_tokens_delta.default"),
        ({"target_modules": ["lm_head"]}, "lm_head.lora_A.default.weight"),
        ({"target_modules": ["embed_tokens"]}, "embed_tokens.lora_embedding_A.default"),
    ],
)
def test_what_merging_cannot_express_is_named(policy, adapt, settings, named):
    assert named in reason(adapt(policy, **{"target_modules": ["merger.mlp.0"], **settings}))


@pytest.mark.parametrize("sharding", ["fsdp", "zero"])
def test_shards_are_gathered(world, tmp_path, sharding):
    """Two processes: whole tensors on both, also where an adapter's product is one of shards."""
    if sharding == "zero":
        pytest.importorskip("deepspeed")
    arguments = (sharding, world / "model", tmp_path / "store")
    torch.multiprocessing.spawn(_shard_and_compare, arguments, nprocs=2)


def _shard_and_compare(rank: int, sharding: str, folder: Path, store: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    shard = {"fsdp": _shard_by_fsdp, "zero": _shard_by_zero}[sharding]
    for adapted in (False, True):
        model = load_policy(str(folder)).eval()
        if adapted:
            model = Adaptation(wrapped=True)(model, target_modules=["q_proj", "qkv", "mlp.0"])
        before = PolicyWeights(model)
        whole = {name: tensor.clone() for name, tensor in before.tensors()}
        setting = shard(model, rank)
        here = _elements_here(model)
        assert here <= 0.6 * sum(tensor.numel() for tensor in whole.values())
        after = PolicyWeights(model)
        assert after.moving == before.moving
        for weights in (before, after):
            _compare(dict(weights.tensors()), whole)
            _compare(dict(weights.tensors(dtype=torch.bfloat16)), whole)
        assert _elements_here(model) == here
        if sharding == "fsdp":  # which leaves the outermost parameters whole after a forward pass
            with torch.no_grad():
                model(input_ids=torch.arange(30, 60)[None])
            assert _elements_here(model) > here
            _compare(dict(after.tensors()), whole)
        del setting
    dist.destroy_process_group()


def _elements_here(model: nn.Module) -> int:
    locals_ = [p.to_local() if isinstance(p, DTensor) else p for p in model.parameters()]
    return sum(tensor.numel() for tensor in locals_)


def _compare(found: dict, whole: dict) -> None:
    assert list(found) == list(whole)
    for name, tensor in found.items():
        assert not isinstance(tensor, DTensor)
        bound = {"rtol": 2**-8} if tensor.dtype == torch.bfloat16 else {"rtol": 0, "atol": 1e-6}
        assert torch.allclose(tensor.float(), whole[name], **bound), name


def _shard_by_fsdp(model: nn.Module, rank: int) -> None:
    mesh = init_device_mesh("cpu", (2,))
    for block in list(model.modules()):
        if type(block).__name__ in ("Qwen2_5_VLDecoderLayer", "Qwen2_5_VLVisionBlock"):
            fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def _shard_by_zero(model: nn.Module, rank: int) -> object:
    os.environ.update(DS_ACCELERATOR="cpu", LOCAL_RANK=str(rank), RANK=str(rank), WORLD_SIZE="2")
    import deepspeed
    from transformers.integrations import HfDeepSpeedConfig

    sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None  # would be compiled
    deepspeed.init_distributed("gloo")
    settings = {"train_batch_size": 2, "zero_optimization": {"stage": 3}}
    deepspeed.zero.Init(module=model, config_dict_or_path=settings)
    return HfDeepSpeedConfig(settings)  # as long as it is kept, transformers makes new models in shards
