"""The signed webhook: what it says, how it is signed, and what each answer means."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from schedulers.connector import (
    Outgoing,
    Published,
)
from schedulers.connectors.webhook import BadSecret, Message, WebhookConnector, signed
from tests.schedulers.wires import (
    DUE,
    SECRET,
    outgoing,
    says,
    served,
    wire,
)

OTHER = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
NOW = DUE + timedelta(seconds=3)


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
