"""The life of a post: approvals, and whom four eyes leave out."""

from collections.abc import Collection
from enum import StrEnum

from planner.content import Content, channel_hash
from planner.errors import Conflict, Forbidden


class PostStatus(StrEnum):
    """Where a post is in its life."""

    IDEA = "idea"
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    ARCHIVED = "archived"


READY = (PostStatus.DRAFT, PostStatus.IN_REVIEW, PostStatus.APPROVED)
"""Statuses of posts that are written and could be put on a channel."""


class Policy(StrEnum):
    """How many people must approve a post before it may go out."""

    NONE = "none"
    ONE = "one"
    TWO = "two"

    @property
    def approvals(self) -> int:
        """How many approvals make a version approved."""
        return {"none": 0, "one": 1, "two": 2}[self.value]


class NotInReview(Conflict):
    """Only a post that was submitted can be approved or rejected."""


class NotADraft(Conflict):
    """This needs a post that is an idea or a draft."""


class OwnWords(Forbidden):
    """Nobody approves a version they wrote since the last approval."""


class AlreadyApproved(Conflict):
    """This caller has approved this version already."""


def check_approver(approver: str, writers: Collection[str], approvers: Collection[str]) -> None:
    """Refuse an approval by a writer or a second one by the same caller.

    `writers` wrote a version since the last approval; `approvers` approved the present version.
    Raises `OwnWords` or `AlreadyApproved`.
    """
    if approver in writers:
        raise OwnWords
    if approver in approvers:
        raise AlreadyApproved


def is_armed(current: Content, approved: Content | None, channel_id: str) -> bool:
    """Say whether a channel's words are those that were approved last."""
    return approved is not None and channel_hash(current, channel_id) == channel_hash(
        approved, channel_id
    )
