"""Alerts over HTTP: what somebody should know, who hears it, and whether they did."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, Manager, ManagerViewer, Now, Reads, Viewer
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.alerts import (
    AlertOut,
    AlertPage,
    AlertTargetChange,
    AlertTargetIn,
    AlertTargetMade,
    AlertTargetOut,
    AlertTargetPage,
    AlertWhole,
    RedeliverIn,
)
from planner.alerts import AlertKind
from store import alert_deliveries, alert_targets, alerts
from store.tables import Alert

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}", tags=["alerts"])


@router.get("/alert-targets")
async def list_alert_targets(pages: Pages, db: Reads, access: ManagerViewer) -> AlertTargetPage:
    """List who hears of alerts."""
    rows = await alert_targets.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return AlertTargetPage(items=[AlertTargetOut.of(row) for row in rows], next=cursor)


@router.post("/alert-targets", status_code=201)
async def add_alert_target(
    body: AlertTargetIn,
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    access: Manager,
    now: Now,
) -> AlertTargetMade:
    """Let somebody hear of alerts: by a signed webhook or by e-mail.

    The answer shows the secret that was made for a webhook, and nothing shows it again.
    """
    secret = body.secret.get_secret_value() if body.secret else None
    fields = _plain(body.model_dump(exclude={"secret"}))
    target, made = await alert_targets.add(
        db, house.ring, access.workspace, access.actor, fields, secret, now
    )
    response.headers["Location"] = f"{request.url.path}/{target.id}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, target)
    return AlertTargetMade(**AlertTargetOut.of(target).model_dump(), secret=made)


@router.get("/alert-targets/{target_id}")
async def read_alert_target(
    target_id: UUID, request: Request, response: Response, db: Reads, access: ManagerViewer
) -> AlertTargetOut:
    """Read who hears of alerts."""
    target = await alert_targets.of(db, access.workspace.id, target_id)
    answer_if_new(request, response, etag_of(target))
    return AlertTargetOut.of(target)


@router.patch("/alert-targets/{target_id}")
async def change_alert_target(
    target_id: UUID,
    body: AlertTargetChange,
    response: Response,
    house: Here,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> AlertTargetOut:
    """Change who hears of what; a new secret signs from now on.

    While a receiver learns a new secret, give both: the new and the former one, with a space
    between them.
    """
    target = await alert_targets.of(db, access.workspace.id, target_id)
    check_match(target, if_match)
    given = body.model_fields_set
    secret = body.secret.get_secret_value() if "secret" in given else None
    fields = _plain(body.model_dump(exclude_unset=True, exclude={"secret"}))
    await alert_targets.change(
        db, house.ring, access.workspace, access.actor, target, fields, secret, now
    )
    await db.flush()
    tag(response, target)
    return AlertTargetOut.of(target)


@router.delete("/alert-targets/{target_id}", status_code=204)
async def remove_alert_target(
    target_id: UUID, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Delete a target; the log of what was sent to it goes with it."""
    target = await alert_targets.of(db, access.workspace.id, target_id)
    check_match(target, if_match)
    await alert_targets.remove(db, access.workspace, access.actor, target, now)


@router.post("/alert-targets/{target_id}/test", status_code=201)
async def try_alert_target(
    target_id: UUID, request: Request, response: Response, db: Db, access: Manager, now: Now
) -> AlertWhole:
    """Send an alert that only says that this target hears; read it to see whether it arrived."""
    target = await alert_targets.of(db, access.workspace.id, target_id)
    alert = await alert_deliveries.try_out(db, access.workspace, access.actor, target, now)
    workspace_path = request.url.path.partition("/alert-targets/")[0]
    response.headers["Location"] = f"{workspace_path}/alerts/{alert.id}"
    return await _whole(db, alert)


@router.get("/alerts")
async def list_alerts(
    pages: Pages, db: Reads, access: Viewer, kind: AlertKind | None = None
) -> AlertPage:
    """List what somebody should know, newest first; alerts are kept for 90 days."""
    rows = await alerts.page_of(db, access.workspace.id, kind, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    facts = await alerts.facts_of(db, rows)
    return AlertPage(items=[AlertOut.of(row, facts[row.id]) for row in rows], next=cursor)


@router.get("/alerts/{alert_id}")
async def read_alert(alert_id: UUID, db: Reads, access: Viewer) -> AlertWhole:
    """Read an alert, with where it went and every try."""
    return await _whole(db, await alerts.of(db, access.workspace.id, alert_id))


@router.post("/alerts/{alert_id}/redeliver", status_code=202)
async def redeliver_alert(
    alert_id: UUID, body: RedeliverIn, db: Db, access: Manager, now: Now
) -> AlertWhole:
    """Send an alert again, to one target or to all that hear it, under its former id."""
    alert = await alerts.of(db, access.workspace.id, alert_id)
    target = await alert_targets.of(db, access.workspace.id, body.target) if body.target else None
    await alert_deliveries.redeliver(db, access.workspace, access.actor, alert, target, now)
    return await _whole(db, alert)


async def _whole(db: Db, alert: Alert) -> AlertWhole:
    facts = (await alerts.facts_of(db, [alert]))[alert.id]
    return AlertWhole.whole(alert, facts, await alert_deliveries.of_alert(db, alert))


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as a table keeps them."""
    kinds = fields.get("kinds")
    return fields | {"kinds": [str(kind) for kind in kinds]} if kinds else fields
