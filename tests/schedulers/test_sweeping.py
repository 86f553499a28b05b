"""What time does to publications without anybody asking."""

from datetime import timedelta

import pytest

from planner.publications import Status
from schedulers.connector import HandedOver, Refused
from schedulers.publishing import publish
from schedulers.sweeping import sweep
from store import acts, channels, placing, workspaces
from store.blobs import FolderBlobs
from store.db import Store
from store.placing import When
from tests.conftest import Clock
from tests.world import Scripted, World


async def test_what_was_due_and_not_approved_is_missed(world: World, blobs: FolderBlobs) -> None:
    row_id = await world.placed(await world.post(approved=False), await world.channel())
    world.clock.forward(minutes=2)

    await sweep(world.publisher({}, blobs))

    row = await world.row(row_id)
    assert (row.status, row.reason, row.holds_seat) == ("missed", "not_approved", True)


@pytest.mark.parametrize(
    ("policy", "late_minutes", "status", "dismissed"),
    [
        ("ask", 59, "published", False),
        ("ask", 61, "missed", False),
        ("skip", 61, "missed", True),
        ("send_late", 600, "published", False),
    ],
)
async def test_an_outage_is_treated_as_the_office_wants(
    store: Store,
    clock: Clock,
    blobs: FolderBlobs,
    policy: str,
    late_minutes: int,
    status: str,
    dismissed: bool,
) -> None:
    world = await World.found(store, clock, missed_policy=policy)
    row_id = await world.due(await world.channel())
    clock.forward(minutes=late_minutes)

    await publish(world.publisher({"feed": Scripted()}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.dismissed_at is not None) == (status, dismissed)


async def test_what_may_not_go_out_later_is_missed(world: World, blobs: FolderBlobs) -> None:
    until = world.clock() + timedelta(minutes=5)
    row_id = await world.placed(await world.post(), await world.channel(), publish_until=until)
    world.clock.forward(minutes=6)

    await publish(world.publisher({"feed": Scripted()}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason) == ("missed", "too_late")


async def test_what_was_missed_is_sent_late_in_its_own_seat(
    world: World, blobs: FolderBlobs
) -> None:
    row_id = await world.due(await world.channel())
    world.clock.forward(hours=5)
    publisher = world.publisher({"feed": Scripted()}, blobs)
    await publish(publisher, row_id)
    missed = await world.row(row_id)

    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await world.row(row_id)
        row = await db.merge(row)
        await acts.retry(db, workspace, world.writer, row, world.clock())
    await publish(publisher, row_id)

    sent = await world.row(row_id)
    assert (missed.status, sent.status) == ("missed", "published")
    assert (sent.day, sent.due_at) == (missed.day, missed.due_at)


async def test_a_seat_is_kept_for_two_local_days(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted([Refused("rejected", "no")])
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": platform}, blobs)
    await publish(publisher, row_id)
    seats = []

    # It was due on Monday, 08:00 in Jakarta; Thursday begins there on Wednesday at 17:00 UTC.
    for hours in (0, 24, 39.9, 0.2):
        world.clock.forward(hours=hours)
        await sweep(publisher)
        seats.append((await world.row(row_id)).holds_seat)

    assert seats == [True, True, True, False]


async def test_what_was_handed_over_is_asked_about_the_next_day(
    world: World, blobs: FolderBlobs
) -> None:
    row_id = await world.due(await world.channel(platform="manual"))
    publisher = world.publisher({"manual": Scripted([HandedOver({})])}, blobs)
    await publish(publisher, row_id)
    await sweep(publisher)
    before = (await world.row(row_id)).status
    world.clock.forward(days=1)

    await sweep(publisher)

    row = await world.row(row_id)
    assert (before, row.status, row.reason) == ("handed_over", "needs_review", "unconfirmed")


async def test_another_zone_keeps_the_wall_clock(world: World) -> None:
    channel = await world.channel()
    row_id = await world.placed(await world.post(), channel)
    before = await world.row(row_id)

    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        fields = {"timezone": "Asia/Jayapura"}
        await channels.change(db, workspace, world.writer, row, fields, world.clock())

    after = await world.row(row_id)
    assert (after.local, after.due_at) == (before.local, before.due_at - timedelta(hours=2))


async def test_a_moved_failure_waits_again(world: World, blobs: FolderBlobs) -> None:
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": Scripted([Refused("rejected", "no")])}, blobs)
    await publish(publisher, row_id)

    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await db.merge(await world.row(row_id))
        when = When(at=world.clock() + timedelta(hours=1))
        await placing.move(db, workspace, world.writer, row, when, world.clock())

    assert [step[0] for step in await world.steps(row_id)][-3:] == [
        Status.FAILED,
        Status.PLANNED,
        Status.SCHEDULED,
    ]
