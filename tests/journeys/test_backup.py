"""A backup is killed in the middle, and one is restored after what it knew to come had gone out."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from schedulers.publishing import publish
from store import holds
from store.blobs import FolderBlobs
from store.db import Store
from store.instance import check_keys
from tests.backing import another, brought_back, entries, taken
from tests.conftest import RING, Clock
from tests.journeys.serving import ran, start
from tests.processes import KEYS, ended
from tests.world import Scripted, World

BALLAST_BYTES = 100_000_000


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await check_keys(store, RING, clock())
    return await World.found(store, clock, missed_policy="send_late")


@pytest.fixture
async def other(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    with another(database, tmp_path) as url:
        store = Store(url)
        yield store
        await store.close()


async def receivers(world: World) -> dict[str, UUID]:
    """Return a post on a receiver that knows its repetitions, and one on one that does not."""
    rows = {}
    for name, knows in (("knows", True), ("does not", False)):
        settings = {"url": "https://x.example/", "receiver_deduplicates": knows}
        channel = await world.channel(name, "webhook", settings=settings)
        rows[name] = await world.placed(await world.post(name), channel)
    return rows


def live(platform: Scripted) -> Counter[str]:
    """Return how often each post is live: a receiver that knows repetitions shows one of a key."""
    knows = {sent.key for sent in platform.sent if sent.account.handle == "knows"}
    others = [sent.account.handle for sent in platform.sent if sent.account.handle != "knows"]
    return Counter(["knows"] * len(knows) + others)


async def go(world: World, rows: dict[str, UUID], platform: Scripted, folder: Path) -> None:
    publisher = world.publisher({"webhook": platform}, FolderBlobs(folder / "media"))
    for row in rows.values():
        await publish(publisher, row)


async def test_nothing_is_doubled_by_a_restore(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    rows, platform = await receivers(world), Scripted()
    await taken(world.store, tmp_path, clock())
    clock.forward(minutes=2)
    await go(world, rows, platform, tmp_path)
    assert live(platform) == {"knows": 1, "does not": 1}

    clock.forward(minutes=2)
    done = await brought_back(other, tmp_path, clock())
    world.store = other
    await go(world, rows, platform, tmp_path)
    sent_while_held = len(platform.sent)
    await holds.release_all(other, clock())
    clock.forward(minutes=2)
    await go(world, rows, platform, tmp_path)

    assert (done.epoch.review, done.epoch.unproved) == (1, 1)
    assert (sent_while_held, live(platform)) == (2, {"knows": 1, "does not": 1})
    found = {name: await world.row(row) for name, row in rows.items()}
    assert {name: (row.status, row.reason) for name, row in found.items()} == {
        "knows": ("published", None),
        "does not": ("needs_review", "restored"),
    }
    assert len({sent.key for sent in platform.sent if sent.account.handle == "knows"}) == 1


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_restore_without_the_epoch_doubles_what_went_out(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    """The canary: the file alone, copied back."""
    rows, platform = await receivers(world), Scripted()
    kept = await taken(world.store, tmp_path, clock())
    clock.forward(minutes=2)
    await go(world, rows, platform, tmp_path)

    copied = shutil.copy(tmp_path / "backup" / kept.file, tmp_path / "naive.db")
    world.store = Store(f"sqlite+aiosqlite:///{copied}")
    await go(world, rows, platform, tmp_path)
    await world.store.close()

    assert live(platform) == {"knows": 1, "does not": 2}


@pytest.mark.own_database
async def test_a_backup_that_is_killed_leaves_none(
    world: World, database_url: str, tmp_path: Path
) -> None:
    if world.store.is_sqlite:
        async with world.store.transaction() as db:
            connection = await db.connection()
            await connection.execute(text("CREATE TABLE ballast (bytes BLOB)"))
            ballast = text("INSERT INTO ballast VALUES (zeroblob(:size))")
            await connection.execute(ballast, {"size": BALLAST_BYTES})
    settings = {"PILAR_DATABASE_URL": database_url, "PILAR_SECRET_KEYS": KEYS}

    process = await start(tmp_path, "backup", "kept", **settings)
    async with asyncio.timeout(30):
        while not any(name.startswith("kept.partial-") for name in entries(tmp_path)):
            assert process.returncode is None, (tmp_path / "log").read_text()
            await asyncio.sleep(0.001)
    process.kill()
    await ended(process, tmp_path / "log")

    assert "kept" not in entries(tmp_path)
    code, said, _ = await ran(tmp_path, "backup", "kept", **settings)
    assert (code, "kept" in entries(tmp_path)) == (0, True), said
