"""The audit over HTTP: who did what, newest first; JSON, CSV, JSON Lines."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.deps import ManagerViewer, Reads
from app.fields import Answer, Word
from app.paging import Pages
from planner.exports import csv_text, jsonl_text
from store import audit
from store.tables import AuditEntry

router = APIRouter(prefix="/workspaces/{ws}", tags=["audit"])

COLUMNS = ("seq", "at", "actor", "action", "noun", "row_id", "data", "request_id", "hash")


class AuditOut(Answer):
    """One deed: its place in the workspace's chain of hashes, who did it, and to what."""

    seq: int
    at: str
    actor: str
    action: str
    noun: str
    row_id: UUID
    data: dict[str, Any]
    request_id: str | None
    previous: str
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditOut":
        """Return a row as it is answered, its instant with microseconds."""
        at = entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return cls.model_validate(entry.model_dump() | {"at": at})


class AuditPage(Answer):
    """Some entries, newest first, and where the next page begins."""

    items: list[AuditOut]
    next: str | None


@router.get(
    "/audit",
    response_model=AuditPage,
    responses={200: {"content": {"text/csv": {}, "application/jsonl": {}}}},
)
async def list_audit(
    pages: Pages,
    db: Reads,
    access: ManagerViewer,
    noun: Word | None = None,
    row: UUID | None = None,
    actor: Word | None = None,
    action: Word | None = None,
    form: Annotated[Literal["json", "csv", "jsonl"], Query(alias="format")] = "json",
) -> Any:
    """List the record of every change, newest first."""
    rows = await audit.entries(
        db,
        access.workspace.id,
        before=pages.after_number(),
        limit=pages.limit + 1,
        noun=noun,
        row_id=row,
        actor=actor,
        action=action,
    )
    rows, cursor = pages.cut(rows, lambda entry: [entry.seq])
    items = [AuditOut.of(entry) for entry in rows]
    if form == "json":
        return AuditPage(items=items, next=cursor)
    known = [item.model_dump(mode="json") for item in items]
    links = {"Link": pages.response.headers["Link"]} if cursor else {}
    if form == "csv":
        text = csv_text([COLUMNS, *([row[name] for name in COLUMNS] for row in known)])
        return Response(text, media_type="text/csv; charset=utf-8", headers=links)
    return Response(jsonl_text(known), media_type="application/jsonl", headers=links)
