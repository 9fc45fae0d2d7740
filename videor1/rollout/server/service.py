"""The engine as a service: what is asked of it waits its turn, and HTTP around that.

request ─▶ HTTP thread: application ─▶ Service.ask: queue ─▶ main thread: Service.work ─▶ VLLMEngine
"""

from __future__ import annotations

import asyncio
import hmac
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from videor1.errors import EngineError, UserError

if TYPE_CHECKING:  # these, and the messages with their torch, take seconds that `--help` need not
    from fastapi import FastAPI, Request, Response

    from videor1.rollout.vllm import VLLMEngine

KEY = "VIDEOR1_ROLLOUT_KEY"  # environment variable
FAREWELL = signal.SIGUSR1  # ends a server that has a parent, which SIGTERM to the whole job must not
_Answer = TypeVar("_Answer")


class Broken(Exception):
    """The engine has failed in the middle of something, and cannot go on from there."""


@contextmanager
def _broken() -> Iterator[None]:
    """Within it an error of the engine is no refusal of what was asked, but the engine's end."""
    try:
        yield
    except EngineError as error:
        raise Broken(str(error)) from error


class Service:
    """The engine and what is asked of it, done one after the other by the thread that works.

    That is the thread that built the engine: vLLM does not promise to be usable from another.
    """

    def __init__(self, engine: VLLMEngine, policy: str) -> None:
        self.engine = engine
        self.policy = policy
        self.publication: str | None = None  # id of the published weights that it has
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    async def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """What `call` returns or raises, once it was its turn."""
        answer: Future[_Answer] = Future()
        self._asked.put((call, answer))
        return await asyncio.wrap_future(answer)

    def work(self) -> None:
        """Does what is asked until something unforeseen happens: after that an engine's state is unknown."""
        while True:
            call, answer = self._asked.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(call())
            except UserError as error:
                answer.set_exception(error)
            except Exception as error:
                answer.set_exception(error)
                raise

    def health(self) -> dict[str, Any]:
        """Answers also while the engine works."""
        return {
            "version": self.engine.version,
            "pid": os.getpid(),
            "policy": self.policy,
            "dtype": str(self.engine.dtype).removeprefix("torch."),
            "longest": self.engine.longest,
        }

    def generate(self, data: bytes) -> bytes:
        """See `Engine.generate`."""
        from videor1.rollout.server.wire import pack_groups, unpack_request

        prompts, counts, sampling, seed = unpack_request(data)
        with _broken():
            return pack_groups(self.engine.generate(prompts, counts, sampling, seed=seed))

    def read(self, data: bytes) -> bytes:
        """See `Engine.read`."""
        from videor1.rollout.server.wire import pack_readings, unpack_prompts

        return pack_readings(self.engine.read(unpack_prompts(data)))

    def load(self, data: bytes) -> bytes:
        """Takes over published weights, unless it has them: several ranks may share a server.

        A version alone does not tell, since another run may have had one of the same number.
        """
        from videor1.rollout.server.publication import publication_id, published, unpack_publication

        folder, version = unpack_publication(data)
        found = publication_id(folder)
        if found != self.publication:
            with _broken():
                self.engine.load(published(folder))
            self.publication = found
        self.engine.version = version
        return data


def application(service: Service, key: str | None) -> FastAPI:
    """HTTP for a service; with a key, only for those who have it."""
    from fastapi import FastAPI, Response
    from fastapi.responses import JSONResponse

    app = FastAPI(openapi_url=None)  # nor pages about it

    async def health(request: Request) -> Response:
        return JSONResponse(service.health())

    def answering(call: Callable[[bytes], bytes]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            data = await request.body()
            return Response(await service.ask(lambda: call(data)))

        return answer

    async def admit(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        if key and not hmac.compare_digest(given, f"Bearer {key}".encode()):
            return JSONResponse({"error": f"another {KEY} is needed"}, 401)
        return await follow(request)

    async def refuse(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": " ".join(str(error).split())}, 400)

    async def fail(request: Request, error: Exception) -> Response:  # the HTTP server logs the traceback
        return JSONResponse({"error": " ".join(f"{type(error).__name__}: {error}".split())}, 500)

    app.add_route("/health", health, ["GET"])
    for path, call in {"generate": service.generate, "read": service.read, "weights": service.load}.items():
        app.add_route(f"/{path}", answering(call), ["POST"])
    app.middleware("http")(admit)
    app.add_exception_handler(UserError, refuse)
    app.add_exception_handler(Exception, fail)
    return app
