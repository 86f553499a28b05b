"""Invitations: one-time links that make someone a member; their tokens are kept as digests."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select

from planner.access import Role
from planner.errors import Conflict, NotFound
from store import audit, people
from store.audit import Actor
from store.db import Db
from store.lookup import one, page_of
from store.tables import Invitation, Membership, Person, Workspace
from store.vault import KeyRing

PURPOSE = "invitation"

LIFETIME = timedelta(days=7)


class NoSuchInvitation(NotFound):
    """There is no such invitation, or it was withdrawn."""


class InvitationUsed(Conflict):
    """Somebody joined by this invitation already."""


class InvitationExpired(Conflict):
    """The invitation is too old."""


async def of(db: Db, workspace_id: UUID, invitation_id: UUID) -> Invitation:
    """Return an invitation; raises `NoSuchInvitation`."""
    return await one(db, Invitation, workspace_id, invitation_id, NoSuchInvitation)


async def all_of(
    db: Db, workspace_id: UUID, after: UUID | None, limit: int
) -> Sequence[Invitation]:
    """Return invitations, accepted ones too, by id, one more than `limit`."""
    return await page_of(db, Invitation, workspace_id, after, limit)


async def by_token(db: Db, ring: KeyRing, token: str, now: datetime) -> Invitation:
    """Return the invitation that a token opens.

    Raises `NoSuchInvitation`, `InvitationUsed` and `InvitationExpired`.
    """
    known = ring.digests_of(PURPOSE, token)
    query = select(Invitation).where(col(Invitation.token_digest).in_(known.all))
    invitation = (await db.exec(query)).first()
    if invitation is None:
        raise NoSuchInvitation
    if invitation.accepted_at:
        raise InvitationUsed
    if invitation.expires_at <= now:
        raise InvitationExpired
    return invitation


async def add(
    db: Db,
    ring: KeyRing,
    workspace: Workspace,
    actor: Actor,
    email: str,
    role: Role,
    now: datetime,
) -> tuple[Invitation, str]:
    """Invite someone; return the invitation and its token, which is kept nowhere.

    Raises `AlreadyMember`.
    """
    person = await people.by_email(db, email)
    if person and await people.is_member(db, workspace.id, person.id):
        raise people.AlreadyMember(email=email)
    token = secrets.token_urlsafe(32)
    known = ring.digests_of(PURPOSE, token)
    invitation = Invitation(
        workspace_id=workspace.id,
        email=email.lower(),
        role=role,
        token_digest=known.newest,
        digest_key=known.key,
        invited_by=str(actor),
        expires_at=now + LIFETIME,
        created_at=now,
        updated_at=now,
    )
    db.add(invitation)
    await db.flush()
    data = {"email": invitation.email, "role": role.value}
    await audit.record(db, workspace, actor, "add", "invitation", invitation.id, now, data)
    return invitation, token


async def accept(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    invitation: Invitation,
    person: Person,
    now: datetime,
) -> Membership:
    """Make the invited person a member, once; raises `AlreadyMember`."""
    membership = await people.join(db, workspace, actor, person, Role(invitation.role), now)
    invitation.accepted_at = invitation.updated_at = now
    await audit.record(db, workspace, actor, "accept", "invitation", invitation.id, now)
    return membership


async def withdraw(
    db: Db, workspace: Workspace, actor: Actor, invitation: Invitation, now: datetime
) -> None:
    """Delete an invitation that nobody accepted; raises `InvitationUsed`."""
    if invitation.accepted_at:
        raise InvitationUsed
    await db.delete(invitation)
    data = {"email": invitation.email, "role": invitation.role}
    await audit.record(
        db, workspace, actor, "delete", "invitation", invitation.id, now, data, deleted=True
    )


async def withdraw_those_of(
    db: Db, workspace: Workspace, actor: Actor, person_id: UUID, now: datetime
) -> None:
    """Delete the open invitations of someone who may invite no longer: they know the links."""
    query = select(Invitation).where(
        Invitation.workspace_id == workspace.id,
        Invitation.invited_by == str(Actor("person", person_id)),
        col(Invitation.accepted_at).is_(None),
    )
    for invitation in (await db.exec(query.order_by(col(Invitation.id)))).all():
        await withdraw(db, workspace, actor, invitation, now)
