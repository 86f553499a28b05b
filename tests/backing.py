"""Backups under test: all rows of a database, and what a backup and a restore need."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from store import backups, manifest, replacing
from store.blobs import FolderBlobs
from store.db import Store
from store.manifest import Manifest
from store.replacing import Place, Restored
from store.tables import METADATA
from store.vault import KeyRing
from tests import postgres
from tests.conftest import RING
from tests.world import World


@contextmanager
def another(database: str, folder: Path) -> Iterator[str]:
    """Make a database of a kind that has nothing in it; return its URL."""
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'other.db'}"
        return
    server, name = postgres.running(), f"t_{uuid4().hex[:12]}"
    server.create(name)
    yield server.url(name)
    server.drop(name)


def hush(step: str, done: int, total: int | None) -> None:
    """Hear how far it is, and say nothing."""


async def everything(store: Store) -> dict[str, list[Any]]:
    """Return every row of every table."""
    async with store.reading() as db:
        connection = await db.connection()
        return {
            table.name: [
                tuple(row)
                for row in await connection.execute(
                    table.select().order_by(*table.primary_key.columns)
                )
            ]
            for table in METADATA.sorted_tables
        }


async def taken(store: Store, folder: Path, now: datetime, *, with_media: bool = True) -> Manifest:
    """Back up into `folder/backup`; media are in `folder/media`."""
    return await backups.take(
        store, folder / "media", folder / "backup", now, hush, with_media=with_media
    )


def place_of(store: Store, folder: Path, ring: KeyRing | None = RING) -> Place:
    """Return where a backup is brought back to; media go into `folder/back/media`."""
    return Place(store, ring, folder / "back" / "media", folder / "back" / "incoming")


async def brought_back(
    store: Store, folder: Path, now: datetime, *, replace: bool = False, **more: Any
) -> Restored:
    """Restore from `folder/backup`."""
    kept = manifest.read(folder / "backup")
    place = place_of(store, folder, **more)
    return await replacing.restore(place, folder / "backup", kept, now, hush, replace=replace)


async def stored(world: World, folder: Path, content: bytes) -> str:
    """Let a file of an office be there; return its SHA-256."""
    digest = sha256(content).hexdigest()
    source = folder / "incoming"
    source.write_bytes(content)
    await FolderBlobs(folder / "media").put(digest, source)
    await world.media(digest)
    return digest


def entries(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}
