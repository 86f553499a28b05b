"""People: found by e-mail, logged in by password, members by role."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select

from planner.access import Role
from planner.errors import Conflict, NotFound
from store import audit
from store.audit import Actor
from store.db import Db
from store.tables import Membership, Person, Workspace


class EmailTaken(Conflict):
    """Another person has this e-mail address."""


class NoSuchPerson(NotFound):
    """There is no person with this e-mail address."""


class NoSuchMember(NotFound):
    """There is no such member in this workspace."""


class AlreadyMember(Conflict):
    """This person is a member of the workspace already."""


class LastOwner(Conflict):
    """A workspace keeps at least one owner."""


async def by_email(db: Db, email: str) -> Person | None:
    """Return the person with an e-mail address, in whatever case it is written."""
    return (await db.exec(select(Person).where(Person.email == email.lower()))).first()


async def add(
    db: Db, email: str, name: str, locale: str, now: datetime, password_hash: str | None = None
) -> Person:
    """Add a person, who cannot log in without a password; raises `EmailTaken`."""
    if await by_email(db, email):
        raise EmailTaken(email=email)
    person = Person(
        email=email.lower(),
        name=name,
        locale=locale,
        password_hash=password_hash,
        created_at=now,
        updated_at=now,
    )
    try:
        # No row is locked that all who add people hold: another may add the same at this moment.
        async with db.begin_nested():
            db.add(person)
    except IntegrityError:
        raise EmailTaken(email=email) from None
    return person


async def with_password(db: Db, person_id: UUID, password_hash: str) -> Person | None:
    """Return a person and hold their row; None where their password is another one by now."""
    query = select(Person).where(Person.id == person_id, Person.password_hash == password_hash)
    return (await db.exec(query.with_for_update())).first()


def set_password(person: Person, password_hash: str, now: datetime) -> None:
    """Give a person a password, by its Argon2id hash."""
    person.password_hash = password_hash
    person.updated_at = now


async def members(
    db: Db, workspace_id: UUID, after: UUID | None, limit: int
) -> Sequence[tuple[Membership, Person]]:
    """Return members with their people, by id, one more than `limit`."""
    query = (
        select(Membership, Person)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(Membership.workspace_id == workspace_id)
    )
    if after is not None:
        query = query.where(col(Membership.id) > after)
    return (await db.exec(query.order_by(col(Membership.id)).limit(limit + 1))).all()


async def member(db: Db, workspace_id: UUID, member_id: UUID) -> tuple[Membership, Person]:
    """Return a member; raises `NoSuchMember`."""
    query = (
        select(Membership, Person)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(Membership.workspace_id == workspace_id, Membership.id == member_id)
    )
    found = (await db.exec(query)).first()
    if found is None:
        raise NoSuchMember(id=str(member_id))
    return found


async def ids_of_members(db: Db, workspace_id: UUID) -> dict[UUID, UUID]:
    """Return the person's id of every member, by the member's id."""
    query = select(col(Membership.id), col(Membership.person_id)).where(
        Membership.workspace_id == workspace_id
    )
    return {row[0]: row[1] for row in await db.exec(query)}


async def is_member(db: Db, workspace_id: UUID, person_id: UUID) -> bool:
    """Say whether a person belongs to a workspace."""
    query = select(Membership.id).where(
        Membership.workspace_id == workspace_id, Membership.person_id == person_id
    )
    return (await db.exec(query)).first() is not None


async def join(
    db: Db, workspace: Workspace, actor: Actor, person: Person, role: Role, now: datetime
) -> Membership:
    """Make a person a member; raises `AlreadyMember`."""
    if await is_member(db, workspace.id, person.id):
        raise AlreadyMember(email=person.email)
    membership = Membership(
        workspace_id=workspace.id,
        person_id=person.id,
        role=role,
        created_at=now,
        updated_at=now,
    )
    db.add(membership)
    await db.flush()
    data = {"person": str(person.id), "role": role.value}
    await audit.record(db, workspace, actor, "add", "member", membership.id, now, data)
    return membership


async def change_role(
    db: Db, workspace: Workspace, actor: Actor, membership: Membership, role: Role, now: datetime
) -> None:
    """Give a member another role; raises `LastOwner`."""
    if role is not Role.OWNER:
        await _keep_an_owner(db, membership)
    await audit.change(db, workspace, actor, "member", membership, {"role": role.value}, now)


async def remove(
    db: Db, workspace: Workspace, actor: Actor, membership: Membership, now: datetime
) -> None:
    """End a membership; raises `LastOwner`."""
    await _keep_an_owner(db, membership)
    data = {"person": str(membership.person_id), "role": membership.role}
    await db.delete(membership)
    await audit.record(
        db, workspace, actor, "delete", "member", membership.id, now, data, deleted=True
    )


async def _keep_an_owner(db: Db, membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    query = (
        select(func.count())
        .select_from(Membership)
        .where(Membership.workspace_id == membership.workspace_id, Membership.role == Role.OWNER)
    )
    if (await db.exec(query)).one() < 2:
        raise LastOwner
