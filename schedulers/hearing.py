"""Hearing: what platforms tell by themselves is checked, then done; nobody is asked meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from planner.errors import NotFound, Unauthenticated
from schedulers.connector import Connector
from schedulers.heard import Heard
from schedulers.sending import account_of
from store import hearing, workspaces
from store.db import Db, Store
from store.tables import Channel, Workspace
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

Told = dict[UUID, list[tuple[UUID, tuple[Heard, ...]]]]
"""What was told, of which channel, by workspace."""


class NoSuchHook(NotFound):
    """Nothing is heard from this platform."""


class UnsignedHook(Unauthenticated):
    """No channel's app has signed this, or not just now."""


async def hear(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    platform: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Do what follows from a platform's message, which one of its channels' apps has signed.

    Names of `headers` are in lower case. Each channel hears only what its own app's secret signs,
    so that nobody can speak for another's. What was done already is not done again. Raises
    `NoSuchHook`, `UnsignedHook`.
    """
    connector: Any = connectors.get(platform)
    if not hasattr(connector, "hear"):
        raise NoSuchHook(platform=platform)
    settings = connector.addressed(body)
    if not settings:
        raise UnsignedHook(platform=platform)
    async with store.reading() as db:
        found = await hearing.addressed(db, platform, settings)
    told: Told = {}
    signed = 0
    for workspace, channel in found:
        heard = _heard(connector, ring, workspace, channel, headers, body, now)
        signed += heard is not None
        if heard:
            told.setdefault(workspace.id, []).append((channel.id, heard))
    if not signed:
        raise UnsignedHook(platform=platform)
    changed = [await _done(store, each, told[each], now) for each in told]
    log.info(
        "a platform was heard",
        platform=platform,
        events=_events(told),
        channels=signed,
        changed=sum(changed),
    )


def _heard(
    connector: Any,
    ring: KeyRing,
    workspace: Workspace,
    channel: Channel,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> tuple[Heard, ...] | None:
    try:
        account = account_of(ring, workspace.slug, channel)
    except CannotOpen:
        log.warning("a channel could not hear", channel=str(channel.id))
        return None
    heard: tuple[Heard, ...] | None = connector.hear(account, headers, body, now)
    return heard


async def _done(
    store: Store, workspace_id: UUID, told: Sequence[tuple[UUID, tuple[Heard, ...]]], now: datetime
) -> int:
    """Do in one transaction what was told of a workspace's channels; return what was news."""
    async with store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, workspace_id)
        return sum(
            [
                await _do(db, workspace, channel_id, each, now)
                for channel_id, heard in told
                for each in heard
            ]
        )


async def _do(db: Db, workspace: Workspace, channel_id: UUID, heard: Heard, now: datetime) -> bool:
    match heard.what:
        case "ask":
            return await hearing.ask(db, workspace, channel_id, heard.handle, now)
        case "finished":
            evidence = {"said_by": "platform", **heard.evidence}
            return await hearing.finish(
                db,
                workspace,
                channel_id,
                heard.handle,
                heard.remote_id,
                heard.permalink,
                evidence,
                now,
            )
        case "revoked":
            return await hearing.revoke(db, workspace, channel_id, heard.reason, heard.at, now)


def _events(told: Told) -> list[str]:
    """Return what connectors call the events that were told."""
    found = [each for rows in told.values() for _, heard in rows for each in heard]
    return sorted({str(each.evidence.get("event", each.what)) for each in found})
