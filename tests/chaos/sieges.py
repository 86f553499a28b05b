"""A siege: posts on channels of every class, and processes that are killed while they publish."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, func, or_, select, update

from planner.publications import Status
from schedulers.settling import CRASHES_MAX
from store import approving, audit, channels, placing, workspaces, writing
from store.audit import CLI
from store.db import Store
from store.placing import When
from store.tables import Channel, Publication
from tests.chaos import judging
from tests.chaos.conftest import SLUG, Besieged, add_channel, found, now
from tests.chaos.judging import End, Placed
from tests.shore.forked import Pilar
from tests.shore.install import SHORE
from tests.shore.running import Shore

LEASE_SECONDS = 3
CONCURRENCY = 3
"""How much a process sends at once: more would give up what three kills in a row have hit."""
PATIENCE_SECONDS = 60
BACKLOG = 80
"""Publications that wait at most: a slow machine is given no more than it can do."""
UNDECIDED = (Status.PLANNED, Status.SCHEDULED, Status.CLAIMED, Status.SUBMITTING, Status.PROCESSING)
MISCHIEF = {"lost": 0.05, "busy": 0.05, "reset": 0.01, "reset_after": 0.01, "delay": 0.3}
"""How the platform misbehaves: 5 % lost answers, 5 % refusals, and some more."""
SPREAD_SECONDS = 1.5
THREADED = 5
"""One post of so many is a thread of three."""
WAITED = timedelta(seconds=4)
"""Longer than any settle time: who waited for so long after the last kill is only backed off."""


@dataclass
class Siege:
    """An office with channels of every class of the test platform, and what is put on them."""

    besieged: Besieged
    shore: Shore
    dice: random.Random
    on: dict[UUID, str] = field(default_factory=dict)
    placed: dict[UUID, Placed] = field(default_factory=dict)
    kills: int = 0
    owed: float = 0

    @property
    def settings(self) -> dict[str, str]:
        return {
            "PILAR_ALLOW_PRIVATE_HOSTS": f"127.0.0.1:{self.shore.port}",
            "PILAR_LEASE_SECONDS": str(LEASE_SECONDS),
            "PILAR_TICK_SECONDS": "0.5",
            "PILAR_CONCURRENCY": str(CONCURRENCY),
        }

    def pilar(self, *arguments: str, name: str = "pilar", **more: Any) -> Pilar:
        """Return a process of this office; it does not run yet."""
        folder, url = self.besieged.service.folder, self.besieged.service.url
        return Pilar(folder, url, arguments, self.settings, name=name, **more)

    async def open(self, each: int, kinds: Sequence[str] = tuple(SHORE), **mischief: float) -> None:
        """Open so many channels of every class, on a platform that misbehaves."""
        await self.shore.tell(place="*", on="publish", chances=mischief or MISCHIEF)
        await self.shore.tell(place="*", terms={"index_seconds": 0.3})
        for kind in kinds:
            for number in range(each):
                account = f"{kind}-{number}"
                settings = {"url": self.shore.address, "account": account}
                channel = await add_channel(self.besieged, f"shore_{kind}", account, **settings)
                self.on[channel] = f"{kind}/{account}"
            if kind == "handle":
                slow = f"handle/{kind}-{each - 1}"
                await self.shore.tell(place=slow, terms={"processing_seconds": 0.5})

    async def place(self, posts: int, spread_seconds: float) -> None:
        """Put posts on every channel, due within so many seconds from now."""
        async with self.besieged.store.transaction() as db:
            workspace = await workspaces.lock(db, SLUG)
            on = [each for each in await channels.all_of(db, workspace.id) if each.id in self.on]
            for _ in range(posts):
                words = self._words()
                post, _ = await writing.add(db, workspace, CLI, words, {}, now())
                await approving.submit(db, workspace, CLI, post, now())
                due = now() + timedelta(seconds=0.2 + self.dice.random() * spread_seconds)
                texts = tuple(part["text"] for part in words["parts"])
                rows = await placing.place(db, workspace, CLI, post, on, When(at=due), now())
                for row in rows:
                    self.placed[row.id] = Placed(self.on[row.channel_id], texts)

    def _words(self) -> dict[str, Any]:
        threaded = self.dice.randrange(THREADED) == 0
        parts = [{"text": uuid4().hex, "media": []} for _ in range(3 if threaded else 1)]
        kind = "thread" if threaded else "post"
        return {"title": "Naskah", "type": "informative", "format": kind, "parts": parts}

    async def press(self, posts: float) -> None:
        """Put posts on every channel, now and then one where it is less, if few are waiting."""
        self.owed = min(self.owed + posts, max(posts, 1))
        if self.owed >= 1 and await self.undecided() < BACKLOG:
            await self.place(int(self.owed), SPREAD_SECONDS)
            self.owed %= 1

    async def undecided(self) -> int:
        """Return how many publications have not ended."""
        query = select(func.count()).where(col(Publication.status).in_(UNDECIDED))
        async with self.besieged.store.reading() as db:
            return (await db.exec(query)).one()

    async def settle_down(self) -> None:
        """Wait until everything has ended, or nothing ends any more; back-off is cut short."""
        left, ended_at = await self.undecided(), time.monotonic()
        while left and time.monotonic() < ended_at + PATIENCE_SECONDS:
            await asyncio.sleep(0.2)
            await self.cut_short()
            if (now_left := await self.undecided()) < left:
                left, ended_at = now_left, time.monotonic()

    async def cut_short(self) -> None:
        """Let nothing wait that has waited for longer than safety asks for.

        What a killed process had on its way is handed over again after half a minute: at once is
        harmless too, and makes deliveries twice.
        """
        waiting = (
            col(Publication.status) == Status.SCHEDULED,
            col(Publication.updated_at) < now() - WAITED,
            or_(col(Publication.not_before) > now(), col(Publication.dispatched_until) > now()),
        )
        at_once: dict[str, Any] = {"not_before": now(), "dispatched_until": None}
        resting = col(Channel.rests_until) > now()
        async with self.besieged.store.transaction() as db:
            await db.exec(update(Publication).where(*waiting).values(**at_once))
            await db.exec(update(Channel).where(resting).values(rests_until=None))

    async def finish(self, *processes: Pilar) -> None:
        """Let processes that run publish what is left, and stop them."""
        await self.settle_down()
        assert [await each.stop() for each in processes] == [0] * len(processes)

    async def ends(self) -> list[End]:
        async with self.besieged.store.reading() as db:
            return await judging.ends(db, self.placed, self.shore.posts())

    async def judge(self) -> list[End]:
        """Insist that nothing is wrong; return how everything ended."""
        found = await self.ends()
        print(f"{self.kills} kills, {len(found)} publications: {judging.tally(found)}")
        crashed = sum(end.crashes >= CRASHES_MAX for end in found)
        print(f"{sum(end.crashes for end in found)} crashes, {crashed} given up after three")
        faulty = judging.faulty(found)
        for each in faulty:  # whole: what pytest shows of it is cut
            print(each)
        assert len(found) == len(self.placed) > 0
        assert faulty == []
        assert self.shore.violations() == []
        async with self.besieged.store.reading() as db:
            workspace = await workspaces.by_slug(db, SLUG)
            assert await audit.verify(db, workspace.id) is None
        return found


@asynccontextmanager
async def laid(url: str, folder: Path) -> AsyncIterator[Siege]:
    """Lay siege to an office of its own, on a database that is migrated and empty."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # pytest shows it where this fails
    store, shore = Store(url), Shore(folder, seed=seed)
    await shore.start()
    try:
        async with store.transaction() as db:
            secret = await found(db)
        yield Siege(Besieged(Pilar(folder, url), store, secret), shore, random.Random(seed))
    finally:
        await shore.kill()
        await store.close()
