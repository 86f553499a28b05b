"""The calendar over HTTP: what stands on it, which slots are open, which days are special."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app import syncing
from app.deps import Access, Here, Now, Reads, Viewer
from app.fields import Answer, Word
from app.routes.days import DayOut, HolidayOut, besides
from app.schemas.dates import LocalDay, check_range
from app.schemas.publications import OpenSlotOut, PublicationOut
from app.syncing import Point, Stretch, WhichDays
from planner.errors import Fault
from store import changes, channels, days, posts, publications, slots
from store.db import Db
from store.tables import Post, Publication

router = APIRouter(prefix="/workspaces/{ws}", tags=["calendar"])


class CalendarEntry(PublicationOut):
    """A publication with what a calendar shows of its post."""

    title: str
    format: str
    post_status: str


class Totals(Answer):
    """How many stand on the calendar: in all, by status and by type (those that count)."""

    publications: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    open_slots: int


class Calendar(Answer):
    """Everything on the local days of [from, to), or what changed there since a sync token.

    After a sync token, `publications` are those to add or replace, `deleted` those to drop; the
    other lists are whole again, or null where nothing changed at all.
    """

    full: bool = False
    timezone: str
    publications: list[CalendarEntry] = []
    deleted: list[UUID] = []
    open_slots: list[OpenSlotOut] | None = None
    days: list[DayOut] | None = None
    holidays: list[HolidayOut] | None = None
    totals: Totals | None = None
    next_sync_token: str = ""


@router.get("/calendar")
async def read_calendar(
    request: Request,
    response: Response,
    house: Here,
    db: Reads,
    access: Viewer,
    now: Now,
    first: Annotated[
        LocalDay | None, Query(alias="from", description="The first local day.")
    ] = None,
    until: Annotated[
        LocalDay | None, Query(alias="to", description="The day after the last.")
    ] = None,
    channel: UUID | None = None,
    type: Word | None = None,  # noqa: A002  # the API's word
    pillar: UUID | None = None,
    sync_token: Annotated[
        str | None,
        Query(max_length=1000, description="`next_sync_token` of an earlier answer; alone."),
    ] = None,
) -> Calendar:
    """Read a stretch of the calendar, or what changed in it; days are those of each channel."""
    place, seq = request.url.path, access.workspace.change_seq
    if sync_token is not None:
        if len(request.query_params) > 1:
            raise WhichDays(Fault("/query/sync_token", "token-alone"))
        stretch, seen = await syncing.read(db, house.ring, place, access.workspace, sync_token)
        if seen.holds(seq, now):
            return Calendar(timezone=access.workspace.timezone, next_sync_token=sync_token)
        calendar, point = await _read(db, access, stretch, now)
        changed = await changes.publications_after(db, access.workspace.id, seen.seq)
        calendar = _since(calendar, changed)
    else:
        if first is None or until is None:
            raise WhichDays(Fault(f"/query/{'to' if first else 'from'}", "missing"))
        check_range(first, until)
        syncing.answer_if_it_holds(request, seq, now)
        stretch = Stretch(first, until, channel, type, pillar)
        calendar, point = await _read(db, access, stretch, now)
        response.headers["ETag"] = point.etag
    calendar.next_sync_token = syncing.token(house.ring, place, stretch, point)
    return calendar


async def _read(db: Db, access: Access, stretch: Stretch, now: Now) -> tuple[Calendar, Point]:
    """Return a stretch of the calendar, and how long it is right."""
    workspace, first, until = access.workspace, stretch.first, stretch.until
    rows = await publications.in_days(db, workspace.id, first, until, filters=stretch.filters)
    titles = await posts.by_ids(db, {row.post_id for row in rows})
    on = await channels.all_of(db, workspace.id)
    on = [each for each in on if stretch.channel in {None, each.id}]
    free, coming = await slots.open_of(db, workspace, on, first, until, now)
    own = await days.in_days(db, workspace.id, first, until)
    calendar = Calendar(
        full=True,
        timezone=workspace.timezone,
        publications=[_entry(row, titles[row.post_id]) for row in rows],
        open_slots=[OpenSlotOut.open(each) for each in free],
        days=[DayOut.model_validate(row) for row in own],
        holidays=besides(workspace, own, first, until),
        totals=_totals(rows, len(free)),
    )
    return calendar, Point.at(workspace.change_seq, coming, now)


def _since(calendar: Calendar, changed: set[UUID]) -> Calendar:
    """Return what a follower must do to have this calendar, given what changed."""
    there = {entry.id for entry in calendar.publications}
    return calendar.model_copy(
        update={
            "full": False,
            "publications": [entry for entry in calendar.publications if entry.id in changed],
            "deleted": sorted(changed - there),
        }
    )


def _entry(row: Publication, post: Post) -> CalendarEntry:
    known = PublicationOut.of(row).model_dump()
    return CalendarEntry(**known, title=post.title, format=post.format, post_status=post.status)


def _totals(rows: Sequence[Publication], free: int) -> Totals:
    by_status: dict[str, int] = {}
    by_type: dict[str, int] = {}
    for row in rows:
        by_status[row.status] = by_status.get(row.status, 0) + 1
        if row.holds_seat:
            by_type[row.type] = by_type.get(row.type, 0) + 1
    return Totals(publications=len(rows), by_status=by_status, by_type=by_type, open_slots=free)
