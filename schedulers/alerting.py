"""Alerting: alerts on their way to who hears them, and channels looked at before posts are due."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from planner.alerts import Facts, Jitter, Medium, Wording, wait_seconds
from schedulers import acts
from schedulers.connector import Refused, TryLater, Unknown
from schedulers.connectors.webhook import complaint_of
from schedulers.mail import Letter, Mailer, Taken
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound
from schedulers.publisher import Publisher
from schedulers.signing import BadSecret, Message, event_bytes, host_of, instant_text, signed
from store import alert_deliveries, alert_targets, reminders
from store.alert_deliveries import Load, Result
from store.audit import CLOCK
from store.db import Store
from store.tables import Alert, Channel, Workspace
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

AT_ONCE = 8
"""Deliveries that are under way at the same time."""
BATCH = 200
LEASE = timedelta(seconds=120)
TIMEOUT_SECONDS = 20.0
ANSWER_BYTES_MAX = 64 << 10
API = "/api/v1"

Render = Callable[[Facts, str], Wording]
"""Says in a language what an alert's facts are; the app brings the sentences."""


@dataclass(frozen=True, slots=True)
class Alerter:
    """What alerting needs: where alerts are, by what they travel, who says them, and the time."""

    store: Store
    ring: KeyRing
    outbound: Outbound
    mailer: Mailer | None
    base_url: str
    worker: str
    render: Render
    now: Callable[[], datetime]
    jitter: Jitter = random.uniform


async def deliver(alerter: Alerter) -> int:
    """Put new alerts on their way and send what is due; return how many tries there were.

    Any replica may run it at any time: each delivery is one worker's at a time. What a worker
    leaves behind is sent again after its lease, under the same id.
    """
    await alert_deliveries.spread(alerter.store, alerter.now())
    found = await alert_deliveries.due(alerter.store, alerter.now(), BATCH)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(delivery_id: UUID, seen: datetime) -> bool:
        async with gate:
            return await _try(alerter, delivery_id, seen)

    return sum(await asyncio.gather(*(one(*each) for each in found)))


async def _try(alerter: Alerter, delivery_id: UUID, seen: datetime) -> bool:
    now = alerter.now()
    load = await alert_deliveries.take(
        alerter.store, delivery_id, seen, alerter.worker, now, now + LEASE
    )
    if load is None:
        return False
    result = await _send(alerter, load)
    ended = alerter.now()
    next_at = _next_at(alerter, load, result, ended)
    await alert_deliveries.settle(alerter.store, load, result, next_at, ended)
    log.info(
        "alert tried",
        alert=str(load.alert.id),
        kind=load.alert.kind,
        target=str(load.target.id),
        medium=load.target.medium,
        attempt=load.tries,
        outcome=result.outcome,
        reason=result.reason,
    )
    return True


def _next_at(alerter: Alerter, load: Load, result: Result, now: datetime) -> datetime | None:
    if result.outcome != "again":
        return None
    wait = wait_seconds(load.tries, alerter.jitter)
    return None if wait is None else now + timedelta(seconds=max(wait, result.wait_seconds or 0))


async def _send(alerter: Alerter, load: Load) -> Result:
    if not load.target.enabled:
        return _result(Refused("target_disabled", ""))
    try:
        if load.target.medium == Medium.EMAIL:
            return await _by_mail(alerter, load)
        return await _by_webhook(alerter, load)
    except Exception:  # a bug in one alert must not keep the others back
        log.exception("alert crashed", alert=str(load.alert.id), target=str(load.target.id))
        return _result(Unknown("alert_crash"))


async def _by_mail(alerter: Alerter, load: Load) -> Result:
    if alerter.mailer is None:
        return _result(TryLater("mail_off", None, counts=True))
    language = load.workspace.locale
    wording = alerter.render(load.facts, language)
    link = _link(alerter.base_url, load)
    text = f"{wording.text}\n\n{link}" if link else wording.text
    letter = Letter(
        to=load.target.address,
        subject=f"[{load.workspace.name}] {wording.title}",
        text=text,
        language=language,
        key=str(load.delivery.id),
    )
    return _result(await alerter.mailer.send(letter, alerter.now()))


async def _by_webhook(alerter: Alerter, load: Load) -> Result:
    now = alerter.now()
    message = Message(str(load.delivery.id), _body(alerter, load))
    try:
        headers = signed(alert_targets.open_secret(load.target, alerter.ring), message, now)
    except (BadSecret, CannotOpen):
        return _result(TryLater("target_secret_unusable", None, counts=True))
    try:
        answer = await alerter.outbound.request(
            "POST",
            load.target.address,
            headers={**headers, "Content-Type": "application/json", "Accept": "application/json"},
            content=message.body,
            timeout_seconds=TIMEOUT_SECONDS,
            limit_bytes=ANSWER_BYTES_MAX,
        )
    except (NotSent, NoAnswer) as error:
        return Result("again", error.reason, host_of(load.target.address))
    return _answered(answer, now)


def _answered(answer: Answer, now: datetime) -> Result:
    """Return what an answer means: whatever is no 2xx is tried again, but for 410 Gone.

    Source: the specification of Standard Webhooks, "Deliverability and reliability".
    """
    detail = f"HTTP {answer.status}"
    if (reason := complaint_of(answer)) is None:
        return Result("delivered", None, detail)
    if answer.status == 410:
        return Result("refused", reason, detail, gone=True)
    return Result("again", reason, detail, answer.retry_after_seconds(now))


def _result(outcome: Taken | Refused | TryLater | Unknown) -> Result:
    match outcome:
        case Taken():
            return Result("delivered")
        case Refused(reason=reason, detail=detail):
            return Result("refused", reason, detail)
        case TryLater(reason=reason, evidence=evidence) | Unknown(reason=reason, evidence=evidence):
            return Result("again", reason, str(evidence.get("code", "")))


def _body(alerter: Alerter, load: Load) -> bytes:
    """Return what a webhook gets; repeated, it says the same."""
    alert, wording = load.alert, alerter.render(load.facts, load.workspace.locale)
    data: dict[str, Any] = {
        "id": str(alert.id),
        "kind": alert.kind,
        "workspace": load.workspace.slug,
        "language": load.workspace.locale,
        "title": wording.title,
        "text": wording.text,
        "reason": load.facts.reason,
        "publication": str(alert.row_id) if alert.noun == "publication" else None,
        "post": str(load.post_id) if load.post_id else None,
        "channel": str(load.channel_id) if load.channel_id else None,
        "url": _link(alerter.base_url, load),
    }
    return event_bytes(
        f"pilar.alert.{alert.kind}", {"timestamp": instant_text(alert.created_at), "data": data}
    )


def _link(base_url: str, load: Load) -> str | None:
    path = resource_of(load.alert)
    return path and f"{base_url}{API}/workspaces/{load.workspace.slug}{path}"


def resource_of(alert: Alert) -> str | None:
    """Return the path, below its workspace, of what an alert is about; None if it has none."""
    nouns = {
        "publication": "publications",
        "channel": "channels",
        "post": "posts",
        "alert_target": "alert-targets",
    }
    noun = nouns.get(alert.noun)
    return noun and f"/{noun}/{alert.row_id}"


async def preflight(publisher: Publisher, now: datetime) -> int:
    """Look at the channels with something to come; return how many were looked at.

    Each is one replica's at a time. A channel that does not answer makes an alert.
    """
    found = await reminders.to_look_at(publisher.store, now)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(channel: Channel, workspace: Workspace) -> bool:
        async with gate:
            taken = await reminders.take_preflight(publisher.store, channel, now)
            if taken:
                await _look_at(publisher, channel, workspace, now)
            return taken

    return sum(await asyncio.gather(*(one(*each) for each in found)))


async def _look_at(
    publisher: Publisher, channel: Channel, workspace: Workspace, now: datetime
) -> None:
    store, ring, connectors = publisher.store, publisher.ring, publisher.connectors
    try:
        if channel.connection == "disabled":  # whether it answers changes nothing
            await reminders.note_preflight(store, channel, "not_connected", now)
            return
        checked_channel, checked = await acts.check_channel(
            store, ring, connectors, workspace, channel.id, CLOCK, now
        )
        if not checked.answers:
            await reminders.note_preflight(store, checked_channel, checked.reason, now)
    except Exception:  # a bug in one connector must not keep the others from being looked at
        log.exception("preflight crashed", channel=str(channel.id))
        await reminders.note_preflight(store, channel, "connector_crash", now)
