"""The inbox: what waits for a person, and whether the one who asks may see to it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, func, select

from planner.access import Ability
from planner.posts import AlreadyApproved, OwnWords, PostStatus, check_approver
from planner.publications import FINAL, GRACE_DAYS, UNSENT, Status
from planner.slots import local_day
from store.audit import Actor
from store.db import Db
from store.tables import Approval, Channel, Post, PostVersion, Publication, Workspace

SHOWN = 100
"""How many of a kind are shown; all of them are counted."""


@dataclass(frozen=True, slots=True)
class WaitingPost:
    """A post that waits for an approval; `due_at` is when it would first go out."""

    post: Post
    due_at: datetime | None
    reason: str | None
    mine: bool


@dataclass(frozen=True, slots=True)
class WaitingPublication:
    """A publication that waits for somebody's word, with the title of its post."""

    row: Publication
    title: str
    channel: str


@dataclass(slots=True)
class Inbox:
    """What waits for a person, the most urgent first, and how much there is of each kind."""

    approvals: list[WaitingPost] = field(default_factory=list)
    second_approvals: list[WaitingPost] = field(default_factory=list)
    needs_review: list[WaitingPublication] = field(default_factory=list)
    handed_over: list[WaitingPublication] = field(default_factory=list)
    failed: list[WaitingPublication] = field(default_factory=list)
    missed: list[WaitingPublication] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


async def of(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    abilities: Collection[Ability],
    now: datetime,
    shown: int = SHOWN,
) -> Inbox:
    """Return what waits in a workspace, at most `shown` of a kind, as this caller sees it."""
    found = Inbox()
    may = Ability.APPROVE in abilities and (actor.kind != "key" or workspace.keys_may_approve)
    in_review = (col(Post.status) == PostStatus.IN_REVIEW,)
    found.approvals = await _posts(
        db, workspace, found, "approvals", in_review, actor, shown, may=may
    )
    second = (
        col(Post.second_approval_due).is_(True),
        col(Post.status).not_in([PostStatus.IN_REVIEW, PostStatus.ARCHIVED]),
    )
    found.second_approvals = await _posts(
        db, workspace, found, "second_approvals", second, actor, shown, may=may
    )
    for status in (Status.NEEDS_REVIEW, Status.HANDED_OVER, Status.FAILED, Status.MISSED):
        rows = await _publications(db, workspace, found, status, now, shown)
        setattr(found, status.value, rows)
    lost = (
        Channel.workspace_id == workspace.id,
        col(Channel.connection).in_(["needs_reauth", "disconnected"]),
    )
    query = select(Channel).where(*lost).order_by(col(Channel.name), col(Channel.id)).limit(shown)
    found.channels = list((await db.exec(query)).all())
    count = select(func.count()).select_from(Channel).where(*lost)
    found.counts["channels"] = (await db.exec(count)).one()
    return found


async def _posts(
    db: Db,
    workspace: Workspace,
    found: Inbox,
    name: str,
    wanted: tuple[Any, ...],
    actor: Actor,
    shown: int,
    *,
    may: bool,
) -> list[WaitingPost]:
    here = (Post.workspace_id == workspace.id, *wanted)
    first_due = (
        select(func.min(Publication.due_at))
        .where(Publication.post_id == Post.id, col(Publication.status).not_in(FINAL))
        .scalar_subquery()
    )
    # What goes out first comes first; what stands nowhere comes after all that does.
    order = (first_due.is_(None), first_due, col(Post.submitted_at), col(Post.id))
    query = select(Post, first_due).where(*here).order_by(*order).limit(shown)
    rows = (await db.exec(query)).all()
    count = select(func.count()).select_from(Post).where(*here)
    found.counts[name] = (await db.exec(count)).one()
    ids = [post.id for post, _ in rows]
    versions = (
        await db.exec(
            select(PostVersion.post_id, PostVersion.number, PostVersion.author).where(
                col(PostVersion.post_id).in_(ids)
            )
        )
    ).all()
    given = (
        await db.exec(
            select(Approval.post_id, Approval.number, Approval.actor, Approval.break_glass).where(
                col(Approval.post_id).in_(ids), col(Approval.channel_id).is_(None)
            )
        )
    ).all()
    waiting = []
    for post, due_at in rows:
        since = 0 if post.status == PostStatus.APPROVED else post.approved or 0
        writers = {who for each, number, who in versions if each == post.id and number > since}
        approved = [row[1:] for row in given if row[0] == post.id]
        approvers = {who for number, who, _ in approved if number == post.current}
        reasons = [reason for number, _, reason in approved if number == post.approved and reason]
        waits = post.status in {PostStatus.IN_REVIEW, PostStatus.APPROVED}
        mine = may and waits and _may_approve(str(actor), writers, approvers)
        waiting.append(WaitingPost(post, due_at, reasons[-1] if reasons else None, mine))
    return waiting


def _may_approve(actor: str, writers: Collection[str], approvers: Collection[str]) -> bool:
    try:
        check_approver(actor, writers, approvers)
    except (OwnWords, AlreadyApproved):
        return False
    return True


async def _publications(
    db: Db, workspace: Workspace, found: Inbox, status: Status, now: datetime, shown: int
) -> list[WaitingPublication]:
    here: list[Any] = [Publication.workspace_id == workspace.id, Publication.status == status]
    if status in UNSENT:
        # What is exempt never has a seat; it waits as long as one would be kept for it.
        today = local_day(now, ZoneInfo(workspace.timezone))
        recent = col(Publication.exempt).is_not(None) & (
            col(Publication.day) >= today - timedelta(days=GRACE_DAYS)
        )
        here += [
            col(Publication.dismissed_at).is_(None),
            col(Publication.holds_seat).is_(True) | recent,
        ]
    query = (
        select(Publication, Post.title, Channel.name)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(*here)
        .order_by(col(Publication.due_at), col(Publication.id))
        .limit(shown)
    )
    count = select(func.count()).select_from(Publication).where(*here)
    found.counts[status.value] = (await db.exec(count)).one()
    rows: Sequence[tuple[Publication, str, str]] = (await db.exec(query)).all()
    return [WaitingPublication(*row) for row in rows]
