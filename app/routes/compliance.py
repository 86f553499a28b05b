"""Compliance over HTTP: how the mix stands by window, of one workspace or of all."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response

from app import syncing
from app.conditions import NotModified, tags_known
from app.deps import Now, ReadingCaller, Reads, Viewer
from app.fields import instant_text
from app.problems import InvalidRequest
from app.schemas.compliance import (
    COLUMNS,
    Compliance,
    ComplianceEntry,
    ComplianceOverview,
    WorkspaceCompliance,
    rows,
)
from app.schemas.dates import LocalDay, WrongRange, check_range
from app.syncing import EPOCH, MICROSECOND, Point
from planner.access import Ability
from planner.compliance import Grain, Scope, window_of
from planner.content import fingerprint
from planner.errors import Fault
from planner.exports import csv_text
from planner.slots import local_day
from store import callers, compliance
from store.db import Db
from store.tables import Workspace

router = APIRouter(tags=["mix"])

CSV = "text/csv; charset=utf-8"
DIGEST = 16
"""Hexadecimal digits of the tag of several workspaces."""

TAG = re.compile(r'"([0-9a-f]{16})-(\d{1,18})-[a-z]{2}"')
FORMS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which windows are asked for, and how they are to be told."""

    grain: Grain
    scope: Scope
    days: tuple[date, date] | None
    full: bool
    form: Literal["json", "csv"]

    def days_in(self, workspace: Workspace, now: datetime) -> tuple[date, date]:
        """Return the days asked for; without any those of the window around today."""
        today = local_day(now, ZoneInfo(workspace.timezone))
        return self.days or window_of(self.grain, today)

    async def read(
        self, db: Db, workspace: Workspace, now: datetime, channel: UUID | None = None
    ) -> tuple[list[ComplianceEntry], list[datetime]]:
        """Return the windows of a workspace, and the instants that change them by passing."""
        first, until = self.days_in(workspace, now)
        found, coming = await compliance.entries(
            db,
            workspace,
            grain=self.grain,
            scope=self.scope,
            first=first,
            until=until,
            now=now,
            channel_id=channel,
            full=self.full,
        )
        return [ComplianceEntry.of(each) for each in found], coming


def asked(
    first: Annotated[
        LocalDay | None,
        Query(alias="from", description="A local day; whole windows are answered."),
    ] = None,
    until: Annotated[
        LocalDay | None,
        Query(alias="to", description="The day after the last; without both, today's window."),
    ] = None,
    grain: Annotated[Grain, Query(description="Weeks are ISO weeks.")] = Grain.MONTH,
    scope: Scope = Scope.WORKSPACE,
    detail: Literal["full"] | None = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Asked:
    """Read what every request for compliance may say; raises `WrongRange`."""
    days = None
    if first and until:
        check_range(first, until)
        days = (first, until)
    elif first or until:
        raise WrongRange(Fault(f"/query/{'to' if first else 'from'}", "missing"))
    return Asked(grain, scope, days, detail == "full", form)


Wanted = Annotated[Asked, Depends(asked)]


@router.get("/workspaces/{ws}/mix/compliance", response_model=Compliance, responses=FORMS)
async def read_compliance(
    request: Request,
    response: Response,
    db: Reads,
    access: Viewer,
    now: Now,
    wanted: Wanted,
    channel: Annotated[UUID | None, Query(description="With `scope=channel`.")] = None,
) -> Any:
    """Read how the mix stands by window: counts first, then shares, targets and what is to come."""
    if channel and wanted.scope is not Scope.CHANNEL:
        raise InvalidRequest(Fault("/query/channel", "channel-without-scope"))
    syncing.answer_if_it_holds(request, access.workspace.change_seq, now)
    entries, coming = await wanted.read(db, access.workspace, now, channel)
    etag = Point.at(access.workspace.change_seq, coming, now).etag
    if wanted.form == "csv":
        return _table([(access.workspace.slug, entries)], now, etag)
    response.headers["ETag"] = etag
    return Compliance(as_of=now, grain=wanted.grain, scope=wanted.scope, entries=entries)


@router.get("/compliance", response_model=ComplianceOverview, responses=FORMS)
async def read_all_compliance(
    request: Request,
    response: Response,
    db: Reads,
    caller: ReadingCaller,
    now: Now,
    wanted: Wanted,
) -> Any:
    """Read how the mix stands in every workspace that the caller sees, by slug."""
    places = await callers.places(db, caller)
    seen = [each.workspace for each in places if Ability.READ in each.abilities]
    digest = fingerprint([[str(each.id), each.change_seq] for each in seen])[:DIGEST]
    _answer_if_it_holds(request, digest, now)
    told: list[WorkspaceCompliance] = []
    coming: list[datetime] = []
    for workspace in seen:
        entries, instants = await wanted.read(db, workspace, now)
        told.append(WorkspaceCompliance(slug=workspace.slug, name=workspace.name, entries=entries))
        coming += instants
    etag = _tag(digest, Point.at(0, coming, now))
    if wanted.form == "csv":
        return _table([(each.slug, each.entries) for each in told], now, etag)
    response.headers["ETag"] = etag
    return ComplianceOverview(as_of=now, grain=wanted.grain, scope=wanted.scope, workspaces=told)


def _tag(digest: str, point: Point) -> str:
    """Return the entity tag of several workspaces: their sequences, and until when it is right."""
    return point.etag.replace('"0-', f'"{digest}-', 1)


def _answer_if_it_holds(request: Request, digest: str, now: datetime) -> None:
    """End a request whose caller has an answer that still holds; raises `NotModified`."""
    for tag in tags_known(request):
        match = TAG.fullmatch(tag)
        if match is None:
            continue
        number = int(match[2])
        point = Point(0, EPOCH + number * MICROSECOND if number else None)
        if tag == _tag(digest, point) and point.holds(0, now):
            raise NotModified(tag)


def _table(told: Iterable[tuple[str, list[ComplianceEntry]]], now: datetime, etag: str) -> Response:
    """Return windows as a table: a row for each window and type."""
    as_of = instant_text(now)
    lines = [row for slug, entries in told for row in rows(slug, entries, as_of)]
    return Response(csv_text([COLUMNS, *lines]), media_type=CSV, headers={"ETag": etag})
