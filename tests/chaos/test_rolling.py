"""Rolling restarts under load: every process stops when asked, and nothing is lost by it."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from planner.publications import Status
from store import workspaces
from store.tables import Post
from tests.chaos.conftest import SLUG, now
from tests.chaos.judging import Placed
from tests.chaos.sieges import Siege, laid
from tests.conftest import Client
from tests.shore.forked import Pilar
from tests.waiting import until

WRITERS = 3
SLOW = {"delay": 0.5}
SLOW_SECONDS = 0.3
PAUSE_SECONDS = 0.05
"""Between two rounds of a writer: the load is steady, and not all that there can be."""


@pytest.fixture
async def siege(database_url: str, tmp_path: Path) -> AsyncIterator[Siege]:
    async with laid(database_url, tmp_path) as siege:
        yield siege


@dataclass
class Load:
    """People who write and read while processes come and go, and what they were promised."""

    siege: Siege
    servers: Sequence[Pilar]
    approved: list[UUID] = field(default_factory=list)
    reads: int = 0
    broken: int = 0

    def clients(self) -> list[Client]:
        """Return a client of each server."""
        headers = {"Authorization": f"Bearer {self.siege.besieged.secret}"}
        return [
            Client(httpx.AsyncClient(base_url=f"http://127.0.0.1:{each.port}", timeout=20), headers)
            for each in self.servers
        ]

    async def go_on(self) -> None:
        """Write, submit, place and read, for ever; where nobody answers, go to the next."""
        clients = self.clients()
        try:
            for client in itertools.cycle(clients):
                try:
                    await self._round(client)
                except httpx.TransportError:  # nothing was promised
                    self.broken += 1
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for client in clients:
                await client.http.aclose()

    async def _round(self, client: Client) -> None:
        path = self.siege.besieged.path
        text, channel = uuid4().hex, self.siege.dice.choice(list(self.siege.on))
        words = {"title": "Naskah", "type": "informative", "parts": [{"text": text}]}
        made = await client("POST", path("/posts"), words)
        assert made.status_code == httpx.codes.CREATED, made.text
        post, tag = made.json()["id"], made.headers["ETag"]
        await client.ok("POST", path(f"/posts/{post}/submit"), match=tag)
        self.approved.append(UUID(post))
        due = now() + timedelta(seconds=2 + self.siege.dice.random())
        body: dict[str, Any] = {
            "post": post,
            "channels": [str(channel)],
            "when": {"at": due.isoformat()},
        }
        placed = await client.ok("POST", path("/publications"), body)
        row_id = UUID(placed["publications"][0]["id"])
        self.siege.placed[row_id] = Placed(self.siege.on[channel], (text,))
        for rest in (f"/publications/{row_id}", "/posts?limit=20"):
            await client.ok("GET", path(rest))
            self.reads += 1

    async def promises(self) -> None:
        """Wait until something more was promised."""
        before = len(self.siege.placed)
        await until(lambda: len(self.siege.placed) > before)

    async def undone(self) -> list[UUID]:
        """Return the posts whose approval was promised and is not there."""
        async with self.siege.besieged.store.reading() as db:
            workspace = await workspaces.by_slug(db, SLUG)
            found = {each: await db.get(Post, each) for each in self.approved}
        return [
            each
            for each, row in found.items()
            if row is None or row.workspace_id != workspace.id or row.status != "approved"
        ]


@asynccontextmanager
async def under(load: Load) -> AsyncIterator[None]:
    """Write and read until the end of the block; whatever was answered wrongly is raised then."""
    writers = [asyncio.create_task(load.go_on()) for _ in range(WRITERS)]
    try:
        yield
    finally:
        for writer in writers:
            writer.cancel()
        ended = await asyncio.gather(*writers, return_exceptions=True)
    assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []


@dataclass(frozen=True)
class Pace:
    """How often a process is restarted, in seconds, for how long, and how often at least."""

    every: float
    seconds: float
    least: int


LONG = Pace(every=2, seconds=120, least=15)


async def roll(
    siege: Siege, processes: Sequence[Pilar], servers: Sequence[Pilar], pace: Pace
) -> None:
    """Restart one process after the other under load, let everything end, and judge."""
    load = Load(siege, servers)
    try:
        await asyncio.gather(*(each.start() for each in processes))
        async with under(load):
            codes: list[int | None] = []
            begun = time.monotonic()
            for process in itertools.cycle(processes):
                if len(codes) >= pace.least and time.monotonic() > begun + pace.seconds:
                    break
                await asyncio.sleep(pace.every)
                await load.promises()
                codes.append(await process.stop())
                await process.start()
            await load.promises()
        await siege.settle_down()
        print(f"{len(codes)} restarts, {load.reads} reads, {load.broken} rounds without an answer")
        codes += [await each.stop() for each in processes]
    finally:
        await asyncio.gather(*(each.kill() for each in processes))
    assert codes == [0] * len(codes)
    assert await load.undone() == []
    assert {end.status for end in await siege.judge()} == {Status.PUBLISHED}


async def open_slow(siege: Siege, each: int) -> None:
    """Open channels on a platform that takes its time, so that stops come in between."""
    await siege.open(each, well=1.0)
    await siege.shore.tell(place="*", on="publish", chances=SLOW, seconds={"delay": SLOW_SECONDS})


async def roll_the_only_one(siege: Siege, pace: Pace) -> None:
    """Restart `pilar serve`, which does everything."""
    await open_slow(siege, 2)
    service = siege.pilar("serve")
    await roll(siege, [service], [service], pace)


async def roll_a_fleet(siege: Siege, size: int, pace: Pace) -> None:
    """Restart so many that serve and so many that publish, by turns."""
    await open_slow(siege, 2)
    each = range(size)
    servers = [siege.pilar("serve", "--role", "api", name=f"api-{number}") for number in each]
    workers = [siege.pilar("worker", name=f"worker-{number}") for number in each]
    by_turns = [each for pair in zip(servers, workers, strict=True) for each in pair]
    await roll(siege, by_turns, servers, pace)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_restarts_of_the_only_process_lose_nothing(siege: Siege) -> None:
    await roll_the_only_one(siege, Pace(every=0.2, seconds=0, least=3))


@pytest.mark.own_database
@pytest.mark.parametrize("database", ["postgresql"])
async def test_restarts_of_one_after_the_other_lose_nothing(siege: Siege) -> None:
    await roll_a_fleet(siege, 1, Pace(every=0.2, seconds=0, least=2))


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite"])
async def test_two_minutes_of_restarts_of_the_only_process_lose_nothing(siege: Siege) -> None:
    await roll_the_only_one(siege, LONG)


@pytest.mark.chaos
@pytest.mark.own_database
@pytest.mark.parametrize("database", ["postgresql"])
async def test_two_minutes_of_restarts_of_a_fleet_lose_nothing(siege: Siege) -> None:
    await roll_a_fleet(siege, 2, LONG)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_stop_without_grace_is_caught(siege: Siege) -> None:
    siege.dice = random.Random(1)  # which makes no thread of it
    await siege.open(1, ["blind"], well=1.0)
    await siege.shore.tell(place="*", on="publish", chances={"delay": 1.0}, seconds={"delay": 1.5})
    service = siege.pilar("serve")
    service.settings = siege.settings | {"PILAR_GRACE_SECONDS": "0"}
    try:
        await service.start()
        await siege.place(1, 0)
        await until(lambda: len(siege.shore.posts()) == 1)
        assert await service.stop() == 0
    finally:
        await service.kill()

    assert [end.status for end in await siege.ends()] == [Status.NEEDS_REVIEW]
