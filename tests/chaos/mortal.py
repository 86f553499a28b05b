"""A worker that dies at one chosen point: between two commits, or around one call to a platform.

What `kill -9` leaves is what was committed and what was sent. So a point is passed before and
after every commit, and before and after every request; dying there is an exception that nobody
catches.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from schedulers.connectors import connectors
from schedulers.outbound import Answer, Outbound
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.sweeping import recover
from store.blobs import FolderBlobs
from store.db import Db, Store
from tests.world import World

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
ROUNDS = 40
DECIDED = frozenset({"published", "failed", "needs_review", "missed", "cancelled", "handed_over"})


class Killed(BaseException):
    """The process has ended."""


@dataclass
class Points:
    """The points that a worker passes; it dies at the one that is numbered `last`."""

    last: int | None = None
    passed: list[str] = field(default_factory=list)

    def at(self, name: str) -> None:
        self.passed.append(name)
        if self.last is not None and len(self.passed) > self.last:
            raise Killed(name)


class MortalStore(Store):
    """A store that may not outlive a commit, or not reach it."""

    def __init__(self, url: str, points: Points) -> None:
        super().__init__(url)
        self._points = points

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        async with super().transaction() as db:
            yield db
            await db.flush()
            self._points.at("before commit")
        self._points.at("after commit")


class MortalOutbound(Outbound):
    """A client that may not send a request, or not hear the answer."""

    def __init__(self, points: Points) -> None:
        super().__init__(LOOPBACK)
        self._points = points

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        what = f"{method} {'/'.join(urlsplit(url).path.split('/')[3:4])}"
        self._points.at(f"before {what}")
        answer = await super().request(method, url, **more)
        self._points.at(f"after {what}")
        return answer


@dataclass
class Grave:
    """Where workers die, and others come after them."""

    world: World
    url: str
    blobs: FolderBlobs
    workers: int = 0

    async def live(self, publication_id: UUID, points: Points) -> None:
        """Let a worker publish until it is done or dead."""
        store, outbound = MortalStore(self.url, points), MortalOutbound(points)
        self.workers += 1
        try:
            with suppress(Killed):
                await publish(self._publisher(store, outbound), publication_id)
        finally:
            await outbound.aclose()
            await store.close()

    async def inherit(self, publication_id: UUID) -> None:
        """Let another worker finish what was left, however often it has to look again."""
        outbound = Outbound(LOOPBACK)
        self.workers += 1
        heir = self._publisher(self.world.store, outbound)
        try:
            self.world.clock.forward(minutes=3)
            await recover(heir, "expired")
            for _ in range(ROUNDS):
                if (await self.world.row(publication_id)).status in DECIDED:
                    return
                await publish(heir, publication_id)
                self.world.clock.forward(seconds=20)
        finally:
            await outbound.aclose()

    def _publisher(self, store: Store, outbound: Outbound) -> Publisher:
        worker = f"w{self.workers}"
        publisher = self.world.publisher(connectors(outbound), self.blobs, worker=worker)
        return Publisher(
            store=store,
            ring=publisher.ring,
            blobs=publisher.blobs,
            connectors=publisher.connectors,
            base_url=publisher.base_url,
            liveness=publisher.liveness,
            lease_seconds=publisher.lease_seconds,
            now=publisher.now,
        )
