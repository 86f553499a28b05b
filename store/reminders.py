"""Reminders: what time alone makes worth an alert, and channels that should be looked at."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select, update

from planner.alerts import (
    HORIZON,
    SOON,
    UNCONFIRMED_AFTER,
    AlertKind,
    preflight_wanted,
)
from planner.publications import Status
from store import alerts, channels, workspaces
from store.db import Db, Store
from store.tables import Alert, Channel, Publication, Transition, Workspace

BATCH = 500

Place = tuple[datetime, UUID]


async def find(store: Store, now: datetime, batch: int = BATCH) -> int:
    """Write alerts about what is due soon and not approved, and what nobody confirms.

    Returns how many were written; each is told once for each instant that it is due at.
    """
    unapproved = (
        Publication.status == Status.PLANNED,
        Publication.due_at > now,
        Publication.due_at <= now + SOON,
    )
    handed_over = (
        select(Transition.id)
        .where(
            Transition.publication_id == Publication.id,
            Transition.after == Status.HANDED_OVER,
            Transition.at > now - UNCONFIRMED_AFTER,
        )
        .exists()
    )
    unconfirmed = (
        Publication.status == Status.HANDED_OVER,
        Publication.due_at <= now - UNCONFIRMED_AFTER,
        ~handed_over,  # not within the last two hours
    )
    told = await _tell(store, AlertKind.UNAPPROVED, unapproved, now, batch)
    return told + await _tell(store, AlertKind.UNCONFIRMED, unconfirmed, now, batch)


async def _tell(
    store: Store, kind: AlertKind, wanted: tuple[Any, ...], now: datetime, batch: int
) -> int:
    told, after = 0, None
    while True:
        new, after = await _untold(store, kind, wanted, after, batch)
        for workspace_id, group in groupby(sorted(new), key=lambda pair: pair[0]):
            ids = [pair[1] for pair in group]
            async with store.transaction() as db:
                workspace = await workspaces.lock_by_id(db, workspace_id)
                query = select(Publication).where(col(Publication.id).in_(ids), *wanted)
                for row in (await db.exec(query)).all():
                    alert = await alerts.for_publication(db, workspace, row, kind, now)
                    told += alert is not None
        if after is None:
            return told


async def _untold(
    store: Store, kind: AlertKind, wanted: tuple[Any, ...], after: Place | None, batch: int
) -> tuple[list[tuple[UUID, UUID]], Place | None]:
    """Return a batch of (workspace, publication) that is not told yet, and where the next begins.

    Those that were told are many and stay wanted: they are passed by, not left out by the query.
    """
    columns = (
        col(Publication.due_at),
        col(Publication.id),
        col(Publication.workspace_id),
    )
    query = select(*columns).where(*wanted)
    if after is not None:
        at, last = after
        later = (columns[0] == at) & (columns[1] > last)
        query = query.where((columns[0] > at) | later)
    query = query.order_by(*columns[:2]).limit(batch)
    async with store.reading() as db:
        rows: list[tuple[datetime, UUID, UUID]] = [
            (row[0], row[1], row[2]) for row in await db.exec(query)
        ]
        keys = {(row[2], alerts.key_of(kind, row[1], row[0])): (row[2], row[1]) for row in rows}
        said = await _said(db, keys)
    new = [pair for key, pair in keys.items() if key not in said]
    return new, rows[-1][:2] if len(rows) == batch else None


async def _said(db: Db, keys: Iterable[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    said: set[tuple[UUID, str]] = set()
    for workspace_id, group in groupby(sorted(keys), key=lambda pair: pair[0]):
        query = select(Alert.key).where(
            Alert.workspace_id == workspace_id,
            col(Alert.key).in_([pair[1] for pair in group]),
        )
        said |= {(workspace_id, key) for key in await db.exec(query)}
    return said


async def to_look_at(store: Store, now: datetime) -> list[tuple[Channel, Workspace]]:
    """Return the channels with something to come that should be looked at now."""
    first: Any = func.min(col(Publication.due_at))
    query = (
        select(col(Publication.channel_id), col(Publication.day), first)
        .where(
            Publication.status == Status.SCHEDULED,
            Publication.due_at > now,
            Publication.due_at <= now + HORIZON,
        )
        .group_by(col(Publication.channel_id), col(Publication.day))
    )
    days: dict[UUID, dict[date, datetime]] = {}
    async with store.reading() as db:
        for channel_id, day, due_at in await db.exec(query):
            days.setdefault(channel_id, {})[day] = due_at
        rows = await _channels(db, list(days))
    return [
        (channel, workspace)
        for channel, workspace in rows
        if _is_wanted(channel, workspace, days[channel.id], now)
    ]


async def _channels(db: Db, ids: list[UUID]) -> list[tuple[Channel, Workspace]]:
    query = (
        select(Channel, Workspace)
        .join(Workspace, col(Workspace.id) == col(Channel.workspace_id))
        .where(col(Channel.id).in_(ids))
        .order_by(col(Channel.id))
    )
    return [(row[0], row[1]) for row in await db.exec(query)]


def _is_wanted(
    channel: Channel, workspace: Workspace, days: Mapping[date, datetime], now: datetime
) -> bool:
    return preflight_wanted(days, channels.zone_of(channel, workspace), channel.preflight_at, now)


async def take_preflight(store: Store, channel: Channel, now: datetime) -> bool:
    """Say that a channel is looked at now; False if another replica was first."""
    seen = channel.preflight_at
    ours = (col(Channel.id) == channel.id) & (
        col(Channel.preflight_at).is_(None) if seen is None else col(Channel.preflight_at) == seen
    )
    async with store.transaction() as db:
        taken = await db.exec(update(Channel).where(ours).values(preflight_at=now))
        return bool(taken.rowcount == 1)


async def note_preflight(store: Store, channel: Channel, reason: str | None, now: datetime) -> None:
    """Write that a channel with something to come does not answer, or must be connected again."""
    async with store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, channel.workspace_id)
        if channel.connection == "needs_reauth":
            await alerts.for_reauth(db, workspace, channel, reason, now)
            return
        key = f"{AlertKind.PREFLIGHT}:{channel.id}:{int(now.timestamp())}"
        about = ("channel", channel.id, key, {"reason": reason})
        await alerts.note(db, workspace, AlertKind.PREFLIGHT, *about, now)
