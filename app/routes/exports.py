"""Exports over HTTP: everything as CSV or JSON Lines, streamed while no session is held."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from app.deps import Access, Here, House, ManagerViewer, Now, Viewer
from app.routes.audit import COLUMNS as AUDIT_COLUMNS
from app.routes.audit import AuditOut
from app.schemas.dates import LocalDay, WrongRange
from planner.errors import Fault
from planner.exports import csv_text, jsonl_text
from planner.sheets import POST_COLUMNS
from planner.slots import local_day, parse_zone
from store import audit, exporting
from store.db import Db

router = APIRouter(prefix="/workspaces/{ws}/exports", tags=["posts"])

Form = Annotated[
    Literal["csv", "jsonl"],
    Query(alias="format", description="CSV with a header, or JSON Lines."),
]
Rows = list[dict[str, Any]]
Read = Callable[[Db, Any], Awaitable[tuple[Rows, Any]]]
"""Reads a page from a place on, None at first; returns it and the next place, None at the end."""

KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}

_TEXT = {"schema": {"type": "string"}}
_LINES = _TEXT | {"example": '{"id":"0198c0de-5e2d-7c3a-9a41-2f0c6f1f7a10","title":"Naskah"}\n'}
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows; a CSV cell that would be a formula has an apostrophe before it.",
        "content": {"text/csv": _TEXT, "application/jsonl": _LINES},
    }
}


@router.get("/posts", response_class=Response, responses=EXPORTED)
async def export_posts(
    house: Here, access: Viewer, now: Now, form: Form = "csv"
) -> StreamingResponse:
    """Export the posts, newest first, with the columns that an import reads."""

    async def read(db: Db, after: UUID | None) -> tuple[Rows, UUID | None]:
        return await exporting.post_rows(db, access.workspace.id, after)

    return _answer(house, access, "posts", form, POST_COLUMNS, read, now)


@router.get("/publications", response_class=Response, responses=EXPORTED)
async def export_publications(
    house: Here,
    access: Viewer,
    now: Now,
    form: Form = "csv",
    first: Annotated[
        LocalDay | None, Query(alias="from", description="The first local day.")
    ] = None,
    until: Annotated[
        LocalDay | None, Query(alias="to", description="The day after the last.")
    ] = None,
) -> StreamingResponse:
    """Export what is or was on the calendar, by time; days are those of each channel."""
    if first and until and until <= first:
        raise WrongRange(Fault("/query/to", "to-before-from"))

    async def read(
        db: Db, after: tuple[datetime, UUID] | None
    ) -> tuple[Rows, tuple[datetime, UUID] | None]:
        return await exporting.publication_rows(db, access.workspace.id, first, until, after)

    columns = exporting.PUBLICATION_COLUMNS
    return _answer(house, access, "publications", form, columns, read, now)


@router.get("/audit", response_class=Response, responses=EXPORTED)
async def export_audit(
    house: Here, access: ManagerViewer, now: Now, form: Form = "csv"
) -> StreamingResponse:
    """Export the record of every change, newest first."""

    async def read(db: Db, before: int | None) -> tuple[Rows, int | None]:
        limit = exporting.AT_ONCE
        found = await audit.entries(db, access.workspace.id, before=before, limit=limit)
        rows = [AuditOut.of(entry).model_dump(mode="json") for entry in found]
        return rows, found[-1].seq if len(found) == limit else None

    return _answer(house, access, "audit", form, AUDIT_COLUMNS, read, now)


def _answer(
    house: House,
    access: Access,
    noun: str,
    form: Literal["csv", "jsonl"],
    columns: Sequence[str],
    read: Read,
    now: datetime,
) -> StreamingResponse:
    day = local_day(now, parse_zone(access.workspace.timezone))
    name = f"{access.workspace.slug}-{noun}-{day.isoformat()}.{form}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
    }
    lines = _lines(house, form, columns, read)
    return StreamingResponse(lines, headers=headers, media_type=KINDS[form])


async def _lines(
    house: House, form: Literal["csv", "jsonl"], columns: Sequence[str], read: Read
) -> AsyncIterator[str]:
    """Yield a page at a time; a slow reader holds no transaction open."""
    if form == "csv":
        yield csv_text([columns])
    place: Any = None
    while True:
        async with house.store.reading() as db:
            rows, place = await read(db, place)
        if form == "csv":
            yield csv_text([row[name] for name in columns] for row in rows)
        else:
            yield jsonl_text(rows)
        if place is None:
            return
