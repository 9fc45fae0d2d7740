"""What new users get wrong, each as the words of a command line on a small world and the run of a stage."""

from __future__ import annotations

from collections.abc import Callable

from tests.mistaken import (
    Place,
    a_file,
    chosen_without_options,
    config,
    no_media,
    without_letters,
    without_solution,
    without_vision_tokens,
)


def _layer(text: str) -> Callable[[Place], list[str]]:
    return lambda at: at.fit("tgrpo", *at.yaml(text))


def _set(stage: str, *words: str) -> Callable[[Place], list[str]]:
    return lambda at: at.fit(stage, *words)


# What is wrong → the command, and what its line has to say.
MISTAKES: dict[str, tuple[Callable[[Place], list[str]], str]] = {
    # the command
    "no config": (lambda at: ["fit"], "no config was named: add -c CONFIG"),
    "config not there": (lambda at: ["fit", "-c", "configs/quikstart/sft.yaml"], "File does not exist"),
    "command misspelt": (lambda at: ["train", "-c", config("quickstart/sft")], "choose from 'fit'"),
    "YAML cut off": (_layer("model: {init_args: {policy: x}\n"), "own.yaml, line 2: no YAML"),
    "tab in YAML": (_layer("model:\n\tinit_args: {}\n"), "own.yaml, line 2: no YAML"),
    "YAML of a list": (_layer("- model\n"), "own.yaml: a config holds settings"),
    "key misspelt": (
        _set("tgrpo", "--model.rollout.group_sise", "4"),
        "model.rollout.group_sise: there is no such setting; did you mean model.rollout.group_size?",
    ),
    "key misspelt in a file": (
        _layer("data: {batch_sise: 4}\n"),
        "data.batch_sise: there is no such setting; did you mean data.batch_size?",
    ),
    "key of the loss, moved": (_set("tgrpo", "--model.beta", "0.1"), "is now model.loss.beta"),
    "likewise in a file": (_layer("model: {init_args: {clip_low: 0.1}}\n"), "is now model.loss.clip_low"),
    "likewise with init_args": (_set("tgrpo", "--model.init_args.kl_clamp", "9"), "now model.loss.kl_clamp"),
    "perturbation misspelt": (
        _set("tgrpo", "--model.rollout.perturbations", "[shufled]"),
        "model.rollout.perturbations: Expected one of 'shuffled', 'reversed'",
    ),
    "key of a callback misspelt": (
        _set("sft", "--trainer.callbacks.every_n_step", "3"),
        "error: trainer.callbacks.every_n_step: there is no such setting; ",
    ),
    "class misspelt": (
        _layer("model: {class_path: videor1.modules.TGRPOModul}\n"),
        "did you mean videor1.modules.TGRPOModule?",
    ),
    "module not there": (
        _layer("model: {init_args: {rewards: {custom: [{class_path: mine.Reward}]}}}\n"),
        "No module named 'mine' (modules are looked for beside cli.py and on PYTHONPATH)",
    ),
    "type": (_set("sft", "--data.batch_size", "two"), "data.batch_size: Expected int. Got value: two"),
    "learning rate": (_set("sft", "--model.optimizer.lr", "fast"), "model.optimizer.lr: Expected float"),
    "precision misspelt": (_set("sft", "--trainer.precision", "fp16"), "'16-mixed', 'bf16-true'"),
    # the machine
    "no GPU": (_set("sft", "--trainer.accelerator", "gpu"), "trainer.accelerator: no GPU is seen here"),
    "ZeRO without CUDA": (
        lambda at: at.fit("sft", "-c", config("strategy/zero2"), "--trainer.accelerator", "cuda"),
        "trainer.accelerator: no GPU is seen here",
    ),
    "devices 0": (_set("sft", "--trainer.devices", "0"), "trainer.devices: must be auto, or a number"),
    "strategy misspelt": (_set("sft", "--trainer.strategy", "dpp"), "trainer.strategy: take auto, ddp"),
    "precision 16 on a CPU": (_set("sft", "--trainer.precision", "16-mixed"), "take bf16-mixed or 32-true"),
    "folder not writable": (lambda at: at.fit("sft", folder="/proc/run"), "default_root_dir: nothing can be"),
    "folder is a file": (lambda at: at.fit("sft", folder=a_file(at) / "run"), "Not a directory"),
    "server not there": (
        _set(
            "tgrpo",
            *("-c", config("rollout/vllm_server"), "--model.rollout.vllm.restarts", "0"),
            *("--model.rollout.vllm.addresses", "[127.0.0.1:9]"),
        ),
        "127.0.0.1:9 cannot be reached: Connection refused",
    ),
    # the data
    "root not there": (
        lambda at: at.fit("sft", root="/nowhere"),
        "there is no record file '/nowhere/cot.json'",
    ),
    "record file not there": (_set("sft", "--data.train", "trian.json"), "are relative to data.root"),
    "media not there": (lambda at: at.fit("sft", root=no_media(at)), "48 × no such file (./"),
    "JSON cut off": (
        lambda at: at.fit("sft", *at.records('[{"problem": "x",')),
        "cut off within this record",
    ),
    "no record": (lambda at: at.fit("sft", *at.records("[]")), "holds no usable record; is it the right"),
    "no solution": (
        lambda at: at.fit("sft", *at.records(without_solution)),
        "48 × 'solution' must be a string, got None (record 0). All are in",
    ),
    "options without letters": (
        lambda at: at.fit("tgrpo", *at.records(without_letters)),
        "its solution is a letter, and no option has one ('red'), as everywhere in this file; write 'A. red'",
    ),
    "choice of nothing": (
        lambda at: at.fit("tgrpo", *at.records(chosen_without_options)),
        "× multiple choice without 'options'",
    ),
    "SFT without thoughts": (
        _set("sft", "--data.train", "train.json"),
        "SFT needs 'process'; is data.train a",
    ),
    "quarantine file not there": (
        _set("sft", "--data.exclude", "[x.jsonl]"),
        "x.jsonl: no quarantine file, as",
    ),
    "batch above the data": (
        _set("sft", "--data.batch_size", "99"),
        "data.batch_size is 99, and an epoch of",
    ),
    "too few frames": (_set("sft", "--data.clip.max_frames", "1"), "max_frames must be even and at least 2"),
    "too few tokens": (_set("sft", "--data.max_prompt_tokens", "20"), "raise data.max_prompt_tokens"),
    # the model
    "model not there": (lambda at: at.fit("tgrpo", policy="runs/x/hf"), "is the stage before this one done?"),
    "model on the hub, offline": (
        lambda at: at.fit("tgrpo", policy="Qwen/Qwen2.5-VL-7B-Instruct"),
        "cannot be had from the Hugging Face hub",
    ),
    "run as model": (lambda at: at.fit("tgrpo", policy=at.sft), "this is a run, its model is"),
    "checkpoint as model": (
        lambda at: at.fit("tgrpo", policy=at.sft / "checkpoints/last.ckpt"),
        "this is a checkpoint, `cli.py export` makes a folder of it",
    ),
    "another architecture": (
        lambda at: at.fit("tgrpo", policy=at.model(config_json='{"model_type": "qwen2_vl"}')),
        "holds a model of type 'qwen2_vl'; only Qwen2.5-VL",
    ),
    "no video tokens": (
        lambda at: at.fit("tgrpo", policy=at.model(tokenizer_json=without_vision_tokens(at))),
        "copy tokenizer.json",
    ),
    "no tokenizer": (lambda at: at.fit("tgrpo", policy=at.model(tokenizer_json=None)), "copy tokenizer.json"),
    "weights cut off": (
        lambda at: at.fit("tgrpo", policy=at.model(model_safetensors=b"\xff\xff")),
        "are damaged",
    ),
    "no weights": (
        lambda at: at.fit("tgrpo", policy=at.model(model_safetensors=None)),
        "is not whole: Error no file named model.safetensors",
    ),
    # the algorithm
    "group of one": (
        _set("tgrpo", "--model.rollout.group_size", "1"),
        "group_size must be at least 2, got 1",
    ),
    "temperature 0": (
        _set("tgrpo", "--model.rollout.sampling.temperature", "0"),
        "temperature must be above 0",
    ),
    "credit without shuffled responses": (
        _set("tgrpo", "--model.rollout.shuffled_size", "0"),
        "model.rollout.shuffled_size is 0; take credit: none for plain GRPO",
    ),
    "adapters and freeze": (
        _set("tgrpo", "--model.lora.rank", "4", "--model.freeze", "[vision]"),
        "model.freeze: with model.lora nothing but the adapters learns; leave it out",
    ),
    "all frozen": (_set("sft", "--model.freeze", "[vision,merger,language]"), "nothing would learn"),
    "no accumulation": (_set("sft", "--trainer.accumulate_grad_batches", "0"), "must be at least 1, got 0"),
    # the stage
    "checkpoint not there": (
        _set("sft", "--ckpt_path", "x.ckpt"),
        "ckpt_path: there is no 'x.ckpt'; --ckpt_path",
    ),
    "checkpoint of another stage": (
        lambda at: at.fit("tgrpo", "--ckpt_path", str(at.sft / "checkpoints/last.ckpt")),
        "the checkpoint is of another stage, of SFTModule and not TGRPOModule",
    ),
    "model as checkpoint": (
        lambda at: at.fit("sft", "--ckpt_path", str(at.sft / "hf")),
        "which holds no state of a training",
    ),
    "run as checkpoint": (lambda at: at.fit("sft", "--ckpt_path", str(at.sft)), "its checkpoint is"),
    "config of SFT to validate": (lambda at: ["validate", *at.fit("sft")[1:]], "this is a config for fit"),
    "config of an examination to fit": (lambda at: ["fit", *at.ask()[1:]], "PolicyModule does not train"),
    "nothing to validate": (lambda at: at.ask("--data.validate", "null"), "data.validate is missing: name a"),
    "nothing asked": (
        lambda at: ["predict", *at.ask()[1:]],
        "data.ask is missing: predict needs data.ask.media",
    ),
}
