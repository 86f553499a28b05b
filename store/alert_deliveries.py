"""Alert deliveries: each alert on its way to each target, taken by one worker at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import literal_column
from sqlmodel import col, delete, select, update
from uuid_utils.compat import uuid7

from planner.alerts import ASKED, KEPT, AlertKind, Facts, tries_since_asked
from planner.errors import Conflict
from store import alert_targets, alerts, audit, workspaces
from store.audit import CLOCK, Actor
from store.db import Db, Store
from store.tables import (
    Alert,
    AlertDelivery,
    AlertTarget,
    Channel,
    Publication,
    Workspace,
)

BATCH = 200
TRIES_KEPT = 100
"""How many entries the log of a delivery keeps, the newest."""
UNDER_WAY = "under_way"

Outcome = Literal["delivered", "again", "refused"]
"""What came of a try: it arrived, it is tried again if there are tries left, it never will be."""


class TargetDisabled(Conflict):
    """Nothing is sent to a target that is disabled."""


@dataclass(frozen=True, slots=True)
class Load:
    """A delivery that is this worker's until `until`, with all that is needed to send it."""

    delivery: AlertDelivery
    alert: Alert
    target: AlertTarget
    workspace: Workspace
    facts: Facts
    post_id: UUID | None
    channel_id: UUID | None
    until: datetime

    @property
    def tries(self) -> int:
        """How many tries there were since somebody asked, this one included."""
        return tries_since_asked(each["outcome"] for each in self.delivery.tries)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try; `wait_seconds` is until the next one, None for none.

    `reason` is a snake_case key, `detail` a fact such as a status, never a secret. `gone`: the
    receiver says that nothing will ever be taken there.
    """

    outcome: Outcome
    reason: str | None = None
    detail: str = ""
    wait_seconds: float | None = None
    gone: bool = False


async def spread(store: Store, now: datetime) -> int:
    """Put alerts on their way to every enabled target that hears their kind; return how many."""
    query = select(Alert.workspace_id, Alert.id).where(col(Alert.spread_at).is_(None))
    async with store.reading() as db:
        rows = await db.exec(query.order_by(col(Alert.id)).limit(BATCH))
        found = sorted((row[0], row[1]) for row in rows)
    for workspace_id, pairs in groupby(found, key=lambda pair: pair[0]):
        async with store.transaction() as db:
            await workspaces.lock_by_id(db, workspace_id)
            await _spread(db, workspace_id, [pair[1] for pair in pairs], now)
    return len(found)


async def _spread(db: Db, workspace_id: UUID, ids: Sequence[UUID], now: datetime) -> None:
    targets = await alert_targets.hearing(db, workspace_id)
    # Another replica may have done it while this one waited for the workspace.
    query = select(Alert).where(col(Alert.id).in_(ids), col(Alert.spread_at).is_(None))
    for alert in (await db.exec(query.order_by(col(Alert.id)))).all():
        alert.spread_at = now
        for target in targets:
            if alert_targets.hears(target, alert.kind):
                db.add(_new(alert, target, now))


def _new(alert: Alert, target: AlertTarget, now: datetime) -> AlertDelivery:
    return AlertDelivery(
        workspace_id=alert.workspace_id,
        alert_id=alert.id,
        target_id=target.id,
        next_at=now,
        tries=[],
        created_at=now,
        updated_at=now,
    )


async def due(store: Store, now: datetime, limit: int) -> Sequence[tuple[UUID, datetime]]:
    """Return deliveries whose time has come, with that time, the oldest first."""
    query = select(AlertDelivery.id, AlertDelivery.next_at).where(
        # As the partial index says it, whatever plan the database keeps for the query.
        col(AlertDelivery.status) == literal_column("'waiting'"),
        AlertDelivery.next_at <= now,
    )
    query = query.order_by(col(AlertDelivery.next_at), col(AlertDelivery.id)).limit(limit)
    async with store.reading() as db:
        return [(row[0], row[1]) for row in await db.exec(query)]


async def take(
    store: Store, delivery_id: UUID, seen: datetime, worker: str, now: datetime, until: datetime
) -> Load | None:
    """Take a delivery until an instant; None if another worker was first.

    The try is in the log before anything is sent, so that one that ends its worker counts too.
    """
    ours = (
        (col(AlertDelivery.id) == delivery_id)
        & (col(AlertDelivery.status) == "waiting")
        & (col(AlertDelivery.next_at) == seen)
    )
    async with store.transaction() as db:
        taken = await db.exec(update(AlertDelivery).where(ours).values(next_at=until))
        if taken.rowcount != 1:
            return None
        delivery = (
            await db.exec(select(AlertDelivery).where(AlertDelivery.id == delivery_id))
        ).one()
        entry = _entry(now, worker, UNDER_WAY, None, "")
        delivery.tries = [*delivery.tries, entry][-TRIES_KEPT:]
        return await _load(db, delivery, until)


async def _load(db: Db, delivery: AlertDelivery, until: datetime) -> Load:
    query = (
        select(Alert, AlertTarget, Workspace)
        .select_from(AlertDelivery)
        .join(Alert, col(Alert.id) == col(AlertDelivery.alert_id))
        .join(AlertTarget, col(AlertTarget.id) == col(AlertDelivery.target_id))
        .join(Workspace, col(Workspace.id) == col(AlertDelivery.workspace_id))
        .where(AlertDelivery.id == delivery.id)
    )
    alert, target, workspace = (await db.exec(query)).one()
    facts = (await alerts.facts_of(db, [alert]))[alert.id]
    post_id, channel_id = (await places(db, [alert]))[alert.id]
    return Load(delivery, alert, target, workspace, facts, post_id, channel_id, until)


async def places(db: Db, told: Sequence[Alert]) -> Mapping[UUID, tuple[UUID | None, UUID | None]]:
    """Return the post and the channel that alerts are about, by the alert's id."""
    ids = [alert.row_id for alert in told]
    query = select(Publication.id, Publication.post_id, Publication.channel_id).where(
        col(Publication.id).in_(ids)
    )
    known: dict[UUID, tuple[UUID | None, UUID | None]] = {
        row[0]: (row[1], row[2]) for row in await db.exec(query)
    }
    channels = await db.exec(select(Channel.id).where(col(Channel.id).in_(ids)))
    known |= {channel_id: (None, channel_id) for channel_id in channels}
    return {alert.id: known.get(alert.row_id, (None, None)) for alert in told}


async def settle(
    store: Store, load: Load, result: Result, next_at: datetime | None, now: datetime
) -> None:
    """Keep what came of a try; `next_at` is when it is tried again, None for never.

    A worker that was late keeps its entry in the log, and an arrival; what another worker has
    done with the delivery meanwhile stays. Who is gone is sent nothing more.
    """
    async with store.transaction() as db:
        workspace = await workspaces.lock_by_id(db, load.workspace.id)
        query = select(AlertDelivery).where(AlertDelivery.id == load.delivery.id)
        row = (await db.exec(query.with_for_update())).first()
        if row is None:
            return  # its target was deleted
        row.tries = _ended(row.tries, load, result)
        row.updated_at = now
        if result.outcome == "delivered":
            row.status, row.delivered_at = "delivered", now
        elif row.status == "waiting" and row.next_at == load.until:
            row.status = "failed" if next_at is None else "waiting"
            row.next_at = next_at or now
        if result.gone:
            target = await alert_targets.of(db, workspace.id, load.target.id)
            await alert_targets.disable(db, workspace, CLOCK, target, now)


def _ended(tries: Sequence[dict[str, Any]], load: Load, result: Result) -> list[dict[str, Any]]:
    ours = load.delivery.tries[-1]
    entry = ours | {
        "outcome": result.outcome,
        "reason": result.reason,
        "detail": result.detail,
    }
    return [entry if each == ours else each for each in tries]


def _entry(
    now: datetime, worker: str | None, outcome: str, reason: str | None, detail: str
) -> dict[str, Any]:
    at = now.isoformat(timespec="microseconds")
    return {"at": at, "worker": worker, "outcome": outcome, "reason": reason, "detail": detail}


async def of_alert(db: Db, alert: Alert) -> Sequence[tuple[AlertDelivery, AlertTarget]]:
    """Return where an alert went or is going, the oldest delivery first."""
    query = (
        select(AlertDelivery, AlertTarget)
        .join(AlertTarget, col(AlertTarget.id) == col(AlertDelivery.target_id))
        .where(AlertDelivery.alert_id == alert.id)
        .order_by(col(AlertDelivery.id))
    )
    return [(row[0], row[1]) for row in await db.exec(query)]


async def redeliver(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    alert: Alert,
    target: AlertTarget | None,
    now: datetime,
) -> None:
    """Send an alert again: to one target, or to all that are enabled and hear its kind.

    It keeps its `webhook-id`, for it is the same alert. Raises `TargetDisabled`.
    """
    if target is not None and not target.enabled:
        raise TargetDisabled(name=target.name)
    hearing = await alert_targets.hearing(db, workspace.id)
    wanted = [each for each in hearing if alert_targets.hears(each, alert.kind)]
    known = {row.target_id: row for row, _ in await of_alert(db, alert)}
    if alert.kind == AlertKind.TEST:  # it was for one, and is for nobody else
        wanted = [each for each in wanted if each.id in known]
    alert.spread_at = alert.spread_at or now
    for each in [target] if target else wanted:
        row = known.get(each.id)
        if row is None:
            db.add(_new(alert, each, now))
            continue
        asked = _entry(now, None, ASKED, None, str(actor))
        row.tries = [*row.tries, asked][-TRIES_KEPT:]
        row.status, row.next_at, row.delivered_at, row.updated_at = "waiting", now, None, now
    data = {"target": str(target.id) if target else None}
    await audit.record(db, workspace, actor, "redeliver", "alert", alert.id, now, data)
    await db.flush()


async def try_out(
    db: Db, workspace: Workspace, actor: Actor, target: AlertTarget, now: datetime
) -> Alert:
    """Put an alert on its way that only says that this target hears; raises `TargetDisabled`."""
    if not target.enabled:
        raise TargetDisabled(name=target.name)
    key = f"{AlertKind.TEST}:{target.id}:{uuid7()}"
    alert = await alerts.note(
        db, workspace, AlertKind.TEST, "alert_target", target.id, key, {}, now, spread=False
    )
    assert alert is not None  # noqa: S101  # its key is new
    await db.flush()
    db.add(_new(alert, target, now))
    await db.flush()
    await audit.record(db, workspace, actor, "test", "alert_target", target.id, now, {})
    return alert


async def prune(db: Db, now: datetime) -> None:
    """Delete what is older than alerts are kept, with the logs of its deliveries."""
    old = select(Alert.id).where(col(Alert.created_at) < now - KEPT)
    await db.exec(delete(AlertDelivery).where(col(AlertDelivery.alert_id).in_(old)))
    await db.exec(delete(Alert).where(col(Alert.created_at) < now - KEPT))
