"""The record of every change: who did what, chained by hashes; and the changes others follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.content import fingerprint
from store.db import Db
from store.tables import AuditEntry, Change, Workspace


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a key, or the instance itself; and in which request."""

    kind: str  # person, key, clock, cli
    id: UUID | None = None
    request_id: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


CLOCK = Actor("clock")
CLI = Actor("cli")

VERIFIED_AT_ONCE = 1000

MOVES_TIME = frozenset({"workspace", "channel", "day"})
"""Nouns whose change may change when the next slot or local midnight passes."""


async def note(
    db: Db, workspace: Workspace, noun: str, row_id: UUID, now: datetime, *, deleted: bool = False
) -> None:
    """Write that a row changed, at the workspace's next sequence number.

    The workspace's row must be locked already; its sequence moves in commit order.
    """
    workspace.change_seq += 1
    if noun in MOVES_TIME:
        workspace.passage_at = None
    db.add(
        Change(
            workspace_id=workspace.id,
            seq=workspace.change_seq,
            noun=noun,
            row_id=row_id,
            deleted=deleted,
            at=now,
        )
    )


async def record(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    action: str,
    noun: str,
    row_id: UUID,
    now: datetime,
    data: dict[str, Any] | None = None,
    *,
    deleted: bool = False,
) -> None:
    """Append an audit row to the workspace's chain, and note the change.

    `data` holds JSON values: what was before and after where it matters, never a secret.
    """
    await note(db, workspace, noun, row_id, now, deleted=deleted)
    entry = AuditEntry(
        workspace_id=workspace.id,
        seq=workspace.audit_seq + 1,
        at=now,
        actor=str(actor),
        action=action,
        noun=noun,
        row_id=row_id,
        data=data or {},
        request_id=actor.request_id,
        previous=workspace.audit_hash,
        hash="",
    )
    entry.hash = entry_hash(entry)
    workspace.audit_seq, workspace.audit_hash = entry.seq, entry.hash
    db.add(entry)


async def change(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    noun: str,
    row: Any,
    fields: dict[str, Any],
    now: datetime,
) -> None:
    """Set fields of a row, and write before and after of those that differ to the audit."""
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    before = {name: plain(getattr(row, name)) for name in changed}
    for name, value in changed.items():
        setattr(row, name, value)
    row.updated_at = now
    after = {name: plain(value) for name, value in changed.items()}
    data = {"before": before, "after": after}
    await record(db, workspace, actor, "change", noun, row.id, now, data)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    return (
        value if value is None or isinstance(value, bool | int | str | list | dict) else str(value)
    )


def entry_hash(entry: AuditEntry) -> str:
    """Return the hash of an audit row: over everything it says and the hash before it."""
    return fingerprint(
        {
            "workspace": str(entry.workspace_id),
            "seq": entry.seq,
            "at": entry.at.isoformat(timespec="microseconds"),
            "actor": entry.actor,
            "action": entry.action,
            "noun": entry.noun,
            "row": str(entry.row_id),
            "data": entry.data,
            "request": entry.request_id,
            "previous": entry.previous,
        }
    )


async def entries(
    db: Db,
    workspace_id: UUID,
    *,
    before: int | None = None,
    limit: int = 100,
    noun: str | None = None,
    row_id: UUID | None = None,
    actor: str | None = None,
    action: str | None = None,
) -> Sequence[AuditEntry]:
    """Return audit rows, newest first; `before` is a sequence number, exclusive."""
    query = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    for column, value in (
        (AuditEntry.noun, noun),
        (AuditEntry.row_id, row_id),
        (AuditEntry.actor, actor),
        (AuditEntry.action, action),
    ):
        if value is not None:
            query = query.where(column == value)
    return (await db.exec(query.order_by(col(AuditEntry.seq).desc()).limit(limit))).all()


async def verify(db: Db, workspace_id: UUID) -> int | None:
    """Recompute a workspace's chain; return the first sequence number that is not what it was.

    None: every row says what it said when it was written, none is missing or added, and the
    newest is the one that the workspace's own row names.
    """
    named = select(Workspace.audit_seq, Workspace.audit_hash).where(Workspace.id == workspace_id)
    newest, its_hash = (await db.exec(named)).one()
    seq, previous = 0, ""
    last: int | None = None
    while rows := await _in_order(db, workspace_id, last):
        for entry in rows:
            seq, last = seq + 1, entry.seq
            if (entry.seq, entry.previous, entry.hash) != (seq, previous, entry_hash(entry)):
                return seq
            previous = entry.hash
    if (seq, previous) == (newest, its_hash):
        return None
    return seq if seq == newest else min(seq, newest) + 1


async def _in_order(db: Db, workspace_id: UUID, after: int | None) -> Sequence[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
    if after is not None:
        query = query.where(AuditEntry.seq > after)
    query = query.order_by(col(AuditEntry.seq)).limit(VERIFIED_AT_ONCE)
    # What the session knows already may not be what the database holds.
    return (await db.exec(query.execution_options(populate_existing=True))).all()
