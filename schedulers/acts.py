"""What HTTP and the clock both want done, beside publishing."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from planner.channels import missing_by_hand, missing_credentials
from schedulers.connector import Account, Checked, Connector
from schedulers.sending import account_of
from store import channels, workspaces
from store.audit import Actor
from store.db import Store
from store.tables import Channel, Workspace
from store.vault import CannotOpen, KeyRing

CHECK_SECONDS = 30
"""How long a platform may take to say that it is there."""

NEEDS_A_PERSON = frozenset(
    {"secret_malformed", "cannot_open_credentials", "signature_refused", "endpoint_gone"}
)
"""Reasons why nothing that is sent can be good before a person has seen to the channel."""


async def check_channel(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    channel_id: UUID,
    actor: Actor,
    now: datetime,
) -> tuple[Channel, Checked]:
    """Ask whether a channel's account answers, and keep the answer.

    An account that answers is connected. One that does not keeps its connection, for the platform
    may be back when a post is due, unless only a person can make it good. No transaction is open
    while the platform is asked; if the channel is changed meanwhile, the answer is not kept.
    Raises `NoSuchChannel`.
    """
    async with store.reading() as db:
        channel = await channels.of(db, workspace.id, channel_id)
    checked = await _ask(ring, connectors, workspace, channel, now)
    async with store.transaction() as db:
        locked = await workspaces.lock_by_id(db, workspace.id)
        current = await channels.of(db, workspace.id, channel_id)
        if current.version == channel.version:
            connection = _connection(current, checked)
            await channels.note_check(db, locked, actor, current, connection, checked.reason, now)
    return current, checked


async def _ask(
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    channel: Channel,
    now: datetime,
) -> Checked:
    connector = connectors.get(channel.platform)
    if connector is None:
        return Checked(answers=False, reason="no_connector", detail=channel.platform)
    if missing := missing_by_hand(channel.platform, channel.secrets):
        return Checked(answers=False, reason="no_credentials", detail=", ".join(missing))
    if missing := missing_credentials(channel.platform, channel.secrets):
        return Checked(answers=False, reason="not_authorized", detail=", ".join(missing))
    try:
        account = account_of(ring, workspace.slug, channel)
    except CannotOpen as error:
        reason = str(error.facts.get("reason"))
        return Checked(answers=False, reason="cannot_open_credentials", detail=reason)
    return await _call(connector, account, now)


async def _call(connector: Connector, account: Account, now: datetime) -> Checked:
    check = getattr(connector, "check", None)
    if check is None:  # it has no wire, so there is nobody to ask
        return Checked(answers=True, reason=None, detail="")
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            checked: Checked = await check(account, now)
    except TimeoutError:
        return Checked(answers=False, reason="answer_timeout", detail=f"{CHECK_SECONDS} s")
    return checked


def _connection(channel: Channel, checked: Checked) -> str:
    if channel.connection == "disabled":
        return channel.connection
    if checked.answers:
        return "connected"
    return "needs_reauth" if checked.reason in NEEDS_A_PERSON else channel.connection
