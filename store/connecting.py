"""Connecting: a person goes to a platform and comes back, each step of the way once.

What they carry are random texts, of which only keyed digests are kept: the ticket, which the API
answers; the state, which the platform gives back (RFC 6749, 10.12); and the secret of the browser
that set out. The verifier of RFC 7636 is sealed like a channel's secret.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from planner.access import Ability, check_ability
from planner.errors import Forbidden, NotFound
from store import callers, channels, workspaces
from store.audit import Actor
from store.db import Db, Store
from store.tables import Authorization, Channel, Workspace
from store.vault import CannotOpen, KeyRing

LIFETIME = timedelta(minutes=10)
"""How long a person may take, from the ticket to the way back."""

VERIFIER_FIELD = "oauth.verifier"


class NoSuchAuthorization(NotFound):
    """Nobody is on this way: the link was used, is too old, or never was one."""


class OtherBrowser(Forbidden):
    """The person came back in another browser than the one that set out."""


class OtherSession(Forbidden):
    """The link was opened without the session in which it was made."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A person sets out: what goes to the platform, and what stays in the browser."""

    workspace: Workspace
    channel: Channel
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Return:
    """A person is back, in the same browser and in time; nobody can come back a second time."""

    workspace: Workspace
    channel: Channel
    actor: Actor
    verifier: str = field(repr=False)


async def give_ticket(
    db: Db,
    ring: KeyRing,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    session_id: UUID | None,
    now: datetime,
) -> tuple[Authorization, str]:
    """Let somebody connect a channel; return the row, and the ticket, which is kept nowhere.

    `session_id` is the session in whose browser the ticket has to be used, if there is one.
    """
    ticket = secrets.token_urlsafe(32)
    row = Authorization(
        workspace_id=workspace.id,
        channel_id=channel.id,
        actor=str(actor),
        session_id=session_id,
        ticket_digest=_digest(ring, "ticket", ticket),
        expires_at=now + LIFETIME,
        created_at=now,
        updated_at=now,
    )
    db.add(row)
    await db.flush()
    return row, ticket


async def start(
    store: Store, ring: KeyRing, ticket: str, session_id: UUID | None, now: datetime
) -> Departure:
    """Use a ticket up; raises `NoSuchAuthorization`, `OtherSession`, `MayNot`.

    In a browser without the session, which could do no more with it, the ticket stays good.
    """
    state, verifier, browser = (secrets.token_urlsafe(size) for size in (32, 48, 32))
    wanted = col(Authorization.ticket_digest).in_(_digests(ring, "ticket", ticket))
    async with store.transaction() as db:
        workspace, row = await _locked(db, wanted)
        if row.state_digest is not None or row.expires_at <= now:
            raise NoSuchAuthorization
        if row.session_id is not None and row.session_id != session_id:
            raise OtherSession
        check_ability(await _may(db, row, now), Ability.ADMIN)
        channel = await channels.of(db, workspace.id, row.channel_id)
        row.state_digest = _digest(ring, "state", state)
        row.browser_digest = _digest(ring, "browser", browser)
        row.sealed_verifier = ring.seal(
            verifier, workspace=workspace.id, channel=channel.id, field=VERIFIER_FIELD
        )
        row.updated_at = now
    return Departure(workspace, channel, state, verifier, browser)


async def finish(store: Store, ring: KeyRing, state: str, browser: str, now: datetime) -> Return:
    """Take a person's way back, which ends it, whoever came and however it ends.

    Raises `NoSuchAuthorization`, `OtherBrowser`, and `MayNot` where who began it may not any more.
    """
    wanted = col(Authorization.state_digest).in_(_digests(ring, "state", state))
    async with store.transaction() as db:
        workspace, row = await _locked(db, wanted)
        channel = await channels.of(db, workspace.id, row.channel_id)
        abilities = await _may(db, row, now)
        await db.delete(row)
    # Only now, so that the refusal does not undo the deletion.
    if row.expires_at <= now:
        raise NoSuchAuthorization
    known = row.browser_digest or ""
    if not any([hmac.compare_digest(known, each) for each in _digests(ring, "browser", browser)]):  # noqa: C419 - try all
        raise OtherBrowser
    check_ability(abilities, Ability.ADMIN)
    return Return(workspace, channel, _actor(row), _verifier(ring, row))


async def _locked(db: Db, wanted: ColumnElement[bool]) -> tuple[Workspace, Authorization]:
    """Return the row that is wanted as it is once its workspace is held."""
    owner = (await db.exec(select(Authorization.workspace_id).where(wanted))).first()
    if owner is None:
        raise NoSuchAuthorization
    workspace = await workspaces.lock_by_id(db, owner)
    row = (await db.exec(select(Authorization).where(wanted))).first()
    if row is None:  # somebody was quicker
        raise NoSuchAuthorization
    return workspace, row


async def _may(db: Db, row: Authorization, now: datetime) -> frozenset[Ability]:
    return await callers.abilities_later(db, _actor(row), row.workspace_id, now)


def _verifier(ring: KeyRing, row: Authorization) -> str:
    try:
        return ring.open(
            row.sealed_verifier or "",
            workspace=row.workspace_id,
            channel=row.channel_id,
            field=VERIFIER_FIELD,
        )
    except CannotOpen:  # its key was put away meanwhile
        raise NoSuchAuthorization from None


def _actor(row: Authorization) -> Actor:
    kind, _, name = row.actor.partition(":")
    return Actor(kind, UUID(name) if name else None)


def _digest(ring: KeyRing, what: str, text: str) -> str:
    return ring.digest(f"oauth-{what}", text.encode()).hex()


def _digests(ring: KeyRing, what: str, text: str) -> list[str]:
    return [digest.hex() for digest in ring.digests(f"oauth-{what}", text.encode())]
