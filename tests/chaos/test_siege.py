"""Publishing through `kill -9`, on platforms of every class: nothing lost, doubled or stuck."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.sieges import LEASE_SECONDS, MISCHIEF, Siege, laid

# One after the other: two sieges at once would only watch each other's processes begin.
pytestmark = pytest.mark.xdist_group("siege")

LIFE_SECONDS = 1.0
"""How long a process that has begun lives at most, until it is killed."""
START_SECONDS = 0.7
"""How long a worker takes to begin on a machine that has nothing else to do."""
SLOWEST = 2
"""Where beginning takes longer, so does publishing: workers live longer there, up to so much."""
SIDES = 2
"""So many sieges at once, or one core would watch the other start processes."""


@pytest.fixture
async def siege(database_url: str, tmp_path: Path) -> AsyncIterator[Siege]:
    async with laid(database_url, tmp_path) as siege:
        yield siege


async def kill_the_embedded(siege: Siege, kills: int, posts_each: float) -> None:
    """Kill `pilar serve` again and again, then let it finish."""
    service = siege.pilar("serve")
    try:
        for _ in range(kills):
            await siege.press(posts_each)
            await service.start()
            await asyncio.sleep(siege.dice.random() * LIFE_SECONDS)
            await service.kill()
            siege.kills += 1
        # On PostgreSQL another process may live: a claim is only taken over after its lease.
        await asyncio.sleep(0 if siege.besieged.store.is_sqlite else LEASE_SECONDS)
        await service.start()
        await siege.finish(service)
    finally:
        await service.kill()


async def kill_workers(siege: Siege, count: int, kills: int, posts_each: float) -> None:
    """Kill `pilar worker` processes, each at its own times, then let them finish."""
    workers = [siege.pilar("worker", name=f"worker-{number}") for number in range(count)]

    async def harass(number: int) -> None:
        worker = workers[number]
        for _ in range(kills // count):
            await siege.press(posts_each)
            await siege.cut_short()
            begun = time.monotonic()
            await worker.start()
            slowness = min(max(1, (time.monotonic() - begun) / START_SECONDS), SLOWEST)
            await asyncio.sleep(siege.dice.random() * 2 * LIFE_SECONDS * slowness)
            await worker.kill()
            siege.kills += 1

    try:
        await asyncio.gather(*(harass(number) for number in range(count)))
        await asyncio.sleep(LEASE_SECONDS)
        await asyncio.gather(*(worker.start() for worker in workers))
        await siege.finish(*workers)
    finally:
        await asyncio.gather(*(worker.kill() for worker in workers))


@pytest.mark.parametrize("database", ["sqlite"])
async def test_nothing_is_lost_or_doubled_through_kills(siege: Siege) -> None:
    await siege.open(2)

    await kill_the_embedded(siege, kills=4, posts_each=1.5)

    await siege.judge()


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["postgresql"])
async def test_nothing_is_lost_or_doubled_through_kills_on_postgresql(siege: Siege) -> None:
    await siege.open(2)

    await kill_the_embedded(siege, kills=30, posts_each=0.5)

    await siege.judge()


@pytest.mark.chaos
async def test_nothing_is_lost_or_doubled_through_many_kills(
    migrated_file: Path, tmp_path: Path
) -> None:
    async def lay(side: int) -> None:
        folder = tmp_path / str(side)
        folder.mkdir()
        shutil.copy(migrated_file, folder / "pilar.db")
        async with laid(f"sqlite+aiosqlite:///{folder}/pilar.db", folder) as siege:
            await siege.open(2)
            await kill_the_embedded(siege, kills=160, posts_each=1)
            await siege.judge()

    async with asyncio.TaskGroup() as sides:
        for side in range(SIDES):
            sides.create_task(lay(side))


@pytest.mark.own_database
@pytest.mark.parametrize("database", ["postgresql"])
async def test_nothing_is_lost_or_doubled_by_workers(siege: Siege) -> None:
    await siege.open(1)

    await kill_workers(siege, count=2, kills=4, posts_each=2)

    await siege.judge()


@pytest.mark.chaos
@pytest.mark.own_database
@pytest.mark.parametrize("database", ["postgresql"])
async def test_nothing_is_lost_or_doubled_by_many_workers(siege: Siege) -> None:
    await siege.open(6)

    await kill_workers(siege, count=4, kills=720, posts_each=0.2)

    await siege.judge()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_where_everything_is_sent_again_the_judge_sees_it(siege: Siege) -> None:
    await siege.open(1, ["search", "blind"], **MISCHIEF | {"lost": 0.5})
    await siege.place(5, 0)
    service = siege.pilar("serve", naive=True)
    faults: set[str] = set()

    await service.start()
    for _ in range(100):
        faults = {fault for end in await siege.ends() for fault in end.faults} - {"stuck"}
        if faults:
            break
        await asyncio.sleep(0.2)
    await service.kill()

    assert faults == {"doubled"}
