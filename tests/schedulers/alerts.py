"""Targets, alerts and what became of them, in one line each."""

from typing import Any
from uuid import UUID

from sqlmodel import col, select

from app.alert_speech import render
from planner.publications import Status
from schedulers.alerting import Alerter
from schedulers.outbound import Outbound
from store import alert_targets, alerts, publications, workspaces
from store.audit import CLI, CLOCK
from store.tables import AlertDelivery, AlertTarget
from tests.conftest import RING
from tests.schedulers.wires import SECRET
from tests.world import World


def steady(low: float, high: float) -> float:
    return (low + high) / 2


def alerter_of(world: World, outbound: Outbound) -> Alerter:
    """Return what delivers the alerts of a world, without a mail server."""
    return Alerter(
        store=world.store,
        ring=RING,
        outbound=outbound,
        mailer=None,
        base_url="https://pilar.example",
        worker="w1",
        render=render,
        now=world.clock,
        jitter=steady,
    )


async def target(world: World, address: str, **fields: Any) -> AlertTarget:
    known = {"name": "Grup Humas", "medium": "webhook", "address": address}
    secret = SECRET if fields.get("medium") != "email" else None
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row, _ = await alert_targets.add(
            db, RING, workspace, CLI, known | fields, secret, world.clock()
        )
        return row


async def failed(world: World, handle: str = "berita") -> UUID:
    """Return a publication that has just failed, of which an alert tells."""
    row_id = await world.placed(await world.post(f"Isi {handle}."), await world.channel(handle))
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await publications.of(db, workspace.id, row_id)
        told = (db, workspace, CLOCK, row, Status.FAILED, "rejected", world.clock())
        await alerts.for_step(*told)
    return row_id


async def deliveries(world: World) -> list[AlertDelivery]:
    async with world.store.reading() as db:
        query = select(AlertDelivery).order_by(col(AlertDelivery.id))
        return list((await db.exec(query)).all())


def outcomes(delivery: AlertDelivery) -> list[tuple[str, str | None, str]]:
    return [(each["outcome"], each["reason"], each["detail"]) for each in delivery.tries]
