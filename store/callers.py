"""Callers: who a key or a session belongs to, and what they may do in a workspace."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update

from planner.access import Ability, Role, abilities_of_role, abilities_of_scopes
from planner.errors import Forbidden
from store.audit import Actor
from store.db import Db
from store.tables import ApiKey, KeyWorkspace, Membership, Person, Session, Workspace
from store.vault import Digests

TOUCH_AFTER = timedelta(minutes=10)
"""How old a `last_used_at` may get before it is written again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. A key has scopes and acts for no person; a session is a person's."""

    actor: Actor
    known: Digests  # of what it came with
    person: Person | None = None
    key: ApiKey | None = None
    session: Session | None = None
    stale: bool = False  # its last use should be written


async def by_key(db: Db, known: Digests, request_id: str | None, now: datetime) -> Caller | None:
    """Return the caller of an API key that is neither revoked nor expired; None for any other."""
    key = (await db.exec(select(ApiKey).where(col(ApiKey.digest).in_(known.all)))).first()
    if key is None or key.revoked_at or (key.expires_at and key.expires_at <= now):
        return None
    stale = key.last_used_at is None or key.last_used_at < now - TOUCH_AFTER
    stale = stale or not known.are_of(key.digest, key.digest_key)
    return Caller(Actor("key", key.id, request_id), known, key=key, stale=stale)


async def by_session(
    db: Db, known: Digests, request_id: str | None, now: datetime
) -> Caller | None:
    """Return the caller of a session that has not expired; None for any other."""
    query = (
        select(Session, Person)
        .join(Person, col(Person.id) == col(Session.person_id))
        .where(col(Session.token_digest).in_(known.all), col(Session.expires_at) > now)
    )
    found = (await db.exec(query)).first()
    if found is None:
        return None
    session, person = found
    stale = session.last_seen_at < now - TOUCH_AFTER
    stale = stale or not known.are_of(session.token_digest, session.digest_key)
    actor = Actor("person", person.id, request_id)
    return Caller(actor, known, person, session=session, stale=stale)


async def touch(db: Db, caller: Caller, now: datetime) -> None:
    """Write when a key or session was used last; this is no change of the thing itself.

    Its digest is made anew by the first key: only whoever comes with the secret can do that.
    """
    made: dict[str, Any] = {"digest_key": caller.known.key}
    if caller.key:
        made |= {"digest": caller.known.newest, "last_used_at": now}
        await db.exec(update(ApiKey).where(col(ApiKey.id) == caller.key.id).values(**made))
    if caller.session:
        made |= {"token_digest": caller.known.newest, "last_seen_at": now}
        await db.exec(update(Session).where(col(Session.id) == caller.session.id).values(**made))


async def abilities(db: Db, caller: Caller, workspace_id: UUID) -> frozenset[Ability]:
    """Return what a caller may do in a workspace; nothing where they do not belong."""
    return await _abilities(db, caller.person, caller.key, workspace_id)


async def abilities_later(
    db: Db, actor: Actor, workspace_id: UUID, now: datetime
) -> frozenset[Ability]:
    """Return what whoever began something, a while ago, may do in a workspace now."""
    key = await db.get(ApiKey, actor.id) if actor.kind == "key" else None
    if key and (key.revoked_at or (key.expires_at and key.expires_at <= now)):
        return frozenset()
    person = await db.get(Person, actor.id) if actor.kind == "person" else None
    return await _abilities(db, person, key, workspace_id)


async def _abilities(
    db: Db, person: Person | None, key: ApiKey | None, workspace_id: UUID
) -> frozenset[Ability]:
    if key:
        query = select(KeyWorkspace.id).where(
            KeyWorkspace.workspace_id == workspace_id, KeyWorkspace.api_key_id == key.id
        )
        reaches = (await db.exec(query)).first() is not None
        return abilities_of_scopes(key.scopes) if reaches else frozenset()
    if person:
        role = await role_of(db, workspace_id, person.id)
        return abilities_of_role(role) if role else frozenset()
    return frozenset()


async def role_of(db: Db, workspace_id: UUID, person_id: UUID) -> Role | None:
    """Return a person's role in a workspace; None for a stranger."""
    query = select(Membership.role).where(
        Membership.workspace_id == workspace_id, Membership.person_id == person_id
    )
    role = (await db.exec(query)).first()
    return Role(role) if role else None


class PeopleOnly(Forbidden):
    """This is for people who log in; a key cannot do it."""


def person_id(caller: Caller) -> UUID:
    """Return the id of the person who is calling; raises `PeopleOnly` for a key."""
    if caller.person is None:
        raise PeopleOnly
    return caller.person.id


def session(caller: Caller) -> Session:
    """Return the session that a person calls with; raises `PeopleOnly` for a key."""
    if caller.session is None:
        raise PeopleOnly
    return caller.session


async def owns_something(db: Db, person_id: UUID) -> bool:
    """Say whether a person is an owner of any workspace."""
    query = select(Membership.id).where(
        Membership.person_id == person_id, Membership.role == Role.OWNER
    )
    return (await db.exec(query)).first() is not None


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace that a caller belongs to, and what they may do there; keys have no role."""

    workspace: Workspace
    role: Role | None
    abilities: frozenset[Ability]


async def places(db: Db, caller: Caller) -> list[Place]:
    """Return every workspace a caller belongs to, by slug."""
    if caller.key:
        reached = (
            select(Workspace)
            .join(KeyWorkspace, col(KeyWorkspace.workspace_id) == col(Workspace.id))
            .where(KeyWorkspace.api_key_id == caller.key.id)
            .order_by(col(Workspace.slug))
        )
        may = abilities_of_scopes(caller.key.scopes)
        return [Place(workspace, None, may) for workspace in await db.exec(reached)]
    joined = (
        select(Workspace, Membership)
        .join(Membership, col(Membership.workspace_id) == col(Workspace.id))
        .where(Membership.person_id == person_id(caller))
        .order_by(col(Workspace.slug))
    )
    return [
        Place(workspace, Role(each.role), abilities_of_role(Role(each.role)))
        for workspace, each in await db.exec(joined)
    ]
