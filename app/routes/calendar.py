"""The calendar over HTTP: what stands on it, which slots are open, which days are special."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.deps import Now, Reads, Viewer
from app.fields import Answer, Word
from app.schemas.publications import PublicationOut, SlotOut
from planner.days import national_holidays
from planner.errors import Fault, Invalid
from store import channels, posts, publications, slots
from store.tables import Post, Publication

router = APIRouter(prefix="/workspaces/{ws}", tags=["calendar"])

LONGEST_DAYS = 400

Day = Annotated[date, Query(ge=date(1970, 1, 1), le=date(2100, 1, 1))]


class WrongRange(Invalid):
    """The days asked for are no range, or too many."""


class CalendarEntry(PublicationOut):
    """A publication with what a calendar shows of its post."""

    title: str
    format: str
    post_status: str


class HolidayOut(Answer):
    """A national holiday."""

    day: date
    name: str
    category: str


class Totals(Answer):
    """How many stand on the calendar: in all, by status and by type (those that count)."""

    publications: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    open_slots: int


class Calendar(Answer):
    """Everything on the local days of [from, to)."""

    timezone: str
    publications: list[CalendarEntry]
    open_slots: list[SlotOut]
    holidays: list[HolidayOut]
    totals: Totals


@router.get("/calendar")
async def read_calendar(
    db: Reads,
    access: Viewer,
    now: Now,
    first: Annotated[Day, Query(alias="from", description="The first local day.")],
    until: Annotated[Day, Query(alias="to", description="The day after the last.")],
    channel: UUID | None = None,
    type: Word | None = None,  # noqa: A002  # the API's word
    pillar: UUID | None = None,
) -> Calendar:
    """Read a stretch of the calendar; days are those of each channel's zone."""
    check_range(first, until)
    workspace = access.workspace
    wanted = {"channel_id": channel, "type": type, "pillar_id": pillar}
    filters = {name: value for name, value in wanted.items() if value is not None}
    rows = await publications.in_days(db, workspace.id, first, until, filters=filters)
    titles = await posts.by_ids(db, {row.post_id for row in rows})
    on = await channels.all_of(db, workspace.id)
    on = [each for each in on if channel in {None, each.id}]
    free = await slots.open_of(db, workspace, on, first, until, now)
    holidays = (
        national_holidays(workspace.country, first, until, workspace.locale)  # type: ignore[arg-type]  # checked
        if workspace.country
        else []
    )
    return Calendar(
        timezone=workspace.timezone,
        publications=[_entry(row, titles[row.post_id]) for row in rows],
        open_slots=[
            SlotOut(
                slot=each.slot_id,
                channel=each.channel_id,
                at=each.at,
                local=each.local.isoformat(timespec="minutes"),
                day=each.day.isoformat(),
            )
            for each in free
        ],
        holidays=[HolidayOut.model_validate(each) for each in holidays],
        totals=_totals(rows, len(free)),
    )


def check_range(first: date, until: date) -> None:
    """Refuse days that are no range, or too many; raises `WrongRange`."""
    if not timedelta(0) < until - first <= timedelta(days=LONGEST_DAYS):
        raise WrongRange(Fault("/query/to", "wrong-range", {"days": LONGEST_DAYS}))


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
