"""Holds: what they cover, and what they leave to people when they end."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlmodel import select

from planner.holds import Held, Reach, Scope
from planner.publications import Status
from store import audit, campaigns, claims, held, holds, instance, posts, workspaces
from store.audit import CLI
from store.db import Db, Store
from store.instance import THE_INSTANCE
from store.liveness import Alone
from store.tables import Campaign, Hold, Instance, Publication, Workspace
from tests.conftest import RING, Clock
from tests.world import World

ALL = Reach(Scope.WORKSPACE)
LEASE = timedelta(seconds=120)
ALIVE = Alone("w1")


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await instance.check_keys(store, RING, clock())
    return await World.found(store, clock)


@asynccontextmanager
async def inside(world: World) -> AsyncIterator[tuple[Db, Workspace]]:
    """Open a writing transaction with the workspace locked."""
    async with world.store.transaction() as db:
        yield db, await workspaces.lock(db, world.slug)


async def hold(world: World, reach: Reach = ALL, reason: str = "Gempa") -> Hold:
    async with inside(world) as (db, workspace):
        return await holds.place(db, workspace, world.approver, reach, reason, world.clock())


async def release(world: World, placed: Hold) -> list[UUID]:
    async with inside(world) as (db, workspace):
        row = await holds.of(db, workspace.id, placed.id)
        left = await holds.release(db, workspace, world.approver, row, world.clock())
        return [each.id for each in left]


async def set_fields(world: World, publication_id: UUID, **fields: Any) -> None:
    async with inside(world) as (db, _):
        row = await db.get(Publication, publication_id)
        assert row is not None
        for name, value in fields.items():
            setattr(row, name, value)


async def over(world: World, publication_id: UUID) -> Held | None:
    async with inside(world) as (db, workspace):
        row = await db.get(Publication, publication_id)
        assert row is not None
        post = await posts.of(db, workspace.id, row.post_id)
        return await holds.covering(db, workspace, row, post.campaign_id)


async def campaign(world: World, name: str = "Pekan Naskah") -> Campaign:
    day = world.clock().date()
    fields = {"name": name, "description": "", "starts_on": day, "ends_on": day, "hashtags": []}
    async with inside(world) as (db, workspace):
        return await campaigns.add(db, workspace, CLI, fields, world.clock())


async def statuses(world: World, ids: Iterable[UUID]) -> list[tuple[str, str | None]]:
    rows = [await world.row(each) for each in ids]
    return [(row.status, row.reason) for row in rows]


async def sent(world: World, publication_id: UUID) -> bool:
    """Claim a publication and write its intent, as a worker does."""
    claim = await claims.claim(world.store, publication_id, ALIVE, LEASE, world.clock())
    if claim is None:
        return False
    return await claims.intend(world.store, claim, ALIVE, world.clock()) is not None


async def test_the_query_of_a_reach_says_what_the_rule_says(world: World) -> None:
    channels = [await world.channel(f"k{number}") for number in range(2)]
    pushes: list[UUID | None] = [(await campaign(world)).id, None]
    types = ["informative", "interactive"]
    places: dict[UUID, tuple[UUID, UUID | None, str]] = {}
    for number, (channel, push, type_) in enumerate(product(channels, pushes, types)):
        words: dict[str, Any] = {"type": type_, "campaign": str(push) if push else None}
        post = await world.post(f"Isi {number}.", **words)
        places[await world.placed(post, channel)] = (channel.id, push, type_)
    reaches = [
        ALL,
        Reach(Scope.CHANNEL, channel_id=channels[0].id),
        Reach(Scope.CAMPAIGN, campaign_id=pushes[0]),
        Reach(Scope.TYPE, type="interactive"),
    ]

    found = {}
    async with world.store.reading() as db:
        for reach in reaches:
            query = select(Publication.id).where(holds.within(reach))
            found[reach] = set((await db.exec(query)).all())

    assert found == {
        reach: {each for each, place in places.items() if reach.covers(*place)} for reach in reaches
    }


async def test_what_holds_a_publication_is_found_by_one_query(world: World) -> None:
    publication_id = await world.placed(await world.post(), await world.channel())
    said: list[str] = []
    engine = world.store._writer.sync_engine

    async with inside(world) as (db, workspace):
        row = await db.get(Publication, publication_id)
        assert row is not None
        event.listen(engine, "before_cursor_execute", lambda *told: said.append(told[2]))
        found = await holds.covering(db, workspace, row, None)

    assert (found, len(said)) == (None, 1)


async def test_what_belongs_to_no_campaign_is_held_by_no_campaigns_hold(world: World) -> None:
    push = await campaign(world)
    channel = await world.channel()
    free = await world.placed(await world.post("Lepas."), channel)
    bound = await world.placed(await world.post("Terikat.", campaign=str(push.id)), channel)

    placed = await hold(world, Reach(Scope.CAMPAIGN, campaign_id=push.id))

    assert await over(world, free) is None
    assert await over(world, bound) == Held("campaign", "Gempa", placed.id)


async def test_a_reason_lets_a_publication_through_all_but_a_restored_instance(
    world: World,
) -> None:
    publication_id = await world.placed(await world.post(), await world.channel())
    placed = await hold(world)
    told = [await over(world, publication_id)]

    async with inside(world) as (db, workspace):
        row = await db.get(Publication, publication_id)
        assert row is not None
        await holds.let_through(db, workspace, world.approver, row, "Pernyataan", world.clock())
    told.append(await over(world, publication_id))
    await holds.hold_all(world.store, "Listrik", world.clock())
    told.append(await over(world, publication_id))
    async with world.store.transaction() as db:
        row_of = await db.get(Instance, THE_INSTANCE)
        assert row_of is not None
        row_of.restored_at = world.clock()
    told.append(await over(world, publication_id))

    assert told == [
        Held("workspace", "Gempa", placed.id),
        None,
        None,
        Held("restored", "Listrik"),
    ]


async def test_a_second_hold_of_the_same_reach_is_refused_until_the_first_ends(
    world: World,
) -> None:
    channel = await world.channel()
    reach = Reach(Scope.CHANNEL, channel_id=channel.id)
    first = await hold(world, reach)
    await hold(world, ALL)

    with pytest.raises(holds.HeldAlready) as refused:
        await hold(world, reach, "Lagi")
    await release(world, first)
    again = await hold(world, reach)

    assert refused.value.facts == {"id": str(first.id), "reason": "Gempa"}
    assert again.id != first.id


async def test_a_release_sends_nothing_late(world: World) -> None:
    """What fell due goes to people, whatever else it waits for; the rest waits for its time."""
    ids = {}
    for number, name in enumerate(("due", "later", "unproved", "begun", "through", "planned")):
        at = timedelta(hours=1) if name == "later" else timedelta(minutes=1)
        post = await world.post(f"Isi {number}.", approved=name != "planned")
        channel = await world.channel(name)
        ids[name] = await world.placed(post, channel, at=world.clock() + at)
    await set_fields(world, ids["unproved"], unproved=True)
    await set_fields(world, ids["begun"], step=1)
    await set_fields(world, ids["through"], through_hold="Pernyataan")
    placed = await hold(world)
    world.clock.forward(minutes=1)

    left = await release(world, placed)

    assert set(left) == {ids["due"], ids["unproved"], ids["begun"]}
    assert dict(zip(ids, await statuses(world, ids.values()), strict=True)) == {
        "due": ("missed", "held"),
        "later": ("scheduled", "approved"),
        "unproved": ("needs_review", "held"),
        "begun": ("needs_review", "held"),
        "through": ("scheduled", "approved"),
        "planned": ("planned", None),
    }


async def test_what_another_hold_covers_waits_for_that_one(world: World) -> None:
    channels = [await world.channel(f"k{number}") for number in range(2)]
    posts_ = [await world.post(f"Isi {number}.") for number in range(2)]
    ids = [await world.placed(*pair) for pair in zip(posts_, channels, strict=True)]
    wide = await hold(world)
    narrow = await hold(world, Reach(Scope.CHANNEL, channel_id=channels[0].id))
    world.clock.forward(minutes=1)

    left = [await release(world, wide), await release(world, narrow), await release(world, wide)]

    assert left == [[ids[1]], [ids[0]], []]


async def test_a_release_while_the_instance_is_stopped_leaves_it_to_that(world: World) -> None:
    publication_id = await world.placed(await world.post(), await world.channel())
    placed = await hold(world)
    await holds.hold_all(world.store, None, world.clock())
    world.clock.forward(minutes=1)

    left = await release(world, placed)
    after = await holds.release_all(world.store, world.clock())

    assert left == []
    assert [(each.publication_id, each.status) for each in after] == [
        (publication_id, Status.MISSED)
    ]


async def test_the_instance_stops_every_workspace_and_says_what_was_on_the_wire(
    world: World,
) -> None:
    other = await World.found(world.store, world.clock, "lain")
    wired = await world.due(await world.channel(), "Di jalan.")
    assert await sent(world, wired)
    waiting = await other.due(await other.channel(), "Menunggu.")

    cases = await holds.hold_all(world.store, "Gempa", world.clock())
    told = [await over(world, wired), await over(other, waiting)]
    gone = await sent(other, waiting)

    assert cases == [holds.Case("biro", wired, "berita", Status.SUBMITTING)]
    assert told == [Held("instance", "Gempa")] * 2
    assert not gone
    async with world.store.reading() as db:
        for each in (world, other):
            workspace = await workspaces.by_slug(db, each.slug)
            (entry,) = await audit.entries(db, workspace.id, limit=1, noun="instance")
            ids = [str(wired)] if each is world else []
            assert (entry.actor, entry.action) == ("cli", "hold")
            assert entry.data == {"reason": "Gempa", "on_the_wire": ids}
            stop = await held.instance_stop(db, workspace.id)
            assert stop is not None
            assert [str(row.id) for row in stop.on_the_wire] == ids


async def test_a_stop_that_is_said_again_keeps_its_beginning(world: World) -> None:
    began = world.clock()
    await holds.hold_all(world.store, "Gempa", began)
    await holds.hold_all(world.store, "Gempa susulan", world.clock.forward(minutes=5))

    workspace = await world.workspace()
    async with world.store.reading() as db:
        stop = await held.instance_stop(db, workspace.id)

    assert stop == held.InstanceStop("Gempa susulan", began, [])


async def test_a_release_of_the_instance_is_refused_where_nothing_is_held(world: World) -> None:
    await holds.hold_all(world.store, None, world.clock())
    await holds.release_all(world.store, world.clock())

    with pytest.raises(holds.NothingHeld):
        await holds.release_all(world.store, world.clock())


async def test_of_a_restored_instance_what_may_be_live_is_proved_first(world: World) -> None:
    ids = [
        await world.placed(await world.post(f"Isi {number}."), await world.channel(f"k{number}"))
        for number in range(2)
    ]
    await set_fields(world, ids[0], unproved=True)
    async with world.store.transaction() as db:
        row = await db.get(Instance, THE_INSTANCE)
        assert row is not None
        row.held_at = row.restored_at = world.clock()
    world.clock.forward(minutes=1)

    left = await holds.release_all(world.store, world.clock())

    assert [each.publication_id for each in left] == [ids[1]]
    assert await statuses(world, ids) == [("scheduled", "approved"), ("missed", "held")]
    assert await over(world, ids[0]) is None


async def test_what_a_hold_keeps_back_is_counted(world: World) -> None:
    channel, other = await world.channel(), await world.channel("lain")
    later = world.clock() + timedelta(hours=1)
    for number, (where, at) in enumerate([(channel, None), (channel, later), (other, None)]):
        await world.placed(await world.post(f"Isi {number}."), where, at=at)
    through = await world.placed(await world.post("Pernyataan."), channel, at=later)
    await set_fields(world, through, through_hold="Pernyataan")
    placed = await hold(world, Reach(Scope.CHANNEL, channel_id=channel.id))
    world.clock.forward(minutes=1)

    async with world.store.reading() as db:
        counted = await held.backlog(db, placed, world.clock())
    await release(world, placed)
    async with world.store.reading() as db:
        row = (await db.exec(select(Hold))).one()
        after = await held.backlog(db, row, world.clock())

    assert counted == held.Backlog(due=1, later=1, through_hold=1)
    assert after == held.Backlog(0, 0, 0)
