"""Backups: a consistent copy of the database, and of the media it refers to, while others write."""

import asyncio
import os
import secrets
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select, text

from planner.errors import PilarError
from store import dumping, manifest
from store.blobs import FolderBlobs
from store.db import Db, Store
from store.disk import sync_folder
from store.manifest import Blob, Manifest, Told
from store.tables import Instance, Media, Workspace

MEDIA = "media"
SQLITE_FILE = "database.sqlite"
POSTGRES_FILE = "database.dump"
PAGES_AT_ONCE = 1000


class NothingToBackUp(PilarError):
    """There is no database yet, or it has no tables."""


class TargetTaken(PilarError):
    """Something is at the path where the backup should go."""


class CannotBackUp(PilarError):
    """The backup could not be written; `facts["why"]` is what the system says."""


class Shelf(FolderBlobs):
    """A folder of blobs that gives away where a file lies, to link or copy it."""

    def path(self, sha256: str) -> Path:
        """Return where the bytes are, or would be."""
        return self._path(sha256)

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self._folder


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database says at the moment of the backup."""

    revision: str
    sealed_check: str | None
    workspaces: tuple[str, ...]
    media: tuple[Blob, ...]


async def take(
    store: Store, media: Path, target: Path, now: datetime, told: Told, *, with_media: bool
) -> Manifest:
    """Back the database up into a new folder `target`, which appears whole or not at all.

    `media` is the instance's folder of blobs; `with_media` brings them along. Raises
    `TargetTaken`, `NothingToBackUp`, `ToolsMissing`, `ToolFailed`, `CannotBackUp`.
    """
    target = _free(target)
    draft = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        written = await _fill(store, media, draft, now, told, with_media=with_media)
        draft.rename(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise CannotBackUp(why=str(error)) from error
    finally:
        if draft.exists():
            shutil.rmtree(draft)
    return written


def check_there(store: Store) -> None:
    """Refuse a SQLite file that is not there, before anything makes it: `NothingToBackUp`."""
    if store.is_sqlite and not Path(store.url.database or "").is_file():
        raise NothingToBackUp


def _free(target: Path) -> Path:
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise TargetTaken(path=str(target))
    return target.absolute()


async def _fill(
    store: Store, media: Path, draft: Path, now: datetime, told: Told, *, with_media: bool
) -> Manifest:
    file = draft / (SQLITE_FILE if store.is_sqlite else POSTGRES_FILE)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    fields: dict[str, Any]
    async with store.reading() as db:  # one transaction: manifest and copy say the same
        seen = await _look(db)
        if store.is_sqlite:
            await _copy_sqlite(db, file, told)
            fields = {"database": "sqlite", "file": SQLITE_FILE}
        else:
            fields = {"database": "postgresql", "file": POSTGRES_FILE}
            fields |= await _dump_postgres(store, db, file, told)
    _sync(file)
    size = file.stat().st_size
    missing: tuple[str, ...] = ()
    if with_media:
        blobs = Shelf(media), Shelf(draft / MEDIA)
        missing = await asyncio.to_thread(_keep_media, *blobs, seen.media, told)
    written = Manifest(
        taken_at=now,
        revision=seen.revision,
        bytes=size,
        sha256=await asyncio.to_thread(manifest.sha256_of, file, size, told),
        sealed_check=seen.sealed_check,
        workspaces=seen.workspaces,
        has_media=with_media,
        media=seen.media,
        missing=missing,
        **fields,
    )
    manifest.write(draft, written)
    sync_folder(draft)
    return written


async def _look(db: Db) -> Seen:
    query = text("SELECT version_num FROM alembic_version")
    try:
        revision = (await db.exec(query)).scalar_one_or_none()  # type: ignore[call-overload]
    except DBAPIError as error:  # there is no such table
        raise NothingToBackUp from error
    if revision is None:
        raise NothingToBackUp
    files = select(Media.sha256, Media.bytes).distinct().order_by(col(Media.sha256))
    return Seen(
        revision=revision,
        sealed_check=(await db.exec(select(Instance.sealed_check))).first(),
        workspaces=tuple(
            (await db.exec(select(Workspace.slug).order_by(col(Workspace.slug)))).all()
        ),
        media=tuple(Blob(sha256=row[0], bytes=row[1]) for row in (await db.exec(files)).all()),
    )


class _Stopped(Exception):
    """Nobody waits for the copy any more."""


async def _copy_sqlite(db: Db, to: Path, told: Told) -> None:
    """Copy what a transaction sees, in a thread. Its writers go on: they wait for no reader (WAL).

    Without the transaction, each commit of another process would begin the copy anew.
    """
    raw = await (await db.connection()).get_raw_connection()
    source: Any = raw.driver_connection
    stopped = False

    def progress(_status: int, remaining: int, total: int) -> None:
        if stopped:
            raise _Stopped
        told("database", total - remaining, total)

    with closing(sqlite3.connect(to, isolation_level=None, check_same_thread=False)) as target:
        target.execute("PRAGMA synchronous=OFF")  # it is synced as a whole
        copying = asyncio.ensure_future(
            source.backup(target, pages=PAGES_AT_ONCE, progress=progress, sleep=0)
        )
        try:
            await asyncio.shield(copying)
        except asyncio.CancelledError:
            stopped = True
            await asyncio.wait({copying})  # the thread has both files open
            copying.exception()
            raise


async def _dump_postgres(store: Store, db: Db, to: Path, told: Told) -> dict[str, Any]:
    connection = await db.connection()
    await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    row: Any = (
        await connection.exec_driver_sql(
            "SELECT pg_export_snapshot(), current_schema(), current_setting('server_version_num')"
        )
    ).one()
    found = await dumping.tools(int(row[2]) // 10_000)
    await dumping.dump(found, store.driver_arguments(), row[1], row[0], to, told)
    return {"tool": found.major, "main_schema": row[1]}


def _keep_media(source: Shelf, target: Shelf, files: Sequence[Blob], told: Told) -> tuple[str, ...]:
    missing = []
    target.folder.mkdir(mode=0o700)
    for done, blob in enumerate(files, start=1):
        try:
            _link(source.path(blob.sha256), target.path(blob.sha256))
        except FileNotFoundError:
            missing.append(blob.sha256)
        told("media", done, len(files))
    return tuple(missing)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be; its bytes never change."""
    source.stat()
    target.parent.mkdir(parents=True, exist_ok=True)  # nobody else comes through the folder above
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
        target.chmod(0o600)
        _sync(target)
    sync_folder(target.parent)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
