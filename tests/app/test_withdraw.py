"""Withdrawing over HTTP: by the platform where it can, else by a person who says so."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.deps import House
from planner.access import Role
from schedulers.connector import HandedOver, Outcome, Published, Refused, Unknown
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store.liveness import Alone
from tests.app.conftest import Office
from tests.app.writing import SECRET, add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.schedulers.wires import says, wire
from tests.world import Scripted

GONE = b'{"withdrawn": true}'
LIVE = Published("post-7", "https://receiver.example/7")


async def sent(
    office: Office, house: House, clock: Clock, channel: Any, outcome: Outcome | None = None
) -> Any:
    """Return a publication that was sent once; without an outcome, as the platform does it."""
    post = await approve_post(office, await write_post(office))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    scripted = {channel["platform"]: Scripted([outcome])} if outcome else {}
    publisher = Publisher(
        store=house.store,
        ring=house.ring,
        blobs=house.blobs,
        connectors={**house.connectors, **scripted},
        base_url=house.base_url,
        liveness=Alone("w1"),
        lease_seconds=120,
        now=house.clock,
    )
    await publish(publisher, UUID(row["id"]))
    return await read(office, row)


async def read(office: Office, row: Any) -> Any:
    return await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))


async def withdraw(office: Office, row: Any, body: Any = None, **more: Any) -> httpx.Response:
    path = office.path(f"/publications/{row['id']}/withdraw")
    return await office.approver("POST", path, body, **({"match": row["version"]} | more))


async def deeds(office: Office, row: Any) -> list[tuple[str, Any]]:
    """Return what the audit says was done to a publication since it was placed."""
    path = office.path(f"/audit?noun=publication&row={row['id']}")
    page = await office.manager.ok("GET", path)
    return [(each["action"], each["data"].get("evidence")) for each in page["items"]][:-2]


async def test_an_entry_leaves_the_feed_and_stays_published(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient
) -> None:
    row = await sent(office, house, clock, await add_channel(office))
    before = await http.get("/feeds/biro/berita.json")
    clock.forward(minutes=5)

    told = (await withdraw(office, row)).json()

    kept = await read(office, row)
    after = await http.get("/feeds/biro/berita.json")
    assert told == {
        "withdrawn": True,
        "by_hand": False,
        "reason": None,
        "reason_text": None,
        "retry_after_seconds": None,
        "instructions": None,
        "publication": kept,
    }
    assert (kept["status"], kept["withdrawn_at"]) == ("published", "2026-03-02T01:06:00Z")
    assert [len(each.json()["items"]) for each in (before, after)] == [1, 0]
    assert await deeds(office, row) == [("withdraw", {})]


async def test_withdrawing_twice_answers_the_same_and_changes_nothing(
    office: Office, house: House, clock: Clock
) -> None:
    row = await sent(office, house, clock, await add_channel(office))

    answers = [await withdraw(office, row) for _ in range(2)]
    answers.append(await withdraw(office, row, {"done": True}, match="*"))

    assert [each.status_code for each in answers] == [200] * 3
    assert [each.json() for each in answers] == [answers[0].json()] * 3
    assert [each.headers["etag"] for each in answers] == [answers[0].headers["etag"]] * 3
    assert await deeds(office, row) == [("withdraw", {})]


@pytest.mark.parametrize("language", ["en", "id"])
async def test_what_a_person_published_a_person_deletes_and_says_so(
    office: Office, house: House, clock: Clock, language: str
) -> None:
    channel = await add_channel(office, "tangan", "manual")
    row = await sent(office, house, clock, channel, HandedOver())
    path = office.path(f"/publications/{row['id']}/confirm")
    link = {"permalink": "https://social.example/p/1"}
    row = await office.approver.ok("POST", path, link, match=row["version"])

    asked = (await withdraw(office, row, headers={"Accept-Language": language})).json()
    kept = await read(office, row)
    done = (await withdraw(office, row, {"done": True})).json()

    assert (
        asked["instructions"]
        == {
            "en": "Delete it on Tangan by hand, at https://social.example/p/1, "
            "then send this request again with done: true.",
            "id": "Hapus konten ini secara manual di Tangan, di https://social.example/p/1, "
            "lalu kirim permintaan ini lagi dengan done: true.",
        }[language]
    )
    assert (asked["withdrawn"], asked["by_hand"], asked["reason"]) == (False, True, None)
    assert kept == row
    assert (done["withdrawn"], done["instructions"]) == (True, None)
    said = {"said_by": f"person:{office.people[Role.APPROVER]}"}
    assert (await deeds(office, row))[0] == ("withdraw", said)


async def hook(office: Office, url: str) -> Any:
    body = {"platform": "webhook", "handle": "kait", "name": "Kait", "settings": {"url": url}}
    channel = await office.manager.ok("POST", office.path("/channels"), body)
    path = office.path(f"/channels/{channel['id']}/credentials")
    await office.manager.ok("PUT", path, {"secret": SECRET}, match=1)
    return channel


async def test_a_receiver_that_says_it_is_gone_is_believed(
    office: Office, house: House, clock: Clock
) -> None:
    async with wire(says("200 OK", GONE)) as receiver:
        row = await sent(office, house, clock, await hook(office, receiver.url()), LIVE)
        told = (await withdraw(office, row)).json()

    (seen,) = receiver.seen
    body = json.loads(seen.body)
    assert (body["type"], body["data"]["posts"]) == (
        "post.withdrawn",
        [{"id": "post-7", "url": "https://receiver.example/7"}],
    )
    assert seen.headers["webhook-signature"].startswith("v1,")
    assert seen.headers["webhook-id"].startswith("withdraw-")
    assert (told["withdrawn"], told["by_hand"]) == (True, False)


@pytest.mark.parametrize(
    ("answer", "reason", "by_hand"),
    [
        (says("204 No Content"), "not_withdrawn", True),
        (says("200 OK", b'{"withdrawn": 1}'), "not_withdrawn", True),
        (says("404 Not Found"), "endpoint_missing", True),
        (says("500 Internal Server Error", GONE), "receiver_error", True),
        (says("429 Too Many Requests", Retry_After="7"), "rate_limited", False),
    ],
)
async def test_a_receiver_that_does_not_leaves_it_as_it_was(
    office: Office, house: House, clock: Clock, answer: bytes, reason: str, by_hand: bool
) -> None:
    async with wire(answer) as receiver:
        row = await sent(office, house, clock, await hook(office, receiver.url()), LIVE)
        told = (await withdraw(office, row)).json()

    assert (told["withdrawn"], told["reason"], told["by_hand"]) == (False, reason, by_hand)
    assert (told["instructions"] is not None, told["reason_text"] is not None) == (by_hand, True)
    assert told["retry_after_seconds"] == (7 if reason == "rate_limited" else None)
    assert await read(office, row) == row


async def test_no_transaction_is_held_while_the_receiver_thinks(
    office: Office, house: House, clock: Clock
) -> None:
    async def think(writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(3):
            await write_post(office)
        writer.write(says("200 OK", GONE))
        await writer.drain()

    async with wire(think) as receiver:
        row = await sent(office, house, clock, await hook(office, receiver.url()), LIVE)
        told = (await withdraw(office, row)).json()

    assert told["withdrawn"] is True


async def test_a_post_whose_id_is_not_known_is_deleted_by_hand(
    office: Office, house: House, clock: Clock
) -> None:
    async with wire(says("200 OK", GONE)) as receiver:
        row = await sent(office, house, clock, await hook(office, receiver.url()), Unknown("reset"))
        path = office.path(f"/publications/{row['id']}/resolve")
        row = await office.approver.ok("POST", path, {"outcome": "live"}, match=row["version"])
        told = (await withdraw(office, row)).json()

    assert receiver.seen == []
    assert (told["withdrawn"], told["by_hand"]) == (False, True)
    assert told["instructions"].startswith("Delete it on Kait by hand, then")


async def test_what_is_not_published_cannot_be_withdrawn(
    office: Office, house: House, clock: Clock
) -> None:
    channel = await add_channel(office, "tangan", "manual")
    row = await sent(office, house, clock, channel, Refused("rejected", "no"))

    refused = [await withdraw(office, row, body) for body in (None, {"done": True})]

    assert [(each.status_code, each.json()["type"]) for each in refused] == [
        (409, "/problems/nothing-to-withdraw")
    ] * 2


async def test_the_version_that_was_seen_must_be_named(
    office: Office, house: House, clock: Clock
) -> None:
    row = await sent(office, house, clock, await add_channel(office))

    codes = [(await withdraw(office, row, match=each)).status_code for each in (None, 1)]

    assert codes == [428, 412]
    assert (await read(office, row))["withdrawn_at"] is None


async def test_withdrawing_needs_the_right_to_publish(
    office: Office, other_office: Office, house: House, clock: Clock
) -> None:
    row = await sent(office, house, clock, await add_channel(office))
    path = office.path(f"/publications/{row['id']}/withdraw")

    codes = [
        (await each("POST", path, {}, match="*")).status_code
        for each in (office.viewer, office.editor, other_office.owner, office.key)
    ]

    assert codes == [403, 403, 404, 200]
