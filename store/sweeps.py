"""Sweeps: what time does to rows without anybody asking."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, delete, select

from planner.publications import GRACE_DAYS, UNSENT, Status
from planner.slots import local_day
from store import alert_deliveries, publications, workspaces
from store.audit import CLOCK
from store.db import Db, Store
from store.tables import Authorization, Change, IdempotencyKey, Publication, Session, Workspace

CHANGES_KEPT = timedelta(days=30)
KEYS_KEPT = timedelta(hours=24)
BATCH = 500

Deed = Callable[[Db, Workspace, Publication], Awaitable[None]]


async def miss_unapproved(store: Store, now: datetime) -> int:
    """Mark what was due and not approved as missed; return how many."""

    async def miss(db: Db, workspace: Workspace, row: Publication) -> None:
        if row.status == Status.PLANNED and row.due_at < now:
            await publications.step(
                db, workspace, CLOCK, row, Status.MISSED, now, reason="not_approved"
            )

    wanted = (Publication.status == Status.PLANNED, Publication.due_at < now)
    return await _each(store, wanted, miss)


async def review_unconfirmed(store: Store, now: datetime) -> int:
    """Ask a person about what was handed over and not confirmed by the next day."""

    async def review(db: Db, workspace: Workspace, row: Publication) -> None:
        today = local_day(now, ZoneInfo(row.timezone))
        if row.status == Status.HANDED_OVER and row.day < today:
            await publications.step(
                db, workspace, CLOCK, row, Status.NEEDS_REVIEW, now, reason="unconfirmed"
            )

    wanted = (Publication.status == Status.HANDED_OVER, Publication.due_at < now)
    return await _each(store, wanted, review)


async def release_seats(store: Store, now: datetime) -> int:
    """Free the seats of what did not go out, after the local midnight that ends its grace."""

    async def release(db: Db, workspace: Workspace, row: Publication) -> None:
        if row.status in UNSENT and row.holds_seat:
            await publications.release_seat(db, workspace, row, now)

    # The day begins up to 14 hours before UTC's somewhere; the seat itself decides.
    past = (now - timedelta(days=GRACE_DAYS) + timedelta(hours=14)).date()
    wanted = (
        col(Publication.status).in_(UNSENT),
        col(Publication.holds_seat).is_(True),
        Publication.day < past,
    )
    return await _each(store, wanted, release)


async def prune(store: Store, now: datetime) -> None:
    """Delete what is kept for a time only: changes, keys, ended sessions, old alerts.

    And who set out to connect an account, and did not come back in time.
    """
    async with store.transaction() as db:
        await db.exec(delete(Change).where(col(Change.at) < now - CHANGES_KEPT))
        await db.exec(
            delete(IdempotencyKey).where(col(IdempotencyKey.created_at) < now - KEYS_KEPT)
        )
        await db.exec(delete(Session).where(col(Session.expires_at) < now))
        await db.exec(delete(Authorization).where(col(Authorization.expires_at) < now))
        await alert_deliveries.prune(db, now)


async def _each(store: Store, wanted: tuple[Any, ...], deed: Deed) -> int:
    """Do a deed to every row that is wanted, one transaction a workspace; return how many."""
    columns = (col(Publication.workspace_id), col(Publication.id))
    query = select(*columns).where(*wanted).order_by(*columns).limit(BATCH)
    async with store.reading() as db:
        found: list[tuple[UUID, UUID]] = [(row[0], row[1]) for row in await db.exec(query)]
    for workspace_id, pairs in groupby(found, key=lambda pair: pair[0]):
        async with store.transaction() as db:
            workspace = await workspaces.lock_by_id(db, workspace_id)
            ids = [pair[1] for pair in pairs]
            rows = await db.exec(select(Publication).where(col(Publication.id).in_(ids)))
            for row in rows.all():
                await deed(db, workspace, row)
    return len(found)
