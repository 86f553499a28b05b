"""Posts: what they say, in versions; who approved which."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.content import Content, fingerprint
from planner.errors import Conflict, NotFound
from planner.posts import PostStatus
from store import audit
from store.audit import Actor
from store.db import Db
from store.lookup import one
from store.tables import Approval, Comment, Post, PostVersion, Publication, Workspace


class NoSuchPost(NotFound):
    """There is no such post."""


class ExternalIdTaken(Conflict):
    """Another post of the workspace has this external id."""


class PostArchived(Conflict):
    """An archived post does not change."""


async def of(db: Db, workspace_id: UUID, post_id: UUID) -> Post:
    """Return a post; raises `NoSuchPost`."""
    return await one(db, Post, workspace_id, post_id, NoSuchPost)


async def content_of(db: Db, post: Post, number: int | None = None) -> Content:
    """Return what a post says in its current or in another version."""
    query = select(PostVersion.content).where(
        PostVersion.post_id == post.id, PostVersion.number == (number or post.current)
    )
    return (await db.exec(query)).one()


async def approved_content(db: Db, post: Post) -> Content | None:
    """Return what was approved last; None if nothing is."""
    return await content_of(db, post, post.approved) if post.approved else None


@dataclass(frozen=True, slots=True)
class Matter:
    """A post, what it says now, and what was approved last (None: nothing)."""

    post: Post
    current: Content
    approved: Content | None


async def matter_of(db: Db, workspace_id: UUID, post_id: UUID) -> Matter:
    """Return what is known of a post's words; raises `NoSuchPost`."""
    query = (
        select(Post, PostVersion.content)
        .join(PostVersion, col(PostVersion.post_id) == col(Post.id))
        .where(
            Post.workspace_id == workspace_id,
            Post.id == post_id,
            col(PostVersion.number) == col(Post.current),
        )
    )
    found = (await db.exec(query)).first()
    if found is None:
        raise NoSuchPost(id=str(post_id))
    post, current = found
    same = post.approved == post.current
    return Matter(post, current, current if same else await approved_content(db, post))


async def contents_of(db: Db, posts: Sequence[Post]) -> dict[UUID, Content]:
    """Return the current contents of several posts, in one query."""
    query = (
        select(PostVersion.post_id, PostVersion.content)
        .join(Post, col(Post.id) == col(PostVersion.post_id))
        .where(
            col(PostVersion.post_id).in_([post.id for post in posts]),
            col(PostVersion.number) == col(Post.current),
        )
    )
    return dict((await db.exec(query)).all())


async def by_ids(db: Db, ids: Collection[UUID]) -> dict[UUID, Post]:
    """Return posts by their ids, in one query."""
    rows = (await db.exec(select(Post).where(col(Post.id).in_(ids)))).all()
    return {row.id: row for row in rows}


async def versions(db: Db, post: Post) -> Sequence[PostVersion]:
    """Return all versions of a post, newest first."""
    query = select(PostVersion).where(PostVersion.post_id == post.id)
    return (await db.exec(query.order_by(col(PostVersion.number).desc()))).all()


async def approvals(db: Db, post: Post, number: int | None = None) -> Sequence[Approval]:
    """Return the approvals of a post, or those of one version, oldest first."""
    query = select(Approval).where(Approval.post_id == post.id)
    if number is not None:
        query = query.where(Approval.number == number)
    return (await db.exec(query.order_by(col(Approval.id)))).all()


async def comments(db: Db, post: Post, after: UUID | None, limit: int) -> Sequence[Comment]:
    """Return the comments on a post, oldest first, one more than `limit`."""
    query = select(Comment).where(Comment.post_id == post.id)
    if after is not None:
        query = query.where(col(Comment.id) > after)
    return (await db.exec(query.order_by(col(Comment.id)).limit(limit + 1))).all()


async def page_of(
    db: Db,
    workspace_id: UUID,
    filters: Mapping[str, Any],
    *,
    channel_id: UUID | None,
    q: str | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Post]:
    """Return posts, newest first, one more than `limit`.

    `filters` maps column names to wanted values; `q` is looked for in titles, in any case;
    `channel_id` keeps posts that are on that channel.
    """
    query = select(Post).where(Post.workspace_id == workspace_id)
    for name, value in filters.items():
        query = query.where(getattr(Post, name) == value)
    if q:
        query = query.where(col(Post.title).icontains(q, autoescape=True))
    if channel_id is not None:
        on_channel = select(Publication.post_id).where(
            Publication.workspace_id == workspace_id,
            Publication.channel_id == channel_id,
            Publication.status != "cancelled",
        )
        query = query.where(col(Post.id).in_(on_channel))
    if after is not None:
        query = query.where(col(Post.id) < after)
    return (await db.exec(query.order_by(col(Post.id).desc()).limit(limit + 1))).all()


async def add(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    columns: Mapping[str, Any],
    content: Content,
    now: datetime,
) -> Post:
    """Add a post with its first version; raises `ExternalIdTaken`."""
    external_id = columns.get("external_id")
    post = Post(
        **{**columns, "external_id": None},
        **_copied(content),
        workspace_id=workspace.id,
        created_at=now,
        updated_at=now,
    )
    await check_external_id(db, post, external_id)
    post.external_id = external_id
    db.add(post)
    await db.flush()
    db.add(_version(post, actor, content, now))
    data = {"title": post.title, "version": 1, "sha256": fingerprint(content)}
    await audit.record(db, workspace, actor, "add", "post", post.id, now, data)
    return post


async def write(
    db: Db, workspace: Workspace, actor: Actor, post: Post, content: Content, now: datetime
) -> bool:
    """Write a new version, if it says anything new; return whether it does.

    The approval of what was approved stays: what differs from it is not approved.
    """
    if fingerprint(content) == fingerprint(await content_of(db, post)):
        return False
    post.current += 1
    post.updated_at = now
    for name, value in _copied(content).items():
        setattr(post, name, value)
    version = _version(post, actor, content, now)
    db.add(version)
    data = {"version": post.current, "sha256": version.sha256}
    await audit.record(db, workspace, actor, "write", "post", post.id, now, data)
    return True


async def set_status(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    status: PostStatus,
    action: str,
    now: datetime,
    **data: Any,
) -> None:
    """Move a post on in its life, and record why."""
    before, post.status, post.updated_at = post.status, status, now
    await audit.record(
        db,
        workspace,
        actor,
        action,
        "post",
        post.id,
        now,
        {"before": before, "after": status.value, "version": post.current} | data,
    )


async def writers_since_approval(db: Db, post: Post) -> set[str]:
    """Return who wrote a version since the last approval: those who may not approve."""
    query = select(PostVersion.author).where(
        PostVersion.post_id == post.id, PostVersion.number > (post.approved or 0)
    )
    return set((await db.exec(query)).all())


async def writers_of(db: Db, post: Post) -> set[str]:
    """Return everybody who wrote a version of a post."""
    query = select(PostVersion.author).where(PostVersion.post_id == post.id)
    return set((await db.exec(query)).all())


async def comment(
    db: Db, workspace: Workspace, actor: Actor, post: Post, text: str, now: datetime
) -> Comment:
    """Add a comment to a post."""
    row = Comment(
        workspace_id=workspace.id,
        post_id=post.id,
        author=str(actor),
        text=text,
        created_at=now,
        updated_at=now,
    )
    db.add(row)
    await db.flush()
    await audit.record(
        db, workspace, actor, "comment", "post", post.id, now, {"comment": str(row.id)}
    )
    return row


def _version(post: Post, actor: Actor, content: Content, now: datetime) -> PostVersion:
    return PostVersion(
        workspace_id=post.workspace_id,
        post_id=post.id,
        number=post.current,
        content=dict(content),
        sha256=fingerprint(content),
        author=str(actor),
        created_at=now,
    )


def _copied(content: Content) -> dict[str, Any]:
    """Return what stands in the post's own columns too, to be filtered and counted by."""
    return {
        "title": content["title"],
        "type": content["type"],
        "pillar_id": UUID(content["pillar"]) if content["pillar"] else None,
        "campaign_id": UUID(content["campaign"]) if content["campaign"] else None,
        "format": content["format"],
    }


async def check_external_id(db: Db, post: Post, external_id: str | None) -> None:
    """Refuse an external id that another post has; raises `ExternalIdTaken`."""
    if external_id is None or external_id == post.external_id:
        return
    query = select(Post.id).where(
        Post.workspace_id == post.workspace_id, Post.external_id == external_id
    )
    if found := (await db.exec(query)).first():
        raise ExternalIdTaken(external_id=external_id, post=str(found))
