"""Alerts on their way: signed, tried again, once for each receiver, in the office's language."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select
from standardwebhooks import Webhook, WebhookVerificationError

from app.alert_speech import render
from planner.alerts import WAITS_SECONDS
from schedulers import alerting
from schedulers.alerting import Alerter, deliver
from schedulers.outbound import Outbound
from store import alert_deliveries, alert_targets, workspaces
from store.audit import CLI
from store.tables import AlertDelivery, AuditEntry
from tests.schedulers.alerts import alerter_of, deliveries, failed, outcomes, target
from tests.schedulers.wires import SECRET, says, served, wire
from tests.world import World

OTHER = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

Send = Callable[[Any], Awaitable[None]]


@pytest.fixture
def alerter(world: World, outbound: Outbound) -> Alerter:
    return alerter_of(world, outbound)


async def test_a_real_receiver_verifies_and_understands_the_alert(
    world: World, alerter: Alerter
) -> None:
    received: list[Any] = []
    world.clock.now = datetime.now(UTC).replace(microsecond=0)  # a receiver looks at its clock

    async def app(scope: Any, receive: Any, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        received.append((headers["webhook-id"], Webhook(SECRET).verify(body, headers)))
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(body, headers)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with served(app) as url:
        await target(world, f"{url}/hook?token=planted")
        row_id = await failed(world)
        counts = [await deliver(alerter) for _ in range(2)]

    (delivery,) = await deliveries(world)
    row = await world.row(row_id)
    ((key, event),) = received
    when = f"{row.local:.10}"
    assert counts == [1, 0]
    assert (delivery.status, outcomes(delivery)) == (
        "delivered",
        [("delivered", None, "HTTP 204")],
    )
    assert key == str(delivery.id)
    assert event["type"] == "pilar.alert.failed"
    assert event["timestamp"] == world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    text = event["data"].pop("text")
    assert text.startswith("“Naskah kuno” seharusnya tayang di berita pada ")
    assert "\nPenerima menolaknya: alasannya ada di log penerima.\n" in text
    assert (str(int(when[8:])) in text, "{" in text) == (True, False)
    assert event["data"] == {
        "id": str(delivery.alert_id),
        "kind": "failed",
        "workspace": "biro",
        "language": "id",
        "title": "Gagal tayang: “Naskah kuno” di berita",
        "reason": "rejected",
        "publication": str(row_id),
        "post": str(row.post_id),
        "channel": str(row.channel_id),
        "url": f"https://pilar.example/api/v1/workspaces/biro/publications/{row_id}",
    }


async def test_a_receiver_that_fails_and_then_works_gets_the_same_event_under_the_same_id(
    world: World, alerter: Alerter
) -> None:
    answers = [says("500 Oh"), says("503 Later", Retry_After="1000"), says("200 OK")]
    async with wire(*answers) as receiver:
        await target(world, receiver.url())
        await failed(world)
        seen = []
        for seconds in (0, 4, 1, 999, 1):
            world.clock.forward(seconds=seconds)
            await deliver(alerter)
            seen.append(len(receiver.seen))

    (delivery,) = await deliveries(world)
    assert seen == [1, 1, 2, 2, 3]  # five seconds, then as long as was asked for
    assert outcomes(delivery) == [
        ("again", "receiver_error", "HTTP 500"),
        ("again", "receiver_unavailable", "HTTP 503"),
        ("delivered", None, "HTTP 200"),
    ]
    assert len({each.body for each in receiver.seen}) == 1
    assert {each.headers["webhook-id"] for each in receiver.seen} == {str(delivery.id)}
    stamps = [int(each.headers["webhook-timestamp"]) for each in receiver.seen]
    assert [each - stamps[0] for each in stamps] == [0, 5, 1005]


async def test_after_ten_tries_in_three_days_it_is_given_up(world: World, alerter: Alerter) -> None:
    async with wire(says("500 Oh")) as receiver:
        await target(world, receiver.url())
        await failed(world)
        began = world.clock()
        for wait in (0, *WAITS_SECONDS, 86_400):
            world.clock.forward(seconds=wait)
            await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert (delivery.status, len(delivery.tries), len(receiver.seen)) == ("failed", 10, 10)
    assert world.clock() - began > timedelta(days=3)


async def test_whoever_is_gone_is_disabled_and_the_audit_says_so(
    world: World, alerter: Alerter
) -> None:
    async with wire(says("410 Gone")) as receiver:
        row = await target(world, receiver.url())
        await failed(world)
        await deliver(alerter)
        await failed(world, "lain")
        await deliver(alerter)

    async with world.store.reading() as db:
        now = await alert_targets.of(db, row.workspace_id, row.id)
        query = (
            select(AuditEntry)
            .where(AuditEntry.noun == "alert_target")
            .order_by(col(AuditEntry.seq))
        )
        deeds = [(each.action, each.actor) for each in (await db.exec(query)).all()]
    (delivery,) = await deliveries(world)
    assert (now.enabled, len(receiver.seen), delivery.status) == (False, 1, "failed")
    assert deeds == [("add", "cli"), ("change", "clock")]


async def test_what_waits_for_a_target_that_was_disabled_is_not_sent(
    world: World, alerter: Alerter
) -> None:
    async with wire(says("500 Oh")) as receiver:
        row = await target(world, receiver.url())
        await failed(world)
        await deliver(alerter)
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            mine = await alert_targets.of(db, workspace.id, row.id)
            await alert_targets.disable(db, workspace, CLI, mine, world.clock())
        world.clock.forward(minutes=1)
        await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert (len(receiver.seen), delivery.status) == (1, "failed")
    assert outcomes(delivery)[-1] == ("refused", "target_disabled", "")


async def test_replicas_that_deliver_at_once_send_each_once(world: World, alerter: Alerter) -> None:
    async def think(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(says("200 OK"))
        await writer.drain()

    async with wire(think) as receiver:
        await target(world, receiver.url())
        for number in range(6):
            await failed(world, f"k{number}")
        replicas = [replace(alerter, worker=f"w{each}") for each in range(4)]
        counts = await asyncio.gather(*(deliver(each) for each in replicas))

    keys = [each.headers["webhook-id"] for each in receiver.seen]
    assert (len(keys), len(set(keys)), sum(counts)) == (6, 6, 6)
    assert {each.status for each in await deliveries(world)} == {"delivered"}


async def careless(alerter: Alerter, delivery_id: UUID) -> None:
    """Send as if whoever comes were the first: what another has taken is taken as well."""
    store, now = alerter.store, alerter.now()
    async with store.reading() as db:
        seen = (await db.get_one(AlertDelivery, delivery_id)).next_at
    until = now + alerting.LEASE
    load = await alert_deliveries.take(store, delivery_id, seen, alerter.worker, now, until)
    if load is not None:
        await alert_deliveries.settle(store, load, await alerting._send(alerter, load), None, now)


async def test_replicas_that_do_not_take_turns_are_caught(world: World, alerter: Alerter) -> None:
    asked = asyncio.Event()

    async def think(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(0.2)
        writer.write(says("200 OK"))
        await writer.drain()

    async with wire(think) as receiver:
        await target(world, receiver.url())
        await failed(world)
        await alert_deliveries.spread(world.store, world.clock())
        ((delivery_id, _),) = await alert_deliveries.due(world.store, world.clock(), 9)
        first = asyncio.create_task(careless(alerter, delivery_id))
        await asked.wait()
        await careless(replace(alerter, worker="w2"), delivery_id)
        await first

    assert len(receiver.seen) == 2


async def test_what_a_worker_left_behind_is_sent_again_under_its_id(
    world: World, alerter: Alerter
) -> None:
    asked = asyncio.Event()

    async def hang(_writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with wire(hang, says("200 OK")) as receiver:
        await target(world, receiver.url())
        await failed(world)
        task = asyncio.create_task(deliver(alerter))
        await asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        world.clock.forward(seconds=121)
        await deliver(replace(alerter, worker="w2"))

    (delivery,) = await deliveries(world)
    assert [each[0] for each in outcomes(delivery)] == ["under_way", "delivered"]
    assert len({each.headers["webhook-id"] for each in receiver.seen}) == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [("http://10.0.0.1/hook", "address_refused"), ("http://127.0.0.1:1/hook", "connect_failed")],
)
async def test_where_nobody_may_go_or_is_nothing_is_sent(
    world: World, alerter: Alerter, address: str, reason: str
) -> None:
    await target(world, address)
    await failed(world)

    await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert (delivery.status, outcomes(delivery)[0][:2]) == ("waiting", ("again", reason))


async def test_a_secret_of_other_keys_signs_nothing_and_is_told(
    world: World, alerter: Alerter
) -> None:
    async with wire(says("200 OK")) as receiver:
        row = await target(world, receiver.url())
        async with world.store.transaction() as db:
            mine = await alert_targets.of(db, row.workspace_id, row.id)
            mine.secrets = {"secret": mine.secrets["secret"][:-4] + "AAAA"}
        await failed(world)
        await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert receiver.seen == []
    assert outcomes(delivery) == [("again", "target_secret_unusable", "")]


async def test_a_bug_in_one_alert_keeps_no_other_back(world: World, alerter: Alerter) -> None:
    def broken(facts: Any, language: str) -> Any:
        if facts.channel == "rusak":
            raise ZeroDivisionError
        return render(facts, language)

    async with wire(says("200 OK")) as receiver:
        await target(world, receiver.url())
        for handle in ("rusak", "baik"):
            await failed(world, handle)
        await deliver(replace(alerter, render=broken))

    found = [outcomes(each)[0][:2] for each in await deliveries(world)]
    assert sorted(found, key=str) == [("again", "alert_crash"), ("delivered", None)]
    assert len(receiver.seen) == 1


async def test_no_log_line_tells_a_secret_or_more_of_an_address_than_its_host(
    world: World, alerter: Alerter, capsys: pytest.CaptureFixture[str]
) -> None:
    async with wire(says("500 Oh")) as receiver:
        await target(world, receiver.url("/hook?token=planted"))
        await failed(world)
        await deliver(alerter)
    await target(world, "http://127.0.0.1:1/planted")
    await failed(world, "lain")
    await deliver(alerter)

    rows = [json.dumps(each.tries) for each in await deliveries(world)]
    async with world.store.reading() as db:
        audit = [json.dumps(each.data) for each in (await db.exec(select(AuditEntry))).all()]
    said = "".join([capsys.readouterr().out, *rows, *audit])
    assert "alert tried" in said
    assert [word for word in ("planted", SECRET[6:20]) if word in said] == []
