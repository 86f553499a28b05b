"""The audit over HTTP: who did what, newest first; JSON, CSV, JSON Lines."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.deps import ManagerViewer, Reads
from app.fields import Answer, Word
from app.paging import Pages
from store import audit
from store.tables import AuditEntry

router = APIRouter(prefix="/workspaces/{ws}", tags=["audit"])

COLUMNS = ("seq", "at", "actor", "action", "noun", "row_id", "data", "request_id", "hash")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
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
    links = {"Link": pages.response.headers["Link"]} if cursor else {}
    if form == "csv":
        return Response(_csv(items), media_type="text/csv; charset=utf-8", headers=links)
    lines = "".join(item.model_dump_json() + "\n" for item in items)
    return Response(lines, media_type="application/x-ndjson", headers=links)


def _csv(items: Sequence[AuditOut]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for item in items:
        known = item.model_dump(mode="json")
        known["data"] = json.dumps(known["data"], ensure_ascii=False)
        writer.writerow([_harmless(str(known[name] or "")) for name in COLUMNS])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
