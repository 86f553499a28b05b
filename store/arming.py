"""Arming: what is approved is scheduled, what is not goes back to planned, in one transaction."""

from datetime import datetime

from planner.content import Content, channel_hash, said, words_for
from planner.posts import PostStatus, is_armed
from planner.publications import WAITING, Status
from store import posts, publications
from store.audit import Actor
from store.db import Db
from store.tables import Post, Publication, Workspace


async def arm(db: Db, workspace: Workspace, actor: Actor, post: Post, now: datetime) -> None:
    """Bring all waiting publications of a post in line with what is approved now."""
    matter = await posts.matter_of(db, workspace.id, post.id)
    for publication in await publications.of_post(db, post):
        await arm_one(db, workspace, actor, publication, matter.current, matter.approved, now)


async def arm_one(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    current: Content,
    approved: Content | None,
    now: datetime,
) -> None:
    """Schedule a waiting publication whose words are approved; plan it again when they are not.

    One that may be live by an earlier attempt is looked at by a person instead.
    """
    if publication.status not in WAITING:
        return
    channel_id = str(publication.channel_id)
    armed = is_armed(current, approved, channel_id)
    publication.content_hash = channel_hash(current, channel_id) if armed else None
    wanted = Status.SCHEDULED if armed else Status.PLANNED
    if publications.may_be_live(publication) and not armed:
        wanted = Status.NEEDS_REVIEW  # what was sent may be live, and is not what is approved now
    if publication.status != wanted:
        reason = "approved" if armed else "not_approved"
        await publications.step(db, workspace, actor, publication, wanted, now, reason=reason)


async def rearm(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Bring one waiting publication in line with what its post says and what is approved."""
    matter = await posts.matter_of(db, workspace.id, publication.post_id)
    if publication.status in WAITING:
        publication.said = said(words_for(matter.current, str(publication.channel_id)))
    await arm_one(db, workspace, actor, publication, matter.current, matter.approved, now)


def reads(current: Content, approved: Content | None, channels: list[str]) -> PostStatus:
    """Return what an edited post reads: approved iff the post and all its channels are."""
    own = current == approved or (
        approved is not None and channel_hash(current, "") == channel_hash(approved, "")
    )
    armed = own and all(is_armed(current, approved, channel) for channel in channels)
    return PostStatus.APPROVED if armed else PostStatus.DRAFT
