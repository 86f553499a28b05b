"""Alerts over HTTP: who hears of them, what they say to each reader, and every try."""

import json
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from app.alert_speech import render
from app.deps import House
from planner.alerts import AlertKind
from planner.publications import Status
from schedulers.alerting import Alerter, deliver
from schedulers.outbound import Outbound
from store import alerts, publications, workspaces
from store.audit import CLOCK
from tests.app.conftest import Office
from tests.app.logins import dump
from tests.app.test_members import audit
from tests.app.writing import SECRET, add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.schedulers.wires import says, wire

WEBHOOK = {"name": "Grup Humas", "medium": "webhook", "address": "https://receiver.example/hook"}
MAIL = {"name": "Sari", "medium": "email", "address": "sari@biro.example"}


async def add(office: Office, **fields: Any) -> Any:
    return await office.manager.ok("POST", office.path("/alert-targets"), WEBHOOK | fields)


def alerter(house: House, outbound: Outbound) -> Alerter:
    return Alerter(
        house.store, house.ring, outbound, None, house.base_url, "w1", render, house.clock
    )


async def failed(house: House, office: Office) -> str:
    """Return a publication that an alert tells of."""
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    (placed,) = await place(office, post, channel, when=at(house.clock().replace(hour=9)))
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        row = await publications.of(db, workspace.id, UUID(placed["id"]))
        told = (db, workspace, CLOCK, row, Status.FAILED, "rejected", house.clock())
        await alerts.for_step(*told)
    return str(placed["id"])


async def test_a_secret_that_was_made_is_shown_once_and_kept_sealed(
    house: House, office: Office
) -> None:
    made = await office.manager("POST", office.path("/alert-targets"), WEBHOOK)

    known = made.json()
    secret = known.pop("secret")
    place_ = made.headers["Location"].removeprefix("/api/v1")
    read = await office.manager("GET", place_)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert secret.startswith("whsec_")
    assert Webhook(secret).sign("k", house.clock(), "{}").startswith("v1,")
    assert (known, made.headers["ETag"]) == (read.json(), read.headers["ETag"])
    assert known == WEBHOOK | {
        "id": known["id"],
        "signed": True,
        "kinds": None,
        "enabled": True,
        "created_at": "2026-03-02T01:00:00Z",
        "updated_at": "2026-03-02T01:00:00Z",
        "version": 1,
    }
    assert secret.removeprefix("whsec_") not in await dump(house.store)


async def test_a_secret_that_was_given_is_answered_by_nothing(house: House, office: Office) -> None:
    made = await add(office, secret=SECRET)
    mail = await office.manager.ok("POST", office.path("/alert-targets"), MAIL)
    path = office.path(f"/alert-targets/{made['id']}")
    changed = await office.manager("PATCH", path, {"secret": SECRET}, match=1)

    listed = await office.manager("GET", office.path("/alert-targets"))

    assert (made["secret"], mail["secret"], mail["signed"]) == (None, None, False)
    assert [each["name"] for each in listed.json()["items"]] == ["Grup Humas", "Sari"]
    said = changed.text + listed.text + await dump(house.store)
    assert SECRET.removeprefix("whsec_") not in said


async def test_a_repeated_request_is_told_that_its_secret_is_not_kept(office: Office) -> None:
    path = office.path("/alert-targets")
    key = {"Idempotency-Key": "k1"}

    answers = [await office.manager("POST", path, WEBHOOK, headers=key) for _ in range(2)]

    assert [each.status_code for each in answers] == [201, 409]
    assert answers[1].json()["type"] == "/problems/answer-not-kept"
    assert len((await office.manager.ok("GET", path))["items"]) == 1


async def test_a_target_is_changed_and_deleted_at_the_version_that_was_seen(
    office: Office, clock: Clock
) -> None:
    made = await add(office, address="https://receiver.example/planted?token=planted")
    path = office.path(f"/alert-targets/{made['id']}")

    blind = [await office.manager(each, path, {}) for each in ("PATCH", "DELETE")]
    body = {"name": "Lain", "kinds": ["failed", "missed"], "enabled": False, "secret": SECRET}
    changed = await office.manager("PATCH", path, body, match=1)
    stale = await office.manager("DELETE", path, match=1)
    gone = await office.manager("DELETE", path, match=2)
    after = await office.manager("GET", path)

    told = changed.json()
    assert [each.status_code for each in blind] == [428, 428]
    assert (told["name"], told["kinds"], told["enabled"], told["version"]) == (
        "Lain",
        ["failed", "missed"],
        False,
        2,
    )
    assert [each.status_code for each in (stale, gone, after)] == [412, 204, 404]
    deeds = await audit(office, "alert_target")
    assert [each[0] for each in deeds] == ["add", "change", "delete"]
    assert "planted" not in json.dumps(deeds)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (MAIL | {"address": "Sari <sari@biro.example>"}, "/address", "email-address"),
        (MAIL | {"address": "https://receiver.example"}, "/address", "email-address"),
        (MAIL | {"secret": SECRET}, "/secret", "secret-without-use"),
        (WEBHOOK | {"address": "sari@biro.example"}, "/address", "url-scheme"),
        (WEBHOOK | {"address": "https://a:b@receiver.example"}, "/address", "url-credentials"),
        (WEBHOOK | {"secret": "rahasia"}, "/secret", "webhook-secret"),
        (WEBHOOK | {"kinds": []}, "/kinds", "too-short"),
        (WEBHOOK | {"kinds": ["lain"]}, "/kinds/0", "enum"),
    ],
)
async def test_what_cannot_hear_is_refused(
    office: Office, body: Any, pointer: str, code: str
) -> None:
    answer = await office.manager("POST", office.path("/alert-targets"), body)

    faults = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert (answer.status_code, faults) == (422, [(pointer, code)])
    assert "rahasia" not in answer.text.replace("rahasianya", "")


async def test_a_target_is_tried_and_the_answer_leads_to_what_came_of_it(
    house: House, office: Office, outbound: Outbound, clock: Clock
) -> None:
    async with wire(says("204 No Content")) as receiver:
        made = await add(office, address=receiver.url(), secret=SECRET, kinds=["missed"])
        await add(office, name="Lain")
        path = office.path(f"/alert-targets/{made['id']}")
        tried = await office.manager("POST", f"{path}/test")
        count = await deliver(alerter(house, outbound))

    place_ = tried.headers["Location"].removeprefix("/api/v1")
    english = await office.viewer.ok("GET", place_, headers={"Accept-Language": "en"})
    (delivery,) = english["deliveries"]
    (event,) = (json.loads(each.body) for each in receiver.seen)
    assert (tried.status_code, count) == (201, 1)
    assert (event["type"], event["data"]["id"]) == ("pilar.alert.test", tried.json()["id"])
    assert event["data"]["title"] == "Uji coba: peringatan sampai ke “Grup Humas”"
    assert receiver.seen[0].headers["webhook-id"] == delivery["id"]
    assert english | {"deliveries": []} == {
        "id": tried.json()["id"],
        "kind": "test",
        "noun": "alert_target",
        "row": made["id"],
        "title": "A test: “Grup Humas” hears",
        "text": "Somebody tried whether alerts reach “Grup Humas”. Nothing else happened.",
        "reason": None,
        "at": "2026-03-02T01:00:00Z",
        "deliveries": [],
    }
    assert delivery == {
        "id": delivery["id"],
        "target": made["id"],
        "target_name": "Grup Humas",
        "medium": "webhook",
        "status": "delivered",
        "next_at": None,
        "delivered_at": "2026-03-02T01:00:00Z",
        "tries": [
            {
                "at": "2026-03-02T01:00:00Z",
                "outcome": "delivered",
                "reason": None,
                "reason_text": None,
                "detail": "HTTP 204",
                "worker": "w1",
            }
        ],
    }


async def test_a_failing_receiver_is_told_try_by_try_and_asked_again(
    house: House, office: Office, outbound: Outbound, clock: Clock
) -> None:
    row_id = await failed(house, office)
    async with wire(says("500 Oh"), says("200 OK")) as receiver:
        made = await add(office, address=receiver.url())
        await deliver(alerter(house, outbound))
        (listed,) = (await office.viewer.ok("GET", office.path("/alerts")))["items"]
        path = office.path(f"/alerts/{listed['id']}")
        asked = await office.manager(
            "POST", f"{path}/redeliver", {"target": made["id"]}, match=None
        )
        await deliver(alerter(house, outbound))

    told = await office.viewer.ok("GET", path, headers={"Accept-Language": "id"})
    ((delivery),) = told["deliveries"]
    assert (asked.status_code, asked.json()["deliveries"][0]["status"]) == (202, "waiting")
    assert (listed["kind"], listed["row"], listed["reason"]) == ("failed", row_id, "rejected")
    assert delivery["status"] == "delivered"
    assert [(each["outcome"], each["reason_text"]) for each in delivery["tries"]] == [
        ("again", "Penerima menjawab dengan kesalahan: alasannya ada di log penerima."),
        ("asked", None),
        ("delivered", None),
    ]
    assert [each[0] for each in await audit(office, "alert")] == ["redeliver"]


async def test_redelivery_to_all_leaves_out_who_does_not_hear_it(
    house: House, office: Office, outbound: Outbound
) -> None:
    await failed(house, office)
    await deliver(alerter(house, outbound))  # to nobody yet
    everyone = await add(office)
    await add(office, name="Lain", kinds=["missed"])
    off = await add(office, name="Mati", enabled=False)
    (alert,) = (await office.viewer.ok("GET", office.path("/alerts")))["items"]
    path = office.path(f"/alerts/{alert['id']}/redeliver")

    asked = await office.manager.ok("POST", path, {})
    refused = [
        await office.manager("POST", path, {"target": off["id"]}),
        await office.manager("POST", office.path(f"/alert-targets/{off['id']}/test")),
        await office.manager("POST", path, {"target": alert["id"]}),
    ]

    assert [each["target"] for each in asked["deliveries"]] == [everyone["id"]]
    assert [(each.status_code, each.json()["type"]) for each in refused] == [
        (409, "/problems/target-disabled"),
        (409, "/problems/target-disabled"),
        (404, "/problems/no-such-alert-target"),
    ]


async def test_alerts_come_newest_first_in_pages_and_by_kind(
    house: House, office: Office, other_office: Office, clock: Clock
) -> None:
    for each in (office, other_office):
        async with house.store.transaction() as db:
            workspace = await workspaces.lock(db, each.slug)
            for number in range(5):
                kind = AlertKind.MISSED if number % 2 else AlertKind.PREFLIGHT
                about = (kind, "channel", workspace.id, f"k{number}", {"reason": "outage"})
                await alerts.note(db, workspace, *about, clock())
                await db.flush()

    path = office.path("/alerts?limit=2")
    found, pages = [], 0
    while path:
        answer = await office.viewer("GET", path)
        found += [each["kind"] for each in answer.json()["items"]]
        pages += 1
        path = answer.links["next"]["url"].removeprefix("/api/v1") if answer.links else ""
    missed = await office.viewer.ok("GET", office.path("/alerts?kind=missed"))

    assert (found, pages) == (["preflight", "missed", "preflight", "missed", "preflight"], 3)
    assert len(missed["items"]) == 2


async def test_who_reads_sees_alerts_and_not_where_they_go(office: Office) -> None:
    made = await add(office)
    one = f"/alert-targets/{made['id']}"

    seen = [
        [(await each("GET", office.path(path))).status_code for path in ("/alerts", one)]
        for each in (office.viewer, office.editor, office.approver, office.manager, office.key)
    ]

    assert seen == [[200, 403]] * 3 + [[200, 200]] * 2
