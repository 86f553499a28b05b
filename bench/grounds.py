"""Where is measured: an office on each database, and the raw driver beside it."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from sqlalchemy import URL, Engine, event

from app.deps import House
from app.main import create_app
from planner.access import SCOPES
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from store import channels, keys, migrating, people, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Store
from store.settings import StoreSettings
from store.vault import KeyRing
from tests import postgres
from tests.world import let_be

SLUG = "biro"
RING = KeyRing.parse("k1:" + "A" * 43)
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Ratio:
    """What something took, and what the same takes at least; medians in seconds."""

    what: str
    database: str
    pilar: float
    floor: float


@dataclass
class Ground:
    """An office of the approval policy `none`, with a client for its API."""

    database: str
    store: Store
    house: House
    http: httpx.AsyncClient
    server: postgres.Server | None

    async def channel(self, platform: str, handle: str, secret: str = "", **settings: Any) -> UUID:
        """Add a channel."""
        fields = {"platform": platform, "handle": handle, "name": handle, "settings": settings}
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, SLUG)
            row = await channels.add(db, workspace, CLI, fields, now())
            if secret:
                sealed = {"secret": secret}
                await channels.set_secrets(db, workspace, CLI, row, sealed, RING, now())
            return row.id

    async def copy(self) -> URL:
        """Copy the database as it is now; return where."""
        if self.server is None:
            path = f"{self.store.url.database}-copy"
            with closing(self.raw()) as raw:
                raw.execute("VACUUM INTO ?", [path])
            return self.store.url.set(database=path)
        await self.store.close()  # a template is copied only while nobody is there
        self.server.create("copy", self.store.url.database)
        return self.store.url.set(database="copy")

    def raw(self, url: URL | None = None) -> Any:
        """Return a connection of the driver itself, as durable as Pilar's own."""
        url = url or self.store.url
        if self.server is None:
            connection = sqlite3.connect(str(url.database), isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            return connection
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(address, autocommit=True)


@dataclass
class Script:
    """Statements that Pilar ran, one list for each transaction."""

    transactions: list[list[tuple[str, Any]]] = field(default_factory=lambda: [[]])


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


async def grounds() -> AsyncIterator[Ground]:
    """Give an office on SQLite, then one on PostgreSQL where there is one."""
    with tempfile.TemporaryDirectory(prefix="pilar-bench-") as folder:
        path = Path(folder)
        url = f"sqlite+aiosqlite:///{path / 'pilar.db'}"
        async with _ground("SQLite", url, path, None) as ground:
            yield ground
        try:
            server = postgres.start(fsync=True)
        except postgres.NoPostgres as error:
            print(error)
            return
        try:
            server.create("bench")
            name = f"PostgreSQL {server.version()}"
            async with _ground(name, server.url("bench"), path, server) as ground:
                yield ground
        finally:
            server.stop()


@asynccontextmanager
async def _ground(
    name: str, url: str, folder: Path, server: postgres.Server | None
) -> AsyncIterator[Ground]:
    store = Store(url)
    await migrating.upgrade(store)
    outbound = Outbound(allow_private_hosts={"127.0.0.1"})
    settings = StoreSettings(data_dir=folder, database_url=url)
    blobs = FolderBlobs(folder / "media")
    house = House(store, RING, blobs, connectors(outbound), settings, "http://pilar.test")
    secret = await _found(store)
    transport = httpx.ASGITransport(create_app(house))
    headers = {"Authorization": f"Bearer {secret}"}
    base = f"http://pilar.test/api/v1/workspaces/{SLUG}"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as http:
        yield Ground(name, store, house, http, server)
    await outbound.aclose()
    await store.close()


async def _found(store: Store) -> str:
    async with store.transaction() as db:
        person = await people.add(db, "ayu@biro.example", "Ayu", "id", now())
        fields = {"slug": SLUG, "name": "Biro", "timezone": "Asia/Jakarta", "locale": "id"}
        fields |= {"approval_policy": "none"}
        workspace = await workspaces.add(db, CLI, person.id, fields, now())
        await let_be(db, workspace, now())
        named = {"name": "bench", "scopes": SCOPES, "created_by": person.id, "expires_at": None}
        _, secret = await keys.add(db, RING, [workspace], CLI, now=now(), **named)  # type: ignore[arg-type]
        return secret


@contextmanager
def recorded(*kinds: str) -> Iterator[Script]:
    """Write down the statements of these kinds that Pilar runs meanwhile."""
    script = Script()

    def statement(_c: Any, _cursor: Any, sql: str, values: Any, _x: Any, _many: bool) -> None:
        if sql.lstrip().startswith(kinds):
            script.transactions[-1].append((sql, values))

    def commit(_connection: Any) -> None:
        script.transactions.append([])

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)
    try:
        yield script
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
        event.remove(Engine, "commit", commit)
    script.transactions = [each for each in script.transactions if each]


def replay(raw: Any, transaction: list[tuple[str, Any]]) -> None:
    """Run the statements of one transaction on a connection of the driver."""
    cursor = raw.cursor()
    cursor.execute("BEGIN IMMEDIATE" if isinstance(raw, sqlite3.Connection) else "BEGIN")
    for sql, values in transaction:
        cursor.execute(sql, values)
        if cursor.description is not None:
            cursor.fetchall()
    cursor.execute("COMMIT")


async def median_of(number: int, deed: Callable[[], Any]) -> float:
    """Return the median of so many runs, in seconds; the first three warm up and do not count."""
    took = []
    for _ in range(number + 3):
        begun = time.perf_counter()
        done = deed()
        if asyncio.iscoroutine(done):
            await done
        took.append(time.perf_counter() - begun)
    return median(took[3:])
