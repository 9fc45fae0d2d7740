"""Asking a server over HTTP, and how it can fail to answer."""

from __future__ import annotations

import json

import requests

from videor1.errors import EngineError


class Lost(Exception):
    """A server has died, hangs, or has failed in a way that leaves its state unknown."""


class Unreachable(Lost):
    """It cannot be connected to, or the connection broke."""


class Client:
    """How a server is asked.

    Each time anew: a kept connection may be closed by the other end just when it is used, as if it had died.
    """

    def __init__(self, address: str, key: str | None) -> None:
        self.address = address
        self.key = key

    @property
    def server(self) -> str:
        """How messages begin that are about the server."""
        return f"rollout.vllm: the server at {self.address}"

    def ask(self, path: str, body: bytes | None = None, *, timeout: float) -> bytes:
        """What the server answers to a POST, or without a body to a GET.

        Raises:
            Lost: it is lost.
            EngineError: it refuses.
        """
        with requests.Session() as session:
            session.trust_env = False  # no proxy, and no key of some .netrc instead of ours
            try:
                answer = session.request(
                    "GET" if body is None else "POST",
                    f"http://{self.address}/{path}",
                    data=body,
                    headers={"Authorization": f"Bearer {self.key}".encode()} if self.key else {},
                    timeout=timeout,
                    allow_redirects=False,
                )
            except requests.Timeout as error:
                raise Lost(f"hangs: no answer for {timeout:g} s") from error
            except requests.RequestException as error:
                raise Unreachable(f"cannot be reached: {_cause(error)}") from error
        if answer.ok:
            return answer.content
        try:
            told = json.loads(answer.content)["error"]
        except (ValueError, TypeError, KeyError):
            told = f"HTTP status {answer.status_code}"
        if answer.status_code >= 500:
            raise Lost(f"failed: {told}")
        raise EngineError(f"{self.server} refuses: {told}")


def _cause(error: BaseException) -> str:
    """What the system said, without what each library has put around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
