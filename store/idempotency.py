"""Idempotency keys: the answer to a request, written with its effect, so a repeat gets the same.

Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlmodel import col, delete, select, text
from uuid_utils.compat import uuid7

from planner.errors import Conflict, Fault, Invalid
from store.db import Db
from store.tables import IdempotencyKey

KEPT = timedelta(hours=24)
PATIENCE_SECONDS = 2
RUNNING = 0
"""The status of a request that has no answer yet; nobody but its own transaction sees it."""


class KeyReused(Invalid):
    """The key came before, with another request."""


class StillRunning(Conflict):
    """The first request with this key has not been answered yet."""


async def claim(db: Db, scope: str, key: str, fingerprint: str, now: datetime) -> IdempotencyKey:
    """Claim a key, or return the answer that was kept for it.

    A row of status `RUNNING` is new and the caller's to fill with `keep`. On PostgreSQL a repeat
    waits up to two seconds for the first to end, on SQLite for the one connection that writes.
    Raises `KeyReused` and `StillRunning`.
    """
    mine = (col(IdempotencyKey.scope) == scope, col(IdempotencyKey.key) == key)
    await db.exec(delete(IdempotencyKey).where(*mine, col(IdempotencyKey.created_at) < now - KEPT))
    row = IdempotencyKey(
        id=uuid7(),
        scope=scope,
        key=key,
        fingerprint=fingerprint,
        status=RUNNING,
        body="",
        created_at=now,
    )
    await _claim(db, row)
    found = (await db.exec(select(IdempotencyKey).where(*mine))).one()
    if found.fingerprint != fingerprint:
        raise KeyReused(Fault("/header/Idempotency-Key", "key-reused"))
    return found


async def keep(
    db: Db, row: IdempotencyKey, status: int, location: str | None, etag: str | None, body: str
) -> None:
    """Write the answer into the row of the request, in the transaction of its effect."""
    row.status, row.location, row.etag, row.body = status, location, etag, body
    db.add(row)
    await db.flush()


async def _claim(db: Db, row: IdempotencyKey) -> None:
    """Insert a row unless its key is there; wait for whoever is inserting it."""
    if db.get_bind().dialect.name == "sqlite":
        await db.exec(
            sqlite.insert(IdempotencyKey).values(row.model_dump()).on_conflict_do_nothing()
        )
        return
    insert = postgresql.insert(IdempotencyKey).values(row.model_dump())
    await _wait_at_most(db, f"{PATIENCE_SECONDS}s")
    try:
        await db.exec(insert.on_conflict_do_nothing())
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
            raise StillRunning(retry_after_seconds=1) from None
        raise
    await _wait_at_most(db, "0")


async def _wait_at_most(db: Db, patience: str) -> None:
    await db.exec(text(f"SET LOCAL lock_timeout = '{patience}'"))  # type: ignore[call-overload]
