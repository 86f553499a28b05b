"""Replacing: a backup takes the place of the database, once everything about it is checked."""

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import text

from planner.errors import PilarError
from store import blobs, dumping, instance, manifest, migrating, restoring
from store.backups import MEDIA
from store.blobs import FolderBlobs
from store.db import DatabaseInUse, Db, Store
from store.disk import sync_folder
from store.manifest import Manifest, Told
from store.queued import SCHEMA as QUEUE
from store.restoring import Epoch
from store.vault import CannotOpen, KeyRing

STAMP = "%Y%m%dT%H%M%SZ"


class BackupTooNew(PilarError):
    """The backup is of a revision that this version of Pilar does not know."""


class OtherDatabase(PilarError):
    """The backup is of SQLite and the instance uses PostgreSQL, or the other way round."""


class DatabaseNotEmpty(PilarError):
    """The PostgreSQL database holds something, and nobody said that it may be replaced."""


class StillConnected(PilarError):
    """Others are connected to the PostgreSQL database."""


class CannotRestore(PilarError):
    """The backup could not be put in place; `facts["why"]` is what the system says."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backup is brought back to; `asks` are the platforms that can be asked what is live.

    `media` and `incoming` are folders of one file system.
    """

    store: Store
    ring: KeyRing | None
    media: Path
    incoming: Path
    asks: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; `put_aside` is where the SQLite file of before is now."""

    epoch: Epoch
    put_aside: Path | None
    media_back: int
    media_missing: tuple[str, ...]


async def restore(
    place: Place, folder: Path, kept: Manifest, now: datetime, told: Told, *, replace: bool
) -> Restored:
    """Bring a backup back, at this version's revision, and begin its epoch.

    Nothing of the present database is touched before everything is checked, and then the other
    one takes its place at once. On PostgreSQL `replace` lets go of what is there. Raises
    `OtherDatabase`, `BackupTooNew`, `BrokenBackup`, `WrongKeys`, `DatabaseInUse`,
    `StillConnected`, `DatabaseNotEmpty`, `ToolsMissing`, `ToolFailed`, `CannotRestore`.
    """
    check_fits(place.store, kept)
    _check_keys(place.ring, kept)
    await manifest.check(folder, kept, told)
    try:
        if place.store.is_sqlite:
            place.store.own()
            back, missing = await _bring_media(place, folder, kept, told)
            epoch, aside = await _replace_file(place, folder / kept.file, kept, now)
        else:
            await _check_free(place.store, kept, replace=replace)
            back, missing = await _bring_media(place, folder, kept, told)
            epoch = await _replace_tables(place, folder / kept.file, kept, now, told, replace)
            aside = None
    except (OSError, sqlite3.Error) as error:
        raise CannotRestore(why=str(error)) from error
    return Restored(epoch, aside, back, missing)


def check_fits(store: Store, kept: Manifest) -> None:
    """Refuse a backup that this instance cannot use: `OtherDatabase`, `BackupTooNew`."""
    mine = "sqlite" if store.is_sqlite else "postgresql"
    if kept.database != mine:
        raise OtherDatabase(kind=kept.database, mine=mine)
    known = ScriptDirectory.from_config(migrating.config_for()).walk_revisions()
    if kept.revision not in {each.revision for each in known}:
        raise BackupTooNew(revision=kept.revision, expected=migrating.expected_revision())


def _check_keys(ring: KeyRing | None, kept: Manifest) -> None:
    """Refuse keys that do not open what the backup was sealed with; raises `WrongKeys`."""
    if kept.sealed_check is None or ring is None:
        return
    nobody, field = instance.NOBODY, instance.CHECK_FIELD
    try:
        ring.open(kept.sealed_check, workspace=nobody, channel=nobody, field=field)
    except CannotOpen as error:
        raise instance.WrongKeys(reason=error.facts["reason"]) from error


async def _bring_media(
    place: Place, folder: Path, kept: Manifest, told: Told
) -> tuple[int, tuple[str, ...]]:
    """Put the backup's media where they are missing; return how many, and what is still missing.

    What has other bytes than its name says is none of them.
    """
    there, source = FolderBlobs(place.media), FolderBlobs(folder / MEDIA)
    back, missing = 0, []
    for done, blob in enumerate(kept.media, start=1):
        told("media", done, len(kept.media))
        if await there.stat(blob.sha256) is not None:
            continue
        size = await source.stat(blob.sha256)
        if size is None:
            missing.append(blob.sha256)
            continue
        chunks = await source.open(blob.sha256)
        received = await blobs.receive(chunks, place.incoming, size)
        if received.sha256 == blob.sha256:
            await there.put(blob.sha256, received.path)
            back += 1
        else:
            await asyncio.to_thread(received.path.unlink)
            missing.append(blob.sha256)
    return back, tuple(missing)


async def _replace_file(
    place: Place, copy: Path, kept: Manifest, now: datetime
) -> tuple[Epoch, Path | None]:
    """Prepare the copy beside the present file; then it takes its place in one rename."""
    path = Path(place.store.url.database or "")
    draft = path.with_name(f"{path.name}.restoring-{secrets.token_hex(4)}")
    try:
        await asyncio.to_thread(_copy, copy, draft)
        prepared = Store(place.store.url.set(database=str(draft)).render_as_string(False))
        try:
            await migrating.upgrade(prepared)
            async with prepared.transaction() as db:
                epoch = await _begin(db, place, kept, now)
        finally:
            await prepared.close()
        _fold(draft)
        aside = _put_aside(path, now)
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        for each in _with_log(draft):
            each.unlink(missing_ok=True)
    return epoch, aside


async def _begin(db: Db, place: Place, kept: Manifest, now: datetime) -> Epoch:
    return await restoring.begin_epoch(db, now, taken_at=kept.taken_at, askable=place.asks)


def _copy(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    shutil.copyfile(source, target)


def _fold(path: Path) -> None:
    """Write a SQLite file's log into it, so that it is whole without; raises `DatabaseInUse`."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=2)) as connection:
        mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    if mode != "delete":
        raise DatabaseInUse(path=str(path))


def _put_aside(path: Path, now: datetime) -> Path | None:
    """Give the present file a name of its own beside the old one; raises `DatabaseInUse`.

    It is never deleted, and is there under its old name until another file takes that.
    """
    aside = path.with_name(f"{path.name}.before-{now.strftime(STAMP)}-{secrets.token_hex(2)}")
    there = path.exists()
    if there:
        _fold_if_whole(path)
        try:
            aside.hardlink_to(path)
        except OSError:  # no links here: for a moment there is none under the old name
            path.replace(aside)
    # A log that is left would be read into the file that comes.
    for log in _with_log(path)[1:]:
        with suppress(FileNotFoundError):
            log.replace(aside.with_name(log.name.replace(path.name, aside.name)))
    return aside if there else None


def _fold_if_whole(path: Path) -> None:
    try:
        _fold(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise DatabaseInUse(path=str(path)) from error
        # It is damaged, which may be why there is a restore: it is kept as it is, with its log.


def _with_log(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm", "journal"))]


async def _check_free(store: Store, kept: Manifest, *, replace: bool) -> None:
    main = kept.main_schema or "public"
    async with store.reading() as db:
        connection = await db.connection()
        others = await connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
        if count := others.scalar_one():
            raise StillConnected(count=count)
        found = await connection.execute(
            text(
                "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                "WHERE nspname IN (:main, :queue) AND relkind IN ('r', 'p', 'v', 'm', 'S')"
            ),
            {"main": main, "queue": QUEUE},
        )
        if found.scalar_one() and not replace:
            raise DatabaseNotEmpty


async def _replace_tables(
    place: Place, dumped: Path, kept: Manifest, now: datetime, told: Told, replace: bool
) -> Epoch:
    """Bring the tables back in one transaction, and open the database in a last one.

    Between the two it has no revision, and no Pilar works on it.
    """
    store = place.store
    async with store.reading() as db:
        number = await (await db.connection()).exec_driver_sql("SHOW server_version_num")
        least = max(int(number.scalar_one()) // 10_000, kept.tool or 0)
    found = await dumping.tools(least)
    await store.close()  # psql sees to it that nobody is connected
    main = kept.main_schema or "public"
    arguments = store.driver_arguments()
    await dumping.load(found, arguments, main, dumped, told, empty_first=replace)
    await store.run_sync(lambda connection: _bring_up(connection, kept.revision))
    async with store.transaction() as db:
        epoch = await _begin(db, place, kept, now)
        revision = {"revision": migrating.expected_revision()}
        stamp = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
        await (await db.connection()).execute(stamp, revision)
    return epoch


def _bring_up(connection: Connection, revision: str) -> None:
    """Migrate to this version's revision, and leave the database without one."""
    stamp = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
    connection.execute(stamp, {"revision": revision})
    command.upgrade(migrating.config_for(connection), "head")
    connection.execute(text("DELETE FROM alembic_version"))
