"""How the test platform misbehaves: the ways it has, and which one is next.

Each way ends an exchange; `act` is what the request asks for, and may come late or never.
"""

import asyncio
import json
import random
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HUGE_BYTES = 8 << 20
PAGE = b"<!doctype html><title>Welcome</title><p>Please sign in to the network."
REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Reply:
    """What the platform says."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        content = b"" if self.body is None else json.dumps(self.body).encode()
        return framed(self.status, "application/json", content, self.headers)


def framed(
    status: int, kind: str, content: bytes, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return an answer as bytes."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass
class Exchange:
    """One request that is being answered; `seconds` is how long its mischief takes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    act: Callable[[], Reply]
    seconds: float

    async def send(self, answer: bytes) -> bool:
        """Send a whole answer; the connection stays."""
        self.writer.write(answer)
        await self.writer.drain()
        return True

    def reset(self) -> bool:
        """Break the connection as a crashed host would."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        return False

    async def until_gone(self) -> None:
        """Wait until the caller has given up, or was killed."""
        try:
            while await self.reader.read(4096):
                pass
        except ConnectionError:
            return


async def well(it: Exchange) -> bool:
    """Do what was asked, and say so."""
    return await it.send(it.act().wire())


async def delay(it: Exchange) -> bool:
    """Do it, and say so later."""
    reply = it.act()
    await asyncio.sleep(it.seconds)
    return await it.send(reply.wire())


async def lost(it: Exchange) -> bool:
    """Do it, and close without a word."""
    it.act()
    return False


async def silent(it: Exchange) -> bool:
    """Do it, and say nothing while the caller waits."""
    it.act()
    await it.until_gone()
    return False


async def reset_after(it: Exchange) -> bool:
    """Do it, and break the connection."""
    it.act()
    return it.reset()


async def reset(it: Exchange) -> bool:
    """Break the connection; nothing was done."""
    return it.reset()


async def busy(it: Exchange) -> bool:
    """Say that nothing was done, and why."""
    return await it.send(Reply(503, {"error": "busy"}).wire())


async def rate(it: Exchange) -> bool:
    """Say that nothing was done, and for how long nothing will be."""
    headers = {"Retry-After": str(int(it.seconds))}
    return await it.send(Reply(429, {"error": "rate"}, headers).wire())


async def refused(it: Exchange) -> bool:
    """Say that this will never be done."""
    return await it.send(Reply(422, {"error": "refused"}).wire())


async def gateway(it: Exchange) -> bool:
    """Do it, and let a gateway in between say that it does not know."""
    it.act()
    return await it.send(framed(502, "text/html", PAGE))


async def error(it: Exchange) -> bool:
    """Do it, and fall over while saying so."""
    it.act()
    return await it.send(Reply(500, {"error": "internal"}).wire())


async def html(it: Exchange) -> bool:
    """Do it, and answer 200 with a page."""
    it.act()
    return await it.send(framed(200, "text/html", PAGE))


async def portal(it: Exchange) -> bool:
    """Answer 200 with a page, as a hotel's network does; nothing was done."""
    return await it.send(framed(200, "text/html", PAGE))


async def wrong(it: Exchange) -> bool:
    """Do it, and answer JSON of another shape."""
    it.act()
    return await it.send(Reply(200, [{"id": {}}, None]).wire())


async def huge(it: Exchange) -> bool:
    """Do it, and answer more than anybody reads."""
    content = json.dumps(it.act().body).encode() + b" " * HUGE_BYTES
    return await it.send(framed(200, "application/json", content))


async def drip(it: Exchange) -> bool:
    """Do it, and say so byte by byte."""
    for byte in it.act().wire():
        it.writer.write(bytes([byte]))
        await it.writer.drain()
        await asyncio.sleep(it.seconds)
    return False


async def late(it: Exchange) -> bool:
    """Wait until the caller has given up, and some seconds more; then do it."""
    await it.until_gone()
    await asyncio.sleep(it.seconds)
    it.act()
    return False


WAYS: dict[str, Callable[[Exchange], Awaitable[bool]]] = {
    way.__name__: way
    for way in (
        *(well, delay, lost, silent, reset_after, reset, busy, rate, refused),
        *(gateway, error, html, portal, wrong, huge, drip, late),
    )
}
"""Every way to end an exchange; it says whether the connection stays."""

SECONDS = {"delay": 0.05, "drip": 0.1, "late": 0.5, "rate": 1.0}
"""How long a way takes where nobody said otherwise."""


@dataclass
class Mood:
    """How one account answers one operation: the next ways in order, then by chance."""

    chances: dict[str, float] = field(default_factory=dict)
    next: deque[str] = field(default_factory=deque)
    seconds: dict[str, float] = field(default_factory=dict)

    def pick(self, dice: random.Random) -> str:
        if self.next:
            return self.next.popleft()
        left = dice.random() if self.chances else 1.0
        for way, chance in self.chances.items():
            left -= chance
            if left < 0:
                return way
        return "well"


@dataclass
class Mischief:
    """The moods of every account (`kind/account`; `*` for those that have none of their own)."""

    dice: random.Random
    moods: dict[tuple[str, str], Mood] = field(default_factory=dict)

    def tell(
        self,
        place: str,
        on: str,
        chances: Mapping[str, float],
        queue: Sequence[str],
        seconds: Mapping[str, float],
    ) -> None:
        """Be told how to behave; refuses ways that there are not."""
        unknown = {*chances, *queue, *seconds} - set(WAYS)
        if unknown:
            raise KeyError(*sorted(unknown))
        self.moods[place, on] = Mood(dict(chances), deque(queue), dict(seconds))

    def pick(self, place: str, on: str) -> tuple[str, float]:
        """Return the way to take now, and how long it takes."""
        mood = self.moods.get((place, on)) or self.moods.get(("*", on))
        if mood is None:
            return "well", 0.0
        way = mood.pick(self.dice)
        return way, mood.seconds.get(way, SECONDS.get(way, 0.0))
