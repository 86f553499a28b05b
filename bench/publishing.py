"""A thousand posts that are due in the same second, beside a bare loop of the same requests."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import httpx
from sqlmodel import col, func, select, update

from bench.grounds import RING, SLUG, Ground, Ratio, now
from planner.publications import Status
from schedulers.clock import Clock
from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.publisher import Publisher
from store import approving, channels, placing, workers, workspaces, writing
from store.audit import CLI
from store.liveness import Alone
from store.placing import When
from store.tables import Publication

CHANNELS, EACH = 50, 20
NUMBER = CHANNELS * EACH
CONCURRENCY = 8  # the default of PILAR_CONCURRENCY
ANSWER_SECONDS = 0.03
SECRET = "whsec_" + "A" * 43 + "="
KEYS = "k1:" + "A" * 43  # those of bench.grounds.RING
SOON = timedelta(seconds=6)
"""Long enough for every worker's slow tick to see what is coming."""

WORKERS = (1, 2, 4)


@dataclass
class Receiver:
    """A platform that takes 30 ms for each post, and notes when it got them."""

    url: str
    arrived: list[float] = field(default_factory=list)

    def since(self, due: datetime) -> tuple[float, float]:
        """Return the time until the last arrived and the 99th percentile, in seconds."""
        late = [at - due.timestamp() for at in self.arrived]
        self.arrived.clear()
        return max(late), quantiles(late, n=100)[98]


async def measure(ground: Ground) -> list[Ratio]:
    """Publish by the embedded clock, then by 1, 2 and 4 workers; and as often without Pilar."""
    async with _receiver() as receiver:
        for number in range(CHANNELS):
            await ground.channel("webhook", f"hook-{number}", SECRET, url=receiver.url)
        floor = await _post(receiver)
        found = {"embedded": await _embedded(ground, receiver)}
        if ground.server is not None:
            for count in WORKERS:
                name = f"{count} worker{'s' if count > 1 else ''}"
                found[name] = await _by_workers(ground, receiver, count)
    ratios = []
    for name, times in found.items():
        ratios += [
            Ratio(f"{name}: {what}", ground.database, pilar, bare)
            for what, pilar, bare in zip(("all 1,000", "p99 late"), times, floor, strict=True)
        ]
    return ratios


async def _embedded(ground: Ground, receiver: Receiver) -> tuple[float, float]:
    await _place(ground)
    publisher = Publisher(
        store=ground.store,
        ring=RING,
        blobs=ground.house.blobs,
        connectors=ground.house.connectors,
        base_url=ground.house.base_url,
        liveness=Alone("bench"),
        lease_seconds=120,
        now=now,
    )
    clock = Clock(publisher, InProcessDelivery(CONCURRENCY))
    await clock.start(alone=True)
    due = await _fall_due(ground)
    await _all_out(ground)
    await clock.stop()
    return receiver.since(due)


async def _by_workers(ground: Ground, receiver: Receiver, count: int) -> tuple[float, float]:
    await _place(ground)
    running = [await _worker(ground) for _ in range(count)]
    try:
        while await _alive(ground) < count:  # noqa: ASYNC110  # they are other processes
            await asyncio.sleep(0.1)
        due = await _fall_due(ground)
        await _all_out(ground)
    finally:
        for process in running:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in running))
    return receiver.since(due)


async def _worker(ground: Ground) -> asyncio.subprocess.Process:
    given = {name: value for name, value in os.environ.items() if not name.startswith("PILAR_")}
    settings = {
        "PILAR_DATABASE_URL": ground.store.url.render_as_string(hide_password=False),
        "PILAR_DATA_DIR": str(ground.house.settings.data_dir),
        "PILAR_SECRET_KEYS": KEYS,
        "PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1",
        "PILAR_LOG_LEVEL": "error",
    }
    here = str(Path(__file__).parent.parent)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "worker", "--concurrency", str(CONCURRENCY)),
        env=given | settings | {"PYTHONPATH": here},
        stdout=asyncio.subprocess.DEVNULL,
    )


async def _alive(ground: Ground) -> int:
    async with ground.store.reading() as db:
        return sum(each.role == "worker" for each in await workers.alive(db, now()))


async def _place(ground: Ground) -> None:
    """Put the posts on the calendar, far away."""
    far = now() + timedelta(days=300)
    async with ground.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        on = await channels.all_of(db, workspace.id)
        on = [each for each in on if each.handle.startswith("hook-")]
        for number in range(EACH):
            words: dict[str, Any] = {"title": "Naskah", "type": "informative"}
            words |= {"parts": [{"text": uuid4().hex, "media": []}]}
            post, _ = await writing.add(db, workspace, CLI, words, {}, now())
            await approving.submit(db, workspace, CLI, post, now())
            when = When(at=far + timedelta(minutes=number))
            await placing.place(db, workspace, CLI, post, on, when, now())


async def _fall_due(ground: Ground) -> datetime:
    """Let all of it fall due in the same second, soon."""
    due = now() + SOON
    waiting = update(Publication).where(col(Publication.status) == Status.SCHEDULED)
    async with ground.store.transaction() as db:
        await db.exec(waiting.values(due_at=due))
    return due


async def _all_out(ground: Ground) -> None:
    left = select(func.count()).where(col(Publication.status) != Status.PUBLISHED)
    while True:
        async with ground.store.reading() as db:
            if not (await db.exec(left)).one():
                return
        await asyncio.sleep(0.2)


async def _post(receiver: Receiver) -> tuple[float, float]:
    queue = iter(range(NUMBER))
    # One connection for each request, as Pilar does.
    limits = httpx.Limits(max_keepalive_connections=0)

    async def work() -> None:
        for _ in queue:
            answer = await client.post(receiver.url, json={"text": uuid4().hex})
            answer.raise_for_status()

    begun = now()
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return receiver.since(begun)


@asynccontextmanager
async def _receiver() -> AsyncIterator[Receiver]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        receiver.arrived.append(time.time())
        await asyncio.sleep(ANSWER_SECONDS)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    receiver = Receiver("")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    async with server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield receiver
