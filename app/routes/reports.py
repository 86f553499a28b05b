"""Monthly reports over HTTP: what was published, and how the mix was kept; JSON, CSV, print."""

import asyncio
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from app import syncing
from app.deps import Now, Reads, Viewer
from app.printing import Page
from app.schemas.reports import Month, ReportLine, ReportMix, ReportOut, last_day
from app.speech import LANGUAGE
from app.syncing import Point
from planner.exports import csv_text
from store import reports
from store.reports import Report
from store.tables import Workspace

router = APIRouter(prefix="/workspaces/{ws}", tags=["reports"])

COLUMNS = tuple(ReportLine.model_fields)
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}, "text/html": {}}},
    304: {"description": "The caller has it."},
}


@router.get("/reports/{month}", response_model=ReportOut, responses=ANSWERS)
async def read_report(
    month: Month,
    request: Request,
    response: Response,
    db: Reads,
    access: Viewer,
    now: Now,
    form: Annotated[
        Literal["json", "csv", "html"],
        Query(alias="format", description="CSV: a row for each publication. HTML: for printing."),
    ] = "json",
    lang: Annotated[
        Literal["en", "id"] | None, Query(description="Instead of `Accept-Language`.")
    ] = None,
) -> Any:
    """Report a month: counts, the mix without and with exempt posts, and every publication."""
    if lang is not None:
        LANGUAGE.set(lang)
    workspace = access.workspace
    syncing.answer_if_it_holds(request, workspace.change_seq, now)
    report, coming = await reports.month(db, workspace, month, now)
    headers = {
        "ETag": Point.at(workspace.change_seq, coming, now).etag,
        "Content-Language": LANGUAGE.get(),
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language",
    }
    told = ReportOut.of(report, workspace, now)
    if form == "json":
        response.headers.update(headers)
        return told
    if form == "csv":
        name = f"{workspace.slug}-report-{told.month}.csv"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(_csv(told), media_type="text/csv; charset=utf-8", headers=headers)
    headers["Content-Security-Policy"] = page().policy
    # A busy office's month takes a while, and others are being served.
    content = await asyncio.to_thread(_html, report, told, workspace, now)
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)


@cache
def page() -> Page:
    """Return the page of a report."""
    return Page("report.html")


def _csv(told: ReportOut) -> str:
    rows = (line.model_dump(mode="json") for line in told.publications)
    return csv_text([COLUMNS, *([row[name] for name in COLUMNS] for row in rows)])


def _html(report: Report, told: ReportOut, workspace: Workspace, now: datetime) -> str:
    empty = [each for each in told.channel_mixes if _is_empty(each)]
    return page().render(
        {
            "report": told,
            "lists": {section.value: lines for section, lines in report.sections.items()},
            "first": report.first,
            "last": last_day(report.until),
            "as_of": now.astimezone(ZoneInfo(workspace.timezone)),
            "shown": [each for each in told.channel_mixes if each not in empty],
            "empty": [each.name for each in empty],
        }
    )


def _is_empty(mix: ReportMix) -> bool:
    return not (mix.slots or mix.placed or mix.exempt or mix.without_mix)
