"""Every table: columns and constraints, no behaviour."""

from store.tables.calendar import (
    CalendarLink,
    Campaign,
    Channel,
    Day,
    MixVersion,
    Pillar,
    Slot,
    Workspace,
)
from store.tables.people import ApiKey, Invitation, KeyWorkspace, Membership, Person, Session
from store.tables.posts import Approval, Comment, Media, Post, PostVersion
from store.tables.publications import Attempt, Publication, Transition
from store.tables.records import AuditEntry, Change, IdempotencyKey, Instance
from store.tables.rows import METADATA, check_lengths

check_lengths(METADATA)

__all__ = [
    "METADATA",
    "ApiKey",
    "Approval",
    "Attempt",
    "AuditEntry",
    "CalendarLink",
    "Campaign",
    "Change",
    "Channel",
    "Comment",
    "Day",
    "IdempotencyKey",
    "Instance",
    "Invitation",
    "KeyWorkspace",
    "Media",
    "Membership",
    "MixVersion",
    "Person",
    "Pillar",
    "Post",
    "PostVersion",
    "Publication",
    "Session",
    "Slot",
    "Transition",
    "Workspace",
]
