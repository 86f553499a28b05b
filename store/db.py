"""The database: engines, and the one place that commits."""

import asyncio
import fcntl
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlmodel.ext.asyncio.session import AsyncSession

from planner.errors import PilarError, Unavailable

log = structlog.get_logger()

Db = AsyncSession
"""A session inside a transaction."""

MINIMUM_POSTGRES = 15

KEEP_ALIVE = {
    "application_name": "pilar",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
"""How soon a server that vanished without a word is noticed; what the URL says goes before."""

IDLE_SECONDS = 60
"""How long PostgreSQL lets a transaction wait for a process that is paused or has vanished: the
rows that it has locked keep the others waiting for as long."""

PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
    }
)
"""What keeps SQLite from working until somebody or something else changes."""

PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57"})
"""The same of PostgreSQL: connections, roll-backs, resources, locks and an operator's doings."""


class DatabaseInUse(PilarError):
    """Another process owns the SQLite file; `facts["path"]` is the file."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be read or written just now; the cause and the log say why."""


class DatabaseTooOld(PilarError):
    """PostgreSQL is older than the oldest version that Pilar is tested on."""


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Store:
    """Both engines of a database: one writes, one reads.

    On SQLite a single connection writes, behind a lock, and begins with BEGIN IMMEDIATE; the
    reading connections refuse writes. On PostgreSQL both are the same engine.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, 1, "BEGIN IMMEDIATE", read_only=False)
            self._reader = _sqlite_engine(url, 4, "BEGIN", read_only=True)
        else:
            self._writer = create_async_engine(
                url,
                pool_size=10,
                max_overflow=10,
                pool_pre_ping=True,
                json_serializer=_dump,
                connect_args={k: v for k, v in KEEP_ALIVE.items() if k not in self.url.query},
            )
            event.listen(self._writer.sync_engine, "connect", _limit_idleness)
            self._reader = self._writer.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._write_lock = asyncio.Lock() if self.is_sqlite else None
        self._writes = async_sessionmaker(self._writer, class_=AsyncSession, expire_on_commit=False)
        self._reads = async_sessionmaker(self._reader, class_=AsyncSession, expire_on_commit=False)
        self._listeners: list[Callable[[], None]] = []
        self._owner: int | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        """Open a writing transaction: commit at the end, roll back if anything is raised.

        Raises `DatabaseUnavailable`; whether it was committed is not known then.
        """
        with _passing():
            async with self._write_lock or nullcontext(), self._writes() as db, db.begin():
                yield db
        for listener in self._listeners:
            listener()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Db]:
        """Open a reading transaction: one consistent view, nothing is written.

        Raises `DatabaseUnavailable`.
        """
        with _passing():
            async with self._reads() as db, db.begin():
                yield db

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit; it must be quick and not raise."""
        self._listeners.append(listener)

    def own(self) -> None:
        """Make this process the only one that writes the SQLite file; raises `DatabaseInUse`.

        Does nothing on PostgreSQL and for databases in memory. The kernel lets go of the lock
        when the process ends, however it ends.
        """
        path = self.url.database
        if not self.is_sqlite or not path or path == ":memory:":
            return
        owner = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(owner)
            raise DatabaseInUse(path=path) from None
        self._owner = owner

    def driver_arguments(self) -> dict[str, Any]:
        """Return what psycopg connects with, for connections beside the engine's."""
        _, arguments = self._writer.dialect.create_connect_args(self.url)
        arguments.pop("context", None)  # how SQLAlchemy reads values; psycopg has its own way
        return {**KEEP_ALIVE, **arguments}

    async def check(self) -> None:
        """Refuse a PostgreSQL that is too old; raises `DatabaseTooOld`."""
        if self.is_sqlite:
            return
        async with self._reader.connect() as connection:
            number = int((await connection.exec_driver_sql("SHOW server_version_num")).scalar_one())
        if number // 10_000 < MINIMUM_POSTGRES:
            raise DatabaseTooOld(found=number // 10_000, minimum=MINIMUM_POSTGRES)

    async def close(self) -> None:
        """Close every connection and let go of the file."""
        await self._writer.dispose()
        await self._reader.dispose()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run synchronous work on a writing connection, in one transaction (migrations)."""
        async with self._write_lock or nullcontext(), self._writer.begin() as connection:
            await connection.run_sync(work)


async def driver_of(db: Db, schema: str) -> Any:
    """Return psycopg's connection below a session, whose transaction now sees a schema too."""
    connection = await db.connection()
    await connection.exec_driver_sql(
        "SELECT set_config('search_path', concat_ws(', ', "
        "nullif(current_setting('search_path'), ''), quote_ident(%s)), true)",
        (schema,),
    )
    return (await connection.get_raw_connection()).driver_connection


@contextmanager
def _passing() -> Iterator[None]:
    """Tell what ends by itself, or by somebody who makes room, from what is a mistake here."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        state = getattr(error.orig, "sqlstate", None)
        if code is not None:
            passes = code & 0xFF in PASSING
        else:
            passes = isinstance(error, OperationalError) and (
                state is None or state[:2] in PASSING_CLASSES
            )
        if not passes:
            raise
        log.warning("database unavailable", why=str(error.orig).strip().partition("\n")[0])
        raise DatabaseUnavailable(retry_after_seconds=5) from error
    except NoConnectionFree as error:
        log.warning("database unavailable", why="no connection was free in time")
        raise DatabaseUnavailable(retry_after_seconds=5) from error


def _limit_idleness(connection: Any, _record: Any) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.commit()


def _sqlite_engine(url: str, size: int, begin: str, *, read_only: bool) -> AsyncEngine:
    database = make_url(url).database
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        json_serializer=_dump,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            f"query_only={'ON' if read_only else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _let_go(connection: Any, _record: Any, _error: BaseException | None) -> None:
        # A task was cancelled inside a statement, and SQLAlchemy closes its connection. SQLite
        # would keep the transaction, and the file's lock, as long as anybody holds a cursor of
        # it (a traceback does). A second cancellation changes nothing: one is on its way.
        with suppress(asyncio.CancelledError):
            connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
