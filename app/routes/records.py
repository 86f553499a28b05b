"""The record of a post over HTTP: what an auditor asks, in one answer."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import PlainSerializer, WithJsonSchema

from app.deps import Reads, Viewer
from app.fields import Answer, Moment
from app.routes.audit import AuditOut
from app.schemas.posts import PostOut
from app.schemas.publications import TransitionOut
from app.speech import reason_text
from planner.content import fingerprint
from planner.publications import Status
from store import posts, records
from store.records import PublicationLife
from store.tables import Approval, AuditEntry, PostVersion

router = APIRouter(prefix="/workspaces/{ws}/posts/{post_id}", tags=["posts"])

REVIEWS = frozenset({"submit", "approve", "break_glass", "reject", "archive"})


def exact_text(moment: datetime) -> str:
    """Return an instant with its microseconds (`2026-12-01T02:00:00.000000Z`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


MomentExact = Annotated[
    datetime,
    PlainSerializer(exact_text, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-12-01T02:00:00.000000Z"]}
    ),
]
"""An instant of the evidence: UTC, to the microsecond."""


class HashOut(Answer):
    """What an approval of a channel covers; without a channel: the post itself."""

    channel: UUID | None
    hash: str


class VersionRecord(Answer):
    """A version: who wrote it, the hash of everything it says, and of what each channel gets."""

    number: int
    author: str
    created_at: MomentExact
    sha256: str
    hashes: list[HashOut]

    @classmethod
    def of(cls, row: PostVersion, channels: list[UUID]) -> Self:
        """Return a version with its hashes."""
        hashes = records.hashes_of(row, channels)
        listed = [{"channel": channel, "hash": each} for channel, each in hashes.items()]
        return cls.model_validate(row.model_dump() | {"hashes": listed})


class ApprovalRecord(Answer):
    """Somebody's yes to a version: for the post itself, or for a channel that gets other words."""

    actor: str
    version: int
    channel: UUID | None
    hash: str
    break_glass: str | None
    at: MomentExact

    @classmethod
    def of(cls, row: Approval) -> Self:
        """Return an approval as the record shows it."""
        named = {"version": row.number, "channel": row.channel_id, "at": row.created_at}
        return cls.model_validate(row.model_dump() | named)


class ReviewOut(Answer):
    """Who submitted, approved, rejected or archived which version, and why."""

    action: str
    actor: str
    version: int
    reason: str | None
    at: MomentExact
    seq: int

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return an audit entry as a step in the post's life."""
        known = entry.data
        named = {"version": known["version"], "reason": known.get("reason")}
        return cls.model_validate(entry.model_dump() | named)


class AttemptRecord(Answer):
    """An intent, committed before the first byte left."""

    number: int
    step: int
    key: str
    worker: str
    content_hash: str
    started_at: MomentExact


class TransitionRecord(TransitionOut):
    """One step in a publication's life, with the evidence."""

    at: MomentExact


class SentOnceOut(Answer):
    """How many attempts may have had an effect, what follows, and on what else that relies."""

    sent: int
    verdict: Literal["never_sent", "once", "unclear"]
    relies_on: list[Literal["same_key", "person", "asked"]]


class PublicationRecord(Answer):
    """A publication: what was armed or sent, who had approved it, and every try and step.

    `content_hash` is of the words that were sent last, else of the armed ones; `snapshot_hash` is
    of the words that are kept as sent, and equals it where nobody touched them.
    """

    id: UUID
    channel: UUID
    status: Status
    reason: str | None
    reason_text: str | None
    due_at: Moment
    local: str
    timezone: str
    recorded: bool
    allow_duplicate: str | None
    content_hash: str | None
    snapshot_hash: str | None
    approved_version: int | None
    approved_by: list[ApprovalRecord]
    sent_once: SentOnceOut
    attempts: list[AttemptRecord]
    transitions: list[TransitionRecord]
    remote_id: str | None
    permalink: str | None
    published_at: Moment | None
    withdrawn_at: Moment | None
    dismissed_at: Moment | None

    @classmethod
    def of(cls, life: PublicationLife) -> Self:
        """Return a publication with its life."""
        row = life.row
        named = {
            "channel": row.channel_id,
            "reason_text": reason_text(row.reason),
            "allow_duplicate": row.said_again,
            "content_hash": life.content_hash,
            "snapshot_hash": fingerprint(row.snapshot) if row.snapshot else None,
            "approved_version": life.approved_version,
            "approved_by": [ApprovalRecord.of(each) for each in life.approvals],
            "sent_once": SentOnceOut.model_validate(life.sent_once),
            "attempts": [AttemptRecord.model_validate(each) for each in life.attempts],
            "transitions": [TransitionRecord.of(each) for each in life.transitions],
        }
        return cls.model_validate(row.model_dump() | named)


class CommentRecord(Answer):
    """A remark on the post."""

    id: UUID
    author: str
    text: str
    created_at: MomentExact


class ChainOut(Answer):
    """Whether the audit still says what it said when it was written, as far as was looked.

    `workspace`: the whole chain was recomputed, from its first entry to its newest; `record`: it
    is too long for that here, and each entry below was compared with its own hash.
    """

    verified: bool
    scope: Literal["workspace", "record"]
    entries: int
    broken_at: int | None


class RecordOut(Answer):
    """Everything that is known of a post."""

    post: PostOut
    versions: list[VersionRecord]
    approvals: list[ApprovalRecord]
    reviews: list[ReviewOut]
    publications: list[PublicationRecord]
    comments: list[CommentRecord]
    audit: list[AuditOut]
    chain: ChainOut


@router.get("/record")
async def read_record(post_id: UUID, db: Reads, access: Viewer) -> RecordOut:
    """Read everything that an auditor asks about a post, what was taken off included."""
    post = await posts.of(db, access.workspace.id, post_id)
    record = await records.of_post(db, access.workspace, post)
    reviews = [each for each in record.entries if each.noun == "post" and each.action in REVIEWS]
    return RecordOut(
        post=PostOut.of(post, await posts.content_of(db, post)),
        versions=[VersionRecord.of(each, list(record.channels)) for each in record.versions],
        approvals=[ApprovalRecord.of(each) for each in record.approvals],
        reviews=[ReviewOut.of(each) for each in reviews],
        publications=[PublicationRecord.of(each) for each in record.publications],
        comments=[CommentRecord.model_validate(each) for each in record.comments],
        audit=[AuditOut.of(each) for each in record.entries],
        chain=ChainOut(
            verified=record.chain.broken_at is None,
            scope="workspace" if record.chain.whole else "record",
            entries=record.chain.entries,
            broken_at=record.chain.broken_at,
        ),
    )
