"""Claims: what is due, who sends it, and what came of it; one short transaction each.

Every function takes the locks in one order (workspace, channel, publication) and checks the
fence, so that a worker that lost its claim hits no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.content import Words, channel_hash, words_for, words_json
from planner.posts import is_armed
from planner.publications import Status
from store import posts, publications, workspaces
from store.audit import CLOCK
from store.db import Db, Store
from store.tables import Attempt, Channel, Media, Publication, Workspace

LATE_MINUTES = 60
"""How late a post is still sent without asking (design note "publishing", section 3)."""

NOT_CONNECTED_SECONDS = 60
"""When a publication looks again whether its channel is connected."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A publication that one worker may send; the fence tells its claim from later ones."""

    publication_id: UUID
    workspace_id: UUID
    worker: str
    fence: int
    platform: str
    media: tuple[str, ...]  # sha256 of every file


@dataclass(frozen=True, slots=True)
class Intent:
    """What is going to be sent: committed before the first byte leaves."""

    claim: Claim
    workspace: Workspace
    channel: Channel
    publication: Publication
    words: Words
    files: Sequence[Media]
    number: int
    key: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of an attempt: the next state and what is remembered with it."""

    after: Status
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


async def due(db: Db, now: datetime, limit: int) -> Sequence[UUID]:
    """Return what is due: the earliest of each channel that has none in flight."""
    ready = (
        (col(Publication.status) == Status.SCHEDULED)
        & (col(Publication.due_at) <= now)
        & (col(Publication.not_before).is_(None) | (col(Publication.not_before) <= now))
    )
    busy = select(Publication.channel_id).where(
        col(Publication.status).in_([Status.CLAIMED, Status.SUBMITTING])
    )
    turn = (
        func.row_number()
        .over(
            partition_by=col(Publication.channel_id),
            order_by=(col(Publication.due_at), col(Publication.id)),
        )
        .label("turn")
    )
    waiting = (
        select(col(Publication.id), col(Publication.due_at), turn)
        .where(ready, col(Publication.channel_id).not_in(busy))
        .subquery()
    )
    query = select(waiting.c.id).where(waiting.c.turn == 1).order_by(waiting.c.due_at)
    return (await db.exec(query.limit(limit))).all()


async def next_due(db: Db, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which a publication becomes due."""
    query = select(func.min(Publication.due_at)).where(
        Publication.status == Status.SCHEDULED, Publication.due_at > now
    )
    first = (await db.exec(query)).one()
    held = select(func.min(Publication.not_before)).where(
        Publication.status == Status.SCHEDULED,
        Publication.due_at <= now,
        col(Publication.not_before) > now,
    )
    again = (await db.exec(held)).one()
    return min((moment for moment in (first, again) if moment is not None), default=None)


async def claim(
    store: Store, publication_id: UUID, worker: str, lease: timedelta, now: datetime
) -> Claim | None:
    """Claim a publication whose time has come; None where there is nothing to send.

    What is no longer approved is planned again, what is too late is missed: a stale or doubled
    delivery does no harm.
    """
    async with store.transaction() as db:
        found = await _locked(db, publication_id)
        if found is None:
            return None
        workspace, channel, publication = found
        if not _ready(publication, now) or await _busy(db, channel):
            return None
        if await _must_not_go(db, workspace, channel, publication, now):
            return None
        publication.worker, publication.lease_until = worker, now + lease
        publication.fence += 1
        channel.busy_until = publication.lease_until
        await publications.step(db, workspace, CLOCK, publication, Status.CLAIMED, now)
        words = await _words(db, publication)
        return Claim(
            publication.id,
            workspace.id,
            worker,
            publication.fence,
            channel.platform,
            tuple(ref.sha256 for ref in words.media),
        )


async def intend(store: Store, claim: Claim, now: datetime) -> Intent | None:
    """Write the intent, after looking once more whether it may go; None if it may not.

    Only after this has committed may a byte leave.
    """
    async with store.transaction() as db:
        found = await _held(db, claim, Status.CLAIMED)
        if found is None:
            return None
        workspace, channel, publication = found
        if await _must_not_go(db, workspace, channel, publication, now):
            channel.busy_until = None
            return None
        words = await _words(db, publication)
        number = publication.attempts + 1
        publication.attempts, publication.intent_at = number, now
        publication.snapshot = words_json(words)
        key = f"{publication.id}-{publication.step}"
        db.add(
            Attempt(
                workspace_id=workspace.id,
                publication_id=publication.id,
                number=number,
                step=publication.step,
                worker=claim.worker,
                fence=claim.fence,
                key=key,
                content_hash=publication.content_hash or "",
                started_at=now,
            )
        )
        await publications.step(
            db, workspace, CLOCK, publication, Status.SUBMITTING, now, attempt=number
        )
        files = await _files(db, workspace.id, words)
        return Intent(claim, workspace, channel, publication, words, files, number, key)


async def settle(
    store: Store, claim: Claim, before: Status, settlement: Settlement, now: datetime
) -> bool:
    """Write what came of a claim or an intent; False where the claim is no longer this worker's."""
    async with store.transaction() as db:
        found = await _held(db, claim, before)
        if found is None:
            return False
        workspace, channel, publication = found
        for name, value in settlement.fields.items():
            setattr(publication, name, value)
        publication.lease_until = channel.busy_until = None
        after = settlement.after
        if publication.unproved and after is Status.FAILED:
            after = Status.NEEDS_REVIEW  # it may be live by an earlier attempt: nobody knows
        await publications.step(
            db,
            workspace,
            CLOCK,
            publication,
            after,
            now,
            reason=settlement.reason,
            attempt=publication.attempts if before is Status.SUBMITTING else None,
            detail=settlement.detail,
        )
        return True


async def abandoned(
    db: Db, now: datetime, *, but: str | None = None, of: str | None = None
) -> Sequence[tuple[Publication, Channel]]:
    """Return what is claimed by workers that are gone, with its channel.

    A worker is gone when its lease has run out; `but` names the only worker that is not gone,
    `of` one that is.
    """
    held = col(Publication.status).in_([Status.CLAIMED, Status.SUBMITTING])
    gone = col(Publication.lease_until) <= now
    if but is not None:
        gone = gone | (col(Publication.worker) != but)
    if of is not None:
        gone = gone | (col(Publication.worker) == of)
    query = (
        select(Publication, Channel)
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(held, gone)
    )
    return (await db.exec(query)).all()


async def _locked(db: Db, publication_id: UUID) -> tuple[Workspace, Channel, Publication] | None:
    query = select(Publication.workspace_id).where(Publication.id == publication_id)
    workspace_id = (await db.exec(query)).first()
    if workspace_id is None:
        return None
    workspace = await workspaces.lock_by_id(db, workspace_id)
    row = await db.get(Publication, publication_id, populate_existing=True)
    channel = await db.get(Channel, row.channel_id) if row else None
    return (workspace, channel, row) if row and channel else None


async def _held(
    db: Db, claim: Claim, status: Status
) -> tuple[Workspace, Channel, Publication] | None:
    found = await _locked(db, claim.publication_id)
    if found is None or (found[2].fence, found[2].status) != (claim.fence, status):
        return None
    return found


def _ready(publication: Publication, now: datetime) -> bool:
    return (
        publication.status == Status.SCHEDULED
        and publication.due_at <= now
        and (publication.not_before is None or publication.not_before <= now)
    )


async def _busy(db: Db, channel: Channel) -> bool:
    query = select(Publication.id).where(
        Publication.channel_id == channel.id,
        col(Publication.status).in_([Status.CLAIMED, Status.SUBMITTING]),
    )
    return (await db.exec(query)).first() is not None


async def _must_not_go(
    db: Db, workspace: Workspace, channel: Channel, publication: Publication, now: datetime
) -> bool:
    """Take the step that keeps a publication from going out, if there is one."""
    post = await posts.of(db, workspace.id, publication.post_id)
    current = await posts.content_of(db, post)
    approved = await posts.approved_content(db, post)
    if not is_armed(current, approved, str(channel.id)):
        publication.content_hash = None
        after, reason = Status.PLANNED, "not_approved"
    elif late := _too_late(workspace, publication, now):
        if publication.status == Status.CLAIMED:
            return False  # it was claimed in time
        after, reason = Status.MISSED, late
    elif channel.connection != "connected":
        publication.not_before = now + timedelta(seconds=NOT_CONNECTED_SECONDS)
        if publication.status == Status.SCHEDULED:
            return True
        after, reason = Status.SCHEDULED, "not_connected"
    else:
        publication.content_hash = channel_hash(current, str(channel.id))
        return False
    publication.lease_until = None
    if publication.unproved and after is not Status.SCHEDULED:
        after = Status.NEEDS_REVIEW
    await publications.step(db, workspace, CLOCK, publication, after, now, reason=reason)
    if reason == "outage" and workspace.missed_policy == "skip":
        await publications.dismiss(db, workspace, CLOCK, publication, now)
    return True


def _too_late(workspace: Workspace, publication: Publication, now: datetime) -> str | None:
    if publication.publish_until is not None and publication.publish_until < now:
        return "too_late"
    meant = max(publication.due_at, publication.resumed_at or publication.due_at)
    late = now - meant > timedelta(minutes=LATE_MINUTES)
    first_try = publication.attempts == 0
    return "outage" if late and first_try and workspace.missed_policy != "send_late" else None


async def _words(db: Db, publication: Publication) -> Words:
    post = await posts.of(db, publication.workspace_id, publication.post_id)
    return words_for(await posts.content_of(db, post), str(publication.channel_id))


async def _files(db: Db, workspace_id: UUID, words: Words) -> list[Media]:
    ids = [UUID(ref.id) for ref in words.media]
    query = select(Media).where(Media.workspace_id == workspace_id, col(Media.id).in_(ids))
    rows = {row.id: row for row in (await db.exec(query)).all()}
    return [rows[each] for each in ids]
