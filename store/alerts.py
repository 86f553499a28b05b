"""Alerts: written with what they tell of, said once, read newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.alerts import KIND_OF, AlertKind, Facts
from planner.content import fingerprint
from planner.errors import NotFound
from planner.publications import Status
from store.audit import Actor
from store.db import Db
from store.lookup import one
from store.tables import Alert, AlertTarget, Channel, Post, Publication, Workspace

THEMSELVES = frozenset({"person", "key"})
"""Kinds of actors who know what they just did."""


class NoSuchAlert(NotFound):
    """There is no such alert, or it is older than alerts are kept."""


async def note(
    db: Db,
    workspace: Workspace,
    kind: AlertKind,
    noun: str,
    row_id: UUID,
    key: str,
    data: dict[str, Any],
    now: datetime,
    *,
    spread: bool = True,
) -> Alert | None:
    """Write an alert with whatever it tells of; return None where `key` was said before.

    The workspace's row must be locked already: nobody else can say the key meanwhile. `data` are
    facts for its sentence, JSON values and no secret. `spread`: to every target that hears it.
    """
    if await _is_said(db, workspace.id, key):
        return None
    alert = Alert(
        workspace_id=workspace.id,
        kind=kind,
        noun=noun,
        row_id=row_id,
        key=key,
        data=data,
        spread_at=None if spread else now,
        created_at=now,
        updated_at=now,
    )
    db.add(alert)
    return alert


async def _is_said(db: Db, workspace_id: UUID, key: str) -> bool:
    unwritten = [each for each in db.new if isinstance(each, Alert)]
    if any((each.workspace_id, each.key) == (workspace_id, key) for each in unwritten):
        return True
    query = select(Alert.id).where(Alert.workspace_id == workspace_id, Alert.key == key)
    # The caller's rows are written when the caller is done with them.
    with db.no_autoflush:
        return (await db.exec(query)).first() is not None


async def for_step(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    after: Status,
    reason: str | None,
    now: datetime,
) -> None:
    """Write what somebody should hear of a publication's step, if they did not take it themself.

    Which claim of it, and when, makes its key: what is sent again and fails again is told again.
    """
    kind = KIND_OF.get(after)
    if kind is None or actor.kind in THEMSELVES:
        return
    key = f"{kind}:{publication.id}:{publication.fence}:{int(now.timestamp())}"
    await note(
        db, workspace, kind, "publication", publication.id, key, _about(publication, reason), now
    )


async def for_publication(
    db: Db, workspace: Workspace, publication: Publication, kind: AlertKind, now: datetime
) -> Alert | None:
    """Write an alert about a publication that time brings, once for each instant it is due at."""
    key = key_of(kind, publication.id, publication.due_at)
    return await note(
        db, workspace, kind, "publication", publication.id, key, _about(publication, None), now
    )


def key_of(kind: AlertKind, publication_id: UUID, due_at: datetime) -> str:
    """Return the key of an alert that time brings."""
    return f"{kind}:{publication_id}:{int(due_at.timestamp())}"


def _about(publication: Publication, reason: str | None) -> dict[str, Any]:
    return {"reason": reason, "local": publication.local, "timezone": publication.timezone}


async def for_reauth(
    db: Db, workspace: Workspace, channel: Channel, reason: str | None, now: datetime
) -> None:
    """Write that a channel must be connected again: once a day, and after new credentials again."""
    with_these = fingerprint(channel.secrets)[:12]
    key = f"{AlertKind.NEEDS_REAUTH}:{channel.id}:{now.date()}:{with_these}"
    data = {"reason": reason}
    await note(db, workspace, AlertKind.NEEDS_REAUTH, "channel", channel.id, key, data, now)


async def for_rest(
    db: Db, workspace: Workspace, channel: Channel, reason: str | None, now: datetime
) -> None:
    """Write that a platform takes no more on a channel for long: once a day for each reason."""
    key = f"{AlertKind.RESTING}:{channel.id}:{now.date()}:{reason}"
    data = {"reason": reason}
    await note(db, workspace, AlertKind.RESTING, "channel", channel.id, key, data, now)


async def of(db: Db, workspace_id: UUID, alert_id: UUID) -> Alert:
    """Return an alert; raises `NoSuchAlert`."""
    return await one(db, Alert, workspace_id, alert_id, NoSuchAlert)


async def page_of(
    db: Db, workspace_id: UUID, kind: AlertKind | None, before: UUID | None, limit: int
) -> Sequence[Alert]:
    """Return alerts, newest first, one more than `limit`; those before an id, if it is given."""
    query = select(Alert).where(Alert.workspace_id == workspace_id)
    if kind is not None:
        query = query.where(Alert.kind == kind)
    if before is not None:
        query = query.where(col(Alert.id) < before)
    return (await db.exec(query.order_by(col(Alert.id).desc()).limit(limit + 1))).all()


async def facts_of(db: Db, alerts: Sequence[Alert]) -> Mapping[UUID, Facts]:
    """Return what the sentences of alerts speak of, as it is called now, by the alert's id."""
    posts, channels, targets = await _names(db, alerts)
    found = {}
    for alert in alerts:
        title, channel = posts.get(alert.row_id, (None, None))
        local = alert.data.get("local")
        found[alert.id] = Facts(
            kind=AlertKind(alert.kind),
            reason=alert.data.get("reason"),
            title=title,
            channel=channel or channels.get(alert.row_id),
            target=targets.get(alert.row_id),
            local=datetime.fromisoformat(local) if local else None,
            timezone=alert.data.get("timezone"),
        )
    return found


async def _names(
    db: Db, alerts: Sequence[Alert]
) -> tuple[dict[UUID, tuple[str, str]], dict[UUID, str], dict[UUID, str]]:
    ids: dict[str, set[UUID]] = {}
    for alert in alerts:
        ids.setdefault(alert.noun, set()).add(alert.row_id)
    posts = (
        select(Publication.id, Post.title, Channel.name)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(col(Publication.id).in_(ids.get("publication", ())))
    )
    channels = select(Channel.id, Channel.name).where(col(Channel.id).in_(ids.get("channel", ())))
    targets = select(AlertTarget.id, AlertTarget.name).where(
        col(AlertTarget.id).in_(ids.get("alert_target", ()))
    )
    return (
        {row[0]: (row[1], row[2]) for row in await db.exec(posts)},
        {row[0]: row[1] for row in await db.exec(channels)},
        {row[0]: row[1] for row in await db.exec(targets)},
    )
