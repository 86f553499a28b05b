"""Approving: posts are submitted, approved by other eyes, or rejected with a reason."""

from datetime import datetime
from uuid import UUID

from planner.content import channel_hash
from planner.errors import Forbidden
from planner.posts import NotADraft, NotInReview, Policy, PostStatus, check_approver
from store import arming, posts, publications
from store.audit import Actor
from store.db import Db
from store.tables import Approval, Post, Workspace


class KeysMayNotApprove(Forbidden):
    """The workspace lets people approve, not keys."""


async def submit(db: Db, workspace: Workspace, actor: Actor, post: Post, now: datetime) -> None:
    """Ask for approval; with policy `none` this approves. Raises `NotADraft`."""
    if post.status not in {PostStatus.IDEA, PostStatus.DRAFT}:
        raise NotADraft(status=post.status)
    post.submitted_at, post.rejection = now, None
    if workspace.approval_policy == Policy.NONE:
        post.approved = post.current
        await posts.set_status(db, workspace, actor, post, PostStatus.APPROVED, "submit", now)
        await arming.arm(db, workspace, actor, post, now)
        return
    await posts.set_status(db, workspace, actor, post, PostStatus.IN_REVIEW, "submit", now)


async def approve(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    now: datetime,
    *,
    break_glass: str | None = None,
) -> None:
    """Approve the current version; the last approval that is needed arms what waits.

    `break_glass` is an owner's reason to approve alone; a second approval is asked for
    afterwards. Raises `NotInReview`, `KeysMayNotApprove`, `OwnWords`, `AlreadyApproved`.
    """
    if actor.kind == "key" and not workspace.keys_may_approve:
        raise KeysMayNotApprove
    afterwards = post.second_approval_due and post.status == PostStatus.APPROVED
    if post.status != PostStatus.IN_REVIEW and not afterwards:
        raise NotInReview(status=post.status)
    given = await posts.approvals(db, post, post.current)
    approvers = {row.actor for row in given}
    if break_glass is None:
        since = await posts.writers_since_approval(db, post)
        writers = await posts.writers_of(db, post) if afterwards else since
        check_approver(str(actor), writers, approvers)
    await _keep(db, workspace, actor, post, break_glass, now)
    approvers.add(str(actor))
    needed = Policy(workspace.approval_policy).approvals
    enough = len(approvers) >= needed or break_glass is not None or afterwards
    action = "break_glass" if break_glass else "approve"
    status = PostStatus.APPROVED if enough else PostStatus.IN_REVIEW
    if enough:
        post.approved, post.second_approval_due = post.current, break_glass is not None
    await posts.set_status(db, workspace, actor, post, status, action, now, reason=break_glass)
    await arming.arm(db, workspace, actor, post, now)


async def reject(
    db: Db, workspace: Workspace, actor: Actor, post: Post, reason: str, now: datetime
) -> None:
    """Send a post back with a reason: nothing of it is approved, its seats are kept."""
    if post.status not in {PostStatus.IN_REVIEW, PostStatus.APPROVED}:
        raise NotInReview(status=post.status)
    post.approved, post.rejection, post.second_approval_due = None, reason, False
    await posts.set_status(
        db, workspace, actor, post, PostStatus.DRAFT, "reject", now, reason=reason
    )
    await arming.arm(db, workspace, actor, post, now)


async def _keep(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    break_glass: str | None,
    now: datetime,
) -> None:
    """Write an approval of the post, and one for each channel that gets other words."""
    content = await posts.content_of(db, post)
    base = channel_hash(content, "")
    on = {row.channel_id for row in await publications.of_post(db, post)}
    own = {channel_id: channel_hash(content, str(channel_id)) for channel_id in on}
    hashes: dict[UUID | None, str] = {None: base}
    hashes |= {channel_id: sha256 for channel_id, sha256 in own.items() if sha256 != base}
    for channel_id, sha256 in hashes.items():
        db.add(
            Approval(
                workspace_id=workspace.id,
                post_id=post.id,
                number=post.current,
                channel_id=channel_id,
                hash=sha256,
                actor=str(actor),
                break_glass=break_glass,
                created_at=now,
            )
        )
