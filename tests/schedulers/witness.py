"""Somebody who looks on: what an office wants, and whether the engine keeps the invariants."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, make_url, select
from sqlmodel import SQLModel

from planner.content import fingerprint
from planner.holds import Reach
from planner.publications import STEPS, Status
from schedulers.connector import Outgoing
from store.audit import Actor
from store.tables import Attempt, Publication, Transition
from tests.schedulers.bay import Bay
from tests.shore.connectors import text_of

IN_FLIGHT = {"claimed", "submitting"}
ENDS = {"published", "handed_over", "failed", "needs_review", "missed", "cancelled"}

Said = dict[UUID | None, tuple[str, ...]]
"""What a post says, part by part: for each channel with words of its own, and (None) for all."""


@dataclass
class Draft:
    """A post as its office knows it; `approved` is None if nothing is."""

    id: UUID
    type: str
    campaign: UUID | None
    said: Said
    approved: Said | None

    def on(self, channel: UUID) -> tuple[str, ...]:
        return self.said.get(channel, self.said[None])

    def is_armed(self, channel: UUID) -> bool:
        if self.approved is None:
            return False
        return self.approved.get(channel, self.approved[None]) == self.on(channel)


@dataclass
class Office:
    """What an office wants: what it said and approved, what it holds, what is connected.

    Kept beside the database and never read from it.
    """

    slug: str
    writer: Actor
    approver: Actor
    channels: list[UUID] = field(default_factory=list)
    campaigns: list[UUID] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    rows: list[UUID] = field(default_factory=list)
    holds: dict[UUID, Reach] = field(default_factory=dict)
    through: set[UUID] = field(default_factory=set)
    away: set[UUID] = field(default_factory=set)
    stopped: bool = False
    restored: bool = False

    def draft(self, post: UUID) -> Draft:
        return next(each for each in self.drafts if each.id == post)

    def forbids(self, row: Any) -> str | None:
        """Return why a publication may get no intent now; None if it may."""
        draft = self.draft(row.post_id)
        if not draft.is_armed(row.channel_id):
            return "not approved"
        if row.channel_id in self.away:
            return "not connected"
        if self.restored:
            return "restored"
        if row.id in self.through:
            return None
        reaches = self.holds.values()
        held = any(each.covers(row.channel_id, draft.campaign, draft.type) for each in reaches)
        return "held" if held or self.stopped else None


class Witness:
    """Looks at the database after every commit of a worker, at every call, and at every step."""

    def __init__(self, url: str, office: Office, bay: Bay, held: set[str]) -> None:
        self.office = office
        self.broken: list[str] = []
        self.trail: list[str] = []
        self.lies: Counter[str] = Counter()
        self.words: dict[str, tuple[str, ...]] = {}
        self._bay, self._held = bay, held
        self._rows: dict[UUID, Any] = {}
        self._published: set[UUID] = set()
        driver = make_url(url).drivername.partition("+")[0]
        sync = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}[driver]
        self._engine = create_engine(make_url(url).set(drivername=sync))
        self._known: set[UUID] = {each.id for each in self.all(Attempt)}

    def close(self) -> None:
        """Close what is open; looking again opens it again."""
        self._engine.dispose()

    def all(self, table: type[SQLModel], *where: Any) -> Sequence[Any]:
        query = select(*table.__table__.columns).where(*where)  # type: ignore[attr-defined]
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def row(self, publication_id: UUID) -> Any:
        (row,) = self.all(Publication, Publication.id == publication_id)
        return row

    def _now(self) -> str:
        return f"at {self._bay.time():.0f} s,"

    def holds_true(self, whether: bool, rule: str, *about: object) -> None:
        """Keep what is not so: a connector is asked here, whose errors the engine would catch."""
        if not whether:
            self.broken.append(f"{rule}: {' '.join(map(str, about))}")

    def look(self, names: Sequence[str] = ()) -> None:
        """Look at what was committed just now: by a process with these names, if there are any."""
        rows = {row.id: row for row in self.all(Publication)}
        for before in self._rows.values():
            row = rows[before.id]
            others = before.status in IN_FLIGHT and before.worker not in names
            kept = (row.status, row.fence) == (before.status, before.fence)
            self.holds_true(
                not (names and others) or kept, "I5, another's claim was settled", row.id
            )
        self._rows = rows
        for attempt in self.all(Attempt):
            if attempt.id not in self._known:
                self._known.add(attempt.id)
                self._on_intent(attempt)

    def _on_intent(self, attempt: Any) -> None:
        row = self.row(attempt.publication_id)
        draft = self.office.draft(row.post_id)
        why = self.office.forbids(row)
        self.holds_true(why is None, "an intent of what may not go", why, row.id)
        own = (attempt.fence, attempt.worker, attempt.number, attempt.step, "submitting")
        said = (row.fence, row.worker, row.attempts, row.step, row.status)
        self.holds_true(own == said, "I2, an intent of somebody else", own, said)
        self.holds_true(attempt.key == f"{row.id}-{row.step}", "I2, another key", attempt.key)
        self.holds_true(attempt.worker in self._held, "I5, an intent without a lock", row.id)
        sent = row.snapshot or {"parts": []}
        texts = tuple(part["text"] for part in sent["parts"])
        hashed = fingerprint(row.snapshot)
        self.holds_true(hashed == attempt.content_hash, "I3, another hash", row.id)
        self.holds_true(texts == draft.on(row.channel_id), "I3, other words", texts, row.id)
        self.words[attempt.key] = texts
        self.trail.append(f"{self._now()} {attempt.worker} intends {attempt.key}")

    def on_the_wire(self, names: Iterable[str], outgoing: Outgoing) -> None:
        """Look at a call that leaves: its intent stands, and is its process's own."""
        row = self.row(outgoing.publication_id)
        mine = self.all(
            Attempt,
            Attempt.publication_id == row.id,
            Attempt.number == row.attempts,
            Attempt.key == outgoing.key,
            Attempt.step == outgoing.step,
        )
        owns = [each for each in mine if each.fence == row.fence and each.worker in names]
        stands = row.status == "submitting" and len(owns) == 1
        self.holds_true(stands, "I2, a call without its intent", row.status, outgoing.key)
        self.trail.append(
            f"{self._now()} {'/'.join(names)} sends {outgoing.account.handle} {outgoing.key}"
        )
        parts = self.words.get(outgoing.key, ())
        wanted = parts[outgoing.step] if outgoing.words.format == "thread" else "\n\n".join(parts)
        text = text_of(outgoing.words, outgoing.step)
        self.holds_true(text == wanted, "I3, other words on the wire", text, wanted)

    def check(self) -> None:
        """Check what holds at any time."""
        rows = self.all(Publication)
        attempts, steps = self.all(Attempt), self.all(Transition)
        self._check_rows(rows)
        owners = {(each.publication_id, each.fence, each.worker) for each in attempts}
        fences = Counter(owner[:2] for owner in owners)
        self.holds_true(all(n == 1 for n in fences.values()), "I5, a fence of two", fences)
        for key, count in self._bay.counts().items():
            allowed = 1 + self.lies[key]
            self.holds_true(count <= allowed, "I7, doubled", key, count)
        for row in rows:
            own = sorted((each for each in steps if each.publication_id == row.id), key=_id)
            self._check_history(row, own)
        assert not self.broken, "\n".join([*self.broken, "after", *self.trail])

    def _check_rows(self, rows: Sequence[Any]) -> None:
        there = [row for row in rows if row.status != "cancelled"]
        places = Counter((row.post_id, row.channel_id, row.occurrence) for row in there)
        self.holds_true(all(n == 1 for n in places.values()), "I1, placed twice", places)
        busy = Counter(row.channel_id for row in rows if row.status in IN_FLIGHT)
        self.holds_true(all(n == 1 for n in busy.values()), "I5, two at once", busy)
        published = {row.id for row in rows if row.status == "published"}
        self.holds_true(self._published <= published, "I4, published was left", published)
        self._published = published

    def _check_history(self, row: Any, steps: Sequence[Any]) -> None:
        path = [(each.before, each.after) for each in steps]
        joined = all(first[1] == then[0] for first, then in pairwise(path))
        allowed = all(Status(after) in STEPS[Status(before)] for before, after in path[1:])
        ends = path[0] == (None, "planned") and path[-1][1] == row.status
        self.holds_true(joined and allowed and ends, "I8, no path", row.id, path, row.status)
        begun = sum(after == "submitting" for _, after in path)
        self.holds_true(begun == row.attempts, "I8, an attempt without its step", row.id, path)
        ended = {each.attempt for each in steps if each.before == "submitting"} - {None}
        wanted = set(range(1, row.attempts + (row.status != "submitting")))
        restored = any(each.reason == "restored" for each in steps)
        self.holds_true(ended == wanted or restored, "I8, an attempt without its end", row.id, path)
        if row.status == "published" and steps[-1].actor == "clock":
            known = {post.id for post in self._bay.posts if post.key.startswith(str(row.id))}
            done = {each["remote_id"] for each in row.steps_done}
            self.holds_true(done <= known, "published and not there", row.id, done, known)


def _id(row: Any) -> Any:
    return row.id
