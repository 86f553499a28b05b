"""The instance: whether its database answers, its keys are the right ones, and its clock ticks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlmodel import col, func, select, text

from planner.errors import PilarError, Unavailable
from planner.publications import Status
from store.db import DatabaseUnavailable, Db, Store
from store.tables import Channel, Instance, Publication, Workspace
from store.vault import CannotOpen, KeyRing

THE_INSTANCE = UUID(int=1)
"""The id of the only row: whoever comes second with it is refused by the database."""

DRIVERS = frozenset({"sqlite+aiosqlite", "postgresql+psycopg"})

NOBODY = UUID(int=0)
CHECK_FIELD = "instance-check"
CHECK_TEXT = "pilar"
NOTE_AFTER = timedelta(minutes=1)
"""How old the clock's note may get before it is written again."""


class BadDatabaseUrl(PilarError):
    """PILAR_DATABASE_URL is no URL of SQLite or PostgreSQL."""


class DatabaseUnreachable(Unavailable):
    """The database does not answer; `facts["why"]` is what its driver says."""


class WrongKeys(PilarError):
    """The keys are not those that this database's secrets were sealed with."""


@dataclass(frozen=True, slots=True)
class LateRow:
    """A publication that should have gone out already."""

    id: UUID
    channel: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Patient:
    """A channel on which nothing goes out until somebody looks at it."""

    workspace: str
    name: str
    connection: str
    reason: str | None


def open_store(url: str) -> Store:
    """Return the store of a URL, not connected yet; raises `BadDatabaseUrl`."""
    try:
        known = make_url(url).drivername in DRIVERS
    except ArgumentError:  # without its text, which may hold a password
        known = False
    if not known:
        raise BadDatabaseUrl
    return Store(url)


async def reach(store: Store) -> str:
    """Return the database's name and version; raises `DatabaseUnreachable`."""
    query = "SELECT sqlite_version()" if store.is_sqlite else "SHOW server_version"
    try:
        async with store.reading() as db:
            found = (await db.exec(text(query))).scalar_one()  # type: ignore[call-overload]
    except (DatabaseUnavailable, DBAPIError, OSError) as error:
        cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
        why = str(getattr(cause, "orig", cause)).strip().partition("\n")[0]
        raise DatabaseUnreachable(why=why) from error
    return f"{'SQLite' if store.is_sqlite else 'PostgreSQL'} {found}"


async def check_keys(store: Store, ring: KeyRing, now: datetime) -> None:
    """Refuse keys that do not open the instance's check; raises `WrongKeys`.

    A new instance gets its check here, sealed by the first key.
    """
    row = await _row(store) or await _begin(store, ring, now)
    try:
        plain = ring.open(row.sealed_check, workspace=NOBODY, channel=NOBODY, field=CHECK_FIELD)
    except CannotOpen as error:
        raise WrongKeys(reason=error.facts["reason"]) from error
    if plain != CHECK_TEXT:
        raise WrongKeys(reason="tampered")


async def seal_check(store: Store, ring: KeyRing, now: datetime) -> None:
    """Seal the instance's check anew, if the first key did not: from then on it is needed.

    Raises `CannotOpen`.
    """
    bound: dict[str, Any] = {"workspace": NOBODY, "channel": NOBODY, "field": CHECK_FIELD}
    async with store.transaction() as db:
        query = select(Instance).where(Instance.id == THE_INSTANCE).with_for_update()
        row = (await db.exec(query)).one()
        plain = ring.open(row.sealed_check, **bound)
        if not ring.is_current(row.sealed_check):
            row.sealed_check, row.updated_at = ring.seal(plain, **bound), now


async def is_begun(store: Store) -> bool:
    """Say whether the instance has its check: whether it was ever started."""
    return await _row(store) is not None


async def note_tick(store: Store, ticked_at: datetime) -> None:
    """Write when the clock ticked, at most once a minute; for those who look from outside."""
    row = await _row(store)
    if row is None or (row.clock_at and ticked_at < row.clock_at + NOTE_AFTER):
        return
    async with store.transaction() as db:
        held = await db.get(Instance, THE_INSTANCE)
        if held is not None:
            held.clock_at = held.updated_at = ticked_at


async def clock_at(db: Db) -> datetime | None:
    """Return when the clock ticked last, to the minute; None if it never did."""
    return (await db.exec(select(Instance.clock_at))).first()


async def is_empty(db: Db) -> bool:
    """Say whether there is no workspace yet."""
    return (await db.exec(select(Workspace.id).limit(1))).first() is None


async def late(db: Db, now: datetime) -> LateRow | None:
    """Return the publication that has been due the longest; None when nothing is due."""
    query = (
        select(Publication.id, Channel.name, Publication.due_at)
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(
            Publication.status == Status.SCHEDULED,
            Publication.due_at <= now,
            col(Publication.not_before).is_(None) | (col(Publication.not_before) <= now),
        )
        .order_by(col(Publication.due_at))
    )
    row = (await db.exec(query.limit(1))).first()
    return LateRow(*row) if row else None


async def rows_per_state(db: Db) -> dict[str, int]:
    """Return how many publications are in each state; states that nothing is in are left out."""
    query = select(Publication.status, func.count()).group_by(col(Publication.status))
    counted = dict((await db.exec(query)).all())
    return {state.value: counted[state] for state in Status if state in counted}


async def patients(db: Db) -> Sequence[Patient]:
    """Return the channels that need attention, by workspace and name."""
    query = (
        select(Workspace.slug, Channel.name, Channel.connection, Channel.connection_reason)
        .join(Workspace, col(Workspace.id) == col(Channel.workspace_id))
        .where(col(Channel.connection).in_(["disconnected", "needs_reauth"]))
        .order_by(col(Workspace.slug), col(Channel.name))
    )
    return [Patient(*row) for row in (await db.exec(query)).all()]


async def _row(store: Store) -> Instance | None:
    async with store.reading() as db:
        return await db.get(Instance, THE_INSTANCE)


async def _begin(store: Store, ring: KeyRing, now: datetime) -> Instance:
    sealed = ring.seal(CHECK_TEXT, workspace=NOBODY, channel=NOBODY, field=CHECK_FIELD)
    row = Instance(id=THE_INSTANCE, sealed_check=sealed, created_at=now, updated_at=now)
    try:
        async with store.transaction() as db:
            db.add(row)
    except IntegrityError:  # another process began it at the same moment: its check counts
        return await _row(store) or row
    return row
