"""Backups: consistent while others write, whole or not there, and restored as they were."""

import asyncio
import os
import stat
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from sqlmodel import col, select

from store import audit, backups, dumping, manifest, migrating, workspaces
from store.db import Store
from store.instance import check_keys
from store.manifest import BrokenBackup
from store.tables import Media, Publication, Workspace
from tests.backing import another, brought_back, entries, hush, stored, taken
from tests.conftest import RING, Clock
from tests.sources import ROOT
from tests.world import World

WRITERS = 3


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


def modes(folder: Path) -> dict[str, str]:
    return {
        path.name if path != folder else ".": oct(stat.S_IMODE(path.stat().st_mode))
        for path in (folder, *folder.iterdir())
    }


@asynccontextmanager
async def busy(world: World) -> AsyncIterator[None]:
    """Let an office write, several at a time, as fast as it can."""
    ending = asyncio.Event()

    async def write(number: int) -> None:
        count = 0
        while not ending.is_set():
            count += 1
            await world.media(sha256(f"{number} {count}".encode()).hexdigest())
            await world.placed(await world.post(f"{number} {count}"), channel)

    channel = await world.channel()
    writing = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    try:
        yield
    finally:
        ending.set()
        await asyncio.gather(*writing)


async def test_a_backup_while_others_write_is_of_one_moment(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    async with busy(world):
        await asyncio.sleep(0.1)
        kept = await taken(world.store, tmp_path, clock(), with_media=False)
        await asyncio.sleep(0.1)
    await brought_back(other, tmp_path, clock())

    async with other.reading() as db:
        rows = {(row.sha256, row.bytes) for row in (await db.exec(select(Media))).all()}
        workspace = await workspaces.by_slug(db, world.slug)
        wrong = await audit.verify(db, workspace.id)
        dangling = (
            await db.exec(
                select(Publication.id)
                .outerjoin(Workspace, col(Workspace.id) == col(Publication.workspace_id))
                .where(col(Workspace.id).is_(None))
            )
        ).all()
    assert rows
    assert {(blob.sha256, blob.bytes) for blob in kept.media} == rows
    assert (wrong, list(dangling)) == (None, [])
    async with world.store.reading() as db:
        assert len((await db.exec(select(Media.id))).all()) > len(rows)


async def test_a_backup_is_for_its_owner_and_names_no_key(
    world: World, tmp_path: Path, clock: Clock, database: str
) -> None:
    digest = await stored(world, tmp_path, b"gambar")
    missing = "f" * 64
    await world.media(missing)

    kept = await taken(world.store, tmp_path, clock())

    assert modes(tmp_path / "backup") == {
        ".": "0o700",
        kept.file: "0o600",
        "manifest.json": "0o600",
        "media": "0o700",
    }
    assert kept == manifest.read(tmp_path / "backup")
    assert (kept.taken_at, kept.database, kept.revision) == (
        clock(),
        database,
        migrating.expected_revision(),
    )
    assert ([blob.sha256 for blob in kept.media], kept.missing) == (
        sorted([digest, missing]),
        (missing,),
    )
    copied = tmp_path / "backup" / "media" / digest[:2] / digest[2:4] / digest
    assert copied.samefile(tmp_path / "media" / digest[:2] / digest[2:4] / digest)
    assert RING.text() not in (tmp_path / "backup" / "manifest.json").read_text()


async def test_without_media_only_their_names_are_kept(
    world: World, other: Store, tmp_path: Path, clock: Clock
) -> None:
    digest = await stored(world, tmp_path, b"gambar")

    kept = await taken(world.store, tmp_path, clock(), with_media=False)
    done = await brought_back(other, tmp_path, clock())

    assert (kept.has_media, kept.missing) == (False, ())
    assert entries(tmp_path / "backup") == {kept.file, "manifest.json"}
    assert done.media_missing == (digest,)


async def test_a_folder_with_something_in_it_is_refused(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").write_text("x")

    with pytest.raises(backups.TargetTaken):
        await taken(world.store, tmp_path, clock())

    assert entries(tmp_path / "backup") == {"mine"}
    (tmp_path / "backup" / "mine").unlink()
    await taken(world.store, tmp_path, clock())


async def test_what_cannot_be_written_leaves_nothing(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "file").write_text("x")
    before = entries(tmp_path)

    with pytest.raises(backups.CannotBackUp):
        await backups.take(
            world.store, tmp_path, tmp_path / "file" / "b", clock(), hush, with_media=True
        )

    assert entries(tmp_path) == before


async def test_who_does_not_wait_for_the_backup_leaves_nothing(
    world: World, tmp_path: Path, clock: Clock
) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(step: str, done: int, total: int | None) -> None:
        loop.call_soon_threadsafe(begun.set)

    taking = asyncio.create_task(
        backups.take(world.store, tmp_path, tmp_path / "backup", clock(), told, with_media=False)
    )
    await begun.wait()
    taking.cancel()
    with suppress(asyncio.CancelledError):
        await taking

    assert not [name for name in entries(tmp_path) if ".partial" in name]


async def test_a_database_without_tables_is_nothing_to_back_up(
    other: Store, tmp_path: Path, clock: Clock
) -> None:
    with pytest.raises(backups.NothingToBackUp):
        await taken(other, tmp_path, clock())

    assert "backup" not in entries(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "\udc80"])
def test_a_manifest_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(BrokenBackup):
        manifest.read(tmp_path)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(manifest.NoSuchBackup):
        manifest.read(tmp_path)


def test_the_version_in_a_manifest_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == manifest.PILAR


async def test_programs_that_are_too_old_are_none() -> None:
    with pytest.raises(dumping.ToolsMissing):
        await dumping.tools(99)


def test_a_password_goes_into_the_environment_and_nothing_unknown_does() -> None:
    store = Store("postgresql+psycopg://ayu:r4hasia@db.example:5433/pilar?sslmode=require")

    given = dumping.environment(store.driver_arguments())

    assert {name: given[name] for name in given if name.startswith("PG")} == {
        **{name: value for name, value in os.environ.items() if name.startswith("PG")},
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "ayu",
        "PGPASSWORD": "r4hasia",
        "PGDATABASE": "pilar",
        "PGSSLMODE": "require",
        "PGAPPNAME": "pilar",
        "PGCONNECT_TIMEOUT": "10",
    }
