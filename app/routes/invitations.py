"""Invitations over HTTP: one-time links by which people join a workspace."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app import passwords
from app.auth import LoginNeeded, check_same_site, identify
from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, House, Now, Owner, OwnerViewer, Reads
from app.fields import Answer, Body, Line, Moment
from app.idempotency import Remembered
from app.paging import Pages
from app.passwords import Email, NewPassword
from app.routes.members import MemberOut
from planner.access import Role
from planner.errors import Fault, Forbidden, Invalid
from store import invitations, people, workspaces
from store.audit import Actor
from store.db import Db as Transaction

router = APIRouter(route_class=Remembered, tags=["invitations"])

PLACE = "/workspaces/{ws}/invitations"


class NotTheInvited(Forbidden):
    """The invited person can log in already and must be the one who accepts."""


class IntroductionMissing(Invalid):
    """Someone who is new here says their name and chooses a password."""


class InvitationIn(Body):
    """Who is invited, and as what."""

    email: Email
    role: Role


class InvitationOut(Answer):
    """An invitation, open or accepted."""

    id: UUID
    email: str
    role: Role
    invited_by: str
    expires_at: Moment
    accepted_at: Moment | None
    created_at: Moment
    updated_at: Moment
    version: int


class InvitationMade(InvitationOut):
    """A new invitation; its link is shown this once."""

    token: str
    link: str


class InvitationPage(Answer):
    """Some invitations, and where the next page begins."""

    items: list[InvitationOut]
    next: str | None


class AcceptanceIn(Body):
    """An invitation's token; who is new here says their name and chooses a password."""

    token: Annotated[Line, Field(max_length=100)]
    name: Annotated[Line, Field(max_length=120, examples=["Sari"])] | None = None
    password: NewPassword | None = None


class Joined(Answer):
    """A new member, and the slug of the workspace."""

    workspace: str
    member: MemberOut


@router.get(PLACE)
async def list_invitations(
    pages: Pages,
    db: Reads,
    access: OwnerViewer,
) -> InvitationPage:
    """List the invitations, accepted ones too."""
    rows = await invitations.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return InvitationPage(items=[InvitationOut.model_validate(row) for row in rows], next=cursor)


@router.post(PLACE, status_code=201)
async def add_invitation(
    body: InvitationIn,
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    access: Owner,
    now: Now,
) -> InvitationMade:
    """Invite someone; the answer shows the one-time link, and nothing shows it again."""
    invitation, token = await invitations.add(
        db, house.ring, access.workspace, access.actor, body.email, body.role, now
    )
    response.headers["Location"] = f"{request.url.path}/{invitation.id}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, invitation)
    link = f"{house.base_url}/join#{token}"
    return InvitationMade.model_validate(invitation.model_dump() | {"token": token, "link": link})


@router.get(PLACE + "/{invitation_id}")
async def read_invitation(
    invitation_id: UUID, request: Request, response: Response, db: Reads, access: OwnerViewer
) -> InvitationOut:
    """Read an invitation."""
    invitation = await invitations.of(db, access.workspace.id, invitation_id)
    answer_if_new(request, response, etag_of(invitation))
    return InvitationOut.model_validate(invitation)


@router.delete(PLACE + "/{invitation_id}", status_code=204)
async def remove_invitation(
    invitation_id: UUID, db: Db, access: Owner, now: Now, if_match: IfMatch = None
) -> None:
    """Withdraw an invitation that nobody has accepted."""
    invitation = await invitations.of(db, access.workspace.id, invitation_id)
    check_match(invitation, if_match)
    await invitations.withdraw(db, access.workspace, access.actor, invitation, now)


@router.post("/invitations/accept", status_code=201)
async def accept_invitation(
    body: AcceptanceIn, request: Request, response: Response, house: Here, now: Now
) -> Joined:
    """Join a workspace by an invitation.

    Someone who is new here sends name and password. Who has an account already is logged in as
    the invited person; name and password are not read then.
    """
    if body.password:
        passwords.check_https(house.base_url)
    check_same_site(request, house.base_url)
    async with house.store.reading() as db:
        invitation = await invitations.by_token(db, house.ring, body.token, now)
        known = await people.by_email(db, invitation.email)
        if known and await _visitor(request, db, house, now) != known.id:
            raise NotTheInvited(email=invitation.email)
    name, password_hash = ("", None) if known else await _introduction(body)
    async with house.store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, invitation.workspace_id)
        # Read again now that the workspace is held: it may have been accepted or withdrawn.
        invitation = await invitations.by_token(db, house.ring, body.token, now)
        person = known or await people.add(
            db, invitation.email, name, workspace.locale, now, password_hash
        )
        actor = Actor("person", person.id, request.state.request_id)
        membership = await invitations.accept(db, workspace, actor, invitation, person, now)
    place = request.url.path.removesuffix("/invitations/accept")
    response.headers["Location"] = f"{place}/workspaces/{workspace.slug}/members/{membership.id}"
    tag(response, membership)
    return Joined(workspace=workspace.slug, member=MemberOut.of(membership, person))


async def _visitor(request: Request, db: Transaction, house: House, now: datetime) -> UUID | None:
    """Return who is logged in; None for everybody else, whom this path welcomes too."""
    try:
        caller = await identify(request, db, house.ring, house.base_url, now)
    except LoginNeeded:
        return None
    return caller.person.id if caller.person else None


async def _introduction(body: AcceptanceIn) -> tuple[str, str]:
    """Return the name and the password's hash of someone new; raises `IntroductionMissing`."""
    if body.name is None or body.password is None:
        given = {"/name": body.name, "/password": body.password}
        raise IntroductionMissing(
            *(Fault(pointer, "missing") for pointer, value in given.items() if value is None)
        )
    return body.name, await passwords.hashed(body.password)
