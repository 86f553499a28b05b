"""What a worker holds while it sends: the rows, the words, and who holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.content import Words, words_for, words_from_json
from planner.publications import Status
from store import posts
from store.db import Db
from store.dispatch import SENDING
from store.posts import Matter
from store.tables import Attempt, Channel, Media, Publication, Workspace

Rows = tuple[Workspace, Channel, Publication]


@dataclass(frozen=True, slots=True)
class Claim:
    """A publication that one worker may send; the fence tells its claim from later ones.

    `words` are what is approved, or with `unproved` what may have gone out already; `ask_only`
    says that it may be asked after and not sent. `polling`: the platform works on it.
    """

    worker: str
    fence: int
    workspace: Workspace
    channel: Channel
    publication: Publication
    words: Words
    files: Sequence[Media]
    first_tried_at: datetime | None
    ask_only: bool = False
    polling: bool = False

    @property
    def id(self) -> UUID:
        """The publication's id."""
        return self.publication.id

    @property
    def key(self) -> str:
        """The idempotency key of the step that is next: the same on every attempt."""
        return f"{self.id}-{self.publication.step}"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is going to be sent: committed before the first byte leaves.

    `again`: an earlier attempt of this step may have been sent.
    """

    claim: Claim
    number: int
    again: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of an attempt: the next state and what is remembered with it.

    `served` says whether the platform did its part (None: it was not asked), which its channel's
    breaker counts; `rest_seconds` is how long the platform wants to be left alone;
    `needs_reauth`: a person has to connect the channel again, and its posts wait.
    """

    after: Status
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    served: bool | None = None
    rest_seconds: float = 0
    needs_reauth: bool = False


async def abandoned(db: Db, now: datetime) -> Sequence[Claim]:
    """Return what is claimed and whose lease has run out, whoever held it."""
    return await _taken(db, col(Publication.lease_until) <= now)


async def held_by(db: Db, worker: str) -> Sequence[Claim]:
    """Return what one worker has claimed."""
    return await _taken(db, col(Publication.worker) == worker)


async def held_by_others(db: Db, worker: str) -> Sequence[Claim]:
    """Return what everybody but one worker has claimed."""
    return await _taken(db, col(Publication.worker) != worker)


async def _taken(db: Db, whose: Any) -> Sequence[Claim]:
    query = (
        select(Workspace, Channel, Publication)
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .join(Workspace, col(Workspace.id) == col(Publication.workspace_id))
        .where(col(Publication.status).in_(SENDING), whose)
    )
    return [await of_rows(db, (row[0], row[1], row[2])) for row in (await db.exec(query)).all()]


async def of_rows(db: Db, rows: Rows, matter: Matter | None = None) -> Claim:
    """Return the claim of the worker that the publication names."""
    workspace, channel, publication = rows
    words = await _words(db, publication, matter)
    return Claim(
        worker=publication.worker or "",
        fence=publication.fence,
        workspace=workspace,
        channel=channel,
        publication=publication,
        words=words,
        files=await _files(db, workspace.id, words),
        first_tried_at=await first_tried(db, publication),
    )


async def first_tried(db: Db, publication: Publication) -> datetime | None:
    """Return when the step that is next may have gone out first; None: never."""
    if not (publication.attempts or publication.unproved):
        return None
    query = select(func.min(Attempt.started_at)).where(
        Attempt.publication_id == publication.id, Attempt.step == publication.step
    )
    tried: datetime | None = (await db.exec(query)).one()
    if publication.unproved:  # a restored one may have been sent when it was due
        return min(tried, publication.due_at) if tried else publication.due_at
    return tried


async def _words(db: Db, publication: Publication, matter: Matter | None) -> Words:
    sent = publication.snapshot
    if sent is not None and (publication.unproved or publication.status == Status.PROCESSING):
        return words_from_json(sent)
    matter = matter or await posts.matter_of(db, publication.workspace_id, publication.post_id)
    return words_for(matter.current, str(publication.channel_id))


async def _files(db: Db, workspace_id: UUID, words: Words) -> list[Media]:
    ids = [UUID(ref.id) for ref in words.media]
    if not ids:
        return []
    query = select(Media).where(Media.workspace_id == workspace_id, col(Media.id).in_(ids))
    rows = {row.id: row for row in (await db.exec(query)).all()}
    return [rows[each] for each in ids]
