"""Waiting: what keeps publications back, for whoever asks why they have not gone out.

The clock looks for itself (`store.gates`), with the rows locked; this only reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select

from planner.holds import Held
from planner.pace import TRIPS_AFTER
from planner.publications import WAITING, Status
from store import held
from store.db import Db
from store.dispatch import SENDING
from store.tables import Channel, Publication


class Kind(StrEnum):
    """What keeps a publication back; the last three are those of its channel."""

    RESTORED = "restored"
    INSTANCE_HELD = "instance_held"
    HELD = "held"
    NOT_CONNECTED = "not_connected"
    RESTS = "rests"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a publication back: on which channel, why in a person's words, until when.

    `tries` counts those in a row that the platform did not serve, where the breaker tripped.
    """

    kind: Kind
    channel: str
    held: Held | None = None
    until: datetime | None = None
    tries: int = 0


async def obstacles(
    db: Db, workspace_id: UUID, rows: Sequence[Publication], now: datetime
) -> Mapping[UUID, Obstacle]:
    """Return what keeps publications of a workspace back, by id; those that may go are left out.

    A hold is told of what is planned and of what is due later too; the rest only of what is due.
    """
    waiting = [row for row in rows if row.status in WAITING]
    if not waiting:
        return {}
    holders = await held.holders(db, workspace_id, waiting)
    on = {row.channel_id for row in waiting}
    query = select(Channel).where(Channel.workspace_id == workspace_id, col(Channel.id).in_(on))
    channels = {row.id: row for row in (await db.exec(query)).all()}
    busy = await _busy(db, on)
    found: dict[UUID, Obstacle] = {}
    for row in waiting:
        channel, holder = channels[row.channel_id], holders[row.id]
        due = row.status == Status.SCHEDULED and row.due_at <= now
        if holder is not None:
            found[row.id] = Obstacle(_kind_of(holder), channel.name, held=holder)
        elif due and (obstacle := _on_channel(channel, now, busy=channel.id in busy)):
            found[row.id] = obstacle
    return found


def _kind_of(holder: Held) -> Kind:
    if holder.kind == "restored":
        return Kind.RESTORED
    return Kind.INSTANCE_HELD if holder.kind == "instance" else Kind.HELD


def _on_channel(channel: Channel, now: datetime, *, busy: bool) -> Obstacle | None:
    if channel.connection != "connected":
        return Obstacle(Kind.NOT_CONNECTED, channel.name)
    if channel.rests_until is not None and channel.rests_until > now:
        tries = channel.failures if channel.failures >= TRIPS_AFTER else 0
        return Obstacle(Kind.RESTS, channel.name, until=channel.rests_until, tries=tries)
    return Obstacle(Kind.BUSY, channel.name) if busy else None


async def _busy(db: Db, channel_ids: set[UUID]) -> set[UUID]:
    query = select(Publication.channel_id).where(
        col(Publication.status).in_(SENDING), col(Publication.channel_id).in_(channel_ids)
    )
    return set((await db.exec(query)).all())
