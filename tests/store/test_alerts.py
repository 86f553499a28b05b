"""Alerts: said once, spread to whoever hears them, one worker's at a time, gone after a while."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from planner.alerts import (
    KIND_OF,
    AlertKind,
)
from planner.publications import Status
from store import alert_deliveries, alert_targets, alerts, publications, reminders, workspaces
from store.alert_deliveries import Load, Result
from store.audit import CLI, CLOCK
from store.db import Store
from store.tables import Alert, AlertDelivery, AlertTarget, Channel
from store.vault import KeyRing
from tests.conftest import RING, Clock
from tests.world import World

JAKARTA = ZoneInfo("Asia/Jakarta")
LEASE = timedelta(minutes=2)


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def target(world: World, name: str = "Kait", **fields: Any) -> AlertTarget:
    known = {"name": name, "medium": "webhook", "address": "https://receiver.example/hook"}
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row, _ = await alert_targets.add(
            db, RING, workspace, CLI, known | fields, None, world.clock()
        )
        return row


async def say(world: World, key: str = "k", kind: AlertKind = AlertKind.FAILED) -> Alert | None:
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        return await alerts.note(db, workspace, kind, "post", uuid7(), key, {}, world.clock())


async def everything(world: World, table: type[Any]) -> list[Any]:
    async with world.store.reading() as db:
        return list((await db.exec(select(table).order_by(col(table.id)))).all())


async def taken(world: World, worker: str = "w1") -> list[Load]:
    now = world.clock()
    found = await alert_deliveries.due(world.store, now, 100)
    loads = [
        await alert_deliveries.take(world.store, each, seen, worker, now, now + LEASE)
        for each, seen in found
    ]
    return [load for load in loads if load]


async def test_a_key_is_said_once_whether_it_was_written_or_not(world: World) -> None:
    first = await say(world)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        about = (db, workspace, AlertKind.MISSED, "post", uuid7())
        later = [await alerts.note(*about, key, {}, world.clock()) for key in ("k", "n", "n")]

    assert first is not None
    assert [each is not None for each in later] == [False, True, False]
    assert [each.key for each in await everything(world, Alert)] == ["k", "n"]


async def test_of_many_who_say_the_same_at_once_one_is_heard(world: World) -> None:
    said = await asyncio.gather(*(say(world) for _ in range(8)))

    assert sum(each is not None for each in said) == 1
    assert len(await everything(world, Alert)) == 1


async def test_two_offices_say_the_same_key_each_for_itself(store: Store, clock: Clock) -> None:
    offices = [await World.found(store, clock, slug) for slug in ("biro", "lain")]

    said = [await say(each) for each in offices]

    assert [each is not None for each in said] == [True, True]


async def test_what_the_caller_has_not_written_yet_is_left_alone(world: World) -> None:
    row_id = await world.placed(await world.post(), await world.channel())
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        row.attempts += 1
        version = row.version

        await alerts.for_step(db, workspace, CLOCK, row, Status.FAILED, "rejected", world.clock())

        assert (row.version, row in db.dirty) == (version, True)


@pytest.mark.parametrize("after", list(Status))
async def test_the_steps_that_time_takes_are_told_and_a_persons_are_not(
    world: World, after: Status
) -> None:
    row_id = await world.placed(await world.post(), await world.channel())
    now = world.clock()
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        await alerts.for_step(db, workspace, world.writer, row, after, "outage", now)
        await alerts.for_step(db, workspace, CLOCK, row, after, "outage", now)
        await alerts.for_step(db, workspace, CLOCK, row, after, "outage", now)

    found = [(each.kind, each.noun, each.row_id) for each in await everything(world, Alert)]
    wanted = KIND_OF.get(after)
    assert found == ([(wanted, "publication", row_id)] if wanted else [])


async def test_what_fails_again_after_it_was_sent_again_is_told_again(world: World) -> None:
    row_id = await world.placed(await world.post(), await world.channel())
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        for fence in (1, 2):
            row.fence = fence
            await alerts.for_step(db, workspace, CLOCK, row, Status.FAILED, None, world.clock())

    assert len(await everything(world, Alert)) == 2


async def test_the_facts_are_looked_up_and_survive_what_they_name(world: World) -> None:
    channel = await world.channel()
    row_id = await world.placed(await world.post(), channel)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        await alerts.for_step(db, workspace, CLOCK, row, Status.MISSED, "outage", world.clock())
        await alerts.for_reauth(db, workspace, channel, "secret_malformed", world.clock())
        await alerts.note(db, workspace, AlertKind.TEST, "post", uuid7(), "x", {}, world.clock())
    rows = await everything(world, Alert)

    async with world.store.reading() as db:
        facts = await alerts.facts_of(db, rows)

    told = [facts[each.id] for each in rows]
    assert [(each.kind, each.title, each.channel, each.reason) for each in told] == [
        ("missed", "Naskah kuno", "berita", "outage"),
        ("needs_reauth", None, "berita", "secret_malformed"),
        ("test", None, None, None),
    ]
    assert (told[0].local, told[0].timezone) == (
        datetime.fromisoformat("2026-03-02T08:01"),
        "Asia/Jakarta",
    )


async def test_a_channel_is_told_once_a_day_and_again_after_new_credentials(
    world: World,
) -> None:
    channel = await world.channel()

    async def tell(**secrets: str) -> int:
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            row = await db.get_one(Channel, channel.id)
            row.secrets = secrets or row.secrets
            await alerts.for_reauth(db, workspace, row, None, world.clock())
        return len(await everything(world, Alert))

    counts = [await tell(), await tell(), await tell(token="sealed")]
    world.clock.forward(days=1)

    assert [*counts, await tell()] == [1, 1, 2, 3]


async def test_an_alert_goes_to_every_enabled_target_that_hears_its_kind(world: World) -> None:
    everyone = await target(world)
    some = await target(world, "Sebagian", kinds=["failed", "missed"])
    await target(world, "Lain", kinds=["missed"])
    await target(world, "Mati", enabled=False)
    await World.found(world.store, world.clock, "lain")
    alert = await say(world)

    counts = [await alert_deliveries.spread(world.store, world.clock()) for _ in range(2)]

    assert alert is not None
    rows = await everything(world, AlertDelivery)
    assert counts == [1, 0]
    assert sorted((row.alert_id, row.target_id) for row in rows) == sorted(
        (alert.id, each.id) for each in (everyone, some)
    )
    assert {(row.status, row.next_at) for row in rows} == {("waiting", world.clock())}


async def test_replicas_that_spread_at_once_spread_once(world: World) -> None:
    await target(world)
    for number in range(5):
        await say(world, str(number))

    await asyncio.gather(*(alert_deliveries.spread(world.store, world.clock()) for _ in range(4)))

    assert len(await everything(world, AlertDelivery)) == 5


async def test_a_delivery_is_one_workers_until_its_lease_ends(world: World) -> None:
    await target(world)
    await say(world)
    await alert_deliveries.spread(world.store, world.clock())

    first = await taken(world, "w1")
    meanwhile = await taken(world, "w2")
    world.clock.forward(minutes=3)
    after = await taken(world, "w2")

    assert [len(each) for each in (first, meanwhile, after)] == [1, 0, 1]
    tries = [(each["worker"], each["outcome"]) for each in after[0].delivery.tries]
    assert tries == [("w1", "under_way"), ("w2", "under_way")]
    assert after[0].tries == 2


async def test_a_worker_that_comes_late_leaves_its_entry_and_changes_nothing_else(
    world: World,
) -> None:
    await target(world)
    await say(world)
    await alert_deliveries.spread(world.store, world.clock())
    (late,) = await taken(world, "w1")
    world.clock.forward(minutes=3)
    (quick,) = await taken(world, "w2")
    now = world.clock()

    await alert_deliveries.settle(world.store, late, Result("refused", "rejected"), None, now)
    (before,) = await everything(world, AlertDelivery)
    await alert_deliveries.settle(world.store, quick, Result("delivered"), None, now)
    (after,) = await everything(world, AlertDelivery)

    assert (before.status, before.next_at) == ("waiting", quick.until)
    assert (after.status, after.delivered_at) == ("delivered", now)
    assert [(each["worker"], each["outcome"]) for each in after.tries] == [
        ("w1", "refused"),
        ("w2", "delivered"),
    ]


async def test_who_is_gone_is_sent_nothing_more(world: World) -> None:
    row = await target(world)
    await say(world)
    await alert_deliveries.spread(world.store, world.clock())
    (load,) = await taken(world)

    gone = Result("refused", "endpoint_gone", "HTTP 410", gone=True)
    await alert_deliveries.settle(world.store, load, gone, None, world.clock())
    await say(world, "again")
    await alert_deliveries.spread(world.store, world.clock())

    async with world.store.reading() as db:
        workspace = await workspaces.by_slug(db, world.slug)
        now = await alert_targets.of(db, workspace.id, row.id)
    assert (now.enabled, now.version) == (False, 2)
    assert [each.status for each in await everything(world, AlertDelivery)] == ["failed"]


async def test_a_target_that_goes_takes_what_is_under_way_with_it(world: World) -> None:
    row = await target(world)
    await say(world)
    await alert_deliveries.spread(world.store, world.clock())
    (load,) = await taken(world)

    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        mine = await alert_targets.of(db, workspace.id, row.id)
        await alert_targets.remove(db, workspace, CLI, mine, world.clock())
    await alert_deliveries.settle(world.store, load, Result("delivered"), None, world.clock())

    assert await everything(world, AlertDelivery) == []


async def test_what_is_asked_for_again_has_all_its_tries_again(world: World) -> None:
    row = await target(world)
    await say(world)
    await alert_deliveries.spread(world.store, world.clock())
    (load,) = await taken(world)
    await alert_deliveries.settle(world.store, load, Result("refused"), None, world.clock())

    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        alert = await alerts.of(db, workspace.id, load.alert.id)
        mine = await alert_targets.of(db, workspace.id, row.id)
        await alert_deliveries.redeliver(db, workspace, CLI, alert, mine, world.clock())
    (again,) = await taken(world)

    assert (again.delivery.id, again.tries) == (load.delivery.id, 1)
    outcomes = [each["outcome"] for each in again.delivery.tries]
    assert outcomes == ["refused", "asked", "under_way"]


async def test_alerts_older_than_ninety_days_go_with_their_deliveries(world: World) -> None:
    await target(world)
    await say(world, "old")
    await alert_deliveries.spread(world.store, world.clock())
    world.clock.forward(days=90)
    await say(world, "new")
    world.clock.forward(minutes=1)

    async with world.store.transaction() as db:
        await alert_deliveries.prune(db, world.clock())

    assert [each.key for each in await everything(world, Alert)] == ["new"]
    assert await everything(world, AlertDelivery) == []


async def test_what_is_due_soon_and_not_approved_is_told_once_for_each_time(
    world: World,
) -> None:
    channel = await world.channel()
    now = world.clock()
    drafts = [await world.post(f"Konsep {each}.", approved=False) for each in range(3)]
    soon = await world.placed(drafts[0], channel, now + timedelta(minutes=119))
    await world.placed(drafts[1], channel, now + timedelta(minutes=121))
    await world.placed(await world.post(), channel, now + timedelta(minutes=60))

    counts = [await reminders.find(world.store, world.clock()) for _ in range(2)]
    world.clock.forward(minutes=2)
    counts.append(await reminders.find(world.store, world.clock()))

    rows = await everything(world, Alert)
    assert counts == [1, 0, 1]
    assert [row.kind for row in rows] == ["unapproved"] * 2
    assert rows[0].row_id == soon


async def test_more_than_one_batch_is_told(world: World) -> None:
    channel = await world.channel()
    for number in range(5):
        post = await world.post(f"Konsep {number}.", approved=False)
        await world.placed(post, channel, world.clock() + timedelta(minutes=number + 1))

    counts = [await reminders.find(world.store, world.clock(), batch=2) for _ in range(2)]

    assert counts == [5, 0]


async def test_what_was_handed_over_two_hours_ago_and_is_not_confirmed_is_told(
    world: World,
) -> None:
    row_id = await world.placed(await world.post(), await world.channel(platform="manual"))
    world.clock.forward(minutes=30)  # it went out late
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        for after in (Status.CLAIMED, Status.SUBMITTING, Status.HANDED_OVER):
            await publications.step(db, workspace, CLOCK, row, after, world.clock())

    counts = []
    for minutes in (119, 1, 1):
        world.clock.forward(minutes=minutes)
        counts.append(await reminders.find(world.store, world.clock()))

    found = [each.row_id for each in await everything(world, Alert) if each.kind == "unconfirmed"]
    assert (counts, found) == ([0, 1, 0], [row_id])


async def test_a_channel_is_looked_at_by_one_of_many(world: World) -> None:
    channel = await world.channel()
    await world.placed(await world.post(), channel)

    ((found, _),) = await reminders.to_look_at(world.store, world.clock())
    taken = await asyncio.gather(
        *(reminders.take_preflight(world.store, found, world.clock()) for _ in range(6))
    )

    assert sorted(taken) == [False] * 5 + [True]
    assert await reminders.to_look_at(world.store, world.clock()) == []


async def test_a_secret_is_sealed_for_its_target_alone(world: World) -> None:
    first, second = await target(world), await target(world, "Lain")

    opened = [alert_targets.open_secret(each, RING) for each in (first, second)]
    moved = AlertTarget(**second.model_dump() | {"secrets": first.secrets})

    assert all(each.startswith("whsec_") for each in opened)
    assert opened[0] != opened[1]
    assert opened[0] not in str(first.model_dump())
    with pytest.raises(Exception, match="CannotOpen"):
        alert_targets.open_secret(moved, KeyRing.parse("k1:" + "A" * 43))
