"""Rotation: whatever is sealed is sealed anew by the first key of the ring, a few rows at a time.

It is under way for as long as anything is left that another key sealed, and knows nothing of how
far it came: killed anywhere, it is begun again. The instance's check goes last, so that whoever
takes an old key away too early is told at the next start.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, false, func, or_, select, update

from planner.errors import PilarError
from planner.publications import FINAL
from store import alert_targets, audit, claims, connecting, instance, workers, workspaces
from store.audit import CLI
from store.db import Db, Store
from store.instance import THE_INSTANCE
from store.manifest import Told
from store.tables import (
    AlertTarget,
    ApiKey,
    Authorization,
    CalendarLink,
    Channel,
    Invitation,
    Publication,
    Session,
    Workspace,
)
from store.vault import CannotOpen, KeyRing

BATCH = 20
"""How many rows a transaction holds a workspace for, at most: the others wait that long."""

PASSES = 3
"""How often everything is looked through, if something was sealed by an older key meanwhile."""

TABLES: dict[str, Any] = {
    "channel": Channel,
    "alert_target": AlertTarget,
    "publication": Publication,
    "authorization": Authorization,
}
"""Whose rows hold sealed texts, by noun."""

Sealed = Channel | AlertTarget | Publication | Authorization
Texts = dict[str, tuple[str, UUID, str]]
"""The sealed texts of a row by column or field, with the channel and field they are bound to."""


class KeyNotEverywhere(PilarError):
    """A process runs that does not know the first key: it could not open what that seals."""


class StillSealing(PilarError):
    """A process goes on to seal with an older key."""


class Stuck(PilarError):
    """Some sealed texts do not open; they were left as they are."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A sealed text that no key of the ring opens at its place, and why."""

    workspace: str  # slug
    noun: str
    id: UUID
    name: str
    field: str
    reason: str
    key: str | None  # the id of the key that it names


@dataclass(slots=True)
class Rotated:
    """What was sealed anew, what does not open, and what only an older key knows by its digest.

    `sealed` counts rows and `waiting` credentials that still work, by noun; `settled`: nothing
    that opens is sealed by an older key any more.
    """

    key: str
    older: tuple[str, ...]
    sealed: Counter[str] = field(default_factory=Counter)
    closed: list[Closed] = field(default_factory=list)
    settled: bool = False
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Say whether nothing needs the older keys any more."""
        return self.settled and not self.closed and not any(self.waiting.values())


async def check_everywhere(store: Store, ring: KeyRing, now: datetime) -> None:
    """Refuse to seal what a process that runs could not open; raises `KeyNotEverywhere`."""
    async with store.reading() as db:
        there = await workers.alive(db, now)
    if ignorant := [each for each in there if ring.first not in (each.keys or ())]:
        names = ", ".join(each.name for each in ignorant)
        raise KeyNotEverywhere(key=ring.first, processes=names, seconds=workers.ALIVE.seconds)


async def rotate(
    store: Store, ring: KeyRing, now: datetime, told: Told, *, batch: int = BATCH
) -> Rotated:
    """Seal everything anew that the first key did not seal, beside whoever else writes.

    `batch` rows are read at once; a transaction holds one workspace for those of it. Raises
    `KeyNotEverywhere`.
    """
    await check_everywhere(store, ring, now)
    done = Rotated(ring.first, ring.older)
    for _ in range(PASSES):
        done.closed = []
        before = done.sealed.total()
        await _pass(_Pass(store, ring, now, batch), done, told)
        done.settled = done.sealed.total() == before
        if done.settled:
            await instance.seal_check(store, ring, now)
            break
    async with store.reading() as db:
        done.waiting = await waiting(db, ring, now)
    return done


@dataclass(frozen=True, slots=True)
class _Pass:
    store: Store
    ring: KeyRing
    now: datetime
    batch: int


async def _pass(this: _Pass, done: Rotated, told: Told) -> None:
    """Look at every sealed text once."""
    async with this.store.reading() as db:
        total = sum([await _count(db, noun, this.now) for noun in TABLES])
    seen = 0
    for noun in TABLES:
        after: UUID | None = None
        while page := await _page(this, noun, after):
            after = page[-1][0].id
            old: dict[UUID, list[UUID]] = defaultdict(list)
            for row, slug in page:
                closed, anew = _looked_at(this.ring, row)
                done.closed += [Closed(slug, noun, row.id, _name(row), *each) for each in closed]
                if anew:
                    old[row.workspace_id].append(row.id)
            for workspace_id, ids in old.items():
                done.sealed[noun] += await _seal(this, noun, workspace_id, ids)
            seen += len(page)
            told("rotate", seen, total)


def _matters(noun: str, now: datetime) -> tuple[Any, ...]:
    """Return the conditions of the rows whose sealed texts may be opened again."""
    if noun == "publication":
        return (col(Publication.ticket).is_not(None), col(Publication.status).not_in(FINAL))
    if noun == "authorization":
        sealed = col(Authorization.sealed_verifier).is_not(None)
        return (sealed, col(Authorization.expires_at) > now)
    return ()


async def _count(db: Db, noun: str, now: datetime) -> int:
    query = select(func.count()).select_from(TABLES[noun]).where(*_matters(noun, now))
    count: int = (await db.exec(query)).one()
    return count


async def _page(this: _Pass, noun: str, after: UUID | None) -> Sequence[tuple[Sealed, str]]:
    """Return the rows that follow an id, each with the slug of its workspace."""
    table = TABLES[noun]
    owner = col(Workspace.id) == col(table.workspace_id)
    query = select(table, Workspace.slug).join(Workspace, owner)
    query = query.where(*_matters(noun, this.now))
    if after is not None:
        query = query.where(col(table.id) > after)
    async with this.store.reading() as db:
        rows = await db.exec(query.order_by(col(table.id)).limit(this.batch))
        return [(row, slug) for row, slug in rows]


async def _seal(this: _Pass, noun: str, workspace_id: UUID, ids: Sequence[UUID]) -> int:
    """Seal rows of a workspace anew, as they are now that it is locked; return how many."""
    table, sealed = TABLES[noun], 0
    async with this.store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, workspace_id)
        for row in (await db.exec(select(table).where(col(table.id).in_(ids)))).all():
            _, anew = _looked_at(this.ring, row)
            if anew:
                # No change of what the row says: it gets no new version.
                at = update(table).where(col(table.id) == row.id)
                await db.exec(at.values(**_columns(row, anew)))
                sealed += 1
        if sealed:
            data = {"key": this.ring.first, "noun": noun, "rows": sealed}
            await audit.record(
                db, workspace, CLI, "rotate_keys", "instance", THE_INSTANCE, this.now, data
            )
    return sealed


def _texts(row: Sealed) -> Texts:
    if isinstance(row, Publication):
        bound = row.channel_id, claims.ticket_field(row.id)
        return {"ticket": (row.ticket, *bound)} if row.ticket else {}
    if isinstance(row, Authorization):
        sealed, bound = row.sealed_verifier, (row.channel_id, connecting.VERIFIER_FIELD)
        return {"sealed_verifier": (sealed, *bound)} if sealed else {}
    before = alert_targets.SEALED_AS if isinstance(row, AlertTarget) else ""
    return {name: (sealed, row.id, before + name) for name, sealed in row.secrets.items()}


def _columns(row: Sealed, anew: dict[str, str]) -> dict[str, Any]:
    if isinstance(row, Channel | AlertTarget):
        return {"secrets": row.secrets | anew}
    return anew


def _name(row: Sealed) -> str:
    if isinstance(row, Publication):
        return row.local
    return row.actor if isinstance(row, Authorization) else row.name


def _looked_at(
    ring: KeyRing, row: Sealed
) -> tuple[list[tuple[str, str, str | None]], dict[str, str]]:
    """Return what does not open of a row (field, reason, key) and what is sealed anew of it."""
    closed, anew = [], {}
    for name, (sealed, channel, bound_to) in _texts(row).items():
        bound: dict[str, Any] = {"workspace": row.workspace_id, "channel": channel}
        bound["field"] = bound_to
        try:
            plain = ring.open(sealed, **bound)
        except CannotOpen as error:
            closed.append((name, str(error.facts["reason"]), error.facts.get("key_id")))
            continue
        if not ring.is_current(sealed):
            anew[name] = ring.seal(plain, **bound)
    return closed, anew


async def waiting(db: Db, ring: KeyRing, now: datetime) -> dict[str, int]:
    """Count the credentials that work by an older key only, as far as anybody knows, by noun.

    A digest cannot be made anew without what it is of: that happens when it is used. Whose digest
    is not known was made before that was written down.
    """
    counts = {}
    for noun, (table, alive) in _alive(now).items():
        made_by = col(table.digest_key)
        theirs = or_(made_by.is_(None), made_by.in_(ring.older)) if ring.older else false()
        query = select(func.count()).select_from(table).where(*alive, theirs)
        counts[noun] = (await db.exec(query)).one()
    return counts


def _alive(now: datetime) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return what is kept as a digest: its table, and when it still opens something."""
    endless = col(ApiKey.expires_at).is_(None)
    key = (col(ApiKey.revoked_at).is_(None), or_(endless, col(ApiKey.expires_at) > now))
    open_ = (col(Invitation.accepted_at).is_(None), col(Invitation.expires_at) > now)
    return {
        "api_keys": (ApiKey, key),
        "sessions": (Session, (col(Session.expires_at) > now,)),
        "invitations": (Invitation, open_),
        "calendar_links": (CalendarLink, (col(CalendarLink.revoked_at).is_(None),)),
    }
