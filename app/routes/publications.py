"""Publications over HTTP: place, read, move, take off."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Editor, Now, Reads, Viewer
from app.fields import Moment, Word, instant_text
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.mix import MixAnswer, exemption_of, reason_of
from app.schemas.publications import (
    Moved,
    Placed,
    PublicationChange,
    PublicationIn,
    PublicationOut,
    PublicationPage,
    through_hold_of,
)
from planner.access import Ability, check_ability
from planner.publications import Status
from store import admission, channels, holds, placing, posts, publications

router = APIRouter(
    route_class=Remembered, prefix="/workspaces/{ws}/publications", tags=["publications"]
)


@router.get("")
async def list_publications(
    pages: Pages,
    db: Reads,
    access: Viewer,
    post: UUID | None = None,
    channel: UUID | None = None,
    status: Status | None = None,
    type: Word | None = None,  # noqa: A002  # the API's word
    pillar: UUID | None = None,
    due_from: Moment | None = None,
    due_until: Moment | None = None,
) -> PublicationPage:
    """List publications by time."""
    wanted = {
        "post_id": post,
        "channel_id": channel,
        "status": status,
        "type": type,
        "pillar_id": pillar,
    }
    rows = await publications.page_of(
        db,
        access.workspace.id,
        filters={name: value for name, value in wanted.items() if value is not None},
        first=due_from,
        until=due_until,
        after=pages.after_place(),
        limit=pages.limit,
    )
    rows, cursor = pages.cut(rows, lambda row: [instant_text(row.due_at), str(row.id)])
    return PublicationPage(items=[PublicationOut.of(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_publications(
    body: PublicationIn, request: Request, response: Response, db: Db, access: Editor, now: Now
) -> Placed:
    """Put a post on channels as one change: at a time, in the next slot, now, or as history."""
    post = await posts.of(db, access.workspace.id, body.post)
    on = [await channels.of(db, access.workspace.id, each) for each in body.channels]
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    exempt = exemption_of(body.exempt, access.abilities)
    through = through_hold_of(body.through_hold, access.abilities)
    if body.recorded:
        link = str(body.recorded.permalink) if body.recorded.permalink else None
        recorded = placing.Recorded(body.recorded.published_at, link)
        rows = await placing.record(
            db, access.workspace, access.actor, post, on, recorded, now, exempt=exempt
        )
    else:
        assert body.when is not None  # noqa: S101  # the body says so
        if body.when.now:
            check_ability(access.abilities, Ability.PUBLISH)
        rows = await placing.place(
            db,
            access.workspace,
            access.actor,
            post,
            on,
            body.when.when(),
            now,
            publish_until=body.publish_until,
            allow_duplicate=body.allow_duplicate,
            exempt=exempt,
            judge=judge,
        )
        for row in rows if through else ():
            await holds.let_through(db, access.workspace, access.actor, row, through, now)
        await admission.settle(judge)
    await db.flush()
    response.headers["Location"] = f"{request.url.path}/{rows[0].id}"
    return Placed(
        publications=[PublicationOut.of(row) for row in rows], mix=MixAnswer.of(judge.judgement)
    )


@router.get("/{publication_id}")
async def read_publication(
    publication_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> PublicationOut:
    """Read a publication."""
    row = await publications.of(db, access.workspace.id, publication_id)
    answer_if_new(request, response, etag_of(row))
    return PublicationOut.of(row)


@router.patch("/{publication_id}")
async def move_publication(
    publication_id: UUID,
    body: PublicationChange,
    response: Response,
    db: Db,
    access: Editor,
    now: Now,
    if_match: IfMatch = None,
) -> Moved:
    """Move a publication, or say whether it counts in the mix or goes through holds."""
    row = await publications.of(db, access.workspace.id, publication_id)
    check_match(row, if_match)
    place = (db, access.workspace, access.actor, row)
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    if "exempt" in body.model_fields_set:
        check_ability(access.abilities, Ability.APPROVE)
        exempt = body.exempt.exempt() if body.exempt else None
        await placing.set_exempt(*place, exempt, now, judge=judge)
    if "through_hold" in body.model_fields_set:
        check_ability(access.abilities, Ability.APPROVE)
        through = through_hold_of(body.through_hold, access.abilities)
        await holds.let_through(*place, through, now)
    if body.when is not None:
        if body.when.now:
            check_ability(access.abilities, Ability.PUBLISH)
        why = body.allow_duplicate
        await placing.move(*place, body.when.when(), now, allow_duplicate=why, judge=judge)
    await admission.settle(judge)
    await db.flush()
    tag(response, row)
    return Moved.with_mix(row, judge)


@router.delete("/{publication_id}", status_code=204)
async def remove_publication(
    publication_id: UUID, db: Db, access: Editor, now: Now, if_match: IfMatch = None
) -> None:
    """Take a publication off the calendar, if it was never attempted."""
    row = await publications.of(db, access.workspace.id, publication_id)
    check_match(row, if_match)
    await placing.take_off(db, access.workspace, access.actor, row, now)
