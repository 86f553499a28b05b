"""The signed webhook's receiver: what each of its answers means, and those that do not come."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from planner.content import Part
from schedulers.connector import Checked, Outcome, Published, Refused, Revoked, TryLater, Unknown
from schedulers.connectors.webhook import WebhookConnector
from tests.schedulers.test_webhook import NOW, with_secret
from tests.schedulers.wires import SECRET, Behaviour, certificate, outgoing, says, wire


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
    "401": (says("401 Who"), Revoked("signature_refused", "HTTP 401")),
    "403": (says("403 No"), Refused("forbidden", "HTTP 403", at(403))),
    "404": (says("404 Where"), Refused("endpoint_missing", "HTTP 404", at(404))),
    "405": (says("405 How"), Refused("endpoint_missing", "HTTP 405", at(405))),
    "408": (says("408 Slow"), Unknown("receiver_unavailable", at(408))),
    "410": (says("410 Gone"), Revoked("endpoint_gone", "HTTP 410")),
    "413": (says("413 Long"), Refused("body_too_large", "HTTP 413", at(413))),
    "422": (says("422 What"), Refused("rejected", "HTTP 422", at(422))),
    "425": (
        says("425 Early"),
        TryLater("receiver_unavailable", None, counts=True, evidence=at(425)),
    ),
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
    "cut off": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        Unknown("connection_lost", at(200)),
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", Unknown("connection_lost", SAID)),
    "200, too large": (
        says("200 OK", b"x" * 70_000),
        Published("step-0", None, {**at(200), "answer": "answer_too_large"}),
    ),
    "201, in no known encoding": (
        says("201 Made", b"{}", Content_Encoding="br"),
        Published("step-0", None, {**at(201), "answer": "answer_unreadable"}),
    ),
    "500, too large": (says("500 Oops", b"x" * 70_000), Unknown("answer_too_large", at(500))),
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


async def test_a_receiver_that_says_nothing_in_time_may_have_it(
    webhook: WebhookConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schedulers.connectors.webhook.TIMEOUT_SECONDS", 0.2)

    async with wire(silent) as server:
        outcome = await webhook.publish(outgoing(server.url()), NOW)

    assert (outcome, len(server.seen)) == (Unknown("answer_timeout", SAID), 1)


async def test_a_receiver_whose_certificate_is_not_believed_gets_nothing(
    webhook: WebhookConnector, tmp_path: Path
) -> None:
    its, _ = certificate("127.0.0.1", tmp_path)

    async with wire(says("200 OK"), tls=its) as server:
        outcome = await webhook.publish(outgoing(server.url(scheme="https")), NOW)

    assert outcome == TryLater("tls_failed", None, counts=True, evidence=SAID)
    assert server.seen == []


async def test_without_a_secret_nothing_is_sent(webhook: WebhookConnector) -> None:
    async with wire(says("200 OK")) as server:
        outcome = await webhook.publish(with_secret(outgoing(server.url()), "planted"), NOW)

    assert (outcome, server.connections) == (Revoked("secret_malformed", "secret"), 0)


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
        (says("404 Where"), Checked(answers=False, reason="endpoint_missing", detail="HTTP 404")),
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
