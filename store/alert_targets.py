"""Alert targets: who hears of a workspace's alerts, with the secret that signs what they get."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, select

from planner.alerts import AlertKind, Medium, check_target
from planner.errors import NotFound
from store import audit
from store.audit import Actor
from store.db import Db
from store.lookup import one, page_of
from store.tables import AlertDelivery, AlertTarget, Workspace
from store.vault import KeyRing

SEALED_AS = "alert-target."
"""What stands before the name of a field of a target where it is sealed."""

SECRET_FIELD = SEALED_AS + "secret"
SECRET_BYTES = 32


class NoSuchAlertTarget(NotFound):
    """There is no such alert target."""


async def of(db: Db, workspace_id: UUID, target_id: UUID) -> AlertTarget:
    """Return a target; raises `NoSuchAlertTarget`."""
    return await one(db, AlertTarget, workspace_id, target_id, NoSuchAlertTarget)


async def all_of(
    db: Db, workspace_id: UUID, after: UUID | None, limit: int
) -> Sequence[AlertTarget]:
    """Return targets by id, one more than `limit`."""
    return await page_of(db, AlertTarget, workspace_id, after, limit)


async def hearing(db: Db, workspace_id: UUID) -> Sequence[AlertTarget]:
    """Return the targets that are enabled."""
    query = select(AlertTarget).where(
        AlertTarget.workspace_id == workspace_id, col(AlertTarget.enabled).is_(True)
    )
    return (await db.exec(query.order_by(col(AlertTarget.id)))).all()


def hears(target: AlertTarget, kind: str) -> bool:
    """Say whether a target wants alerts of a kind; a test is for whoever is tested."""
    return target.kinds is None or kind in target.kinds or kind == AlertKind.TEST


async def add(
    db: Db,
    ring: KeyRing,
    workspace: Workspace,
    actor: Actor,
    fields: dict[str, Any],
    secret: str | None,
    now: datetime,
) -> tuple[AlertTarget, str | None]:
    """Add a target; return it, and the secret that was made for it if none was given.

    A webhook always has a secret, which is kept sealed; mail has none. Raises `WrongTarget`.
    """
    medium = Medium(fields["medium"])
    check_target(medium, fields["address"], secret)
    made = _new_secret() if medium is Medium.WEBHOOK and secret is None else None
    target = AlertTarget(
        **fields, secrets={}, workspace_id=workspace.id, created_at=now, updated_at=now
    )
    if known := secret or made:
        target.secrets = _sealed(ring, target, known)
    db.add(target)
    await db.flush()
    await audit.record(
        db, workspace, actor, "add", "alert_target", target.id, now, _told(fields, medium)
    )
    return target, made


async def change(
    db: Db,
    ring: KeyRing,
    workspace: Workspace,
    actor: Actor,
    target: AlertTarget,
    fields: dict[str, Any],
    secret: str | None,
    now: datetime,
) -> None:
    """Change a target; another secret signs from now on. Raises `WrongTarget`."""
    medium = Medium(target.medium)
    check_target(medium, fields.get("address", target.address), secret)
    if secret is not None:
        target.secrets = _sealed(ring, target, secret)
    before = {
        name: getattr(target, name) for name in fields if getattr(target, name) != fields[name]
    }
    after = {name: fields[name] for name in before}
    for name, value in after.items():
        setattr(target, name, value)
    target.updated_at = now
    data: dict[str, Any] = {"before": _told(before, medium), "after": _told(after, medium)}
    if secret is not None:
        data["fields"] = ["secret"]
    await audit.record(db, workspace, actor, "change", "alert_target", target.id, now, data)


async def disable(
    db: Db, workspace: Workspace, actor: Actor, target: AlertTarget, now: datetime
) -> None:
    """Send nothing more to a target until somebody enables it again."""
    if target.enabled:
        await audit.change(db, workspace, actor, "alert_target", target, {"enabled": False}, now)


async def remove(
    db: Db, workspace: Workspace, actor: Actor, target: AlertTarget, now: datetime
) -> None:
    """Delete a target, with the log of what was sent to it."""
    await db.exec(
        delete(AlertDelivery).where(
            col(AlertDelivery.workspace_id) == workspace.id,
            col(AlertDelivery.target_id) == target.id,
        )
    )
    await db.delete(target)
    data = {"name": target.name}
    await audit.record(
        db, workspace, actor, "delete", "alert_target", target.id, now, data, deleted=True
    )


def open_secret(target: AlertTarget, ring: KeyRing) -> str:
    """Return the secret that signs what a webhook gets; raises `CannotOpen`."""
    sealed = target.secrets.get("secret", "")
    return ring.open(sealed, workspace=target.workspace_id, channel=target.id, field=SECRET_FIELD)


def _sealed(ring: KeyRing, target: AlertTarget, secret: str) -> dict[str, str]:
    sealed = ring.seal(secret, workspace=target.workspace_id, channel=target.id, field=SECRET_FIELD)
    return {"secret": sealed}


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _told(fields: dict[str, Any], medium: Medium) -> dict[str, Any]:
    """Return fields as the audit keeps them: a receiver's path or query may hold a token."""
    if medium is Medium.WEBHOOK and "address" in fields:
        return fields | {"address": address_told(fields["address"])}
    return fields


def address_told(address: str) -> str:
    """Return a receiver's address as far as it may be told."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}/…"
