"""Acts on publications over HTTP: publish now, retry, resolve, withdraw and so on; the queue."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import HttpUrl

from app.conditions import IfMatch, check_match, tag
from app.deps import Db, Here, Now, Publisher, Reads, Slug, Viewer, caller_for_reading
from app.fields import Answer, Body
from app.idempotency import Remembered
from app.schemas.histories import Attempts, Queued, Watched, WithdrawIn, WithdrawOut
from app.schemas.mix import Override, reason_of
from app.schemas.publications import ConfirmIn, Moved, PublicationOut, ResolveIn
from planner.access import Ability, check_ability
from planner.publications import IN_FLIGHT, NoSuchStep, Status
from schedulers import withdrawing as deeds
from store import acts, admission, callers, publications, waiting, withdrawing, workspaces
from store.db import Db as Session
from store.tables import Publication

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}", tags=["publications"])


class Queue(Answer):
    """What is due or late, what is being sent, and what waits for a person's word."""

    due: list[Queued]
    in_flight: list[Watched]
    handed_over: list[Watched]
    needs_review: list[Watched]


@router.get("/queue")
async def read_queue(db: Reads, access: Viewer, now: Now) -> Queue:
    """Read what is due, late, in flight, or waits for a person, and what comes next of each."""
    rows = await publications.queue(db, access.workspace.id, now)
    found = await waiting.obstacles(db, access.workspace.id, rows, now)

    def those(*wanted: Status) -> list[Watched]:
        return [Watched.seen(row, None, now) for row in rows if row.status in wanted]

    due = [row for row in rows if row.status == Status.SCHEDULED]
    return Queue(
        due=[Queued.under(row, found.get(row.id), now) for row in due],
        in_flight=those(*IN_FLIGHT),
        handed_over=those(Status.HANDED_OVER),
        needs_review=those(Status.NEEDS_REVIEW),
    )


@router.get("/publications/{publication_id}/attempts")
async def list_attempts(publication_id: UUID, db: Reads, access: Viewer, now: Now) -> Attempts:
    """List every try and every step of a publication: its history without logs."""
    row = await publications.of(db, access.workspace.id, publication_id)
    found = await waiting.obstacles(db, access.workspace.id, [row], now)
    return Attempts.of(
        Watched.seen(row, found.get(row.id), now),
        row,
        await publications.attempts(db, row),
        await publications.transitions(db, row),
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


@router.post("/publications/{publication_id}/withdraw")
async def withdraw_publication(
    slug: Slug,
    publication_id: UUID,
    request: Request,
    response: Response,
    house: Here,
    now: Now,
    body: WithdrawIn | None = None,
    if_match: IfMatch = None,
) -> WithdrawOut:
    """Delete what was published from its platform, or say that somebody has (`done`)."""
    # No `Db` or `Access` here: they would hold a transaction while the platform is asked.
    async with house.store.reading() as db:
        caller = await caller_for_reading(request, house, db, now)
        workspace = await workspaces.by_slug(db, slug)
        abilities = await callers.abilities(db, caller, workspace.id)
        if not abilities:
            raise workspaces.NoSuchWorkspace(slug=slug)
        check_ability(abilities, Ability.PUBLISH)
        row, _ = await withdrawing.of(db, workspace.id, publication_id)
        if row.withdrawn_at is None or if_match is None:  # else the answer may have been lost
            check_match(row, if_match)
    asked = await deeds.withdraw(
        house.store,
        house.ring,
        house.connectors,
        workspace,
        publication_id,
        caller.actor,
        now,
        done=body is not None and body.done,
    )
    tag(response, asked.publication)
    return WithdrawOut.of(asked)


async def _answer(db: Session, response: Response, row: Publication) -> PublicationOut:
    await db.flush()
    tag(response, row)
    return PublicationOut.of(row)


def _text(link: HttpUrl | None) -> str | None:
    return str(link) if link else None
