"""Nothing written is lost, nothing is half written, and nobody else writes, on both databases."""

import asyncio
import random
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Dialect, create_engine, make_url, text
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from store import pillars, workspaces
from store.audit import CLI
from store.db import DatabaseInUse, Db, Store
from store.tables import Pillar, Workspace
from store.types import Instant
from tests.conftest import Clock
from tests.world import World

TASKS, ROUNDS = 32, 20
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def add_pillar(db: Db, world: World, name: str) -> Pillar:
    workspace = await workspaces.lock(db, world.slug)
    return await pillars.add(db, workspace, CLI, {"name": name}, world.clock())


async def count_of(world: World) -> int:
    async with world.store.reading() as db:
        return (await db.exec(select(func.count()).select_from(Pillar))).one()


async def at_once(deed: Callable[[], Any]) -> list[BaseException]:
    """Do a deed in 32 tasks, 20 times each; return what was raised."""
    raised: list[BaseException] = []

    async def repeat() -> None:
        for _ in range(ROUNDS):
            try:
                await deed()
            except OperationalError as error:
                raised.append(error)

    await asyncio.gather(*(repeat() for _ in range(TASKS)))
    return raised


async def test_no_write_is_lost_and_none_finds_the_database_locked(world: World) -> None:
    before = await world.workspace()

    async def read_and_write() -> None:
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            workspace.change_seq += 1

    raised = await at_once(read_and_write)

    after = await world.workspace()
    assert raised == []
    assert after.change_seq - before.change_seq == TASKS * ROUNDS


async def test_the_drivers_defaults_would_lose_writes(world: World) -> None:
    engine = create_async_engine(world.store.url)
    query = select(Workspace).where(Workspace.slug == world.slug)

    async def read_and_write() -> None:
        async with AsyncSession(engine) as db, db.begin():
            workspace = (await db.exec(query)).one()
            workspace.change_seq += 1

    raised = await at_once(read_and_write)
    await engine.dispose()

    after = await world.workspace()
    assert after.change_seq + len(raised) < TASKS * ROUNDS


async def test_what_reads_cannot_write(world: World) -> None:
    async def write_while_reading() -> None:
        async with world.store.reading() as db:
            await add_pillar(db, world, "Sejarah")

    with pytest.raises(DBAPIError, match=r"read-?only"):
        await write_while_reading()

    assert await count_of(world) == 0


async def test_what_reads_sees_one_moment(world: World) -> None:
    async with world.store.reading() as db:
        query = select(func.count()).select_from(Pillar)
        before = (await db.exec(query)).one()
        async with world.store.transaction() as other:
            await add_pillar(other, world, "Sejarah")
        meanwhile = (await db.exec(query)).one()

    assert (before, meanwhile, await count_of(world)) == (0, 0, 1)


async def test_what_is_raised_rolls_back(world: World) -> None:
    before = await world.workspace()

    async def fail() -> None:
        async with world.store.transaction() as db:
            await add_pillar(db, world, "Sejarah")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await count_of(world) == 0
    assert await world.workspace() == before


async def test_a_cancelled_task_leaves_no_half_and_no_lock(world: World) -> None:
    written = asyncio.Event()

    async def hang() -> None:
        async with world.store.transaction() as db:
            await add_pillar(db, world, "Sejarah")
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await written.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(5), world.store.transaction() as db:
        await add_pillar(db, world, "Arsip")
    assert await count_of(world) == 1


async def test_tasks_cancelled_at_any_moment_leave_no_half_and_no_lock(world: World) -> None:
    dice = random.Random(20260302)

    async def write_two(number: int) -> None:
        async with world.store.transaction() as db:
            for side in "ab":
                await add_pillar(db, world, f"{number} {side}")

    begun = time.perf_counter()
    await write_two(0)
    longest = time.perf_counter() - begun
    ended = 1
    for number in range(1, 150):
        task = asyncio.create_task(write_two(number))
        if number % 10:  # the tenth may end in peace
            await asyncio.sleep(dice.random() * longest)
            task.cancel()
        await asyncio.wait({task}, timeout=5)
        # A lock that outlives its task would let the next one wait.
        assert task.done(), f"{number} waits for a lock"
        ended += not task.cancelled() and task.exception() is None

    async with asyncio.timeout(2), world.store.transaction() as db:
        await add_pillar(db, world, "the last")
    async with world.store.reading() as db:
        names = (await db.exec(select(Pillar.name).where(Pillar.name != "the last"))).all()
    sides = Counter(name.split()[0] for name in names)
    assert set(sides.values()) == {2}
    # A cancel that comes while committing may come too late, never too early.
    assert 15 <= ended <= len(sides) < 150


OWN = """
import sys, time
from store.db import Store
Store(sys.argv[1]).own()
print("owned", flush=True)
time.sleep(60)
"""


@pytest.fixture
async def another(tmp_path: Path) -> AsyncIterator[Process]:
    """Give a process that owns the file in the test's folder."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'pilar.db'}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWN, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"owned\n"
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_one_process_owns_the_file_until_it_is_killed(
    tmp_path: Path, another: Process
) -> None:
    path = tmp_path / "pilar.db"
    store = Store(f"sqlite+aiosqlite:///{path}")

    with pytest.raises(DatabaseInUse) as refused:
        store.own()
    another.kill()
    await another.wait()
    store.own()

    assert refused.value.facts == {"path": str(path)}
    await store.close()


async def test_a_closed_store_lets_go_of_the_file(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'pilar.db'}"
    first, second = Store(url), Store(url)
    first.own()

    with pytest.raises(DatabaseInUse):
        second.own()
    await first.close()
    second.own()

    await second.close()


@pytest.mark.parametrize("database", ["postgresql"])
async def test_nobody_owns_a_server(database_url: str) -> None:
    first, second = Store(database_url), Store(database_url)

    first.own()
    second.own()

    await first.check()
    await first.close()
    await second.close()


async def test_listeners_are_called_after_the_commit_and_only_then(world: World) -> None:
    url = make_url(world.store.url)
    engine = create_engine(url.set(drivername="sqlite") if world.store.is_sqlite else url)
    seen: list[int] = []

    def look() -> None:
        with engine.connect() as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM pillar")).scalar_one())

    async def fail() -> None:
        async with world.store.transaction() as db:
            await add_pillar(db, world, "Arsip")
            raise ZeroDivisionError

    world.store.on_commit(look)
    async with world.store.transaction() as db:
        await add_pillar(db, world, "Sejarah")
        before = list(seen)
    with pytest.raises(ZeroDivisionError):
        await fail()
    async with world.store.reading():
        pass

    assert (before, seen) == ([], [1])
    engine.dispose()


DIALECTS: dict[str, Dialect] = {
    "sqlite": SQLiteDialect(),
    "postgresql": PGDialect(),  # type: ignore[no-untyped-call]
}

zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001


@pytest.mark.parametrize("name", DIALECTS)
@given(first=instants, second=instants)
def test_an_instant_comes_back_as_the_same_moment_in_utc(
    name: str, first: datetime, second: datetime
) -> None:
    kept = [Instant().process_bind_param(each, DIALECTS[name]) for each in (first, second)]

    back = [Instant().process_result_value(each, DIALECTS[name]) for each in kept]

    assert back == [first, second]
    assert {each.tzinfo for each in back if each} == {UTC}
    assert (kept[0] < kept[1]) == (first < second)


async def test_an_instant_in_the_database_is_utc(world: World) -> None:
    jakarta = datetime(2026, 3, 2, 8, 0, 0, 123456, timezone(timedelta(hours=7)))
    world.clock.now = jakarta
    async with world.store.transaction() as db:
        pillar = await add_pillar(db, world, "Sejarah")

    async with world.store.reading() as db:
        row = (await db.exec(select(Pillar).where(Pillar.created_at == jakarta))).one()

    assert (row.id, row.created_at) == (pillar.id, datetime(2026, 3, 2, 1, 0, 0, 123456, UTC))
    assert row.created_at.tzinfo is UTC


async def test_a_naive_instant_is_refused(world: World) -> None:
    world.clock.now = datetime(2026, 3, 2, 8, 0)  # noqa: DTZ001

    async def write() -> None:
        async with world.store.transaction() as db:
            await add_pillar(db, world, "Sejarah")

    with pytest.raises(StatementError, match="needs a time zone"):
        await write()


async def test_a_version_counts_changes_and_not_bookkeeping(world: World) -> None:
    async def change(**fields: Any) -> int:
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            for name, value in fields.items():
                setattr(workspace, name, value)
            await db.flush()
            return workspace.version

    first = (await world.workspace()).version
    versions = [
        await change(change_seq=50),
        await change(name="Humas"),
        await change(name="Biro", week_start=6),
        await change(audit_seq=60, audit_hash="x"),
    ]

    assert versions == [first, first + 1, first + 2, first + 2]


async def test_ids_sort_by_age(world: World) -> None:
    names = [f"{number:03}" for number in range(50)]
    ids: list[UUID] = []
    for name in names:
        async with world.store.transaction() as db:
            ids.append((await add_pillar(db, world, name)).id)

    async with world.store.reading() as db:
        rows = (await db.exec(select(Pillar.name).order_by(col(Pillar.id)))).all()

    assert (list(rows), ids) == (names, sorted(ids))
