"""Rotation seals everything anew, wherever it is killed, and leaves what does not open."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from store import (
    audit,
    claims,
    connecting,
    instance,
    rotation,
    workers,
    workspaces,
)
from store.db import Db, Store
from store.instance import THE_INSTANCE, WrongKeys
from store.rotation import Closed, KeyNotEverywhere, Rotated
from store.tables import AlertTarget, Authorization, Channel, Publication
from store.vault import CannotOpen, KeyRing
from tests.backing import hush
from tests.chaos.mortal import Killed, MortalStore, Points
from tests.conftest import RING, Clock
from tests.sealing import (
    BOTH,
    NEW,
    SECRET,
    Safe,
    changed,
    enter,
    furnished,
    keys_in_use,
    opened,
    secrets_of,
)
from tests.world import World

NOBODY_WAITS = {"api_keys": 0, "sessions": 0, "invitations": 0, "calendar_links": 0}


@pytest.fixture
async def safe(store: Store, clock: Clock) -> Safe:
    return await furnished(await World.found(store, clock), 3)


@pytest.fixture
async def other(safe: Safe) -> Safe:
    world = await World.found(safe.world.store, safe.world.clock, "lain")
    return await furnished(world, 2)


async def rotated(store: Store, clock: Clock, ring: KeyRing = BOTH, batch: int = 2) -> Rotated:
    return await rotation.rotate(store, ring, clock(), hush, batch=batch)


async def versions(store: Store, rows: list[UUID]) -> list[Any]:
    async with store.reading() as db:
        found = [await db.get(Channel, each) or await db.get(AlertTarget, each) for each in rows]
        return [(row.version, row.updated_at) for row in found if row]


async def test_everything_is_sealed_anew_and_opens_with_the_new_key_alone(
    store: Store, safe: Safe, other: Safe, clock: Clock
) -> None:
    rows = safe.rows + other.rows
    before = await versions(store, rows)

    done = await rotated(store, clock)
    again = await rotated(store, clock)

    assert done == Rotated(
        "k2", ("k1",), Counter({"channel": 5, "alert_target": 2}), [], True, NOBODY_WAITS
    )
    assert again == Rotated("k2", ("k1",), Counter(), [], True, NOBODY_WAITS)
    assert (done.is_over, await keys_in_use(store)) == (True, {"k2": 13})
    assert await opened(store, NEW) == safe.known | other.known
    assert await versions(store, rows) == before
    await instance.check_keys(store, NEW, clock())
    with pytest.raises(WrongKeys):
        await instance.check_keys(store, RING, clock())


async def test_each_office_reads_in_its_audit_how_much_was_sealed(
    store: Store, safe: Safe, clock: Clock
) -> None:
    await rotated(store, clock)

    async with store.reading() as db:
        workspace = await workspaces.by_slug(db, safe.world.slug)
        entries = await audit.entries(db, workspace.id, action="rotate_keys")
        wrong = await audit.verify(db, workspace.id)
    assert [(each.actor, each.noun, each.row_id, each.data) for each in entries] == [
        ("cli", "instance", THE_INSTANCE, {"key": "k2", "noun": "alert_target", "rows": 1}),
        ("cli", "instance", THE_INSTANCE, {"key": "k2", "noun": "channel", "rows": 1}),
        ("cli", "instance", THE_INSTANCE, {"key": "k2", "noun": "channel", "rows": 2}),
    ]
    assert wrong is None


async def test_without_an_older_key_there_is_nothing_to_do(
    store: Store, safe: Safe, clock: Clock
) -> None:
    done = await rotated(store, clock, RING)

    assert done == Rotated("k1", (), Counter(), [], True, NOBODY_WAITS)
    assert await opened(store, RING) == safe.known


SWAPS = ("channels", "fields", "offices", "a target in a channel")


async def swap(store: Store, how: str, safe: Safe, other: Safe) -> list[tuple[UUID, str]]:
    """Put sealed texts where they do not belong; return where those are."""
    first, second, foreign = safe.rows[0], safe.rows[1], other.rows[0]
    if how == "fields":
        async with changed(store, Channel, first) as secrets:
            secrets["access"], secrets["refresh"] = secrets["refresh"], secrets["access"]
        return [(first, "access"), (first, "refresh")]
    if how == "a target in a channel":
        (target,) = [each for each, known in safe.known.items() if known == {"secret": SECRET}]
        moved = await secrets_of(store, AlertTarget, target)
        async with changed(store, Channel, first) as secrets:
            secrets["secret"] = moved["secret"]
        return [(first, "secret")]
    there = second if how == "channels" else foreign
    one, two = await secrets_of(store, Channel, first), await secrets_of(store, Channel, there)
    for row, moved in ((first, two), (there, one)):
        async with changed(store, Channel, row) as secrets:
            secrets["access"] = moved["access"]
    return [(first, "access"), (there, "access")]


@pytest.mark.parametrize("how", SWAPS)
async def test_what_was_moved_elsewhere_does_not_open_and_is_not_sealed_anew(
    store: Store, safe: Safe, other: Safe, clock: Clock, how: str
) -> None:
    moved = await swap(store, how, safe, other)
    texts = {each: (await secrets_of(store, Channel, each[0]))[each[1]] for each in moved}

    done = await rotated(store, clock)

    left = {each: (await secrets_of(store, Channel, each[0]))[each[1]] for each in moved}
    assert [(each.id, each.field) for each in done.closed] == moved
    assert {(each.noun, each.reason, each.key) for each in done.closed} == {
        ("channel", "tampered", "k1")
    }
    assert left == texts
    assert (done.settled, done.is_over) == (True, False)
    assert await keys_in_use(store) == {"k2": 13 - len(moved) + (how == SWAPS[3]), "k1": len(moved)}
    with pytest.raises(CannotOpen, match="tampered"):
        await opened(store, BOTH)


async def test_what_no_key_opens_is_named_and_left_as_it_is(
    store: Store, safe: Safe, clock: Clock
) -> None:
    gone = KeyRing.parse("k0:" + "C" * 43)
    row = safe.rows[1]
    bound: Any = {
        "workspace": (await safe.world.workspace()).id,
        "channel": row,
        "field": "refresh",
    }
    texts = {"refresh": gone.seal("lama", **bound), "aneh": "bukan segel"}
    async with changed(store, Channel, row) as secrets:
        secrets.update(texts)

    done = await rotated(store, clock)

    assert done.closed == [
        Closed("biro", "channel", row, "Kait 1", "refresh", "unknown-key", "k0"),
        Closed("biro", "channel", row, "Kait 1", "aneh", "format", None),
    ]
    kept = await secrets_of(store, Channel, row)
    assert {name: kept[name] for name in texts} == texts
    assert BOTH.is_current(kept["access"])
    await instance.check_keys(store, NEW, clock())


async def test_killed_at_any_commit_it_goes_on_when_it_is_run_again(
    store: Store, safe: Safe, database_url: str, clock: Clock
) -> None:
    deaths = 0
    while True:
        mortal = MortalStore(database_url, Points(deaths))
        try:
            await rotation.rotate(mortal, BOTH, clock(), hush, batch=1)
        except Killed:
            deaths += 1
        else:
            break
        finally:
            await mortal.close()
        assert await opened(store, BOTH) == safe.known
        if (await keys_in_use(store))["k1"] > 1:  # the check goes last
            with pytest.raises(WrongKeys):
                await instance.check_keys(store, NEW, clock())

    assert deaths >= 4
    assert await keys_in_use(store) == {"k2": 8}
    assert await opened(store, NEW) == safe.known


async def under_way(safe: Safe, ring: KeyRing) -> tuple[UUID, UUID, str]:
    """Let an upload and a connection be under way; return both rows and the connection's state."""
    world, now = safe.world, safe.world.clock()
    async with world.store.reading() as db:
        channel = await db.get(Channel, safe.rows[0])
        assert channel is not None
    row = await world.placed(await world.post("Isi."), channel)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        publication = await db.get(Publication, row)
        assert publication is not None
        bound = {"workspace": workspace.id, "channel": channel.id}
        field = claims.ticket_field(row)
        publication.ticket = ring.seal("tiket", **bound, field=field)
        authorization, ticket = await connecting.give_ticket(
            db, ring, workspace, world.writer, channel, None, now
        )
    departure = await connecting.start(world.store, ring, ticket, None, now)
    return row, authorization.id, f"{departure.state} {departure.verifier} {departure.browser}"


async def test_what_is_under_way_is_sealed_anew_and_goes_on(
    store: Store, safe: Safe, clock: Clock
) -> None:
    row, authorization, carried = await under_way(safe, RING)
    state, verifier, browser = carried.split()
    before = await safe.world.row(row)

    done = await rotated(store, clock)

    after = await safe.world.row(row)
    bound = {"workspace": after.workspace_id, "channel": after.channel_id}
    assert dict(done.sealed) == {
        "channel": 3,
        "alert_target": 1,
        "publication": 1,
        "authorization": 1,
    }
    assert NEW.open(after.ticket or "", **bound, field=claims.ticket_field(row)) == "tiket"
    assert after.model_dump(exclude={"ticket"}) == before.model_dump(exclude={"ticket"})
    async with store.reading() as db:
        kept = await db.get(Authorization, authorization)
    assert kept is not None
    assert NEW.is_current(kept.sealed_verifier or "")
    back = await connecting.finish(store, BOTH, state, browser, clock())
    assert back.verifier == verifier


async def test_what_is_over_is_left_under_the_older_key(
    store: Store, safe: Safe, clock: Clock
) -> None:
    row, _, _ = await under_way(safe, RING)
    async with store.transaction() as db:
        publication = await db.get(Publication, row)
        assert publication is not None
        publication.status = "published"
    clock.forward(minutes=11)

    done = await rotated(store, clock)

    assert dict(done.sealed) == {"channel": 3, "alert_target": 1}
    assert done.is_over


async def test_a_ticket_opens_for_its_own_publication_only(safe: Safe) -> None:
    row, _, _ = await under_way(safe, RING)
    publication = await safe.world.row(row)
    bound: Any = {"workspace": publication.workspace_id, "channel": publication.channel_id}

    with pytest.raises(CannotOpen, match="tampered"):
        RING.open(publication.ticket or "", **bound, field=claims.ticket_field(safe.rows[0]))


class Haunted(Store):
    """A store beside which somebody seals with an older key, after every commit."""

    def __init__(self, url: str, safe: Safe, ring: KeyRing) -> None:
        super().__init__(url)
        self._safe, self._ring = safe, ring

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        async with super().transaction() as db:
            yield db
        row = self._safe.rows[0]
        await enter(self._safe.world, row, self._safe.known[row], self._ring)


@pytest.mark.parametrize(("ring", "settled"), [(RING, False), (BOTH, True)], ids=["old", "new"])
async def test_it_says_when_somebody_goes_on_to_seal_with_an_older_key(
    store: Store, safe: Safe, database_url: str, clock: Clock, *, ring: KeyRing, settled: bool
) -> None:
    haunted = Haunted(database_url, safe, ring)

    done = await rotated(haunted, clock)

    await haunted.close()
    assert (done.settled, done.is_over) == (settled, settled)
    await instance.check_keys(store, BOTH, clock())
    if not settled:
        await instance.check_keys(store, RING, clock())


async def test_it_waits_for_processes_that_could_not_open_what_it_seals(
    store: Store, safe: Safe, clock: Clock
) -> None:
    now = clock()
    await workers.note(store, "host:1", "all", now, RING.ids)
    await workers.note(store, "host:2", "worker", now, BOTH.ids)
    await workers.note(store, "host:3", "api", now)
    await workers.note(store, "host:4", "api", now - workers.ALIVE, RING.ids)

    with pytest.raises(KeyNotEverywhere) as refusal:
        await rotated(store, clock)
    untouched = await keys_in_use(store)
    for name in ("host:1", "host:3"):
        await workers.forget(store, name)
    await rotated(store, clock)

    assert refusal.value.facts == {"key": "k2", "processes": "host:1, host:3", "seconds": 90}
    assert (untouched, await keys_in_use(store)) == ({"k1": 8}, {"k2": 8})
