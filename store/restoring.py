"""The restore epoch: what came back from a backup may have gone out since, and a person decides."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, delete, select, update

from planner.platforms import idempotency_of, platform
from planner.publications import Status
from planner.restoring import Fate, fate
from store import audit, publications, workspaces
from store.audit import CLI
from store.db import Db
from store.instance import THE_INSTANCE
from store.tables import Change, Channel, Instance, Publication, Workspace

WHY = "restored"

SEQUENCE_JUMP = 1_000_000
"""More changes than a backup lacks: no token of a follower from before is taken for one of now."""

FENCE_JUMP = 1_000
"""More claims than a backup lacks: no worker of before settles a claim of now."""

_UNLIKE = (Status.CLAIMED, Status.SUBMITTING, Status.HANDED_OVER)
_IF_DUE = (Status.PLANNED, Status.SCHEDULED, Status.FAILED, Status.MISSED)


@dataclass(frozen=True, slots=True)
class Epoch:
    """How many publications a person must look at, and how many are proved before they are sent."""

    review: int = 0
    unproved: int = 0
    missed: int = 0

    def __add__(self, other: "Epoch") -> "Epoch":
        return Epoch(
            self.review + other.review,
            self.unproved + other.unproved,
            self.missed + other.missed,
        )


async def begin_epoch(
    db: Db, now: datetime, *, taken_at: datetime, askable: Collection[str] = ()
) -> Epoch:
    """Write into a database that came back from a backup that it did, in one transaction.

    Nothing goes out until a person lets it; what may be live is marked or comes to review.
    `askable` names the platforms that can be asked what is live after their promise has ended.
    """
    here = await db.get(Instance, THE_INSTANCE)
    if here is not None:
        here.restored_at = here.held_at = here.updated_at = now
        here.held_why = WHY
    every = (await db.exec(select(Workspace.id).order_by(col(Workspace.slug)))).all()
    total = Epoch()
    for workspace_id in every:
        workspace = await workspaces.lock_by_id(db, workspace_id)
        await _forget_followers(db, workspace)
        await _doubt_handles(db, workspace)
        rows = await _concerned(db, workspace, now)
        found = Epoch()
        for publication, channel in rows:
            kind = _fate(publication, channel, now, askable)
            found += await _meet(db, workspace, publication, kind, now)
        data: dict[str, Any] = {
            "taken_at": taken_at.isoformat(),
            "needs_review": found.review,
            "unproved": found.unproved,
            "missed": found.missed,
        }
        await audit.record(db, workspace, CLI, "restore", "workspace", workspace.id, now, data)
        total += found
    return total


async def _forget_followers(db: Db, workspace: Workspace) -> None:
    """Let the numbers of changes begin anew: a token of before asks for everything again."""
    await db.exec(delete(Change).where(col(Change.workspace_id) == workspace.id))
    workspace.change_seq += SEQUENCE_JUMP
    workspace.passage_at = None


async def _doubt_handles(db: Db, workspace: Workspace) -> None:
    """Note what has a handle: that this one came to nothing will not prove that nothing did."""
    open_ones = (
        col(Publication.workspace_id) == workspace.id,
        col(Publication.handle).is_not(None),
    )
    ended = col(Publication.status).in_((Status.PUBLISHED, Status.CANCELLED))
    await db.exec(update(Publication).where(*open_ones, ~ended).values(restored=True))


async def _concerned(
    db: Db, workspace: Workspace, now: datetime
) -> Sequence[tuple[Publication, Channel]]:
    due = col(Publication.status).in_(_IF_DUE) & (col(Publication.due_at) <= now)
    query = (
        select(Publication, Channel)
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(
            Publication.workspace_id == workspace.id,
            col(Publication.status).in_(_UNLIKE) | due,
        )
        .order_by(col(Publication.due_at), col(Publication.id))
    )
    return (await db.exec(query)).all()


def _fate(
    publication: Publication, channel: Channel, now: datetime, askable: Collection[str]
) -> Fate:
    there = platform(channel.platform)
    return fate(
        Status(publication.status),
        publication.due_at,
        now,
        idempotency=idempotency_of(there, channel.settings),
        idempotent_seconds=None if there.name in askable else there.idempotent_seconds,
        dismissed=publication.dismissed_at is not None,
    )


async def _meet(
    db: Db, workspace: Workspace, publication: Publication, kind: Fate, now: datetime
) -> Epoch:
    if kind is Fate.LEAVE:
        return Epoch()
    publication.fence += FENCE_JUMP
    publication.worker = publication.lease_until = None
    publication.dispatched_until = publication.not_before = None
    if kind is Fate.REVIEW:
        after = Status.NEEDS_REVIEW
        await publications.step(db, workspace, CLI, publication, after, now, reason=WHY)
        return Epoch(review=1)
    publication.unproved, publication.updated_at = True, now
    if kind is Fate.MISS:
        after, reason = Status.MISSED, "not_approved"
        await publications.step(db, workspace, CLI, publication, after, now, reason=reason)
        return Epoch(missed=1)
    if kind is Fate.PROVE and publication.status != Status.SCHEDULED:
        after = Status.SCHEDULED
        await publications.step(db, workspace, CLI, publication, after, now, reason=WHY)
        return Epoch(unproved=1)
    data = {"unproved": True}
    noun = "publication"
    await audit.record(db, workspace, CLI, "restore", noun, publication.id, now, data)
    return Epoch(unproved=1)
