"""Ten workers and one token that rotates: it is changed once, and kept before it is used."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from schedulers import refreshing
from schedulers.clock import read_clock
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import channels, tokens, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Store
from store.tables import Alert, Channel, Publication
from store.tokens import Turn
from tests.chaos.crowding import Crowd, a_worker, send
from tests.chaos.mortal import Grave, Points
from tests.conftest import RING, Clock
from tests.shore.ledger import Ledger
from tests.shore.running import Shore
from tests.waiting import until
from tests.world import World

TEN = 10
ROUNDS = 3
SOON = timedelta(minutes=1)
"""How long the credentials still are good: so little that they are changed ahead."""

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


@dataclass
class Account:
    """A channel whose platform gives every pair of tokens once, and revokes what comes again."""

    world: World
    shore: Shore
    name: str = "berita"
    id: UUID = field(init=False)

    async def open(self) -> None:
        """Open it, with a pair that is about to expire."""
        settings = {"url": self.shore.address, "account": self.name}
        channel = await self.world.channel(self.name, "shore_idem", settings=settings)
        self.id = channel.id
        await self.connect(SOON)

    async def connect(self, good_for: timedelta) -> None:
        """Let a person enter new credentials."""
        pair = await self.shore.tell(grant=self.name, seconds=3600)
        async with self.world.store.transaction() as db:
            workspace = await workspaces.lock(db, self.world.slug)
            row = await channels.of(db, workspace.id, self.id)
            now = self.world.clock()
            expires = now + good_for
            await channels.set_secrets(db, workspace, CLI, row, pair, RING, now, expires_at=expires)

    async def place(self, count: int = 1) -> list[UUID]:
        """Return publications that are due."""
        channel = await self.channel()
        rows = []
        for number in range(count):
            post = await self.world.post(f"{self.name} {number}")
            rows.append(await self.world.placed(post, channel, self.world.clock()))
        return rows

    async def channel(self) -> Channel:
        async with self.world.store.reading() as db:
            row = await db.get(Channel, self.id)
            assert row is not None
            return row

    async def has_the_pair_in_force(self) -> bool:
        """Say whether the pair that is kept is the one that the platform takes."""
        kept = channels.open_secrets(await self.channel(), RING)
        grant = Ledger.read(self.shore.journal).grants[self.name]
        return kept == {"access_token": grant.access, "refresh_token": grant.refresh}

    async def alerts(self) -> list[tuple[str, Any]]:
        async with self.world.store.reading() as db:
            query = select(Alert).where(Alert.row_id == self.id).order_by(col(Alert.id))
            return [(each.kind, each.data["reason"]) for each in (await db.exec(query)).all()]

    def count(self) -> Counter[str]:
        """Return how often the platform gave a pair, took a post, and saw a token again."""
        return Counter(
            event["event"] for event in self.shore.events() if event.get("account") == self.name
        )


@pytest.fixture
async def grave(store: Store, clock: Clock, database_url: str, tmp_path: Path) -> Grave:
    world = await World.found(store, clock)
    return Grave(world, database_url, FolderBlobs(tmp_path / "media"))


async def meet(account: Account, folder: Path, outbound: Outbound) -> None:
    """Let ten workers publish on one channel at once: on SQLite they are tasks of one process."""
    rows = await account.place(TEN)
    store = account.world.store
    if store.is_sqlite:
        one = account.world.publisher(connectors(outbound), FolderBlobs(folder / "media"))
        await asyncio.gather(*(send(one, row) for row in rows))
        return
    async with AsyncExitStack() as stack:
        ten = [await stack.enter_async_context(a_worker(store, folder, "w")) for _ in rows]
        await asyncio.gather(*(send(*each) for each in zip(ten, rows, strict=True)))


async def test_ten_workers_change_a_token_once(
    store: Store, shore: Shore, outbound: Outbound, tmp_path: Path
) -> None:
    world = await World.found(store, read_clock)
    account = Account(world, shore)
    await account.open()
    await shore.behave("tokens/berita", "delay", on="refresh", delay=0.3)

    await meet(account, tmp_path, outbound)

    assert account.count() == {"grant": 2, "post": TEN}
    assert await account.has_the_pair_in_force()
    assert await statuses(store) == {("published", 1): TEN}


async def statuses(store: Store) -> Counter[tuple[str, int]]:
    """Return how publications stand, and after how many attempts."""
    async with store.reading() as db:
        rows = (await db.exec(select(Publication))).all()
        return Counter((row.status, row.attempts) for row in rows)


@pytest.mark.parametrize("database", ["postgresql"])
async def test_workers_that_do_not_take_turns_are_caught(
    store: Store,
    shore: Shore,
    outbound: Outbound,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def mine(store: Store, workspace_id: UUID, channel_id: UUID, *_: Any, **__: Any) -> Turn:
        async with store.reading() as db:
            workspace = await workspaces.by_slug(db, "biro")
            channel = await channels.of(db, workspace_id, channel_id)
            return Turn(workspace, channel, mine=True, busy=False)

    monkeypatch.setattr(tokens, "take_turn", mine)
    world = await World.found(store, read_clock)
    account = Account(world, shore)
    await account.open()
    await shore.behave("tokens/berita", "delay", on="refresh", delay=0.3)
    async with AsyncExitStack() as stack:
        two = [await stack.enter_async_context(a_worker(store, tmp_path, "w")) for _ in range(2)]

        await asyncio.gather(*(refreshing.refresh_expiring(each) for each in two))

    assert account.count() == {"grant": 2, "violation": 1}


@pytest.mark.parametrize(
    "database",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)],
    indirect=True,
)
async def test_each_place_to_die_loses_at_most_the_pair_and_never_a_post(
    grave: Grave, shore: Shore
) -> None:
    points = Points()
    whole = Account(grave.world, shore)
    await whole.open()
    (row,) = await whole.place()
    await grave.live(row, points)
    answered = points.passed.index("after POST refresh")
    kept = points.passed.index("after commit", answered)

    ends = [await die(grave, shore, number) for number in range(len(points.passed))]

    assert points.passed[answered : kept + 1] == [
        "after POST refresh",
        "before commit",
        "after commit",
    ]
    assert kept < points.passed.index("before PUT posts")
    lost = range(answered, kept)
    assert dict(enumerate(ends)) == {
        number: LOST if number in lost else WHOLE for number in range(len(points.passed))
    }


WHOLE: Any = ("published", "connected", None, [], {"grant": 2, "post": 1})
LOST: Any = (
    "scheduled",
    "needs_reauth",
    "credentials_revoked",
    [("needs_reauth", "credentials_revoked")],
    {"grant": 2, "violation": 1},
)
"""The new pair was on its way to us: the old one is tried once, and then a person has to act."""


async def die(grave: Grave, shore: Shore, point: int) -> Any:
    """Die at a point, let another worker go on, and return how all stands; then all goes out."""
    account = Account(grave.world, shore, f"akun-{point}")
    await account.open()
    (row,) = await account.place()
    await grave.live(row, Points(point))
    await grave.inherit(row)
    channel, status = await account.channel(), (await grave.world.row(row)).status
    alerts, seen = await account.alerts(), account.count()
    if status != "published":
        await account.connect(timedelta(hours=1))
        await grave.inherit(row)
        assert (await grave.world.row(row)).status == "published"
        assert account.count()["post"] == 1
    return status, channel.connection, channel.connection_reason, alerts, seen


async def test_what_a_person_enters_meanwhile_is_kept(
    grave: Grave, shore: Shore, outbound: Outbound
) -> None:
    account = Account(grave.world, shore)
    await account.open()
    (row,) = await account.place()
    await shore.behave("tokens/berita", "delay", on="refresh", delay=1)
    worker = grave.world.publisher(connectors(outbound), grave.blobs)

    publishing = asyncio.create_task(publish(worker, row))
    await until(lambda: account.count()["grant"] == 2)
    await account.connect(timedelta(hours=1))
    await publishing

    assert account.count() == {"grant": 3, "post": 1}
    assert await account.has_the_pair_in_force()
    assert (await grave.world.row(row)).status == "published"


@pytest.mark.chaos
@on_postgresql
async def test_ten_processes_change_a_token_once(
    store: Store, shore: Shore, database_url: str, tmp_path: Path
) -> None:
    world = await World.found(store, read_clock)
    for number in range(ROUNDS):
        account = Account(world, shore, f"akun-{number}")
        await account.open()
        await shore.behave(f"tokens/{account.name}", "delay", on="refresh", delay=0.1 * number)
        crowd = await Crowd.gather(database_url, tmp_path, await account.place(TEN))
        try:
            assert await crowd.ended() == [0] * TEN
        finally:
            crowd.end()

        assert account.count() == {"grant": 2, "post": TEN}
        assert await account.has_the_pair_in_force()
    assert await statuses(store) == {("published", 1): ROUNDS * TEN}


@pytest.mark.chaos
@on_postgresql
async def test_the_one_of_ten_processes_that_asks_is_killed(
    store: Store, shore: Shore, database_url: str, tmp_path: Path
) -> None:
    account = Account(await World.found(store, read_clock), shore)
    await account.open()
    await shore.behave("tokens/berita", "delay", on="refresh", delay=5)
    crowd = await Crowd.gather(database_url, tmp_path, await account.place(TEN))
    try:
        await until(lambda: account.count()["grant"] == 2)
        asking = (await account.channel()).refresh_worker
        assert asking is not None
        crowd.kill(asking)
        await until(lambda: is_for_a_person(account))
        assert account.count() == {"grant": 2, "violation": 1}
        assert await account.alerts() == [("needs_reauth", "credentials_revoked")]
        assert set(await statuses(store)) == {("scheduled", 0)}

        await account.connect(timedelta(hours=1))
        codes = await crowd.ended()
    finally:
        crowd.end()

    # Each has a publication of its own here, so nobody sends that of the dead one.
    assert sorted(code or 0 for code in codes) == [-9] + [0] * (TEN - 1)
    assert account.count() == {"grant": 3, "violation": 1, "post": TEN - 1}


async def is_for_a_person(account: Account) -> bool:
    return (await account.channel()).connection == "needs_reauth"
