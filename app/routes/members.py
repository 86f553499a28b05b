"""Members over HTTP: the people of a workspace and their roles."""

from typing import Self
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Member, Now, Owner, Reads, Viewer
from app.fields import Answer, Body, Moment
from app.paging import Pages
from planner.access import Ability, Role, check_ability
from store import invitations, people
from store.tables import Membership, Person

router = APIRouter(prefix="/workspaces/{ws}/members", tags=["members"])


class MemberChange(Body):
    """The member's role from now on."""

    role: Role


class MemberOut(Answer):
    """A person in a workspace; `id` is the member's, `person` the person's."""

    id: UUID
    person: UUID
    name: str
    email: str
    role: Role
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, membership: Membership, person: Person) -> Self:
        """Return a member as it is answered."""
        about = {"person": person.id, "name": person.name, "email": person.email}
        return cls.model_validate(membership.model_dump() | about)


class MemberPage(Answer):
    """Some members, and where the next page begins."""

    items: list[MemberOut]
    next: str | None


@router.get("")
async def list_members(
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> MemberPage:
    """List the members."""
    rows = await people.members(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows, lambda row: [str(row[0].id)])
    return MemberPage(items=[MemberOut.of(*row) for row in rows], next=cursor)


@router.get("/{member_id}")
async def read_member(
    member_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> MemberOut:
    """Read a member."""
    membership, person = await people.member(db, access.workspace.id, member_id)
    answer_if_new(request, response, etag_of(membership))
    return MemberOut.of(membership, person)


@router.patch("/{member_id}")
async def change_member(
    member_id: UUID,
    body: MemberChange,
    response: Response,
    db: Db,
    access: Owner,
    now: Now,
    if_match: IfMatch = None,
) -> MemberOut:
    """Give a member another role; the workspace keeps an owner."""
    membership, person = await people.member(db, access.workspace.id, member_id)
    check_match(membership, if_match)
    await people.change_role(db, access.workspace, access.actor, membership, body.role, now)
    if body.role is not Role.OWNER:
        await invitations.withdraw_those_of(db, access.workspace, access.actor, person.id, now)
    await db.flush()
    tag(response, membership)
    return MemberOut.of(membership, person)


@router.delete("/{member_id}", status_code=204)
async def remove_member(
    member_id: UUID, db: Db, access: Member, now: Now, if_match: IfMatch = None
) -> None:
    """End a membership: an owner anybody's, everybody their own; the workspace keeps an owner."""
    membership, person = await people.member(db, access.workspace.id, member_id)
    if access.caller.person is None or access.caller.person.id != person.id:
        check_ability(access.abilities, Ability.OWN)
    check_match(membership, if_match)
    await people.remove(db, access.workspace, access.actor, membership, now)
    await invitations.withdraw_those_of(db, access.workspace, access.actor, person.id, now)
