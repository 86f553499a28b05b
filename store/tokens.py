"""Tokens: credentials that expire and are changed for new ones, by one process at a time.

A platform that rotates refresh tokens takes each of them once. So whoever asks for a new pair
first writes down that it does, and the pair is stored before it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from store import audit, channels, workspaces
from store.audit import CLOCK
from store.db import Db, Store
from store.liveness import Liveness
from store.tables import Channel, Workspace
from store.vault import KeyRing


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether this process is to ask for new credentials now, and the channel as it is."""

    workspace: Workspace
    channel: Channel
    mine: bool
    busy: bool


async def expiring(db: Db, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (workspace, channel) of what is connected and expires before an instant."""
    query = (
        select(Channel.workspace_id, Channel.id)
        .where(Channel.connection == "connected", col(Channel.token_expires_at) <= before)
        .order_by(col(Channel.token_expires_at))
    )
    return [(row[0], row[1]) for row in (await db.exec(query.limit(limit))).all()]


async def take_turn(
    store: Store,
    workspace_id: UUID,
    channel_id: UUID,
    liveness: Liveness,
    before: datetime,
    now: datetime,
    *,
    mine_is_over: bool,
) -> Turn:
    """Take the turn to ask for new credentials, if those there are expire before an instant.

    Another process has the turn as long as it lives. `mine_is_over`: this process does not ask
    any more, whatever it wrote down. Raises `NoSuchChannel`.
    """
    async with store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, workspace_id)
        channel = await channels.of(db, workspace_id, channel_id)
        expires = channel.token_expires_at
        if channel.connection != "connected" or expires is None or expires > before:
            return Turn(workspace, channel, mine=False, busy=False)
        if other := channel.refresh_worker:
            own = other == liveness.worker
            over = mine_is_over if own else await liveness.is_gone(db, other)
            if not over:
                return Turn(workspace, channel, mine=False, busy=True)
        channel.refresh_worker, channel.refresh_at = liveness.worker, now
        return Turn(workspace, channel, mine=True, busy=False)


async def store_new(
    store: Store,
    ring: KeyRing,
    turn: Turn,
    secrets: Mapping[str, str],
    expires_at: datetime | None,
    now: datetime,
) -> Channel:
    """Keep new credentials, and end the turn. What a person entered meanwhile is kept instead."""
    async with store.transaction() as db:
        workspace, channel = await _of_turn(db, turn)
        if channel.refresh_worker == turn.channel.refresh_worker:
            channel.secrets = {
                field: ring.seal(value, workspace=workspace.id, channel=channel.id, field=field)
                for field, value in secrets.items()
            }
            channel.token_expires_at = expires_at
            channel.refresh_worker = channel.refresh_at = None
            await audit.note(db, workspace, "channel", channel.id, now)
        return channel


async def give_up(store: Store, turn: Turn, now: datetime, *, reason: str | None = None) -> Channel:
    """End a turn without new credentials; `reason` is why a person has to connect again."""
    async with store.transaction() as db:
        workspace, channel = await _of_turn(db, turn)
        if channel.refresh_worker == turn.channel.refresh_worker:
            channel.refresh_worker = channel.refresh_at = None
            if reason is not None:
                await channels.note_check(
                    db, workspace, CLOCK, channel, "needs_reauth", reason, now
                )
        return channel


async def _of_turn(db: Db, turn: Turn) -> tuple[Workspace, Channel]:
    workspace = await workspaces.lock_by_id(db, turn.workspace.id)
    return workspace, await channels.of(db, workspace.id, turn.channel.id)
