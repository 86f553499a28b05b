"""Ten `pilar worker` processes, and ten posts of one account whose token they change for a new one.

A channel sends one post at a time, but each worker asks after another one that the platform works
on: so all of them need good credentials at the same moment.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update

from app.deps import House
from planner.access import Role
from planner.platforms import PLATFORMS
from planner.publications import Status
from schedulers.clock import read_clock
from schedulers.connector import Accepted, Outcome, Outgoing, Published, Unknown
from schedulers.connectors import CONNECTORS
from store import channels, tokens, workspaces
from store.audit import Actor
from store.db import Store
from store.tables import Channel, Publication
from store.tokens import Turn
from tests.app.conftest import Office
from tests.app.pasar import PASAR, PasarConnector
from tests.chaos.altered import Altered
from tests.waiting import until
from tests.world import World, let_be

TEN = 10
ASKED_LATER_SECONDS = 3600
STARTED_SECONDS = 90
BEGUN = "Pilar publishes as"
SETTINGS = {
    "PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1",
    "PILAR_CONCURRENCY": "1",  # who waits for credentials does nothing else: each asks after one
    "PILAR_TICK_SECONDS": "0.5",
}


class SlowPasar(PasarConnector):
    """Works on what it was given until it is asked; both take an access token that is good."""

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Take a post, where the token is good."""
        checked = await self.check(outgoing.account, now)
        if not checked.answers:
            return Unknown("rejected", {"detail": checked.detail})
        return Accepted(outgoing.key, ASKED_LATER_SECONDS)

    async def poll(self, outgoing: Outgoing, now: datetime) -> Published | Unknown:
        """Say that a post is live, where the token is good."""
        checked = await self.check(outgoing.account, now)
        if not checked.answers:
            return Unknown("rejected", {"detail": checked.detail})
        return Published(outgoing.key, None)


def know_pasar() -> None:
    """Let this process know the platform, for as long as it lives."""
    PLATFORMS[PASAR.name], CONNECTORS[PASAR.name] = PASAR, SlowPasar


def take_no_turns() -> None:
    """Know the platform, and ask for new credentials whoever else does: what is to be caught."""

    async def mine(store: Store, workspace_id: UUID, channel_id: UUID, *_: Any, **__: Any) -> Turn:
        async with store.reading() as db:
            workspace = await workspaces.by_slug(db, "biro")
            channel = await channels.of(db, workspace_id, channel_id)
            return Turn(workspace, channel, mine=True, busy=False)

    know_pasar()
    tokens.take_turn = mine


@dataclass
class Crew:
    """Workers in processes of their own, and the posts that they have to send."""

    house: House
    workers: list[Altered]

    async def place(self, office: Office) -> None:
        """Put ten posts on the channel, which are due now."""
        people = (office.people[role] for role in (Role.EDITOR, Role.APPROVER))
        writer, approver = (Actor("person", each) for each in people)
        world = World(self.house.store, read_clock, office.slug, writer, approver)
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            await let_be(db, workspace, self.house.clock())
            query = select(Channel).where(Channel.platform == PASAR.name)
            channel = (await db.exec(query)).one()
        for number in range(TEN):
            await world.placed_now(await world.post(f"Isi {number}"), channel)

    async def expires(self, after: timedelta) -> None:
        """Let the access token be good for so long."""
        change = update(Channel).where(col(Channel.platform) == PASAR.name)
        async with self.house.store.transaction() as db:
            await db.exec(change.values(token_expires_at=read_clock() + after))

    async def is_to_be_asked(self) -> None:
        """Let it be time to ask after every post."""
        async with self.house.store.transaction() as db:
            await db.exec(update(Publication).values(poll_at=read_clock()))

    async def rows(self) -> list[Publication]:
        async with self.house.store.reading() as db:
            return list((await db.exec(select(Publication))).all())

    async def all_are(self, status: Status) -> None:
        """Wait until every post is in a state."""

        async def are() -> bool:
            return {row.status for row in await self.rows()} == {status}

        await until(are)

    async def all_work(self) -> None:
        """Wait until every process has begun."""
        await until(lambda: all(self._begun(each) for each in self.workers), STARTED_SECONDS)

    def _begun(self, worker: Altered) -> bool:
        said = worker.log.read_text() if worker.log.exists() else ""
        assert worker.alive, said
        return BEGUN in said


@asynccontextmanager
async def crew(
    house: House, url: str, folder: Path, alter: Callable[[], None] = know_pasar
) -> AsyncIterator[Crew]:
    """Run ten workers until the end of the block."""
    workers = [
        Altered(folder, url, ("worker",), SETTINGS, name=f"worker-{number}", alter=alter)
        for number in range(TEN)
    ]
    try:
        for each in workers:
            await each.start()
        yield Crew(house, workers)
    finally:
        for each in workers:
            each.shoot()
        await asyncio.gather(*(each.kill() for each in workers))
