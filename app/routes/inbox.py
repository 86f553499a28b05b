"""The inbox over HTTP: what waits for a person, and what of it the caller may approve."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from fastapi import APIRouter

from app.deps import Now, Reads, Viewer
from app.fields import Answer, Moment
from app.speech import reason_text
from planner.posts import PostStatus
from store import inbox
from store.inbox import WaitingPost, WaitingPublication
from store.tables import Channel

router = APIRouter(prefix="/workspaces/{ws}", tags=["calendar"])


class Waiting(Answer):
    """What every kind says: what it is, where and when it is due, and why it waits."""

    id: UUID
    title: str
    channel: UUID | None
    due_at: Moment | None
    reason: str | None
    reason_text: str | None
    version: int


class PostWaiting(Waiting):
    """A post that waits for an approval; `mine`: this caller may give it.

    `due_at` is when it would first go out, on whichever channel. For a second approval `reason`
    holds the words of whoever approved alone.
    """

    status: PostStatus
    submitted_at: Moment | None
    content_version: int
    mine: bool

    @classmethod
    def of(cls, waiting: WaitingPost) -> Self:
        """Return a post as it waits."""
        named = {
            "channel": None,
            "due_at": waiting.due_at,
            "reason": waiting.reason,
            "reason_text": waiting.reason,
            "content_version": waiting.post.current,
            "mine": waiting.mine,
        }
        return cls.model_validate(waiting.post.model_dump() | named)


class PublicationWaiting(Waiting):
    """A publication that waits for somebody's word."""

    post: UUID
    channel_name: str

    @classmethod
    def of(cls, waiting: WaitingPublication) -> Self:
        """Return a publication as it waits."""
        row = waiting.row
        named = {
            "post": row.post_id,
            "title": waiting.title,
            "channel": row.channel_id,
            "channel_name": waiting.channel,
            "reason_text": reason_text(row.reason),
        }
        return cls.model_validate(row.model_dump() | named)


class ChannelWaiting(Waiting):
    """A channel that somebody has to connect again."""

    platform: str
    connection: str

    @classmethod
    def of(cls, row: Channel) -> Self:
        """Return a channel as it waits."""
        named = {
            "title": row.name,
            "channel": row.id,
            "due_at": None,
            "reason": row.connection_reason,
            "reason_text": reason_text(row.connection_reason),
        }
        return cls.model_validate(row.model_dump() | named)


class PostsWaiting(Answer):
    """The most urgent of a kind; `more`: there are others."""

    items: list[PostWaiting]
    more: bool


class PublicationsWaiting(Answer):
    """The most urgent of a kind; `more`: there are others."""

    items: list[PublicationWaiting]
    more: bool


class ChannelsWaiting(Answer):
    """The channels by name; `more`: there are others."""

    items: list[ChannelWaiting]
    more: bool


class InboxCounts(Answer):
    """How much waits of each kind, shown or not."""

    approvals: int
    second_approvals: int
    needs_review: int
    handed_over: int
    failed: int
    missed: int
    channels: int


class InboxOut(Answer):
    """What waits for a person."""

    approvals: PostsWaiting
    second_approvals: PostsWaiting
    needs_review: PublicationsWaiting
    handed_over: PublicationsWaiting
    failed: PublicationsWaiting
    missed: PublicationsWaiting
    channels: ChannelsWaiting
    counts: InboxCounts


@router.get("/inbox")
async def read_inbox(db: Reads, access: Viewer, now: Now) -> InboxOut:
    """Read what waits for a person: approvals, doubts, failures, channels that do not answer."""
    found = await inbox.of(db, access.workspace, access.actor, access.abilities, now)
    counts = InboxCounts.model_validate(found.counts)

    def posts(rows: Sequence[WaitingPost], count: int) -> PostsWaiting:
        return PostsWaiting(items=[PostWaiting.of(row) for row in rows], more=count > len(rows))

    def publications(rows: Sequence[WaitingPublication], count: int) -> PublicationsWaiting:
        items = [PublicationWaiting.of(row) for row in rows]
        return PublicationsWaiting(items=items, more=count > len(rows))

    return InboxOut(
        approvals=posts(found.approvals, counts.approvals),
        second_approvals=posts(found.second_approvals, counts.second_approvals),
        needs_review=publications(found.needs_review, counts.needs_review),
        handed_over=publications(found.handed_over, counts.handed_over),
        failed=publications(found.failed, counts.failed),
        missed=publications(found.missed, counts.missed),
        channels=ChannelsWaiting(
            items=[ChannelWaiting.of(row) for row in found.channels],
            more=counts.channels > len(found.channels),
        ),
        counts=counts,
    )
