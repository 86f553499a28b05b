"""What waiting costs: the clock beside 100,000 publications of the future, and beside 1,000."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import select
from uuid_utils.compat import uuid7

from bench.grounds import RING, SLUG, Ground, Ratio, now
from planner.publications import Status
from schedulers.clock import Clock
from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.publisher import Publisher
from store import dispatch, workspaces, writing
from store.audit import CLI
from store.db import Db
from store.liveness import Alone
from store.tables import Publication

FEW, MANY = 1_000, 100_000
AT_ONCE = 5_000
WATCHED_SECONDS = 20
TRIES = 30


async def measure(ground: Ground) -> list[Ratio]:
    """Watch the clock do nothing, and time its questions, with few rows and with many."""
    post, channel = await _post(ground), await ground.channel("feed", "berita")
    await _fill(ground, post, channel, 0, FEW)
    few = await _watch(ground)
    await _fill(ground, post, channel, FEW, MANY)
    many = await _watch(ground)
    return [
        Ratio(f"{what}, 100,000 beside 1,000", ground.database, many[what], few[what])
        for what in many
    ]


async def _post(ground: Ground) -> UUID:
    async with ground.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        words: dict[str, Any] = {"title": "Naskah", "type": "informative"}
        words |= {"parts": [{"text": "Isi.", "media": []}]}
        post, _ = await writing.add(db, workspace, CLI, words, {}, now())
        return post.id


async def _fill(ground: Ground, post: UUID, channel: UUID, first: int, until: int) -> None:
    begin = now().replace(microsecond=0) + timedelta(days=1)
    async with ground.store.reading() as db:
        workspace = await workspaces.by_slug(db, SLUG)
    for start in range(first, until, AT_ONCE):
        rows = [
            {
                "id": uuid7(),
                "version": 1,
                "workspace_id": workspace.id,
                "post_id": post,
                "channel_id": channel,
                "occurrence": number + 1,
                "type": "informative",
                "status": Status.SCHEDULED,
                "due_at": begin + timedelta(minutes=number),
                "local": "2027-01-01T09:00:00",
                "timezone": "Asia/Jakarta",
                "day": (begin + timedelta(minutes=number)).date(),
                "holds_seat": True,
                "recorded": False,
                "fence": 0,
                "attempts": 0,
                "failures": 0,
                "crashes": 0,
                "unproved": False,
                "step": 0,
                "polls": 0,
                "created_at": begin,
                "updated_at": begin,
            }
            for number in range(start, min(start + AT_ONCE, until))
        ]
        async with ground.store.transaction() as db:
            await db.exec(insert(Publication).values(), params=rows)


async def _watch(ground: Ground) -> dict[str, float]:
    """Return the processor's seconds for a minute of waiting, and how long its questions take."""
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
    clock = Clock(publisher, InProcessDelivery(8))
    await clock.start(alone=True)
    begun = time.process_time()
    await asyncio.sleep(WATCHED_SECONDS)
    spent = time.process_time() - begun
    await clock.stop()
    return {
        "processor in a minute": spent * 60 / WATCHED_SECONDS,
        "what is due": await _timed(ground, lambda db: dispatch.due(db, now(), 500)),
        "what comes next": await _timed(ground, lambda db: dispatch.next_due(db, now())),
    }


async def _timed(ground: Ground, ask: Callable[[Db], Awaitable[Any]]) -> float:
    times = []
    for _ in range(TRIES):
        async with ground.store.reading() as db:
            await db.exec(select(1))
            begun = time.perf_counter()
            await ask(db)
            times.append(time.perf_counter() - begun)
    return median(times)
