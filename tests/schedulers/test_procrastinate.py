"""The queue on PostgreSQL: quick, in the caller's transaction, and healed by itself."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from schedulers.deliveries.procrastinate import TASK, ProcrastinateDelivery
from store import migrating, queued
from store.db import Store, driver_of
from tests import postgres
from tests.schedulers.test_deliveries import GRACE_SECONDS, Hand, deliver, running
from tests.waiting import until

QUICK_SECONDS = 0.25
"""Far below the second after which it looks around by itself."""

JOBS = "SELECT task_name, status::text FROM procrastinate.procrastinate_jobs ORDER BY id"

# What a worker that was killed a minute ago leaves.
STALLED = """
WITH worker AS (
    INSERT INTO procrastinate_workers (last_heartbeat)
    VALUES (now() - interval '1 minute') RETURNING id
)
UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM worker)
"""

SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'pilar queue' AND datname = current_database()
"""
END_SESSIONS = SESSIONS.replace("count(*)", "count(pg_terminate_backend(pid))")


@pytest.fixture(params=["postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def hand() -> Hand:
    hand = Hand()
    hand.goes_on.set()
    return hand


async def read(store: Store, query: str) -> list[tuple[object, ...]]:
    async with store.transaction() as db:
        return [tuple(row) for row in await (await db.connection()).execute(text(query))]


async def write(store: Store, *statements: str) -> None:
    """Change the queue's tables, whose triggers look for others beside them."""
    async with store.transaction() as db:
        connection = await driver_of(db, queued.SCHEMA)
        for statement in statements:
            await connection.execute(statement)


async def publish_jobs(store: Store) -> list[object]:
    """Return the states of the jobs that publish."""
    return [status for task, status in await read(store, JOBS) if task == TASK]


async def jobs_left(store: Store, count: int) -> bool:
    return len(await publish_jobs(store)) == count


def made(store: Store, concurrency: int = 4) -> ProcrastinateDelivery:
    return ProcrastinateDelivery(store, concurrency)


async def handled(store: Store, delivery: ProcrastinateDelivery, hand: Hand) -> float:
    """Deliver one publication; return after how many seconds it was handled."""
    began, before = time.perf_counter(), len(hand.ended)
    await deliver(store, delivery, uuid7())
    await hand.until(ended=before + 1)
    return time.perf_counter() - began


async def test_what_is_committed_runs_at_once(store: Store, hand: Hand) -> None:
    delivery = made(store)

    async with running(delivery, hand):
        await handled(store, delivery, hand)
        took = [await handled(store, delivery, hand) for _ in range(20)]

    assert statistics.median(took) < QUICK_SECONDS


async def test_a_job_is_handled_in_another_process_than_the_one_that_queued_it(
    store: Store, hand: Hand
) -> None:
    queues, works = made(store), made(store)
    one = uuid7()

    async with running(works, hand):
        await deliver(store, queues, one)
        await hand.until(ended=1)

    assert hand.ended == [one]


async def test_whoever_only_queues_opens_no_connection(store: Store) -> None:
    delivery = made(store)

    await deliver(store, delivery, uuid7(), uuid7())

    assert await read(store, SESSIONS) == [(0,)]
    assert await publish_jobs(store) == ["todo", "todo"]
    await delivery.stop(GRACE_SECONDS)


async def test_nothing_piles_up_while_nobody_works(store: Store, hand: Hand) -> None:
    delivery, ids = made(store), [uuid7() for _ in range(3)]

    for _ in range(5):
        await deliver(store, delivery, *ids)
    async with store.reading() as db:
        waiting, depth = await queued.waiting(db, TASK, [*ids, uuid7()]), await queued.depth(db)
    async with running(delivery, hand):
        await hand.until(ended=3)
        await asyncio.sleep(0.1)

    assert (waiting, depth) == (set(ids), 3)
    assert sorted(hand.ended) == ids


async def test_the_transaction_that_queues_goes_on_and_leaves_no_trace(store: Store) -> None:
    delivery = made(store)
    path = "SELECT current_setting('search_path')"
    before = await read(store, path)

    async with store.transaction() as db:
        await delivery.enqueue(db, [uuid7()])
        await delivery.enqueue(db, [uuid7()])
        found = (await (await db.connection()).execute(text("SELECT count(*) FROM instance"))).one()

    assert tuple(found) == (0,)
    assert await read(store, path) == before
    assert await publish_jobs(store) == ["todo", "todo"]


async def test_a_job_that_ended_leaves_no_row(store: Store, hand: Hand) -> None:
    delivery = made(store)
    bad = uuid7()
    hand.bad.add(bad)

    async with running(delivery, hand):
        await deliver(store, delivery, uuid7(), bad)
        await until(lambda: jobs_left(store, 0))

    assert (len(hand.begun), len(hand.ended)) == (2, 1)


async def test_a_job_of_a_worker_that_died_runs_again(store: Store, hand: Hand) -> None:
    delivery, one = made(store), uuid7()
    await deliver(store, delivery, one)
    await write(store, STALLED)

    async with running(delivery, hand):
        await hand.until(ended=1)

    assert hand.ended == [one]
    assert await publish_jobs(store) == []


async def test_what_was_cut_off_is_removed_after_a_day(store: Store, hand: Hand) -> None:
    delivery = made(store)
    await deliver(store, delivery, uuid7(), uuid7())
    await write(
        store,
        "UPDATE procrastinate_jobs SET status = 'doing'",
        "UPDATE procrastinate_jobs SET status = 'aborted'",
        "UPDATE procrastinate_events SET at = now() - interval '25 hours' "
        "WHERE job_id = (SELECT min(id) FROM procrastinate_jobs)",
    )
    async with store.transaction() as db:
        connection = await driver_of(db, queued.SCHEMA)
        chore = delivery._app.tasks["remove_old"].configure(connection=connection)
        await chore.defer_async(timestamp=0)

    async with running(delivery, hand):
        await until(lambda: jobs_left(store, 1))

    assert await publish_jobs(store) == ["aborted"]


async def test_sessions_that_the_server_ends_are_replaced(store: Store, hand: Hand) -> None:
    delivery, ids = made(store), [uuid7() for _ in range(10)]

    async with running(delivery, hand):
        await handled(store, delivery, hand)
        for each in ids:
            await deliver(store, delivery, each)
            await write(store, END_SESSIONS)
            await asyncio.sleep(0.1)
        await until(lambda: set(ids) <= set(hand.ended))

    assert hand.cut_off == []


@asynccontextmanager
async def a_server_of_our_own() -> AsyncIterator[tuple[postgres.Server, Store]]:
    server = postgres.start(binaries=postgres.installed()[0])
    store = Store(server.url("postgres"))
    try:
        await migrating.upgrade(store)
        yield server, store
    finally:
        await store.close()
        server.stop()


async def test_a_restart_of_the_server_is_survived_and_cuts_nothing_off() -> None:
    hand, slow = Hand(), uuid7()
    async with a_server_of_our_own() as (server, store):
        delivery = made(store)
        async with running(delivery, hand):
            await deliver(store, delivery, slow)
            await hand.until(begun=1)
            await asyncio.to_thread(server.restart, 1.0)
            hand.goes_on.set()
            await hand.until(ended=1)
            later = [uuid7() for _ in range(3)]
            await deliver(store, delivery, *later)
            took = await until(lambda: set(later) <= set(hand.ended))

    assert (hand.cut_off, hand.ended[0], sorted(hand.ended[1:])) == ([], slow, later)
    assert took < 10
