"""The signed webhook: what it says, how it is signed, and what each answer means."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from planner.content import Part
from schedulers.connector import Checked, Outcome, Outgoing, Published, Refused, TryLater, Unknown
from schedulers.connectors.webhook import BadSecret, Message, WebhookConnector, signed
from schedulers.outbound import Outbound
from tests.schedulers.wires import DUE, SECRET, Behaviour, outgoing, says, served, wire

OTHER = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
NOW = DUE + timedelta(seconds=3)


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookConnector]:
    outbound = Outbound({"127.0.0.1"})
    yield WebhookConnector(outbound)
    await outbound.aclose()


def with_secret(post: Outgoing, secret: str) -> Outgoing:
    return replace(post, account=replace(post.account, secrets={"secret": secret}))


def test_the_signature_is_that_of_the_known_vector() -> None:
    body = b'{"type":"post.published","timestamp":"2026-01-01T00:00:00Z","data":{"id":"p1"}}'
    at = datetime(2026, 1, 1, tzinfo=UTC)

    assert signed(SECRET, Message("msg_test_0001", body), at) == {
        "webhook-id": "msg_test_0001",
        "webhook-timestamp": "1767225600",
        "webhook-signature": "v1,xJBNk7JqTU/JI209eGYfHIxPPbb/yA+PYtrwFilvxLE=",
    }


def test_the_zone_of_the_instant_does_not_change_the_signature() -> None:
    message = Message("id", b"{}")
    jakarta = timezone(timedelta(hours=7))

    assert signed(SECRET, message, NOW.astimezone(jakarta)) == signed(SECRET, message, NOW)


@given(st.text(), st.binary(min_size=24, max_size=64))
def test_the_official_library_accepts_every_signature(text: str, key: bytes) -> None:
    body = json.dumps({"text": text}).encode()
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed(secret, Message("m", body), datetime.now(UTC))

    assert Webhook(secret).verify(body, headers) == {"text": text}


def test_while_a_secret_is_changed_both_receivers_are_content() -> None:
    headers = signed(f"{OTHER} {SECRET}", Message("m", b"{}"), datetime.now(UTC))

    assert [Webhook(secret).verify(b"{}", headers) for secret in (SECRET, OTHER)] == [{}, {}]


@pytest.mark.parametrize(
    "secret", ["", " ", "whsec_", "whsec_%%%", "whsk_QUFB", "QUFB", "whsec_QUFB QUFB", "whsec_é"]
)
def test_a_secret_that_is_none_signs_nothing(secret: str) -> None:
    with pytest.raises(BadSecret):
        signed(secret, Message("m", b"{}"), NOW)


async def test_a_real_receiver_verifies_and_understands_the_post(
    webhook: WebhookConnector,
) -> None:
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        received.append(Webhook(SECRET).verify(body, headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(body, headers)
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b'{"id":7,"url":"https://a.example/7"}'})

    async with served(app) as url:
        outcome = await webhook.publish(outgoing(f"{url}/hook"), datetime.now(UTC))

    assert outcome == Published(
        "7",
        "https://a.example/7",
        {"webhook_id": "step-0", "host": "127.0.0.1", "status": 201},
    )
    assert received == [
        {
            "type": "post.published",
            "timestamp": "2026-03-02T01:00:00Z",
            "data": {
                "id": "01900000-0000-7000-8000-000000000001",
                "channel": {
                    "id": "01900000-0000-7000-8000-000000000002",
                    "workspace": "humas",
                    "handle": "situs",
                    "name": "Situs kantor",
                },
                "due_at": "2026-03-02T01:00:00Z",
                "title": "Kuis sejarah",
                "type": "interactive",
                "pillar": "01900000-0000-7000-8000-000000000004",
                "format": "thread",
                "locale": "id",
                "parts": [
                    {
                        "text": "Siapa proklamator?\n\n#sejarah",
                        "media": [
                            {
                                "url": "http://pilar.test/m/1?sig=planted",
                                "mime": "image/jpeg",
                                "bytes": 1234,
                                "width": 640,
                                "height": 480,
                                "duration_ms": None,
                                "sha256": "ab" * 32,
                                "alt": "Naskah asli",
                            }
                        ],
                    },
                    {"text": "Jawabannya besok.", "media": []},
                ],
            },
        }
    ]


async def test_a_repeated_step_says_the_same_under_the_same_id(webhook: WebhookConnector) -> None:
    async with wire(says("503 Later", Retry_After="1"), says("200 OK")) as server:
        post = outgoing(server.url(), key="a.b.c")
        await webhook.publish(post, NOW)
        await webhook.publish(post, NOW + timedelta(hours=1))

    first, second = server.seen
    assert first.body == second.body
    assert (first.headers["webhook-id"], second.headers["webhook-id"]) == ("a-b-c", "a-b-c")
    assert (
        int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    )


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


SAID: dict[str, Any] = {"webhook_id": "step-0", "host": "127.0.0.1"}


def at(status: int) -> dict[str, Any]:
    return {**SAID, "status": status}


ANSWERS: dict[str, tuple[bytes | Behaviour, Outcome]] = {
    "200": (says("200 OK"), (Published("step-0", None, at(200)))),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", (Published("step-0", None, at(204)))),
    "200 in HTML": (says("200 OK", b"<html>"), (Published("step-0", None, at(200)))),
    "301": (
        says("301 Moved", Location="http://127.0.0.1:1/"),
        (Refused("redirect", "HTTP 301", at(301))),
    ),
    "304": (says("304 Same"), (Refused("redirect", "HTTP 304", at(304)))),
    "400": (says("400 No"), (Refused("rejected", "HTTP 400", at(400)))),
    "401": (says("401 Who"), (Refused("rejected", "HTTP 401", at(401)))),
    "404": (says("404 Where"), (Refused("rejected", "HTTP 404", at(404)))),
    "410": (says("410 Gone"), (Refused("endpoint_gone", "HTTP 410", at(410)))),
    "429": (
        says("429 Slow", Retry_After="60"),
        (TryLater("rate_limited", 60.0, counts=False, evidence=at(429))),
    ),
    "429 without a time": (
        says("429 Slow"),
        (TryLater("rate_limited", None, counts=False, evidence=at(429))),
    ),
    "503 with a date": (
        says("503 Later", Retry_After="Mon, 02 Mar 2026 01:01:03 GMT"),
        (TryLater("receiver_unavailable", 60.0, counts=True, evidence=at(503))),
    ),
    "503 in its own words": (
        says("503 Later", b'{"error":"busy"}'),
        (TryLater("receiver_unavailable", None, counts=True, evidence=at(503))),
    ),
    "503 of a gateway": (
        says("503 Later", b"<html>"),
        Unknown("receiver_unavailable", at(503)),
    ),
    "502": (says("502 Bad Gateway"), Unknown("receiver_unavailable", at(502))),
    "504": (says("504 Gateway Timeout"), Unknown("receiver_unavailable", at(504))),
    "504 with a time": (
        says("504 Gateway Timeout", Retry_After="60"),
        Unknown("receiver_unavailable", at(504), 60.0),
    ),
    "500": (says("500 Oops"), Unknown("receiver_error", at(500))),
    "520": (says("520 Oops"), Unknown("receiver_error", at(520))),
    "reset": (reset, Unknown("connection_lost", SAID)),
    "nothing": (b"", Unknown("connection_lost", SAID)),
    "too large": (says("200 OK", b"x" * 70_000), Unknown("answer_too_large", at(200))),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_answer_means_what_it_proves(webhook: WebhookConnector, name: str) -> None:
    answer, expected = ANSWERS[name]

    async with wire(answer) as server:
        outcome = await webhook.publish(outgoing(server.url()), NOW)

    assert (outcome, len(server.seen)) == (expected, 1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/", TryLater("connect_failed", None, counts=True, evidence=SAID)),
        (
            "http://169.254.169.254/",
            TryLater(
                "address_refused",
                None,
                counts=True,
                evidence={**SAID, "host": "169.254.169.254"},
            ),
        ),
        ("", Refused("url_malformed", "", {**SAID, "host": ""})),
        ("http://[", Refused("url_malformed", "", {**SAID, "host": ""})),
    ],
)
async def test_what_was_not_sent_did_not_go_out(
    webhook: WebhookConnector, url: str, expected: Outcome
) -> None:
    assert await webhook.publish(outgoing(url), NOW) == expected


async def test_without_a_secret_nothing_is_sent(webhook: WebhookConnector) -> None:
    async with wire(says("200 OK")) as server:
        outcome = await webhook.publish(with_secret(outgoing(server.url()), "planted"), NOW)

    assert (outcome, server.connections) == (Refused("secret_malformed", "secret", SAID), 0)


async def test_a_body_stays_below_twenty_kilobytes(webhook: WebhookConnector) -> None:
    async with wire(says("200 OK")) as server:
        post = outgoing(server.url())
        outcomes = []
        for letters in (19_570, 19_571):
            words = replace(post.words, parts=(Part("x" * letters),))
            outcomes.append(await webhook.publish(replace(post, words=words), NOW))

    assert outcomes == [
        Published("step-0", None, at(200)),
        Refused("body_too_large", "20000 bytes", SAID),
    ]
    assert [len(seen.body) for seen in server.seen] == [19_999]


@pytest.mark.parametrize(
    ("said", "remote_id", "permalink"),
    [
        ('{"id":"a","url":"https://a.example/x"}', "a", "https://a.example/x"),
        ('{"id":12}', "12", None),
        ('{"id":true}', "step-0", None),
        ('{"id":""}', "step-0", None),
        ('{"id":["a"]}', "step-0", None),
        (json.dumps({"id": "x" * 501}), "step-0", None),
        ('{"id":"a\\u0000b"}', "step-0", None),
        ('{"url":"javascript:alert(1)"}', "step-0", None),
        ('{"url":"ftp://a.example/x"}', "step-0", None),
        ('{"url":"https://a.example/x y"}', "step-0", None),
        ('{"url":"https://"}', "step-0", None),
        ('{"url":"http://["}', "step-0", None),
        (json.dumps({"url": "https://a.example/" + "x" * 2000}), "step-0", None),
        ('["id"]', "step-0", None),
        ("null", "step-0", None),
    ],
)
async def test_what_the_receiver_says_of_the_post_is_taken_with_care(
    webhook: WebhookConnector, said: str, remote_id: str, permalink: str | None
) -> None:
    async with wire(says("200 OK", said.encode())) as server:
        outcome = await webhook.publish(outgoing(server.url()), NOW)

    assert outcome == Published(remote_id, permalink, at(200))


async def test_outcomes_hold_no_secret(webhook: WebhookConnector) -> None:
    outcomes = []
    for answer, _ in ANSWERS.values():
        async with wire(answer) as server:
            post = outgoing(server.url("/planted?token=planted"))
            outcomes.append(repr(await webhook.publish(post, NOW)))

    assert [text for text in outcomes if "planted" in text or SECRET in text] == []
    assert SECRET not in repr(outgoing())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says("204 No Content"), Checked(answers=True, reason=None, detail="HTTP 204")),
        (says("404 Where"), Checked(answers=False, reason="rejected", detail="HTTP 404")),
        (says("410 Gone"), Checked(answers=False, reason="endpoint_gone", detail="HTTP 410")),
        (reset, Checked(answers=False, reason="connection_lost", detail="127.0.0.1")),
    ],
)
async def test_a_channel_is_checked_by_a_signed_ping(
    webhook: WebhookConnector, answer: bytes | Behaviour, expected: Checked
) -> None:
    now = datetime.now(UTC)
    async with wire(answer) as server:
        account = outgoing(server.url()).account
        checked = await webhook.check(account, now)

    (ping,) = server.seen
    assert checked == expected
    assert ping.headers["webhook-id"] == (
        f"ping-01900000000070008000000000000002-{int(now.timestamp())}"
    )
    assert Webhook(SECRET).verify(ping.body, dict(ping.headers)) == {
        "type": "pilar.ping",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "data": {
            "channel": {
                "id": "01900000-0000-7000-8000-000000000002",
                "workspace": "humas",
                "handle": "situs",
                "name": "Situs kantor",
            }
        },
    }


async def test_a_channel_without_a_secret_does_not_answer(webhook: WebhookConnector) -> None:
    account = with_secret(outgoing("http://127.0.0.1:1/"), "").account

    checked = await webhook.check(account, NOW)

    assert checked == Checked(answers=False, reason="secret_malformed", detail="secret")
