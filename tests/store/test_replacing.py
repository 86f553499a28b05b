"""Replacing: a backup takes the place of the database, or nothing is changed."""

import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from store import dumping, instance, manifest, migrating, replacing, workspaces
from store.db import DatabaseInUse, Store
from store.instance import THE_INSTANCE, WrongKeys, check_keys
from store.manifest import BrokenBackup, Manifest
from store.tables import Instance
from store.vault import KeyRing
from tests import postgres
from tests.backing import another, brought_back, entries, everything, hush, stored, taken
from tests.conftest import RING, Clock
from tests.world import World

OTHER_RING = KeyRing.parse("k1:" + "B" * 43)
EPOCH = {"instance", "workspace", "change", "audit_entry"}
"""Tables in which the epoch itself writes."""


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await check_keys(store, RING, clock())
    return await World.found(store, clock)


@pytest.fixture
async def other(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    """A database of the same kind that has nothing in it."""
    with another(database, tmp_path) as url:
        store = Store(url)
        yield store
        await store.close()


async def test_everything_comes_back_as_it_was(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    digest = await stored(world, tmp_path, b"gambar")
    await world.placed(await world.post("Lain — “kutipan” \u2028 🎉."), await world.channel())
    before = await everything(world.store)
    kept = await taken(world.store, tmp_path, clock())

    done = await brought_back(other, tmp_path, clock.forward(seconds=30))

    after = await everything(other)
    assert {name: rows for name, rows in after.items() if name not in EPOCH} == {
        name: rows for name, rows in before.items() if name not in EPOCH
    }
    assert after["audit_entry"][:-1] == before["audit_entry"]
    assert (done.media_back, done.media_missing, done.put_aside) == (1, (), None)
    back = tmp_path / "back" / "media" / digest[:2] / digest[2:4] / digest
    assert back.read_bytes() == b"gambar"
    assert kept.workspaces == ("biro",)
    await migrating.check(other)
    await instance.check_keys(other, RING, clock())


async def test_a_restored_database_refuses_what_the_other_one_refused(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await brought_back(other, tmp_path, clock())

    with pytest.raises(Exception, match="append-only"):
        async with other.transaction() as db:
            await (await db.connection()).execute(text("DELETE FROM audit_entry"))


@pytest.mark.parametrize("database", ["postgresql"])
async def test_the_queue_comes_back_without_its_jobs(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    job = text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'publish')")
    seen = text("SET LOCAL search_path TO procrastinate")
    async with world.store.transaction() as db:
        for statement in (seen, job):
            await (await db.connection()).execute(statement)
    await taken(world.store, tmp_path, clock())
    await brought_back(other, tmp_path, clock())

    async with other.transaction() as db:
        count = text("SELECT count(*) FROM procrastinate.procrastinate_jobs")
        found = (await (await db.connection()).execute(count)).scalar_one()
        for statement in (seen, job):  # its functions and triggers are there
            await (await db.connection()).execute(statement)
    assert found == 0


async def test_media_with_other_bytes_are_not_brought_back(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    digest = await stored(world, tmp_path, b"gambar")
    await taken(world.store, tmp_path, clock())
    copied = tmp_path / "backup" / "media" / digest[:2] / digest[2:4] / digest
    copied.write_bytes(b"gambir")

    done = await brought_back(other, tmp_path, clock())

    assert (done.media_back, done.media_missing) == (0, (digest,))
    assert list((tmp_path / "back").rglob("*")) == [tmp_path / "back" / "incoming"]


def change(folder: Path, **fields: Any) -> Manifest:
    """Write other fields into a backup's manifest."""
    path = folder / "backup" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return manifest.read(folder / "backup")


async def refused(other: Store, folder: Path, now: datetime, error: type[Exception]) -> None:
    """Insist that a restore is refused, and that it left nothing."""
    with pytest.raises(error):
        await brought_back(other, folder, now)
    assert await migrating.revision_of(other) is None


async def test_a_damaged_database_is_refused(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    kept = await taken(world.store, tmp_path, clock())
    with (tmp_path / "backup" / kept.file).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))

    await refused(other, tmp_path, clock(), BrokenBackup)
    (tmp_path / "backup" / kept.file).unlink()
    await refused(other, tmp_path, clock(), BrokenBackup)


async def test_a_backup_of_a_newer_pilar_is_refused(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    change(tmp_path, revision="of_next_year")

    await refused(other, tmp_path, clock(), replacing.BackupTooNew)


async def test_a_backup_of_another_kind_of_database_is_refused(
    world: World, other: Store, tmp_path: Path, clock: Clock, database: str
) -> None:
    await taken(world.store, tmp_path, clock())
    change(tmp_path, database="sqlite" if database == "postgresql" else "postgresql")

    await refused(other, tmp_path, clock(), replacing.OtherDatabase)


async def test_keys_that_do_not_open_it_are_refused_before_anything_is_touched(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())

    with pytest.raises(WrongKeys):
        await brought_back(other, tmp_path, clock(), ring=OTHER_RING)

    assert await migrating.revision_of(other) is None


async def test_an_older_backup_is_migrated_up(
    other: Store, tmp_path: Path, clock: Clock, database: str
) -> None:
    await migrating.upgrade(other, "the_mix_is_kept")
    kept = await taken(other, tmp_path, clock())
    await other.close()

    await brought_back(other, tmp_path, clock(), replace=True)

    assert kept.revision == "the_mix_is_kept"
    await migrating.check(other)


def spoil(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


async def leave_log(store: Store, path: Path) -> None:
    """Leave the log of a database that is in use under another one's name."""
    shutil.copy(f"{store.url.database}-wal", f"{path}-wal")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_file_of_before_is_put_aside_whole(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await world.channel("sesudah")
    before = await everything(world.store)
    await world.store.close()

    done = await brought_back(world.store, tmp_path, clock())

    assert done.put_aside is not None
    async with _opened(done.put_aside) as aside:
        assert await everything(aside) == before
    assert (await everything(world.store))["channel"] == []
    assert not [name for name in entries(tmp_path) if "restoring" in name]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_damaged_file_is_put_aside_as_it_is(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await world.store.close()
    path = Path(world.store.url.database or "")
    spoil(path)

    done = await brought_back(world.store, tmp_path, clock())

    assert done.put_aside is not None
    assert done.put_aside.read_bytes() == b"no database" * 1000
    assert (await world.workspace()).slug == "biro"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_log_that_was_left_is_not_read_into_the_copy(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    """Its file was deleted by hand; SQLite would take its pages for those of the new one."""
    await taken(world.store, tmp_path, clock())
    await world.channel("sesudah")
    await leave_log(world.store, Path(other.url.database or ""))

    await brought_back(other, tmp_path, clock())

    assert (await everything(other))["channel"] == []
    assert any("before" in name and name.endswith("-wal") for name in entries(tmp_path))


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_file_that_a_server_owns_is_not_replaced(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    world.store.own()
    beside = Store(world.store.url.render_as_string(hide_password=False))

    with pytest.raises(DatabaseInUse):
        await brought_back(beside, tmp_path, clock())

    await beside.close()
    assert not [name for name in entries(tmp_path) if "before" in name]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_file_that_a_command_has_open_is_not_replaced(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    """It does not own the file, and would go on writing into the one that was put aside."""
    await taken(world.store, tmp_path, clock())
    path = Path(world.store.url.database or "")
    await world.store.close()
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT count(*) FROM workspace").fetchone()
        beside = Store(world.store.url.render_as_string(hide_password=False))

        with pytest.raises(DatabaseInUse):
            await brought_back(beside, tmp_path, clock())
        await beside.close()

    assert not [name for name in entries(tmp_path) if "before" in name or "restoring" in name]


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite+aiosqlite:///{path}")
    yield store
    await store.close()


@pytest.mark.parametrize("database", ["postgresql"])
async def test_a_database_with_tables_is_only_replaced_when_that_is_said(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await migrating.upgrade(other)
    await World.found(other, clock, "lain")

    with pytest.raises(replacing.DatabaseNotEmpty):
        await brought_back(other, tmp_path, clock())
    async with other.reading() as db:
        before = await workspaces.slugs(db)
    await brought_back(other, tmp_path, clock(), replace=True)
    async with other.reading() as db:
        after = await workspaces.slugs(db)

    assert (before, after) == (["lain"], ["biro"])


@pytest.mark.parametrize("database", ["postgresql"])
async def test_tables_that_the_backup_does_not_know_go_with_the_others(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await migrating.upgrade(other)
    async with other.transaction() as db:
        connection = await db.connection()
        later = "CREATE TABLE later (workspace_id uuid REFERENCES workspace (id))"
        for statement in (later, "CREATE VIEW seen AS SELECT * FROM workspace"):
            await connection.execute(text(statement))

    await brought_back(other, tmp_path, clock(), replace=True)

    async with other.reading() as db:
        left = text("SELECT count(*) FROM pg_class WHERE relname IN ('later', 'seen')")
        assert (await (await db.connection()).execute(left)).scalar_one() == 0


@pytest.mark.parametrize("database", ["postgresql"])
async def test_a_database_that_others_use_is_not_replaced(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    beside = Store(other.url.render_as_string(hide_password=False))
    async with beside.reading() as db:
        await db.exec(select(1))

        await refused(other, tmp_path, clock(), replacing.StillConnected)

    await beside.close()


@pytest.mark.parametrize("database", ["postgresql"])
async def test_a_dump_that_breaks_off_changes_nothing(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await world.post("x" * 100_000)
    kept = await taken(world.store, tmp_path, clock())
    dump = tmp_path / "backup" / kept.file
    dump.write_bytes(dump.read_bytes()[:-2000])
    size = dump.stat().st_size
    change(tmp_path, sha256=manifest.sha256_of(dump, size, hush), bytes=size)
    await migrating.upgrade(other)
    await World.found(other, clock, "lain")
    before = await everything(other)

    with pytest.raises(dumping.ToolFailed):
        await brought_back(other, tmp_path, clock(), replace=True)

    assert await everything(other) == before
    await migrating.check(other)


@pytest.mark.parametrize("database", ["postgresql"])
async def test_until_the_epoch_has_begun_no_pilar_works_on_the_database(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    """The tables are back, and the restore was killed before it had said what may be live."""
    kept = await taken(world.store, tmp_path, clock())
    found = await dumping.tools(postgres.running().version())
    await other.close()
    path = tmp_path / "backup" / kept.file
    arguments = other.driver_arguments()
    await dumping.load(found, arguments, "public", path, hush, empty_first=True)

    with pytest.raises(migrating.SchemaOutdated):
        await migrating.check(other)
    await other.close()

    await brought_back(other, tmp_path, clock(), replace=True)
    async with other.reading() as db:
        here = (await db.exec(select(Instance).where(Instance.id == THE_INSTANCE))).one()
    assert here.restored_at == clock()
    await migrating.check(other)


async def test_a_backup_that_is_restored_twice_says_so_twice(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    await taken(world.store, tmp_path, clock())
    await brought_back(other, tmp_path, clock())
    await other.close()
    second = clock.forward(hours=1)

    await brought_back(other, tmp_path, second, replace=True)

    async with other.reading() as db:
        here = (await db.exec(select(Instance).where(Instance.id == THE_INSTANCE))).one()
    assert (here.restored_at, second - here.created_at) == (second, timedelta(hours=1))
