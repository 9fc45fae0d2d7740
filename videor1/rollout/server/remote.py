"""The engine of a server mode, which does what an engine does by asking a server.

The server is one that this run has started, or one that `rollout.vllm.addresses` names. What an engine draws
depends on its weights, the prompts and the seed alone. So a server that dies can be started again in the
middle of a step, and nobody sees a difference.
"""

from __future__ import annotations

import json
import os
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import Qwen2_5_VLConfig

from videor1.errors import ConfigError, EngineError
from videor1.policy.weights import PolicyWeights
from videor1.rollout.engine import Reading, Sampling, Watch
from videor1.rollout.server import publication, wire
from videor1.rollout.server.child import Child
from videor1.rollout.server.client import Client, Lost, Unreachable
from videor1.rollout.server.service import KEY
from videor1.rollout.vllm_settings import VLLMSettings
from videor1.types import Prompt, Response

_START = "; start it there with python -m videor1.rollout.server, or mend rollout.vllm.addresses"
_GREETING = 30.0  # seconds for what a server answers at any time


class RemoteEngine:
    """Engine on a vLLM server.

    Args:
        path: Hugging Face folder whose model the server begins with.
        settings: see there. Ranks that share a server wait for each other within `timeout`.
        dtype: of weights and activations, if the settings name none.
        longest: most tokens of a prompt and its response together, if the settings name none.
        folder: for published weights and the log; servers on other machines must see it under the same path.
        rank: of this trainer process.
        leader: whether it is the one that publishes weights.
        barrier: waits for all ranks.

    Raises:
        ConfigError: a named server computes in another type, or has too little room.
        EngineError: a server does not start or answer.
    """

    def __init__(
        self,
        path: str | Path,
        settings: VLLMSettings,
        *,
        dtype: torch.dtype,
        longest: int,
        folder: Path,
        rank: int = 0,
        leader: bool = True,
        barrier: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = str(path)
        self.settings = settings
        self.dtype = dtype if settings.dtype == "auto" else getattr(torch, settings.dtype)
        room = Qwen2_5_VLConfig.from_pretrained(path).text_config.max_position_embeddings
        self.longest = settings.max_model_len or min(longest, room)
        self.folder = folder
        self.rank = rank
        self.leader = leader
        self.barrier = barrier
        self.version: int | None = None
        self.restarts = 0
        self._published: bytes | None = None  # where the latest weights are
        self._child: Child | None = None
        # also where a run fails and nobody closes it
        self._withdrawn = weakref.finalize(self, _withdraw, os.getpid(), folder) if leader else None
        if settings.addresses:
            address = settings.addresses[rank % len(settings.addresses)]
            self._client = Client(address, os.environ.get(KEY))
            self._check()
        else:
            self._start()

    def sync(self, weights: PolicyWeights, *, version: int) -> None:
        """See `Engine.sync`. The latest weights stay published, for a server that is started again."""
        if version == self.version:
            return
        target = publication.place(self.folder, version)
        tensors = weights.tensors(dtype=self.dtype)
        if self.leader:
            publication.publish(target, tensors)
        else:
            for _ in tensors:  # each rank has its share in making them whole
                pass
        self.barrier()
        self._published = publication.pack_publication(target, version)
        self._ask("weights", self._published)
        self.barrier()
        self.version = version
        if self.leader:
            publication.withdraw(self.folder, but=target)

    def generate(
        self,
        prompts: Sequence[Prompt],
        counts: Sequence[int],
        sampling: Sampling,
        *,
        seed: int,
        watch: Watch | None = None,
    ) -> list[list[Response]]:
        """See `Engine.generate`. A server answers with whole responses, so `watch` hears nothing."""
        groups = wire.unpack_groups(self._ask("generate", wire.pack_request(prompts, counts, sampling, seed)))
        if [len(group) for group in groups] != list(counts):
            raise EngineError(f"{self._client.server}: other responses than were asked for")
        return [
            [response.to(prompt.input_ids.device) for response in group]
            for prompt, group in zip(prompts, groups, strict=True)
        ]

    def read(self, prompts: Sequence[Prompt]) -> list[Reading]:
        """See `Engine.read`."""
        return wire.unpack_readings(self._ask("read", wire.pack_prompts(prompts)))

    def close(self) -> None:
        """See `Engine.close`: ends the server if this engine has started it.

        The leader then withdraws the weights, which take as much room as the model. Other ranks need them no
        more unless they are still asking: a server of theirs that dies from now on cannot be started again.
        """
        if self._child is not None:
            self._child.end()
        if self._withdrawn is not None:
            self._withdrawn()

    def _ask(self, path: str, body: bytes) -> bytes:
        while True:
            try:
                return self._client.ask(path, body, timeout=self.settings.timeout)
            except Lost as lost:
                self._replace(lost)

    def _replace(self, lost: Lost) -> None:
        """Starts another server in place of one that is lost.

        Raises:
            EngineError: it may not, or the new one does not start.
        """
        server, told, log = self._client.server, str(lost), ""
        if self._child is not None:
            died, log = self._child.kill(), f"; its log: {self._child.log}"
            told = died if died and isinstance(lost, Unreachable) else told
        if self._child is None or self.restarts >= self.settings.restarts:
            raise EngineError(f"{server} {told}; no part of the step was applied{log}") from lost
        self.restarts += 1
        warnings.warn(
            f"{server} {told}; it is started again ({self.restarts} of {self.settings.restarts}){log}",
            stacklevel=4,
        )
        self._start()
        if self._published is not None:
            self._ask("weights", self._published)

    def _start(self) -> None:
        arguments = {"policy": self.path, "dtype": str(self.dtype).removeprefix("torch.")}
        arguments |= {"longest": str(self.longest), "settings": json.dumps(asdict(self.settings))}
        self._child = Child(arguments, self.folder, self.rank)
        self._client = self._child.answering(self.settings.timeout)
        self._check()

    def _check(self) -> None:
        """Raises what is wrong with the server."""
        try:
            state = json.loads(self._client.ask("health", timeout=min(_GREETING, self.settings.timeout)))
            dtype, longest = state["dtype"], state["longest"]
        except Lost as lost:
            missing = bool(self.settings.addresses) and isinstance(lost, Unreachable)
            raise EngineError(f"{self._client.server} {lost}{_START if missing else ''}") from lost
        except (ValueError, TypeError, KeyError) as error:
            raise EngineError(f"{self._client.server} is no rollout server") from error
        if dtype != str(self.dtype).removeprefix("torch."):
            raise ConfigError(f"{self._client.server} computes in {dtype}, the run in {self.dtype}")
        if longest < self.longest:
            raise ConfigError(
                f"{self._client.server} has room for {longest} tokens, the run needs {self.longest}"
            )


def _withdraw(owner: int, folder: Path) -> None:
    if owner == os.getpid():  # and not in a loader's worker, which has a copy of the engine
        publication.withdraw(folder)
