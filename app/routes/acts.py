"""Acts on publications over HTTP: publish now, retry, resolve, confirm, dismiss; and the queue."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import HttpUrl

from app.conditions import IfMatch, check_match, tag
from app.deps import Db, Now, Publisher, Reads, Viewer
from app.fields import Answer, Body
from app.idempotency import Remembered
from app.schemas.mix import Override, reason_of
from app.schemas.publications import (
    AttemptOut,
    Attempts,
    ConfirmIn,
    Moved,
    PublicationOut,
    ResolveIn,
    TransitionOut,
)
from app.speech import reason_text
from planner.publications import IN_FLIGHT, NoSuchStep, Status
from store import acts, admission, publications
from store.db import Db as Session
from store.tables import Attempt, Publication, Transition

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}", tags=["publications"])


class Queue(Answer):
    """What is due or late, what is being sent, and what waits for a person's word."""

    due: list[PublicationOut]
    in_flight: list[PublicationOut]
    handed_over: list[PublicationOut]
    needs_review: list[PublicationOut]


@router.get("/queue")
async def read_queue(db: Reads, access: Viewer, now: Now) -> Queue:
    """Read what is due, late, in flight, or waits for a person."""
    rows = await publications.queue(db, access.workspace.id, now)

    def those(*wanted: Status) -> list[PublicationOut]:
        return [PublicationOut.of(row) for row in rows if row.status in wanted]

    return Queue(
        due=those(Status.SCHEDULED),
        in_flight=those(*IN_FLIGHT),
        handed_over=those(Status.HANDED_OVER),
        needs_review=those(Status.NEEDS_REVIEW),
    )


@router.get("/publications/{publication_id}/attempts")
async def list_attempts(publication_id: UUID, db: Reads, access: Viewer) -> Attempts:
    """List every try and every step of a publication: its history without logs."""
    row = await publications.of(db, access.workspace.id, publication_id)
    steps = await publications.transitions(db, row)
    ends = {
        step.attempt: step
        for step in steps
        if step.attempt is not None and step.before == Status.SUBMITTING
    }
    return Attempts(
        attempts=[
            _attempt(each, ends.get(each.number)) for each in await publications.attempts(db, row)
        ],
        transitions=[TransitionOut.of(step) for step in steps],
    )


class PublishNowIn(Body):
    """Why it goes out now although the mix refuses it."""

    override: Override = None


async def the_target(
    publication_id: UUID, db: Db, access: Publisher, if_match: IfMatch = None
) -> Publication:
    """Return the publication that is acted on, at the version that the caller saw."""
    row = await publications.of(db, access.workspace.id, publication_id)
    check_match(row, if_match)
    return row


Target = Annotated[Publication, Depends(the_target)]


@router.post("/publications/{publication_id}/publish-now")
async def publish_now(
    row: Target,
    response: Response,
    db: Db,
    access: Publisher,
    now: Now,
    body: PublishNowIn | None = None,
) -> Moved:
    """Move a publication to now, judged by the mix like any move; the clock sends it at once."""
    override = reason_of(body.override, access.abilities) if body else None
    judge = access.judge(db, now, override)
    await acts.publish_now(db, access.workspace, access.actor, row, now, judge=judge)
    await admission.settle(judge)
    await _answer(db, response, row)
    return Moved.with_mix(row, judge)


@router.post("/publications/{publication_id}/retry")
async def retry_publication(
    row: Target, response: Response, db: Db, access: Publisher, now: Now
) -> PublicationOut:
    """Send what failed or was missed, now, in the seat that it kept."""
    await acts.retry(db, access.workspace, access.actor, row, now)
    return await _answer(db, response, row)


@router.post("/publications/{publication_id}/dismiss")
async def dismiss_publication(
    row: Target, response: Response, db: Db, access: Publisher, now: Now
) -> PublicationOut:
    """Give up what failed or was missed; its seat in the mix is free."""
    await acts.dismiss(db, access.workspace, access.actor, row, now)
    return await _answer(db, response, row)


@router.post("/publications/{publication_id}/confirm")
async def confirm_publication(
    row: Target, body: ConfirmIn, response: Response, db: Db, access: Publisher, now: Now
) -> PublicationOut:
    """Say that what was handed over is live, with the link."""
    place = (db, access.workspace, access.actor, row)
    await acts.confirm(*place, _text(body.permalink), body.published_at, now)
    return await _answer(db, response, row)


@router.post("/publications/{publication_id}/resolve")
async def resolve_publication(
    row: Target, body: ResolveIn, response: Response, db: Db, access: Publisher, now: Now
) -> PublicationOut:
    """Say what a person found: it is live, it should be sent again, or it failed."""
    if row.status != Status.NEEDS_REVIEW:
        raise NoSuchStep(before=row.status, after=body.outcome)
    place = (db, access.workspace, access.actor, row)
    if body.outcome == "live":
        at = body.published_at or row.intent_at or now
        await acts.say_live(*place, _text(body.permalink), at, now)
    elif body.outcome == "send_again":
        await acts.send_again(*place, now)
    else:
        await acts.say_failed(*place, now)
    return await _answer(db, response, row)


async def _answer(db: Session, response: Response, row: Publication) -> PublicationOut:
    await db.flush()
    tag(response, row)
    return PublicationOut.of(row)


def _text(link: HttpUrl | None) -> str | None:
    return str(link) if link else None


def _attempt(attempt: Attempt, end: Transition | None) -> AttemptOut:
    known: dict[str, Any] = attempt.model_dump()
    return AttemptOut(
        **{name: known[name] for name in ("number", "step", "key", "worker", "started_at")},
        ended_at=end.at if end else None,
        outcome=Status(end.after) if end else None,
        reason=end.reason if end else None,
        reason_text=reason_text(end.reason) if end else None,
        evidence=end.detail if end else {},
    )
