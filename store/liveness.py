"""Liveness: whether a worker still runs, as the kernel or the database server knows it.

A lease that has run out proves nothing: its worker may be paused and send later. What proves it
is a lock that ends with the process: the lock on the SQLite file, which has one owner, or a
session's advisory lock on PostgreSQL.
"""

import asyncio
import hashlib
import random
import secrets
from typing import Protocol

import psycopg
import structlog
from sqlalchemy import text

from store.db import Db, Store

log = structlog.get_logger()

PING_SECONDS = 3.0
"""How often the lock's session is asked whether it is still there; it says itself when it ends."""

ANSWER_SECONDS = 10.0
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

# The server, too, must notice a client that vanished, or nobody could take over from it.
SERVER_KEEP_ALIVE = """
SELECT set_config('tcp_keepalives_idle', '10', false),
       set_config('tcp_keepalives_interval', '5', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('tcp_user_timeout', '20000', false),
       set_config('statement_timeout', '0', false)
"""

# A 64-bit key stands in two halves; `objsubid` 1 says so.
HOLDS = text("""
SELECT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = :backend AND objsubid = 1
      AND ((classid::bigint << 32) | objid::bigint) = CAST(:key AS bigint)
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)""")

TRY = text("SELECT pg_try_advisory_xact_lock(CAST(:key AS bigint))")


class Liveness(Protocol):
    """This process's own sign of life, and how to look for that of another."""

    @property
    def worker(self) -> str:
        """This process's name now; another one once its lock was lost, so that both are known."""
        ...

    async def start(self) -> None:
        """Take the lock, and keep it."""
        ...

    async def stop(self) -> None:
        """Let it go."""
        ...

    async def holds(self, db: Db, worker: str) -> bool:
        """Say, inside a transaction, whether this process may act under that name of its own."""
        ...

    async def is_gone(self, db: Db, worker: str) -> bool:
        """Say whether the process of another worker has ended, for certain."""
        ...


class Alone:
    """The only process of a SQLite file: whoever else claimed something is gone."""

    def __init__(self, worker: str) -> None:
        self.worker = worker

    async def start(self) -> None:
        """Do nothing: the file's lock is held already (`Store.own`)."""

    async def stop(self) -> None:
        """Do nothing."""

    async def holds(self, db: Db, worker: str) -> bool:  # noqa: ARG002
        """Say whether the name is this process's."""
        return worker == self.worker

    async def is_gone(self, db: Db, worker: str) -> bool:  # noqa: ARG002
        """Say whether the name is another process's: there is none."""
        return worker != self.worker


class SessionLock:
    """One of many processes on PostgreSQL: an advisory lock that a session of its own holds.

    The server lets go of the lock when the session ends: with the process, with its host, or
    with the server itself. A name whose lock was lost is given up for ever, since others may have
    taken over what was claimed under it; the process goes on under another one.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        """Take the first part of the names, at most 60 characters: where the process runs."""
        self.worker = _named(prefix)
        self._prefix = prefix
        self._arguments = store.driver_arguments() | {"application_name": "pilar liveness"}
        self._backend: int | None = None  # the server's number of the session, while it is there
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the lock; where the server does not answer, wait until it does."""
        session = await self._take()
        self._keeper = asyncio.create_task(self._keep(session), name="liveness")

    async def stop(self) -> None:
        """End the session, and so let the lock go."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def holds(self, db: Db, worker: str) -> bool:
        """Say whether the name is this process's and the server knows its lock as held."""
        if worker != self.worker or self._backend is None:
            return False
        asked = {"backend": self._backend, "key": key_of(worker)}
        return bool((await (await db.connection()).execute(HOLDS, asked)).scalar_one())

    async def is_gone(self, db: Db, worker: str) -> bool:
        """Say whether the lock of a name is free; it is then taken until the transaction ends."""
        if worker == self.worker:
            return False
        asked = {"key": key_of(worker)}
        return bool((await (await db.connection()).execute(TRY, asked)).scalar_one())

    async def _keep(self, session: psycopg.AsyncConnection) -> None:
        while True:
            try:
                await _watch(session)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("liveness lock lost", worker=self.worker, why=_first_line(error))
            finally:
                self._backend = None
                await session.close()
            self.worker = _named(self._prefix)
            session = await self._take()

    async def _take(self) -> psycopg.AsyncConnection:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                async with asyncio.timeout(2 * ANSWER_SECONDS):
                    return await self._session()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("liveness lock not taken", worker=self.worker, why=_first_line(error))
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    async def _session(self) -> psycopg.AsyncConnection:
        session = await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)
        try:
            await session.execute(SERVER_KEEP_ALIVE)
            # Somebody who looked for this name holds it for the length of a transaction.
            await session.execute("SELECT pg_advisory_lock(%s::bigint)", (key_of(self.worker),))
            found = await (await session.execute("SELECT pg_backend_pid()")).fetchone()
        except BaseException:
            await session.close()
            raise
        self._backend = found[0] if found else None
        return session


def key_of(worker: str) -> int:
    """Return the number of a name's lock: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(worker.encode()).digest()[:8], "big", signed=True)


async def _watch(session: psycopg.AsyncConnection) -> None:
    """Return never; raise when the session is lost, at once if anybody says so."""
    while True:
        async for _ in session.notifies(timeout=PING_SECONDS):
            pass  # nobody notifies it: this waits, and hears the end of the session
        async with asyncio.timeout(ANSWER_SECONDS):
            await session.execute("SELECT 1")


def _named(prefix: str) -> str:
    return f"{prefix[:60]}:{secrets.token_hex(4)}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
