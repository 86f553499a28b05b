"""The calendar as an iCalendar feed: whoever has the secret link subscribes to it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from app.deps import Here, Now, Reads
from app.routes.days import besides
from app.serving import documented, has_it
from planner import ical
from planner.content import fingerprint, words_for, words_from_json
from planner.days import Holiday, Locale
from planner.publications import Status
from planner.slots import local_day, resolve_local
from store import calendar_links, days
from store.calendar_links import Opened, Shown
from store.tables import Day

router = APIRouter(prefix="/workspaces/{ws}", tags=["calendar-links"])

MEDIA_TYPE = "text/calendar; charset=utf-8"
BEHIND = timedelta(days=60)
AHEAD = timedelta(days=400)
CANCELLED_SHOWN = timedelta(days=30)


@router.head("/calendar.ics", include_in_schema=False)
@router.get(
    "/calendar.ics",
    response_class=Response,
    responses=documented("text/calendar", "The calendar (RFC 5545)."),
)
async def read_calendar_feed(
    ws: str,
    token: Annotated[str, Query(description="The secret of a calendar link; it is the login.")],
    request: Request,
    house: Here,
    db: Reads,
    now: Now,
) -> Response:
    """Read the calendar as iCalendar, from 60 days back to 400 days ahead of today.

    One event of 15 minutes for each publication, in its channel's zone, and one of a whole day
    for each special day and national holiday. What is taken off the calendar is shown as
    cancelled for 30 days.
    """
    # Text, not a typed slug: whatever is wrong with an address, there is nothing to see.
    opened = await calendar_links.opened_by(db, house.ring, ws, token)
    if calendar_links.is_stale(opened, now):
        async with house.store.transaction() as writing:
            await calendar_links.touch(writing, opened, now)
    zone = ZoneInfo(opened.workspace.timezone)
    today = local_day(now, zone)
    midnight = resolve_local(datetime.combine(today, time.min), zone)
    etag = _etag(opened, today)
    told = {"ETag": etag, "Cache-Control": "private, no-cache"}
    changed = max(await calendar_links.changed_at(db, opened.workspace), midnight)
    # A date in whole seconds cannot tell a second's changes apart: it waits until that is over.
    changed = changed.replace(microsecond=0) + timedelta(seconds=1)
    if changed <= now:
        told["Last-Modified"] = format_datetime(changed.astimezone(UTC), usegmt=True)
    if has_it(request, etag, changed if changed <= now else None):
        return Response(status_code=304, headers=told)
    first, until = today - BEHIND, today + AHEAD
    shown = await calendar_links.shown(db, opened, first, until, midnight - CANCELLED_SHOWN)
    own = await days.in_days(db, opened.workspace.id, first, until)
    # A year of a busy office takes a second, and others are being served.
    content = await asyncio.to_thread(_content, opened, shown, own, first, until)
    return Response(content, headers=told, media_type=MEDIA_TYPE)


def _etag(opened: Opened, today: date) -> str:
    """Return the tag of what a link shows on a local day, made without looking at it."""
    workspace = opened.workspace
    known = [str(opened.link.id), workspace.change_seq, workspace.audit_hash, today.isoformat()]
    return f'"{fingerprint(known)[:32]}"'


def _content(
    opened: Opened, shown: Sequence[Shown], own: Sequence[Day], first: date, until: date
) -> bytes:
    workspace, channel = opened.workspace, opened.channel
    locale: Locale = "id" if workspace.locale == "id" else "en"
    name = f"{workspace.name} — {channel.name}" if channel else workspace.name
    special = [
        ical.SpecialDay(str(row.id), row.date, row.title, row.kind, row.version - 1, row.updated_at)
        for row in own
    ]
    national = [
        Holiday(each.day, each.name, each.category)
        for each in besides(workspace, own, first, until)
    ]
    special += ical.national(workspace.country or "", national, workspace.updated_at)
    head = ical.Head(name, locale, first, until)
    return ical.feed(head, [_showing(each) for each in shown], special)


def _showing(each: Shown) -> ical.Showing:
    row, post, channel = each.publication, each.post, each.channel
    words = (
        words_from_json(row.snapshot)
        if row.snapshot is not None
        else words_for(each.content, str(channel.id))
    )
    return ical.Showing(
        id=row.id,
        at=row.due_at,
        timezone=row.timezone,
        status=Status(row.status),
        type=row.type,
        title=post.title,
        channel=channel.name,
        caption=words.caption(),
        permalink=row.permalink,
        sequence=row.version + post.version - 2,
        changed_at=max(row.updated_at, post.updated_at, channel.updated_at),
    )
