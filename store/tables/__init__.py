"""Every table: columns and constraints, no behaviour."""

from store.tables.alerts import Alert, AlertDelivery, AlertTarget
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
from store.tables.connecting import Authorization
from store.tables.holds import Hold, Worker
from store.tables.people import ApiKey, Invitation, KeyWorkspace, Membership, Person, Session
from store.tables.posts import Approval, Comment, Media, Post, PostVersion
from store.tables.publications import Attempt, Publication, Pull, Transition
from store.tables.records import AuditEntry, Change, IdempotencyKey, Instance, Pace
from store.tables.rows import METADATA, check_lengths

check_lengths(METADATA)

__all__ = [
    "METADATA",
    "Alert",
    "AlertDelivery",
    "AlertTarget",
    "ApiKey",
    "Approval",
    "Attempt",
    "AuditEntry",
    "Authorization",
    "CalendarLink",
    "Campaign",
    "Change",
    "Channel",
    "Comment",
    "Day",
    "Hold",
    "IdempotencyKey",
    "Instance",
    "Invitation",
    "KeyWorkspace",
    "Media",
    "Membership",
    "MixVersion",
    "Pace",
    "Person",
    "Pillar",
    "Post",
    "PostVersion",
    "Publication",
    "Pull",
    "Session",
    "Slot",
    "Transition",
    "Worker",
    "Workspace",
]
