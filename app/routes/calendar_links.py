"""Calendar links over HTTP: secret addresses that show the calendar in other programs."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, Manager, ManagerViewer, Now, Reads
from app.fields import Answer, Body, Line, Moment
from app.idempotency import Remembered
from app.paging import Pages
from store import calendar_links, channels
from store.tables import CalendarLink

router = APIRouter(
    route_class=Remembered, prefix="/workspaces/{ws}/calendar-links", tags=["calendar-links"]
)


class CalendarLinkIn(Body):
    """A new address of the calendar."""

    name: Annotated[Line, Field(max_length=80, description="Who uses it.", examples=["Ponsel Ayu"])]
    channel: Annotated[UUID | None, Field(description="Every channel, if null.")] = None


class CalendarLinkChange(Body):
    """The link's name from now on."""

    name: Annotated[Line, Field(max_length=80)]


class CalendarLinkOut(Answer):
    """What is known of a calendar link; its address is not."""

    id: UUID
    name: str
    channel: UUID | None
    created_by: str
    revoked_at: Moment | None
    last_used_at: Moment | None
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, link: CalendarLink) -> Self:
        """Return a row as it is answered."""
        return cls.model_validate(link.model_dump() | {"channel": link.channel_id})


class CalendarLinkMade(CalendarLinkOut):
    """A new calendar link; its address is shown this once."""

    url: str


class CalendarLinkPage(Answer):
    """Some calendar links, and where the next page begins."""

    items: list[CalendarLinkOut]
    next: str | None


@router.get("")
async def list_calendar_links(
    pages: Pages,
    db: Reads,
    access: ManagerViewer,
) -> CalendarLinkPage:
    """List the calendar links, revoked ones too."""
    rows = await calendar_links.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return CalendarLinkPage(items=[CalendarLinkOut.of(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_calendar_link(
    body: CalendarLinkIn,
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    access: Manager,
    now: Now,
) -> CalendarLinkMade:
    """Make a calendar link; the answer shows its address, and nothing shows it again.

    Whoever has the address reads the calendar without logging in, until the link is revoked.
    """
    channel = await channels.of(db, access.workspace.id, body.channel) if body.channel else None
    link, token = await calendar_links.add(
        db, house.ring, access.workspace, access.actor, name=body.name, channel=channel, now=now
    )
    response.headers["Location"] = f"{request.url.path}/{link.id}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, link)
    workspace_path = request.url.path.rpartition("/")[0]
    url = f"{house.base_url}{workspace_path}/calendar.ics?token={token}"
    return CalendarLinkMade(**CalendarLinkOut.of(link).model_dump(), url=url)


@router.get("/{link_id}")
async def read_calendar_link(
    link_id: UUID, request: Request, response: Response, db: Reads, access: ManagerViewer
) -> CalendarLinkOut:
    """Read what is known of a calendar link."""
    link = await calendar_links.of(db, access.workspace.id, link_id)
    answer_if_new(request, response, etag_of(link))
    return CalendarLinkOut.of(link)


@router.patch("/{link_id}")
async def change_calendar_link(
    link_id: UUID,
    body: CalendarLinkChange,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> CalendarLinkOut:
    """Give a calendar link another name."""
    link = await calendar_links.of(db, access.workspace.id, link_id)
    check_match(link, if_match)
    await calendar_links.rename(db, access.workspace, access.actor, link, body.name, now)
    await db.flush()
    tag(response, link)
    return CalendarLinkOut.of(link)


@router.delete("/{link_id}", status_code=204)
async def revoke_calendar_link(
    link_id: UUID, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Revoke a calendar link: its address shows nothing any more, and it stays on the list."""
    link = await calendar_links.of(db, access.workspace.id, link_id)
    check_match(link, if_match)
    await calendar_links.revoke(db, access.workspace, access.actor, link, now)
