"""Connecting: a person agrees at a platform, and its channel gets credentials; or gives them up."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog

from planner.channels import granted_credentials, missing_by_hand
from planner.errors import Conflict, Forbidden
from schedulers.connector import (
    Account,
    Connector,
    Denied,
    Disconnected,
    Granted,
    TryLater,
    Unknown,
)
from schedulers.crashes import answered
from schedulers.oauth import DESCRIPTION_MAX, ERROR_MAX, bounded
from schedulers.sending import account_of
from store import channels, connecting, workspaces
from store.audit import Actor
from store.connecting import Return
from store.db import Store
from store.tables import Channel, Workspace
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

T = TypeVar("T")

CALL_SECONDS = 30.0
"""How long a platform may take to answer."""


class CannotConnect(Conflict):
    """Accounts on this platform are not connected at the platform."""


class CredentialsFirst(Conflict):
    """What has to be entered by hand is missing or cannot be opened; `fields` names it."""


class WrongIssuer(Forbidden):
    """The way back did not come from the platform that the person was sent to (RFC 9207)."""


class NotConnected(Conflict):
    """The platform, or a person there, did not agree; `reason` is a key, `said` their words."""


class PlatformSilent(Conflict):
    """The platform did not answer so that anybody knows; the way has to be gone again."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a browser goes now, and the secret that it keeps until it comes back."""

    url: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """What a browser brought back from a platform; texts that are absent are empty or None."""

    code: str = field(default="", repr=False)
    issuer: str | None = None
    error: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parted:
    """A channel that was disconnected; `reason`: why the platform did not confirm it."""

    channel: Channel
    confirmed: bool
    reason: str | None = None


def check_connectable(connectors: Mapping[str, Connector], channel: Channel) -> None:
    """Refuse a channel that cannot be connected now; raises `CannotConnect`, `CredentialsFirst`."""
    if not hasattr(connectors.get(channel.platform), "authorize_url"):
        raise CannotConnect(platform=channel.platform)
    if missing := missing_by_hand(channel.platform, channel.secrets):
        raise CredentialsFirst(fields=", ".join(missing))


def callback_url(base_url: str) -> str:
    """Return where platforms send people back to; it has to be registered there."""
    return f"{base_url}/oauth/callback"


async def start(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    ticket: str,
    session_id: UUID | None,
    base_url: str,
    now: datetime,
) -> Begun:
    """Send the browser with a ticket to its platform.

    Raises `NoSuchAuthorization`, `OtherSession`, `CannotConnect`, `CredentialsFirst`.
    """
    departure = await connecting.start(store, ring, ticket, session_id, now)
    account = _account(ring, connectors, departure.workspace, departure.channel)
    connector: Any = connectors[departure.channel.platform]
    url: str = connector.authorize_url(
        account,
        state=departure.state,
        verifier=departure.verifier,
        redirect_uri=callback_url(base_url),
    )
    return Begun(url, departure.browser)


async def complete(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    back: Return,
    callback: Callback,
    base_url: str,
    now: datetime,
) -> Channel:
    """Change what came back for credentials, and keep them; return the connected channel.

    No transaction is open while the platform is asked. What was entered by hand meanwhile stays.
    Raises `WrongIssuer`, `NotConnected`, `PlatformSilent`, `CannotConnect`, `CredentialsFirst`,
    `NoSuchChannel`.
    """
    account = _account(ring, connectors, back.workspace, back.channel)
    connector: Any = connectors[back.channel.platform]
    _check_issuer(connector.issuer(account), callback.issuer)
    answer = _denied_there(callback)
    if answer is None:
        answer = await _exchange(connector, account, back, callback, callback_url(base_url), now)
    log.info(
        "connecting ended",
        channel=str(back.channel.id),
        platform=back.channel.platform,
        outcome=type(answer).__name__,
        reason=getattr(answer, "reason", None),
    )
    match answer:
        case Granted():
            return await _keep(store, ring, back, answer, now)
        case Denied(reason=reason, detail=detail):
            raise NotConnected(reason=reason, said=bounded(detail, DESCRIPTION_MAX))
        case _:
            raise PlatformSilent(reason=answer.reason)


async def _exchange(
    connector: Any,
    account: Account,
    back: Return,
    callback: Callback,
    redirect_uri: str,
    now: datetime,
) -> Granted | Denied | TryLater | Unknown:
    return await _bounded_call(
        lambda: connector.exchange(
            account,
            code=callback.code,
            verifier=back.verifier,
            redirect_uri=redirect_uri,
            now=now,
        ),
        back.channel,
    )


def _account(
    ring: KeyRing, connectors: Mapping[str, Connector], workspace: Workspace, channel: Channel
) -> Account:
    check_connectable(connectors, channel)
    try:
        return account_of(ring, workspace.slug, channel)
    except CannotOpen:
        names = channel.secrets.keys() - granted_credentials(channel.platform)
        raise CredentialsFirst(fields=", ".join(sorted(names))) from None


def _check_issuer(wanted: str | None, given: str | None) -> None:
    """Refuse another server's answer: `iss` has to be there if, and only if, one is known."""
    if (wanted is None) != (given is None):
        raise WrongIssuer
    if not hmac.compare_digest((wanted or "").encode(), (given or "").encode()):
        raise WrongIssuer


def _denied_there(callback: Callback) -> Granted | Denied | TryLater | Unknown | None:
    if callback.error == "access_denied":
        return Denied("declined", "")
    if callback.error:
        said = f"{bounded(callback.error, ERROR_MAX)} {callback.description}".strip()
        return Denied("not_agreed", said)
    return None if callback.code else Denied("no_code", "")


async def _keep(
    store: Store, ring: KeyRing, back: Return, granted: Granted, now: datetime
) -> Channel:
    names = granted_credentials(back.channel.platform)
    new = {name: text for name, text in granted.secrets.items() if name in names and text}
    async with store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, back.workspace.id)
        channel = await channels.of(db, workspace.id, back.channel.id)
        entered = {
            name: text
            for name, text in channels.open_secrets(channel, ring).items()
            if name not in names
        }
        await channels.set_secrets(
            db,
            workspace,
            back.actor,
            channel,
            entered | new,
            ring,
            now,
            expires_at=granted.expires_at,
            action="connect",
            about={"evidence": dict(granted.evidence)},
        )
        await db.flush()
    return channel


async def disconnect(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    channel_id: UUID,
    actor: Actor,
    now: datetime,
) -> Parted:
    """Have the platform take a channel's credentials no more, and forget what it granted.

    From the beginning nothing uses them any more; they are forgotten whatever the platform
    answers, unless somebody connects the channel meanwhile. Raises `NoSuchChannel`,
    `CannotConnect`.
    """
    async with store.transaction() as db:
        locked = await workspaces.lock_by_id(db, workspace.id)
        channel = await channels.of(db, workspace.id, channel_id)
        names = granted_credentials(channel.platform)
        if not names:
            raise CannotConnect(platform=channel.platform)
        kept = dict(channel.secrets)
        await channels.disconnect(db, locked, actor, channel, now)
        await db.flush()
    answer = await _revoke(ring, connectors, workspace, channel, names & kept.keys(), now)
    reason = None if isinstance(answer, Disconnected) else answer.reason
    log.info("channel disconnected", channel=str(channel_id), confirmed=reason is None, why=reason)
    async with store.transaction() as db:
        locked = await workspaces.lock_by_id(db, workspace.id)
        channel = await channels.of(db, workspace.id, channel_id)
        if channel.secrets == kept:
            about = {"confirmed": reason is None, "reason": reason}
            await channels.forget(db, locked, actor, channel, names, about, now)
            await db.flush()
    return Parted(channel, confirmed=reason is None, reason=reason)


async def _revoke(
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    channel: Channel,
    granted: frozenset[str],
    now: datetime,
) -> Disconnected | TryLater | Unknown:
    connector: Any = connectors.get(channel.platform)
    if not granted:
        return Unknown("nothing_to_revoke")
    if not hasattr(connector, "revoke"):
        return Unknown("cannot_revoke")
    try:
        account = account_of(ring, workspace.slug, channel)
    except CannotOpen:
        return Unknown("cannot_open_credentials")
    return await _bounded_call(lambda: connector.revoke(account, now), channel)


async def _bounded_call(made: Callable[[], Awaitable[T]], channel: Channel) -> T | Unknown:
    about = {"channel": str(channel.id)}
    return await answered(made, CALL_SECONDS, reason="answer_timeout", **about)
