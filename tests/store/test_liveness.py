"""A worker is known to run, or to be gone, by what the database server knows of its session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from store import workers
from store.db import Db, Store
from store.liveness import Alone, SessionLock, key_of
from store.workers import WorkerSeen
from tests import postgres
from tests.conftest import Clock
from tests.waiting import until

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


@asynccontextmanager
async def locking(store: Store, prefix: str = "host:1") -> AsyncIterator[SessionLock]:
    lock = SessionLock(store, prefix)
    await lock.start()
    try:
        yield lock
    finally:
        await lock.stop()


async def holds(store: Store, lock: SessionLock, worker: str) -> bool:
    async with store.transaction() as db:
        return await lock.holds(db, worker)


async def is_gone(store: Store, lock: SessionLock, worker: str) -> bool:
    async with store.transaction() as db:
        return await lock.is_gone(db, worker)


async def end_sessions(store: Store, application: str) -> int:
    """Let the server end the sessions of an application; return how many there were."""
    query = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = :application AND datname = current_database()"
    )
    async with store.transaction() as db:
        found = await (await db.connection()).execute(query, {"application": application})
        return len(found.all())


@pytest.mark.parametrize("worker", ["w1", "another"])
async def test_whoever_owns_the_file_is_the_only_one(store: Store, worker: str) -> None:
    alone = Alone("w1")
    await alone.start()

    async with store.transaction() as db:
        found = await alone.holds(db, worker), await alone.is_gone(db, worker)

    await alone.stop()
    assert found == (worker == "w1", worker != "w1")


@on_postgresql
async def test_a_name_is_held_by_its_session_and_seen_by_others(store: Store) -> None:
    async with locking(store) as first, locking(store) as second:
        held = [await holds(store, first, each.worker) for each in (first, second)]
        gone = [
            await is_gone(store, first, second.worker),
            await is_gone(store, second, first.worker),
            await is_gone(store, first, first.worker),
        ]
        names = {first.worker, second.worker}

    assert (held, gone, len(names)) == ([True, False], [False, False, False], 2)
    assert all(name.startswith("host:1:") for name in names)


@on_postgresql
async def test_a_worker_that_stops_is_gone(store: Store) -> None:
    async with locking(store) as left:
        async with locking(store) as ended:
            before = await is_gone(store, left, ended.worker)
        after = await is_gone(store, left, ended.worker)

        assert (before, after) == (False, True)
        assert await is_gone(store, left, "a host that never was") is True
        assert await holds(store, ended, ended.worker) is False


@on_postgresql
async def test_whoever_looks_for_a_name_does_not_keep_it(store: Store) -> None:
    async with locking(store) as lock:
        async with store.transaction() as first:
            looked = [await lock.is_gone(first, "away") for _ in range(2)]
            async with store.transaction() as second:  # somebody recovers from it just now
                meanwhile = await lock.is_gone(second, "away")
        after = await is_gone(store, lock, "away")

    assert (looked, meanwhile, after) == ([True, True], False, True)


@on_postgresql
async def test_a_session_that_the_server_ended_costs_the_name_for_ever(store: Store) -> None:
    async with locking(store) as lock, locking(store, "watcher") as watcher:
        former = lock.worker
        async with store.transaction() as db:
            await end_sessions_inside(db, lock)
            at_once = await lock.holds(db, former)
        took = await until(lambda: held_again(store, lock, former))

        assert at_once is False
        assert await holds(store, lock, former) is False
        assert await is_gone(store, watcher, former) is True
        assert await is_gone(store, watcher, lock.worker) is False
    assert took < 3


async def held_again(store: Store, lock: SessionLock, former: str) -> bool:
    return lock.worker != former and await holds(store, lock, lock.worker)


async def end_sessions_inside(db: Db, lock: SessionLock) -> None:
    """End a lock's session, and wait until the server has: the lock's owner may not know yet."""
    connection = await db.connection()
    await connection.execute(
        text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": lock._backend}
    )


@on_postgresql
async def test_ends_of_sessions_in_a_row_are_survived(store: Store) -> None:
    async with locking(store) as lock:
        names = [lock.worker]
        for _ in range(5):
            await end_sessions(store, "pilar liveness")
            await until(lambda: held_again(store, lock, names[-1]))
            names.append(lock.worker)

        assert await holds(store, lock, lock.worker) is True
    assert len(set(names)) == 6


async def test_a_server_that_restarts_is_waited_for() -> None:
    server = postgres.start(binaries=postgres.installed()[0])
    store = Store(server.url("postgres"))
    try:
        async with locking(store) as lock, locking(store) as other:
            former = lock.worker
            await asyncio.to_thread(server.restart, 1.0)
            await until(lambda: held_again(store, lock, former))
            await until(lambda: held_again(store, other, former))

            assert lock.worker != former
            assert await is_gone(store, other, former) is True
            assert await is_gone(store, other, lock.worker) is False
    finally:
        await store.close()
        server.stop()


@given(names=st.sets(st.text(max_size=80), min_size=2, max_size=20))
def test_a_lock_has_a_number_of_its_own(names: set[str]) -> None:
    keys = {key_of(name) for name in names}

    assert len(keys) == len(names)
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_the_number_of_a_lock_is_the_same_on_every_host() -> None:
    assert key_of("pilar") == -7_244_947_043_349_116_983  # printf pilar | sha256sum


async def test_processes_are_seen_for_a_while_and_kept_for_a_day(
    store: Store, clock: Clock
) -> None:
    old = clock()
    await workers.note(store, "old", "api", old)
    clock.forward(hours=23)
    await workers.note(store, "w2", "worker", clock())
    await workers.note(store, "w1", "all", clock())
    first = clock()
    clock.forward(minutes=1)
    await workers.note(store, "w2", "worker", clock())
    second = clock()
    clock.forward(seconds=60)

    async with store.reading() as db:
        alive, seen = await workers.alive(db, clock()), await workers.seen(db)
    clock.forward(hours=1)
    await workers.note(store, "w3", "tick", clock())
    await workers.forget(store, "w2")
    async with store.reading() as db:
        left = [each.name for each in await workers.seen(db)]

    assert alive == [WorkerSeen("w2", "worker", second)]
    assert [(each.name, each.seen_at) for each in seen] == [
        ("w2", second),
        ("w1", first),
        ("old", old),
    ]
    assert left == ["w3", "w1"]
