"""python -m videor1.rollout.server --policy FOLDER [--host NAME --port N --settings JSON …]

A server answers on this machine alone unless `--host` says otherwise. Then, and whenever VIDEOR1_ROLLOUT_KEY
is set, each request must carry that key. The key is all the protection there is: HTTP is not encrypted,
requests may be of any size, and who has the key may let the server load any safetensors that its user can
read.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videor1.errors import ConfigError, EngineError, UserError
from videor1.files import write_whole
from videor1.messages import tell
from videor1.rollout.server.service import FAREWELL, KEY, Service, application
from videor1.rollout.vllm_settings import VLLMSettings

if TYPE_CHECKING:  # takes seconds, which `--help` need not
    from videor1.rollout.vllm import VLLMEngine

_GRACE = 2  # seconds that answers under way get when the server ends


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM, or until its parent says so or is gone; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options)
    except UserError as error:
        tell(error, str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m videor1.rollout.server",
        description=f"A vLLM engine for trainers to ask over HTTP. The environment's {KEY} is the key that"
        " they need; it must be set where --host is not this machine alone.",
    )
    parser.add_argument("--policy", required=True, metavar="FOLDER", help="the model that it begins with")
    parser.add_argument("--host", default="127.0.0.1", help="where it listens (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    types = ["float32", "bfloat16", "float16"]
    parser.add_argument("--dtype", default="float32", choices=types, help="(%(default)s)")
    parser.add_argument(
        "--longest", type=int, default=sys.maxsize, metavar="N", help="tokens of a prompt and its response"
    )
    parser.add_argument("--settings", default="{}", metavar="JSON", help="as in the config's rollout.vllm")
    parser.add_argument("--ready", type=Path, metavar="FILE", help="gets port and pid once it answers")
    parser.add_argument("--parent", type=int, metavar="PID", help="the process that starts it; ends with it")
    return parser


def _serve(options: argparse.Namespace) -> None:
    key = os.environ.get(KEY)
    if not key and not _is_loopback(options.host):
        raise ConfigError(f"--host {options.host}: others can reach it, so {KEY} must hold a key")
    settings = _settings(options.settings)
    signal.signal(signal.SIGTERM if options.parent is None else FAREWELL, lambda *_: sys.exit(0))
    if options.parent is not None:
        for sent in (signal.SIGINT, signal.SIGTERM):  # to all of a job: the parent's to handle
            signal.signal(sent, signal.SIG_IGN)
        threading.Thread(target=_end_with, args=(options.parent,), daemon=True).start()
    listener = _listener(options.host, options.port)
    service = Service(_engine(options, settings), options.policy)

    import uvicorn

    config = uvicorn.Config(
        application(service, key), log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise EngineError("the HTTP server does not start; what it says stands above")
            time.sleep(0.02)
        port = listener.getsockname()[1]
        print(f"answers at {options.host}:{port}", flush=True)
        if options.ready is not None:
            write_whole(options.ready, json.dumps({"port": port, "pid": os.getpid()}))
        service.work()
    finally:
        server.should_exit = True
        thread.join(2 * _GRACE)
        service.engine.close()


def _engine(options: argparse.Namespace, settings: VLLMSettings) -> VLLMEngine:
    import torch

    from videor1.policy.loading import load_processor

    # before vLLM, which takes seconds: here a wrong folder shows
    processor = load_processor(options.policy)
    try:
        from videor1.rollout.vllm import VLLMEngine
    except ModuleNotFoundError as error:
        if error.name != "vllm":
            raise
        raise ConfigError("vLLM is not installed") from error
    dtype = getattr(torch, options.dtype)
    return VLLMEngine(options.policy, processor, settings, dtype=dtype, longest=options.longest)


def _settings(text: str) -> VLLMSettings:
    try:
        return VLLMSettings(**{"sleep": False} | json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"--settings: {error}") from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    """Has the port from now on, but refuses until the HTTP server listens."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--host {host} --port {port}: {error}; --port 0 takes a free one") from error
    return listener


def _end_with(parent: int) -> None:
    """Ends this process, whatever it is doing, once its parent is another: nobody asks it any more."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
