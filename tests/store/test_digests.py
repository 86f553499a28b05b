"""Whose digest a credential has: an older key's until it is used, and then the first one's."""

from typing import Any

from planner.access import SCOPES, Role
from store import (
    calendar_links,
    callers,
    invitations,
    keys,
    people,
    rotation,
    sessions,
    workspaces,
)
from store.audit import CLI
from store.db import Store
from store.vault import KeyRing
from tests.conftest import RING, Clock
from tests.sealing import BOTH, NEW
from tests.world import World

NOBODY_WAITS = {"api_keys": 0, "sessions": 0, "invitations": 0, "calendar_links": 0}


async def hand_out(world: World, ring: KeyRing) -> dict[str, str]:
    """Make one of each credential that is kept as a digest; return them."""
    now = world.clock()
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        person = await people.by_email(db, f"owner@{world.slug}.example")
        assert person is not None
        more: Any = {"name": "mesin", "scopes": SCOPES, "created_by": person.id, "now": now}
        _, key = await keys.add(db, ring, [workspace], CLI, expires_at=None, **more)
        _, cookie = await sessions.add(db, ring, person, "tests", now)
        mail = f"{ring.first}-{now.timestamp()}@x.example"
        _, letter = await invitations.add(db, ring, workspace, CLI, mail, Role.EDITOR, now)
        _, link = await calendar_links.add(
            db, ring, workspace, CLI, name="Ponsel", channel=None, now=now
        )
    return {"api_keys": key, "sessions": cookie, "invitations": letter, "calendar_links": link}


async def use(world: World, ring: KeyRing, given: dict[str, str], noun: str) -> None:
    """Come in by a credential."""
    now = world.clock()
    async with world.store.transaction() as db:
        if noun == "invitations":
            workspace = await workspaces.lock(db, world.slug)
            invitation = await invitations.by_token(db, ring, given[noun], now)
            person = await people.add(db, "tamu@x.example", "Tamu", "id", now)
            await invitations.accept(db, workspace, CLI, invitation, person, now)
        elif noun == "calendar_links":
            seen = await calendar_links.opened_by(db, ring, world.slug, given[noun])
            assert calendar_links.is_stale(seen, now)
            await calendar_links.touch(db, seen, now)
        else:
            by_key, digests = noun == "api_keys", (keys if noun == "api_keys" else sessions).digests
            come = callers.by_key if by_key else callers.by_session
            caller = await come(db, digests(ring, given[noun]), None, now)
            assert caller is not None
            assert caller.stale
            await callers.touch(db, caller, now)


async def waiting(world: World, ring: KeyRing) -> dict[str, int]:
    async with world.store.reading() as db:
        return await rotation.waiting(db, ring, world.clock())


async def test_it_counts_what_an_older_key_alone_knows_until_it_is_used(
    store: Store, clock: Clock
) -> None:
    world = await World.found(store, clock)
    given = await hand_out(world, RING)
    before = await waiting(world, RING)
    await hand_out(world, BOTH)
    counts = [await waiting(world, BOTH)]

    for noun in NOBODY_WAITS:
        await use(world, BOTH, given, noun)
        counts.append(await waiting(world, BOTH))

    assert before == NOBODY_WAITS
    assert [list(each.values()) for each in counts] == [
        [1, 1, 1, 1],
        [0, 1, 1, 1],
        [0, 0, 1, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
    ]
    async with store.reading() as db:  # and with the new key alone they are good
        by_key = await callers.by_key(db, keys.digests(NEW, given["api_keys"]), None, clock())
        by_cookie = await callers.by_session(
            db, sessions.digests(NEW, given["sessions"]), None, clock()
        )
        await calendar_links.opened_by(db, NEW, world.slug, given["calendar_links"])
    assert by_key is not None
    assert by_cookie is not None
    assert (by_key.stale, by_cookie.stale) == (False, False)


async def test_what_is_over_is_not_waited_for_and_what_nobody_knows_is(
    store: Store, clock: Clock
) -> None:
    world = await World.found(store, clock)
    await hand_out(world, RING)
    async with store.transaction() as db:
        for table in ("api_key", "session", "invitation", "calendar_link"):
            connection = await db.connection()
            await connection.exec_driver_sql(f"UPDATE {table} SET digest_key = NULL")  # noqa: S608

    unknown = await waiting(world, BOTH)
    only = await waiting(world, RING)
    clock.forward(days=15)
    later = await waiting(world, BOTH)

    assert list(unknown.values()) == [1, 1, 1, 1]
    assert only == NOBODY_WAITS
    assert list(later.values()) == [1, 0, 0, 1]
