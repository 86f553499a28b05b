"""Live changes over HTTP: server-sent events from the change log, with no session held.

Source: WHATWG HTML, section 9.2, "Server-sent events".
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.auth import identify
from app.deps import Here, House, Now, Slug, Viewer
from app.fields import Answer, Moment
from app.following import wait
from planner.access import Ability
from planner.errors import Forbidden, NotFound, Unauthenticated
from store import callers, changes, workspaces
from store.tables import Change

router = APIRouter(prefix="/workspaces/{ws}", tags=["calendar"])

POLL_SECONDS = 2.0
"""How long another process's commit may go unheard; this process's own are heard at once."""

CHECK_AGAIN = timedelta(seconds=30)
"""How long somebody who lost their access may still listen."""

AT_ONCE = 500


class ChangeTold(Answer):
    """That a row changed or went; read it to know how it is."""

    seq: int
    noun: str
    id: UUID
    deleted: bool
    at: Moment


@router.get("/events", response_class=EventSourceResponse)
async def follow_changes(
    slug: Slug,
    request: Request,
    house: Here,
    access: Viewer,
    now: Now,
    last_event_id: Annotated[
        str | None,
        Header(pattern=r"^[0-9]{1,18}$", description="The id of the last event that was heard."),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Follow the changes of a workspace, as they are committed.

    The first event is `begin` with the present sequence, or `reset` where changes after
    `Last-Event-ID` are not known any more: then read everything again.
    """
    workspace_id, checked_at = access.workspace.id, now
    seq = access.workspace.change_seq if last_event_id is None else int(last_event_id)
    known = last_event_id is not None and await _are_kept(house, slug, seq)
    if not known:
        seq = access.workspace.change_seq
        event = "begin" if last_event_id is None else "reset"
        yield ServerSentEvent(event=event, id=str(seq), data={"seq": seq})
    while not house.hub.stopping:
        committed = house.hub.next
        if house.clock() - checked_at >= CHECK_AGAIN:
            checked_at = house.clock()
            if not await _may_listen(request, house, slug, checked_at):
                return
        found = await _after(house, workspace_id, seq)
        for each in found:
            seq = each.seq
            yield ServerSentEvent(event="change", id=str(seq), data=each)
        if not found:
            await wait(committed, POLL_SECONDS)


async def _after(house: House, workspace_id: UUID, seq: int) -> list[ChangeTold]:
    async with house.store.reading() as db:
        if await changes.sequence(db, workspace_id) == seq:
            return []
        return [_told(row) for row in await changes.after(db, workspace_id, seq, AT_ONCE)]


async def _are_kept(house: House, slug: str, seq: int) -> bool:
    async with house.store.reading() as db:
        return await changes.are_kept(db, await workspaces.by_slug(db, slug), seq)


async def _may_listen(request: Request, house: House, slug: str, now: datetime) -> bool:
    """Say whether whoever listens still may: keys are revoked, sessions end, members leave."""
    async with house.store.reading() as db:
        try:
            caller = await identify(request, db, house.ring, house.base_url, now)
            workspace = await workspaces.by_slug(db, slug)
        except (Unauthenticated, Forbidden, NotFound):
            return False
        return Ability.READ in await callers.abilities(db, caller, workspace.id)


def _told(row: Change) -> ChangeTold:
    return ChangeTold(seq=row.seq, noun=row.noun, id=row.row_id, deleted=row.deleted, at=row.at)
