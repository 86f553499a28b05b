"""Publications: the rows that are the schedule and the queue, and each step of their lives."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select, update

from planner.errors import NotFound
from planner.publications import IN_FLIGHT, Status, check_step, holds_seat, settled_as
from planner.slots import local_day
from store import alerts, audit
from store.audit import Actor
from store.db import Db
from store.lookup import one
from store.tables import Attempt, Post, Publication, Transition, Workspace

FROZEN = IN_FLIGHT | {Status.PUBLISHED, Status.HANDED_OVER, Status.NEEDS_REVIEW}
"""Where a publication keeps its type and pillar, whatever its post gets."""


class NoSuchPublication(NotFound):
    """There is no such publication, or it was taken off the calendar."""


async def of(db: Db, workspace_id: UUID, publication_id: UUID) -> Publication:
    """Return a publication that is on the calendar; raises `NoSuchPublication`."""
    row = await one(db, Publication, workspace_id, publication_id, NoSuchPublication)
    if row.status == Status.CANCELLED:
        raise NoSuchPublication(id=str(publication_id))
    return row


async def of_post(db: Db, post: Post) -> Sequence[Publication]:
    """Return a post's publications that are on the calendar, by time."""
    query = select(Publication).where(
        Publication.post_id == post.id, Publication.status != Status.CANCELLED
    )
    return (await db.exec(query.order_by(col(Publication.due_at), col(Publication.id)))).all()


async def page_of(
    db: Db,
    workspace_id: UUID,
    *,
    filters: dict[str, Any],
    first: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Publication]:
    """Return publications on the calendar by time, one more than `limit`.

    `first` and `until` bound `due_at` (half-open); `filters` maps columns to values.
    """
    query = select(Publication).where(
        Publication.workspace_id == workspace_id, Publication.status != Status.CANCELLED
    )
    for name, value in filters.items():
        query = query.where(getattr(Publication, name) == value)
    if first is not None:
        query = query.where(Publication.due_at >= first)
    if until is not None:
        query = query.where(Publication.due_at < until)
    if after is not None:
        at, last = after
        later = (col(Publication.due_at) == at) & (col(Publication.id) > last)
        query = query.where((col(Publication.due_at) > at) | later)
    query = query.order_by(col(Publication.due_at), col(Publication.id)).limit(limit + 1)
    return (await db.exec(query)).all()


async def in_days(
    db: Db, workspace_id: UUID, first: date, until: date, *, filters: dict[str, Any]
) -> Sequence[Publication]:
    """Return publications whose channel-local day lies in [first, until), by time."""
    query = select(Publication).where(
        Publication.workspace_id == workspace_id,
        Publication.status != Status.CANCELLED,
        Publication.day >= first,
        Publication.day < until,
    )
    for name, value in filters.items():
        query = query.where(getattr(Publication, name) == value)
    return (await db.exec(query.order_by(col(Publication.due_at), col(Publication.id)))).all()


async def queue(db: Db, workspace_id: UUID, now: datetime) -> Sequence[Publication]:
    """Return what is due, late or in flight, oldest first."""
    in_flight = col(Publication.status).in_([*IN_FLIGHT, Status.HANDED_OVER, Status.NEEDS_REVIEW])
    due = (col(Publication.status) == Status.SCHEDULED) & (col(Publication.due_at) <= now)
    query = select(Publication).where(Publication.workspace_id == workspace_id, in_flight | due)
    return (await db.exec(query.order_by(col(Publication.due_at), col(Publication.id)))).all()


async def attempts(db: Db, publication: Publication) -> Sequence[Attempt]:
    """Return the intents of a publication, oldest first."""
    query = select(Attempt).where(Attempt.publication_id == publication.id)
    return (await db.exec(query.order_by(col(Attempt.number)))).all()


async def transitions(db: Db, publication: Publication) -> Sequence[Transition]:
    """Return every step of a publication's life, oldest first."""
    query = select(Transition).where(Transition.publication_id == publication.id)
    return (await db.exec(query.order_by(col(Transition.id)))).all()


def may_be_live(publication: Publication) -> bool:
    """Say whether something of a publication that waits is public, or may be."""
    return publication.unproved or publication.step > 0


async def enter(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Put a new publication on the calendar, in the state it has."""
    _count(publication, now)
    db.add(publication)
    await db.flush()
    unplaced = (col(Post.id) == publication.post_id) & col(Post.placed_at).is_(None)
    await db.exec(update(Post).where(unplaced).values(placed_at=now))
    _remember(db, publication, None, actor, now, None, None, {})
    data = _place(publication)
    if publication.exempt is not None:
        data |= {"exempt": publication.exempt, "note": publication.exempt_note}
    await _record(db, workspace, actor, "add", publication, now, data)


async def step(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    after: Status,
    now: datetime,
    *,
    reason: str | None = None,
    attempt: int | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Take one step in a publication's life; raises `NoSuchStep`.

    Where the clock would say that nothing of it is public and cannot know, a person is asked
    instead. Writes the seat, the append-only transition and the change with it. `detail` is
    evidence: JSON values, no secret. `attempt` is the number of the attempt that this step ends.
    """
    before = Status(publication.status)
    if actor.kind == "clock":
        after = settled_as(after, may_be_live=may_be_live(publication))
    check_step(before, after)
    publication.status, publication.reason, publication.updated_at = after, reason, now
    _count(publication, now)
    _remember(db, publication, before, actor, now, reason, attempt, detail or {})
    if after is Status.CANCELLED:
        await _take_off(db, publication)
    await alerts.for_step(db, workspace, actor, publication, after, reason, now)
    data = {"before": before.value, "after": after.value, "reason": reason}
    await _record(db, workspace, actor, "step", publication, now, data)


async def move(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    fields: dict[str, Any],
    now: datetime,
) -> None:
    """Give a publication another time, and forget what held it back."""
    before = _place(publication)
    for name, value in fields.items():
        setattr(publication, name, value)
    publication.not_before = publication.resumed_at = publication.dismissed_at = None
    publication.dispatched_until = None
    publication.updated_at = now
    _count(publication, now)
    data = {"before": before, "after": _place(publication)}
    await _record(db, workspace, actor, "move", publication, now, data)


async def dismiss(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Give up a failed or missed publication: it frees its seat."""
    publication.dismissed_at = publication.updated_at = now
    _count(publication, now)
    await _record(db, workspace, actor, "dismiss", publication, now, {})


async def exempt(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    reason: str | None,
    note: str | None,
    now: datetime,
) -> None:
    """Let a publication not count in the mix, or (without a reason) let it count."""
    before = publication.exempt
    publication.exempt, publication.exempt_note = reason, note
    publication.updated_at = now
    _count(publication, now)
    data = {"before": before, "after": reason, "note": note}
    await _record(db, workspace, actor, "exempt", publication, now, data)


async def release_seat(
    db: Db, workspace: Workspace, publication: Publication, now: datetime
) -> None:
    """Count a publication anew after its local midnight."""
    before = publication.holds_seat
    _count(publication, now)
    if publication.holds_seat != before:
        await audit.note(db, workspace, "publication", publication.id, now)


async def follow(db: Db, workspace: Workspace, post: Post, now: datetime) -> None:
    """Give the type and pillar of a post to its publications that have not gone out."""
    for publication in await of_post(db, post):
        wanted = (post.type, post.pillar_id)
        if publication.status not in FROZEN and wanted != (
            publication.type,
            publication.pillar_id,
        ):
            publication.type, publication.pillar_id = wanted
            publication.retyped_at = post.retyped_at
            publication.updated_at = now
            await audit.note(db, workspace, "publication", publication.id, now)


async def _take_off(db: Db, publication: Publication) -> None:
    """Note that a post stands on no channel any more, if it does not."""
    await db.flush()
    left = select(Publication.id).where(
        Publication.post_id == publication.post_id, Publication.status != Status.CANCELLED
    )
    gone = (col(Post.id) == publication.post_id) & ~left.exists()
    await db.exec(update(Post).where(gone).values(placed_at=None))


def _count(publication: Publication, now: datetime) -> None:
    publication.holds_seat = holds_seat(
        Status(publication.status),
        exempt=publication.exempt is not None,
        dismissed=publication.dismissed_at is not None,
        day=publication.day,
        today=local_day(now, ZoneInfo(publication.timezone)),
    )


def _remember(
    db: Db,
    publication: Publication,
    before: Status | None,
    actor: Actor,
    now: datetime,
    reason: str | None,
    attempt: int | None,
    detail: dict[str, Any],
) -> None:
    db.add(
        Transition(
            workspace_id=publication.workspace_id,
            publication_id=publication.id,
            before=before,
            after=publication.status,
            reason=reason,
            actor=str(actor),
            attempt=attempt,
            detail=detail,
            at=now,
        )
    )


def _place(publication: Publication) -> dict[str, Any]:
    return {
        "post": str(publication.post_id),
        "channel": str(publication.channel_id),
        "local": publication.local,
        "timezone": publication.timezone,
        "status": str(publication.status),
    }


async def _record(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    action: str,
    publication: Publication,
    now: datetime,
    data: dict[str, Any],
) -> None:
    deleted = publication.status == Status.CANCELLED
    if actor.kind == "clock":  # the transition says it; the audit is about people and machines
        await audit.note(db, workspace, "publication", publication.id, now, deleted=deleted)
        return
    await audit.record(
        db,
        workspace,
        actor,
        action,
        "publication",
        publication.id,
        now,
        data,
        deleted=deleted,
    )
