"""Withdrawing what was published: the platform is asked where it can be, else a person does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from planner.channels import missing_credentials
from schedulers.connector import Connector, Done, Refused, TryLater, Unknown, Withdrawn
from schedulers.crashes import answered
from schedulers.sending import account_of
from store import withdrawing
from store.audit import Actor
from store.db import Store
from store.tables import Channel, Publication, Workspace
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

WITHDRAW_SECONDS = 45
"""How long a platform may take to delete a publication, all steps of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A publication as it is after it was to be withdrawn, and why it was not.

    `by_hand`: the platform cannot do it, or refuses; a person can. `reason` is a snake_case key.
    """

    publication: Publication
    channel: Channel
    by_hand: bool = False
    reason: str | None = None
    retry_after_seconds: float | None = None


async def withdraw(
    store: Store,
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    publication_id: UUID,
    actor: Actor,
    now: datetime,
    *,
    done: bool,
) -> Asked:
    """Take a publication off its platform; withdrawing it twice is fine.

    No transaction is open while the platform is asked. With `done` a person says that it is gone,
    and nobody is asked. Raises `NoSuchPublication`, `NothingToWithdraw`.
    """
    async with store.reading() as db:
        row, channel = await withdrawing.of(db, workspace.id, publication_id)
    if row.withdrawn_at is not None:
        return Asked(row, channel)
    outcome: Withdrawn | Refused | TryLater | Unknown | None = Withdrawn({"said_by": str(actor)})
    if not done:
        outcome = await _ask(ring, connectors, workspace, channel, row, now)
    log.info(
        "withdrawal ended",
        publication=str(row.id),
        platform=channel.platform,
        outcome=type(outcome).__name__ if outcome else "ByHand",
        reason=getattr(outcome, "reason", None),
    )
    match outcome:
        case Withdrawn(evidence=evidence):
            async with store.transaction() as db:
                row = await withdrawing.note(
                    db, workspace.id, actor, publication_id, dict(evidence), now
                )
            return Asked(row, channel)
        case Refused(reason=reason):
            return Asked(row, channel, by_hand=True, reason=reason)
        case TryLater(reason=reason, retry_after_seconds=wait):
            return Asked(row, channel, reason=reason, retry_after_seconds=wait)
        case Unknown(reason=reason, retry_after_seconds=wait):
            return Asked(row, channel, by_hand=True, reason=reason, retry_after_seconds=wait)
        case None:
            return Asked(row, channel, by_hand=True)


async def _ask(
    ring: KeyRing,
    connectors: Mapping[str, Connector],
    workspace: Workspace,
    channel: Channel,
    row: Publication,
    now: datetime,
) -> Withdrawn | Refused | TryLater | Unknown | None:
    """Ask the platform; None where it cannot, or does not know the publication by an id."""
    connector = connectors.get(channel.platform)
    withdraw_there = getattr(connector, "withdraw", None)
    done = _done_of(row)
    if withdraw_there is None or not done or row.recorded:
        return None
    if missing := missing_credentials(channel.platform, channel.secrets):
        return Refused("no_credentials", ", ".join(missing))
    try:
        account = account_of(ring, workspace.slug, channel)
    except CannotOpen as error:
        return Refused("cannot_open_credentials", str(error.facts.get("reason")))
    outcome: Withdrawn | Refused | TryLater | Unknown = await answered(
        lambda: withdraw_there(account, done, now),
        WITHDRAW_SECONDS,
        reason="timeout",
        publication=str(row.id),
    )
    return outcome


def _done_of(row: Publication) -> tuple[Done, ...]:
    """Return every step that is live; none where a person said so, and the id is not known."""
    if row.remote_id is None:
        return ()
    steps = row.steps_done or [{"step": 0, "remote_id": row.remote_id, "permalink": row.permalink}]
    return tuple(Done(each["step"], each["remote_id"], each["permalink"]) for each in steps)
