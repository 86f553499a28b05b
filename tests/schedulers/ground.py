"""Databases that machines run on: each machine gets a copy of an office that was founded once."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from planner.mix import DEFAULT_TYPES
from store import campaigns, instance, workspaces
from store.audit import CLI
from store.db import Store
from tests.conftest import RING, Clock
from tests.postgres import Server
from tests.schedulers.bay import KINDS, name
from tests.schedulers.witness import Draft, Office, Said
from tests.world import World

# Of each post: whether it is approved, in how many parts, and minutes until it is due by channel.
POSTS = (
    (True, 1, {0: 1, 1: 1, 2: 1, 3: 1}),
    (True, 2, {1: 2, 2: 2}),
    (True, 1, {3: 3}),
    (False, 1, {2: 4}),
)


class Ground(Protocol):
    """Where an office is founded, and how it is copied."""

    office: Office
    folder: Path

    def fresh(self) -> str:
        """Return the URL of a new copy of the office."""
        ...

    def save(self) -> str:
        """Back the present copy up; return what to call the backup."""
        ...

    def load(self, saved: str) -> str:
        """Put a backup in the place of the present copy, to which nobody is connected."""
        ...

    def drop(self) -> None:
        """Throw the present copy and its backups away."""
        ...


class Files:
    """SQLite: a copy is a file."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        self.folder = folder
        self._number = count(1)
        self._first = folder / "founded.db"
        shutil.copy(migrated, self._first)
        self._here = self._first
        self.office = asyncio.run(found(self._url(self._first)))

    def fresh(self) -> str:
        self._here = self.folder / f"{next(self._number)}.db"
        shutil.copy(self._first, self._here)
        return self._url(self._here)

    def save(self) -> str:
        saved = f"{self._here}.saved"
        with closing(sqlite3.connect(self._here)) as here, closing(sqlite3.connect(saved)) as to:
            here.backup(to)
        return saved

    def load(self, saved: str) -> str:
        self.drop_journals()
        shutil.copy(saved, self._here)
        return self._url(self._here)

    def drop(self) -> None:
        self.drop_journals()
        self._here.unlink()

    def drop_journals(self) -> None:
        for end in ("-wal", "-shm"):
            Path(f"{self._here}{end}").unlink(missing_ok=True)

    def _url(self, path: Path) -> str:
        return f"sqlite+aiosqlite:///{path}"


class Databases:
    """PostgreSQL: a copy is a database."""

    def __init__(self, folder: Path, server: Server, migrated: str) -> None:
        self.folder, self._server = folder, server
        self._prefix = f"ground_{uuid4().hex[:8]}"
        self._number = count(1)
        self._here, self._saved = self._copy(migrated), set[str]()
        self._first = self._here
        self.office = asyncio.run(found(server.url(self._first)))

    def fresh(self) -> str:
        self._here = self._copy(self._first)
        return self._server.url(self._here)

    def save(self) -> str:
        saved = self._copy(self._here)
        self._saved.add(saved)
        return saved

    def load(self, saved: str) -> str:
        self._server.drop(self._here)
        self._server.create(self._here, saved)
        return self._server.url(self._here)

    def drop(self) -> None:
        for each in (self._here, *self._saved):
            self._server.drop(each)
        self._saved.clear()

    def end(self) -> None:
        """Throw away what copies were made from."""
        self._server.drop(self._first)

    def _copy(self, of: str) -> str:
        copy = f"{self._prefix}_{next(self._number)}"
        self._server.create(copy, of)
        return copy


async def found(url: str) -> Office:
    """Found an office with a channel of each class, and posts that are due there in a while."""
    store = Store(url)
    try:
        return await _found(store, Clock())
    finally:
        await store.close()


async def _found(store: Store, clock: Clock) -> Office:
    await instance.check_keys(store, RING, clock())
    world = await World.found(store, clock)
    channels = [await world.channel(kind, name(kind)) for kind in KINDS]
    async with store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        today = clock().date()
        fields = {"name": "Pekan", "hashtags": [], "starts_on": today, "ends_on": today}
        campaign = (await campaigns.add(db, workspace, CLI, fields, clock())).id
    office = Office(world.slug, world.writer, world.approver)
    office.channels, office.campaigns = [each.id for each in channels], [campaign]
    types = [each.key for each in DEFAULT_TYPES["en"]]
    for number, (approved, count_, places) in enumerate(POSTS):
        said = says(number, 0, count_)
        about = {"type": types[number % 2], "campaign": str(campaign) if number % 3 else None}
        words: dict[str, Any] = {"parts": parts(said), **about}
        words["format"] = "thread" if count_ > 1 else "post"
        post = await world.post(approved=approved, **words)
        own: Said = {None: said}
        draft = Draft(post.id, types[number % 2], campaign if number % 3 else None, own, None)
        office.drafts.append(replace(draft, approved=own if approved else None))
        for on, minutes in places.items():
            at = clock() + timedelta(minutes=minutes)
            office.rows.append(await world.placed(post, channels[on], at))
    return office


def says(post: int, version: int, parts: int) -> tuple[str, ...]:
    """Return what a version of a post says."""
    return tuple(f"Post {post}, version {version}, part {part}." for part in range(parts))


def parts(said: Sequence[str]) -> list[dict[str, object]]:
    return [{"text": text, "media": []} for text in said]
