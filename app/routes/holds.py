"""Holds over HTTP: placed at once, looked at, and released."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.conditions import IfMatch, answer_if_new
from app.daily import check_match, etag_of
from app.deps import Db, Now, Publisher, Reads, Viewer
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.holds import HoldDetail, HoldIn, HoldOut, HoldPage
from store import held, holds
from store.db import Db as Session
from store.tables import Hold

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/holds", tags=["holds"])


@router.get("")
async def list_holds(
    pages: Pages, db: Reads, access: Viewer, *, released: bool = False
) -> HoldPage:
    """List the holds that stand, the instance's own first; or those that were released."""
    after, ws = pages.after_id(), access.workspace.id
    rows = await holds.all_of(db, ws, after, pages.limit, released=released)
    rows, cursor = pages.cut(rows)
    wired = await held.wired(db, ws, rows)
    items = [HoldOut.of(row, wired[row.id]) for row in rows]
    stop = await held.instance_stop(db, ws) if after is None and not released else None
    if stop is not None:
        items.insert(0, HoldOut.of_instance(stop))
    return HoldPage(items=items, next=cursor)


@router.post("", status_code=201)
async def add_hold(
    body: HoldIn, request: Request, response: Response, db: Db, access: Publisher, now: Now
) -> HoldDetail:
    """Hold all that a scope covers; the answer says what was on the wire already.

    From the moment of the answer nothing else in the scope goes out, but what has been let
    through (`through_hold` of a publication).
    """
    hold = await holds.place(db, access.workspace, access.actor, body.reach(), body.reason, now)
    response.headers["Location"] = f"{request.url.path}/{hold.id}"
    answer = await _detailed(db, hold, now)
    response.headers["ETag"] = etag_of(hold.version, answer)
    return answer


@router.get("/{hold_id}")
async def read_hold(
    hold_id: UUID, request: Request, response: Response, db: Reads, access: Viewer, now: Now
) -> HoldDetail:
    """Read a hold, standing or released, and how much it keeps back."""
    hold = await holds.of(db, access.workspace.id, hold_id)
    answer = await _detailed(db, hold, now)
    answer_if_new(request, response, etag_of(hold.version, answer))
    return answer


@router.delete("/{hold_id}", status_code=204)
async def release_hold(
    hold_id: UUID, db: Db, access: Publisher, now: Now, if_match: IfMatch = None
) -> None:
    """Release a hold; nothing goes out late by itself.

    What fell due meanwhile is `missed` with the reason `held`: send it, move it or drop it. What
    may be live already, or is in part, is `needs_review`.
    """
    hold = await holds.of(db, access.workspace.id, hold_id)
    check_match(hold.version, if_match)
    await holds.release(db, access.workspace, access.actor, hold, now)


async def _detailed(db: Session, hold: Hold, now: datetime) -> HoldDetail:
    wired = await held.wired(db, hold.workspace_id, [hold])
    return HoldDetail.detailed(hold, wired[hold.id], await held.backlog(db, hold, now))
