"""The built-in platforms through the engine: where a worker dies, and when a person has to act."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from schedulers import acts
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import channels, feeds, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Store
from store.tables import Alert, Channel, Publication
from tests.chaos.mortal import Grave, Points
from tests.conftest import RING
from tests.schedulers.wires import SECRET, Wire, says, wire
from tests.world import World

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"])
CLAIM = ["before commit", "after commit"]
INTENT = ["before commit", "after commit"]
WIRE = ["before POST hook", "after POST hook"]
END = ["before commit", "after commit"]
PATH = "/kantor/situs/hook"


@pytest.fixture
async def receiver() -> AsyncIterator[Wire]:
    async with wire(says("200 OK")) as receiver:
        yield receiver


@pytest.fixture
def grave(world: World, database_url: str, blobs: FolderBlobs) -> Grave:
    return Grave(world, database_url, blobs)


async def hook(world: World, url: str, secret: str = SECRET, **settings: Any) -> Channel:
    """Return a webhook's channel that is connected."""
    channel = await world.channel("situs", "webhook", settings={"url": url, **settings})
    await enter(world, channel.id, secret)
    return await channel_of(world.store, channel.id)


async def enter(world: World, channel_id: UUID, secret: str) -> None:
    """Enter a webhook's secret."""
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel_id)
        secrets = {"secret": secret}
        await channels.set_secrets(db, workspace, CLI, row, secrets, RING, world.clock())


async def channel_of(store: Store, channel_id: UUID) -> Channel:
    async with store.reading() as db:
        row = await db.get(Channel, channel_id)
        assert row is not None
        return row


async def alerts(store: Store) -> list[tuple[str, UUID]]:
    async with store.reading() as db:
        return [(each.kind, each.row_id) for each in (await db.exec(select(Alert))).all()]


def requests(receiver: Wire) -> Counter[str]:
    """Return how often each publication was posted."""
    return Counter(json.loads(seen.body)["data"]["id"] for seen in receiver.seen)


def messages(receiver: Wire) -> Counter[str]:
    """Return how many posts a receiver that knows repetitions has made of each publication."""
    known = {(seen.headers["webhook-id"], seen.body) for seen in receiver.seen}
    return Counter(json.loads(body)["data"]["id"] for _, body in known)


@dataclass
class Yard:
    """A channel, the worker that dies on it, and how many posts of a publication there are."""

    grave: Grave
    channel: Channel
    count: Callable[[UUID], Awaitable[int]]

    async def points(self) -> list[str]:
        """Return the points that a worker passes that lives."""
        points = Points()
        await self.grave.live(await self.grave.world.due(self.channel, uuid4().hex), points)
        return points.passed

    async def die(self, point: int) -> tuple[str, int]:
        """Die at a point, let another worker finish; return the end, and how many posts."""
        row = await self.grave.world.due(self.channel, uuid4().hex)
        await self.grave.live(row, Points(point))
        await self.grave.inherit(row)
        return (await self.grave.world.row(row)).status, await self.count(row)


@ON_SQLITE
async def test_each_place_to_die_leads_to_one_post_where_the_receiver_knows_repetitions(
    grave: Grave, receiver: Wire
) -> None:
    channel = await hook(grave.world, receiver.url(PATH), receiver_deduplicates=True)
    yard = Yard(grave, channel, _counted(receiver, messages))
    points = await yard.points()

    ends = [await yard.die(number) for number in range(len(points))]

    assert points == CLAIM + INTENT + WIRE + END
    assert ends == [("published", 1)] * len(points)
    assert max(requests(receiver).values()) == 2


@ON_SQLITE
async def test_each_place_to_die_leads_to_a_person_where_nobody_knows(
    grave: Grave, receiver: Wire
) -> None:
    yard = Yard(grave, await hook(grave.world, receiver.url(PATH)), _counted(receiver, requests))
    points = await yard.points()

    ends = [await yard.die(number) for number in range(len(points))]

    assert points == CLAIM + INTENT + WIRE + END
    assert ends == [
        *[("published", 1)] * 3,  # its intent was not written, so nothing had left
        *[("needs_review", 0)] * 2,
        *[("needs_review", 1)] * 2,
        ("published", 1),
    ]


@ON_SQLITE
async def test_a_receiver_that_promises_what_it_does_not_keep_is_caught(
    grave: Grave, receiver: Wire
) -> None:
    channel = await hook(grave.world, receiver.url(PATH), receiver_deduplicates=True)
    yard = Yard(grave, channel, _counted(receiver, requests))
    points = await yard.points()

    assert await yard.die(points.index("after POST hook")) == ("published", 2)


@ON_SQLITE
async def test_each_place_to_die_leads_to_one_entry_of_a_feed(grave: Grave) -> None:
    world = grave.world
    channel = await world.channel("berita", "feed")

    async def entries(row: UUID) -> int:
        async with world.store.reading() as db:
            shown = await feeds.newest(db, await feeds.of(db, world.slug, "berita"))
        return sum(each.publication.id == row for each in shown)

    yard = Yard(grave, channel, entries)
    points = await yard.points()

    ends = [await yard.die(number) for number in range(len(points))]

    assert points == CLAIM + INTENT + END
    assert ends == [("published", 1)] * len(points)


@ON_SQLITE
async def test_each_place_to_die_asks_a_person_once_to_publish_by_hand(grave: Grave) -> None:
    world = grave.world

    async def asked(row: UUID) -> int:
        return (await alerts(world.store)).count(("handed_over", row))

    yard = Yard(grave, await world.channel("tangan", "manual"), asked)
    points = await yard.points()

    ends = [await yard.die(number) for number in range(len(points))]

    assert points == CLAIM + INTENT + END
    assert ends == [("handed_over", 1)] * len(points)


def _counted(
    receiver: Wire, count: Callable[[Wire], Counter[str]]
) -> Callable[[UUID], Awaitable[int]]:
    async def counted(row: UUID) -> int:
        return count(receiver)[str(row)]

    return counted


@dataclass
class Office:
    """An office that publishes on a webhook, and looks after its channel."""

    world: World
    blobs: FolderBlobs
    outbound: Outbound
    channel: Channel

    async def send(self, row: UUID) -> Publication:
        publisher = self.world.publisher(connectors(self.outbound), self.blobs)
        await publish(publisher, row)
        return await self.world.row(row)

    async def check(self) -> tuple[bool, str]:
        """Check the channel; return whether it answers, and how it is connected then."""
        world = self.world
        channel, checked = await acts.check_channel(
            world.store,
            RING,
            connectors(self.outbound),
            await world.workspace(),
            self.channel.id,
            CLI,
            world.clock(),
        )
        return checked.answers, channel.connection

    async def connection(self) -> tuple[str, str | None]:
        row = await channel_of(self.world.store, self.channel.id)
        return row.connection, row.connection_reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("410 Gone", "endpoint_gone"), ("401 Unauthorized", "signature_refused")],
)
async def test_a_receiver_that_wants_no_more_gets_no_more_until_a_person_has_checked(
    world: World, blobs: FolderBlobs, outbound: Outbound, answer: str, reason: str
) -> None:
    async with wire(says(answer), says(answer), says("200 OK")) as receiver:
        office = Office(world, blobs, outbound, await hook(world, receiver.url()))
        first, second = [await world.due(office.channel, text) for text in ("Satu.", "Dua.")]
        told = [await office.send(row) for row in (first, second)]
        stopped, seen = await office.connection(), len(receiver.seen)
        still = await office.check()
        good = await office.check()
        world.clock.forward(minutes=10)
        sent = [await office.send(row) for row in (first, second)]

    assert [each.status for each in told] == ["scheduled", "scheduled"]
    assert (stopped, seen) == (("needs_reauth", reason), 1)
    assert (still, good) == ((False, "needs_reauth"), (True, "connected"))
    assert [each.status for each in sent] == ["published", "published"]
    assert await alerts(world.store) == [("needs_reauth", office.channel.id)]


async def test_a_secret_that_signs_nothing_stops_the_channel_and_fails_no_post(
    world: World, blobs: FolderBlobs, outbound: Outbound
) -> None:
    async with wire(says("200 OK")) as receiver:
        office = Office(world, blobs, outbound, await hook(world, receiver.url(), "rahasia"))
        row = await world.due(office.channel)
        waits = await office.send(row)
        stopped, connections = await office.connection(), receiver.connections
        await enter(world, office.channel.id, SECRET)
        world.clock.forward(minutes=10)
        sent = await office.send(row)

    assert (waits.status, stopped) == ("scheduled", ("needs_reauth", "secret_malformed"))
    assert (connections, sent.status) == (0, "published")
