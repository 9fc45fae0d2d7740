"""The vLLM engine against the Hugging Face engine and the group pass."""

from __future__ import annotations

import json
import random
import shutil
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from benchmarks.support.workload import Media, make_prompts
from tests.rollout.support import ids, off_the_trainer
from tests.vllm import needs_vllm
from videor1.data.frames import ClipSettings, read_clip, read_media
from videor1.data.record_file import RecordFile
from videor1.errors import ConfigError, EngineError
from videor1.policy.loading import load_policy
from videor1.policy.packing import prompt_positions
from videor1.policy.weights import PolicyWeights
from videor1.rollout.engine import Sampling
from videor1.rollout.hf import HFEngine
from videor1.rollout.vllm_settings import VLLMSettings

pytestmark = needs_vllm
GREEDY = Sampling(max_new_tokens=24, temperature=0.0)


@pytest.fixture(scope="module")
def policy(world):
    """A policy of this module's own, which its tests move."""
    return load_policy(str(world / "model")).eval()


@pytest.fixture(scope="module")
def hf(policy, tiny_processor):
    return HFEngine(policy, tiny_processor)


@pytest.fixture(scope="module")
def engine(world, tiny_processor):
    from videor1.rollout.vllm import VLLMEngine

    settings = VLLMSettings(cpu_kv_gigabytes=0.25)
    engine = VLLMEngine(world / "model", tiny_processor, settings, dtype=torch.float32, longest=1024)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def many_prompts(world, prompt_builder):
    """54 mixed prompts: videos of several lengths, sizes and rates, images, and questions without media."""
    records = list(RecordFile.open(world / "train.json"))
    settings = ClipSettings(max_frames=8, video_max_pixels=3136, image_max_pixels=3136)
    prompts = [
        prompt_builder.build(record, read_media(world / record.path, record.data_type, settings))
        for record in records[:36]
    ]
    videos = [record for record in records if record.data_type == "video"]
    for number, record in enumerate(videos[:12]):
        clip = read_clip(
            world / record.path,
            max_frames=4 + 2 * number,
            min_pixels=(4 + number) * 784,
            max_pixels=(6 + number) * 784,
            fps=2.0 + number,
        )
        prompts.append(prompt_builder.build(record, clip))
    for prompt in prompts[:6]:
        words = prompt.input_ids[~torch.isin(prompt.input_ids, torch.tensor(vision_ids(prompt_builder)))]
        clip = replace(prompt.clip, fps=0.0, source_fps=0.0)
        nothing = {"patches": prompt.patches[:0], "grid_thw": prompt.grid_thw[:0]}
        prompts.append(replace(prompt, input_ids=words, clip=clip, **nothing))
    assert {prompt.record.data_type for prompt in prompts} == {"video", "image"}
    return prompts


def vision_ids(prompt_builder):
    tokenizer = prompt_builder.processor.tokenizer
    return tokenizer.convert_tokens_to_ids(
        ["<|vision_start|>", "<|vision_end|>", "<|video_pad|>", "<|image_pad|>"]
    )


def disturb(policy, seed):
    """Moves every weight a little, as an optimizer step does."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)


def test_greedy_equals_the_hf_engine_before_and_after_pushes(engine, hf, policy, many_prompts):
    """54 prompts, token for token, with the log-probs of all of them, at six states of the weights."""
    assert len(many_prompts) >= 50
    seen = []
    weights = PolicyWeights(policy)
    for version in range(6):
        if version:
            disturb(policy, version)
        engine.sync(weights, version=version)
        found = engine.generate(many_prompts, [1] * len(many_prompts), GREEDY, seed=0)
        expected = hf.generate(many_prompts, [1] * len(many_prompts), GREEDY, seed=0)
        assert ids(found) == ids(expected), f"after {version} pushes"
        assert off_the_trainer(policy, hf.forbidden_ids, many_prompts, found).max() <= 1e-4
        seen.append(ids(found))
    assert all(one != other for one, other in pairwise(seen))


def test_texts_ends_and_lengths_are_the_hf_engines(engine, hf, media_prompts):
    prompts = list(media_prompts.values())
    sampling = Sampling(max_new_tokens=200, temperature=0.0)
    found, expected = (one.generate(prompts, [1] * 3, sampling, seed=0) for one in (engine, hf))
    assert [[(r.text, r.finished) for r in group] for group in found] == [
        [(r.text, r.finished) for r in group] for group in expected
    ]


def test_sampled_logprobs_are_the_trainers(engine, hf, policy, media_prompts):
    prompts = list(media_prompts.values())
    groups = engine.generate(prompts, [8] * 3, Sampling(max_new_tokens=60, temperature=0.8), seed=5)
    assert off_the_trainer(policy, hf.forbidden_ids, prompts, groups, temperature=0.8).max() <= 1e-4


@pytest.mark.parametrize("temperature", [0.7, 1.3])
def test_top_p_gives_the_logprobs_of_what_is_drawn_from(engine, hf, media_prompts, temperature):
    """Both engines draw first tokens from the same few, with the same log-probs."""
    sampling = Sampling(max_new_tokens=1, temperature=temperature / 5, top_p=0.5)
    drawn = []
    for one in (engine, hf):
        (group,) = one.generate([media_prompts["image"]], [400], sampling, seed=3)
        drawn.append({int(response.token_ids[0]): float(response.logprobs[0]) for response in group})
    assert drawn[0].keys() == drawn[1].keys()
    for token, logprob in drawn[0].items():
        assert logprob == pytest.approx(drawn[1][token], abs=1e-4)
    assert sum(np.exp(list(drawn[0].values()))) == pytest.approx(1.0, abs=1e-3)


def test_counts_and_seeds(engine, media_prompts):
    prompts, sampling = list(media_prompts.values()), Sampling(max_new_tokens=10)
    first = engine.generate(prompts, [3, 0, 2], sampling, seed=7)
    assert [len(group) for group in first] == [3, 0, 2]
    assert ids(first) == ids(engine.generate(prompts, [3, 0, 2], sampling, seed=7))
    assert ids(first) != ids(engine.generate(prompts, [3, 0, 2], sampling, seed=8))
    assert engine.generate([], [], sampling, seed=0) == []
    assert engine.generate(prompts[:1], [0], sampling, seed=0) == [[]]


def test_long_prompts_read_in_pieces_are_seeded_too(engine, many_prompts):
    """More prompt tokens than vLLM reads in one step: with a seed a response it dies there on a CPU."""
    sampling = Sampling(max_new_tokens=2)
    counts = [6] * len(many_prompts)
    tokens = sum(6 * len(prompt.input_ids) for prompt in many_prompts)
    assert tokens > 16384
    one, other = (engine.generate(many_prompts, counts, sampling, seed=1) for _ in range(2))
    assert ids(one) == ids(other)


def test_special_tokens_are_never_sampled(engine, hf, media_prompts):
    (group,) = engine.generate([media_prompts["image"]], [64], Sampling(max_new_tokens=40), seed=1)
    spoken = torch.cat([response.token_ids for response in group])
    assert not torch.isin(spoken, torch.tensor(hf.forbidden_ids)).any()


def test_the_process_is_left_as_it_was(engine, policy, media_prompts):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    threads = torch.get_num_threads()
    engine.generate([media_prompts["image"]], [2], Sampling(max_new_tokens=3), seed=1)
    engine.load(PolicyWeights(policy).tensors())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(threads)


def test_positions_follow_the_trainers_rule_to_the_last_row(engine, policy, many_prompts):
    """Rates at which float64, vLLM's own way, puts a row at another time than float32 does."""
    video = next(prompt for prompt in many_prompts if prompt.clip.is_video and prompt.grid_thw[0, 0] >= 8)
    rates = [16 / 1070 * 12.5, 64 / 1376 * 15, 32 / 896 * 10, 16 / 732 * 15, 2.0, 0.3]
    prompts = [replace(video, clip=replace(video.clip, fps=rate)) for rate in rates]
    rows, seconds = torch.arange(8), [2 / rate for rate in rates]
    theirs = [(np.arange(8) * (float(np.float32(s)) * 2)).astype(int).tolist() for s in seconds]
    ours = [(rows.float() * s * 2).long().tolist() for s in seconds]
    assert theirs != ours, "the rates no longer show the difference"
    for prompt, reading in zip(prompts, engine.read(prompts), strict=True):
        assert reading.token_ids.tolist() == prompt.input_ids.tolist()
        assert torch.equal(reading.positions, prompt_positions(policy.config, prompt))


def test_a_frozen_tower_is_pushed_once(world, engine, hf, policy, media_prompts):
    """Only what moves is sent, and what does not is still there afterwards."""
    policy.model.visual.requires_grad_(False)
    weights = PolicyWeights(policy)
    sent = [name for name, _ in weights.tensors(all=False)]
    assert sent
    assert not [name for name in sent if "visual" in name]
    with torch.no_grad():
        policy.model.language_model.norm.weight *= 1.5
    engine.sync(weights, version=100)
    prompts = list(media_prompts.values())
    found, expected = (one.generate(prompts, [1] * 3, GREEDY, seed=0) for one in (engine, hf))
    policy.model.visual.requires_grad_(True)
    assert ids(found) == ids(expected)


def test_a_version_is_taken_over_once(engine, policy):
    class Counted(PolicyWeights):
        asked = 0

        def tensors(self, **options):
            Counted.asked += 1
            return super().tensors(**options)

    weights = Counted(policy)
    for version in (200, 200, 201):
        engine.sync(weights, version=version)
    assert Counted.asked == 2


def test_a_prompt_that_is_too_long_names_the_key(engine, media_prompts):
    with pytest.raises(ConfigError, match=r"rollout\.vllm\.max_model_len: record .* needs \d+ tokens"):
        engine.generate([media_prompts["video"]], [1], Sampling(max_new_tokens=1024), seed=0)


def test_the_policys_copy_is_not_the_engines(engine, policy, media_prompts):
    """What the trainer does to its weights between two pushes does not reach the engine."""
    prompts = list(media_prompts.values())
    engine.load(PolicyWeights(policy).tensors())
    before = engine.generate(prompts, [1] * 3, GREEDY, seed=0)
    kept = deepcopy(policy.state_dict())
    disturb(policy, 99)
    after = engine.generate(prompts, [1] * 3, GREEDY, seed=0)
    policy.load_state_dict(kept)
    assert ids(before) == ids(after)


def test_adapters_are_merged_on_the_way(world, engine, tiny_processor, media_prompts):
    """LoRA on language model and vision tower: the engine writes what the policy with its adapters does."""
    policy = load_policy(str(world / "model"))
    targets = ["q_proj", "v_proj", "down_proj", "qkv"]
    policy = inject_adapter_in_model(LoraConfig(r=4, target_modules=targets), policy).eval()
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    prompts, hf = list(media_prompts.values()), HFEngine(policy, tiny_processor)
    engine.load(load_policy(str(world / "model")).named_parameters())
    without = engine.generate(prompts, [1] * 3, GREEDY, seed=0)
    engine.load(PolicyWeights(policy).tensors())
    found, expected = (one.generate(prompts, [1] * 3, GREEDY, seed=0) for one in (engine, hf))
    assert ids(found) == ids(expected) != ids(without)
    assert off_the_trainer(policy, hf.forbidden_ids, prompts, found).max() <= 1e-4


def test_a_clip_of_many_large_frames_is_read(world, tiny_processor, prompt_builder, tmp_path):
    """64 frames of 16 x 16 tokens, as in evaluation: more than vLLM keeps of encoded media by itself."""
    from videor1.rollout.vllm import VLLMEngine

    model = shutil.copytree(world / "model", tmp_path / "model")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["text_config"]["max_position_embeddings"] = 16384
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (prompt,) = make_prompts(model, Media(frames=64, height=448, width=448))
    assert len(prompt.input_ids) > 8192
    few, settings = Sampling(max_new_tokens=4, temperature=0.0), VLLMSettings(cpu_kv_gigabytes=1.0)
    engine = VLLMEngine(model, tiny_processor, settings, dtype=torch.float32, longest=16384)
    hf = HFEngine(load_policy(str(model)).eval(), tiny_processor)
    found, expected = (one.generate([prompt], [2], few, seed=0) for one in (engine, hf))
    assert ids(found) == ids(expected)


def test_bfloat16_differs_and_by_how_much(world, tiny_processor, media_prompts, capsys):
    """In bfloat16 the two are apart, which is what importance correction is for."""
    from videor1.rollout.vllm import VLLMEngine

    policy = load_policy(str(world / "model"), dtype=torch.bfloat16).eval()
    engine = VLLMEngine(
        world / "model",
        tiny_processor,
        VLLMSettings(cpu_kv_gigabytes=0.25),
        dtype=torch.bfloat16,
        longest=1024,
    )
    prompts = list(media_prompts.values())
    groups = engine.generate(prompts, [8] * 3, Sampling(max_new_tokens=40), seed=0)
    apart = off_the_trainer(policy, engine.forbidden_ids, prompts, groups)
    with capsys.disabled():
        print(f"\nbfloat16: mean {apart.mean():.4f}, largest {apart.max():.4f} nats a token")
    assert 1e-5 < apart.mean() < 0.1


def test_a_stranger_among_the_weights_is_an_error(engine):
    """Stands last: the engine is left with its layers taken apart, and another would find them so."""
    with pytest.raises(EngineError, match="does not take the policy's weights"):
        engine.load([("model.language_model.nowhere.weight", torch.zeros(3))])
