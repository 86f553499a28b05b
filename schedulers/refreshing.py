"""Refreshing: credentials that expire are changed for new ones ahead, one process at a time."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from planner.publications import Status
from schedulers.connector import Refreshed, Revoked, TryLater, Unknown
from schedulers.crashes import answered
from schedulers.publisher import Publisher
from schedulers.sending import account_of
from store import tokens
from store.claimed import Claim, Settlement
from store.tables import Channel
from store.tokens import Turn
from store.vault import CannotOpen

log = structlog.get_logger()

MARGIN = timedelta(minutes=5)
"""How long before they expire credentials are not used any more."""

AHEAD = timedelta(minutes=30)
"""How long before they expire the clock changes them, so that no post has to wait for it."""

BATCH = 50
CALL_SECONDS = 30.0
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 20.0
AGAIN_SECONDS = 30


async def keep_fresh(publisher: Publisher, claim: Claim) -> Settlement | Channel | None:
    """Change a channel's credentials if they are about to expire.

    Returns the channel with what it has now, None if nothing was to be done, or the settlement of
    a claim that has to wait.
    """
    channel, now = claim.channel, publisher.now()
    expires = channel.token_expires_at
    if expires is None or expires > now + MARGIN:
        return None
    if not hasattr(publisher.connectors[channel.platform], "refresh"):
        return None
    found = await refresh(publisher, claim.workspace.id, channel.id, MARGIN)
    fresh = found.token_expires_at is None or found.token_expires_at > publisher.now()
    if found.connection == "connected" and fresh:
        return found
    until = publisher.now() + timedelta(seconds=AGAIN_SECONDS)
    if claim.polling:
        return Settlement(Status.PROCESSING, fields={"poll_at": until})
    return Settlement(Status.SCHEDULED, "refresh_failed", {}, {"not_before": until})


async def refresh_expiring(publisher: Publisher) -> None:
    """Change what expires soon, whether or not anything is due there."""
    async with publisher.store.reading() as db:
        found = await tokens.expiring(db, publisher.now() + AHEAD, BATCH)
    for workspace_id, channel_id in found:
        await refresh(publisher, workspace_id, channel_id, AHEAD)


async def refresh(
    publisher: Publisher, workspace_id: UUID, channel_id: UUID, ahead: timedelta
) -> Channel:
    """Change a channel's credentials if they expire so soon; return the channel afterwards.

    While another process does, this one waits for what comes of it.
    """
    patience = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        with publisher.at_work_on(channel_id) as alone:
            now = publisher.now()
            turn = await tokens.take_turn(
                publisher.store,
                workspace_id,
                channel_id,
                publisher.liveness,
                now + ahead,
                now,
                mine_is_over=alone,
            )
            if turn.mine:
                return await _ask(publisher, turn, now)
        if not turn.busy or asyncio.get_running_loop().time() > patience:
            return turn.channel
        await asyncio.sleep(LOOK_SECONDS)


async def _ask(publisher: Publisher, turn: Turn, now: datetime) -> Channel:
    """Ask the platform once, and keep what it gives.

    Where nobody knows whether the old token is used up, the next turn tries it once more, and a
    platform that has had it says so then.
    """
    answer = await _answer(publisher, turn, now)
    if isinstance(answer, Refreshed):
        return await tokens.store_new(
            publisher.store, publisher.ring, turn, answer.secrets, answer.expires_at, now
        )
    log.warning("no new credentials", channel=str(turn.channel.id), reason=answer.reason)
    if isinstance(answer, Revoked):
        return await tokens.give_up(publisher.store, turn, now, reason=answer.reason)
    return await tokens.give_up(publisher.store, turn, now)


async def _answer(
    publisher: Publisher, turn: Turn, now: datetime
) -> Refreshed | Revoked | TryLater | Unknown:
    connector = publisher.connectors.get(turn.channel.platform)
    ask = getattr(connector, "refresh", None)
    if ask is None:
        return TryLater("no_connector", None, counts=True)
    try:
        account = account_of(publisher.ring, turn.workspace.slug, turn.channel)
    except CannotOpen:
        return Revoked("cannot_open_credentials")
    answer: Refreshed | Revoked | TryLater | Unknown = await answered(
        lambda: ask(account, now), CALL_SECONDS, reason="timeout", channel=str(turn.channel.id)
    )
    return answer
