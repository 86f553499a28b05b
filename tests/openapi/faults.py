"""Planted faults: each spoils one operation of a good application, and a run must find it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

Fault = Callable[[ASGIApp, bytes, Scope, Receive, Send], Awaitable[None]]


async def answer(send: Send, status: int) -> None:
    headers = [(b"x-request-id", b"0198c0de-5e2d")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def as_owner(scope: Scope, cookie: bytes) -> Scope:
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": [*others, (b"cookie", cookie)]}


async def leak(app: ASGIApp, cookie: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Whoever is logged in may read what is another's."""
    known = any(name == b"cookie" for name, _ in scope["headers"])
    probe: list[int] = []

    async def look(message: object) -> None:
        if isinstance(message, dict) and message["type"] == "http.response.start":
            probe.append(message["status"])

    await app({**scope}, receive, look)  # who is nobody at all stays out
    allowed = known and probe != [401]
    await app(as_owner(scope, cookie) if allowed else scope, receive, send)


async def crash(
    _app: ASGIApp, _cookie: bytes, _scope: Scope, _receive: Receive, send: Send
) -> None:
    """It falls over."""
    await answer(send, 500)


async def keep(app: ASGIApp, cookie: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """It says that it deleted, and did not."""
    statuses: list[int] = []
    read = {**scope, "method": "GET"}

    async def look(message: object) -> None:
        if isinstance(message, dict) and message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(read, receive, look)
    if statuses == [200]:
        await answer(send, 204)
    else:
        await app(scope, receive, send)


async def open_door(
    app: ASGIApp, cookie: bytes, scope: Scope, receive: Receive, send: Send
) -> None:
    """It forgets to ask who is calling."""
    await app(as_owner(scope, cookie), receive, send)


@dataclass(frozen=True)
class Planted:
    """A fault, and the requests that meet it."""

    method: str
    path: str
    fault: Fault


PILLAR = r"/api/v1/workspaces/[^/]+/pillars/[^/]+"
FAULTS: Mapping[str, Planted] = {
    "leak": Planted("GET", PILLAR, leak),
    "crash": Planted("GET", r"/api/v1/platforms", crash),
    "keep": Planted("DELETE", PILLAR, keep),
    "open-door": Planted("GET", r"/api/v1/platforms", open_door),
}


class Spoiled:
    """An application with a fault; `cookie` is an owner's session."""

    def __init__(self, app: ASGIApp, planted: Planted, cookie: str) -> None:
        self.app, self.planted, self.cookie = app, planted, cookie.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] == self.planted.method
            and re.fullmatch(self.planted.path, scope["path"])
        ):
            await self.planted.fault(self.app, self.cookie, scope, receive, send)
        else:
            await self.app(scope, receive, send)
