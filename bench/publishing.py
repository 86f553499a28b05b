"""Publishing what is due to a receiver on loopback, beside a bare loop of requests to it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from sqlmodel import col, select

from bench.grounds import RING, SLUG, Ground, Ratio, now
from planner.publications import Status
from schedulers.clock import Clock
from schedulers.publisher import Publisher
from store import approving, channels, placing, workspaces, writing
from store.audit import CLI
from store.placing import When
from store.tables import Publication

CHANNELS, EACH = 20, 10
CONCURRENCY = 8  # the default of PILAR_CONCURRENCY
ANSWER_SECONDS = 0.005
SECRET = "whsec_" + "A" * 43 + "="


async def measure(ground: Ground) -> list[Ratio]:
    """Let the embedded clock publish 200 on 20 channels; then post as often without it."""
    async with _receiver() as url:
        for number in range(CHANNELS):
            await ground.channel("webhook", f"hook-{number}", SECRET, url=url)
        pilar, floor = await _publish(ground), await _post(url)
    number = CHANNELS * EACH
    what = f"each of {number} on {CHANNELS} channels"
    return [Ratio(what, ground.database, pilar / number, floor / number)]


async def _publish(ground: Ground) -> float:
    ids = await _place(ground)
    publisher = Publisher(
        store=ground.store,
        ring=RING,
        blobs=ground.house.blobs,
        connectors=ground.house.connectors,
        base_url=ground.house.base_url,
        worker="bench",
        lease_seconds=120,
        now=now,
    )
    clock = Clock(publisher, CONCURRENCY, tick_seconds=5, grace_seconds=20)
    begun = time.perf_counter()
    await clock.start(alone=True)
    while True:
        await asyncio.sleep(0.02)
        if not await _left(ground, ids):
            break
    took = time.perf_counter() - begun
    await clock.stop()
    return took


async def _place(ground: Ground) -> list[UUID]:
    due = now() + timedelta(milliseconds=1)
    ids = []
    async with ground.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        on = await channels.all_of(db, workspace.id)
        on = [each for each in on if each.handle.startswith("hook-")]
        for number in range(EACH):
            words = {"title": "Naskah", "type": "informative"}
            words |= {"parts": [{"text": uuid4().hex, "media": []}]}  # type: ignore[dict-item]
            post, _ = await writing.add(db, workspace, CLI, words, {}, now())
            await approving.submit(db, workspace, CLI, post, now())
            when = When(at=due + timedelta(microseconds=number))
            rows = await placing.place(db, workspace, CLI, post, on, when, due - timedelta(hours=1))
            ids += [row.id for row in rows]
    return ids


async def _left(ground: Ground, ids: list[UUID]) -> bool:
    query = select(Publication.id).where(
        col(Publication.id).in_(ids), Publication.status != Status.PUBLISHED
    )
    async with ground.store.reading() as db:
        return (await db.exec(query.limit(1))).first() is not None


async def _post(url: str) -> float:
    queue = iter(range(CHANNELS * EACH))
    # One connection for each request, as Pilar does.
    limits = httpx.Limits(max_keepalive_connections=0)

    async def work() -> None:
        for _ in queue:
            answer = await client.post(url, json={"text": uuid4().hex})
            answer.raise_for_status()

    begun = time.perf_counter()
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return time.perf_counter() - begun


@asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        await asyncio.sleep(ANSWER_SECONDS)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
