"""OAuth 2 on the wire: what an answer of a token endpoint means."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.connector import TryLater, Unknown
from schedulers.oauth import OAuthError, bounded, challenge_s256, expires_at, token_request
from schedulers.outbound import Outbound
from tests.app.oauth import answers
from tests.schedulers.wires import says, wire

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FORM = {"grant_type": "authorization_code", "code": "kode+rahasia/&=", "client_secret": "klien-12"}


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert challenge_s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_form_arrives_as_it_is_and_its_answer_comes_back(outbound: Outbound) -> None:
    async with wire(answers({"access_token": "a", "error": ""})) as server:
        said = await token_request(
            outbound, server.url("/token"), FORM, NOW, headers={"Authorization": "Basic eA=="}
        )

    (seen,) = server.seen
    assert said == {"access_token": "a", "error": ""}
    assert seen.line == "POST /token HTTP/1.1"
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (seen.headers["authorization"], seen.headers["accept"]) == (
        "Basic eA==",
        "application/json",
    )
    assert dict(parse_qsl(seen.body.decode())) == FORM


GRANT = {"access_token": "a", "refresh_token": "b", "expires_in": 60}


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (answers(GRANT), GRANT),
        (answers(GRANT, "201 Created"), GRANT),
        (says("200 OK"), {}),
        (says("200 OK", b" \n"), {}),
        (answers({"error": "invalid_grant"}), OAuthError("invalid_grant", "")),
        (answers(GRANT | {"error": "invalid_grant"}), OAuthError("invalid_grant", "")),
        (
            answers({"error": "invalid_client", "error_description": "no"}, "401 Unauthorized"),
            OAuthError("invalid_client", "no"),
        ),
        (
            answers({"error": {"type": "OAuthException", "message": "no", "code": 190}}),
            OAuthError("OAuthException", "no"),
        ),
        (answers({"error": {"code": 190}}, "400 Bad Request"), OAuthError("190", "")),
        (answers({"error": ["?"]}), OAuthError("error", "")),
        (answers({"error": False}), OAuthError("error", "")),
        (says("404 Not Found", b"<html>"), OAuthError("http_404", "")),
        (says("302 Found", Location="/elsewhere"), OAuthError("http_302", "")),
        (
            answers({}, "429 Too Many Requests", Retry_After="7"),
            TryLater("platform_busy", 7.0, counts=False, evidence={"status": 429}),
        ),
        (
            answers({"error": "x"}, "503 Service Unavailable"),
            TryLater("platform_busy", None, counts=True, evidence={"status": 503}),
        ),
        (
            answers({"error": "temporarily_unavailable"}, "400 Bad Request"),
            TryLater("platform_busy", None, counts=True, evidence={"status": 400}),
        ),
        (says("502 Bad Gateway"), Unknown("platform_error", {"status": 502})),
        (
            answers({"error": "server_error"}, "500 Internal Server Error"),
            Unknown("platform_error", {"status": 500}),
        ),
        (answers({"error": "server_error"}), Unknown("platform_error", {"status": 200})),
        (says("200 OK", b"[]"), Unknown("answer_unreadable", {"status": 200})),
        (says("200 OK", b"<html>"), Unknown("answer_unreadable", {"status": 200})),
        (
            says("200 OK", b'"' + b"x" * 70_000 + b'"'),
            Unknown("answer_too_large", {"status": 200}),
        ),
        (b"", Unknown("connection_lost")),
    ],
)
async def test_what_an_answer_means(outbound: Outbound, answer: bytes, meaning: Any) -> None:
    async with wire(answer) as server:
        assert await token_request(outbound, server.url("/token"), FORM, NOW) == meaning


async def test_what_was_not_sent_may_be_sent_later(outbound: Outbound) -> None:
    async with wire(says("200 OK")) as server:
        url = server.url("/token")

    told = await token_request(outbound, url, FORM, NOW)
    inside = await token_request(outbound, "http://169.254.169.254/token", FORM, NOW)

    assert told == TryLater("connect_failed", None, counts=True)
    assert inside == TryLater("address_refused", None, counts=True)


async def test_an_error_does_not_repeat_what_was_sent(outbound: Outbound) -> None:
    said = f"code {FORM['code']} of {FORM['client_secret']}\r\nis unknown" + "!" * 1000
    async with wire(answers({"error": FORM["code"], "error_description": said})) as server:
        error = await token_request(outbound, server.url("/token"), FORM, NOW)

    assert error == OAuthError("…", ("code … of …  is unknown" + "!" * 1000)[:300])


@given(
    words=st.text(max_size=400),
    secrets=st.lists(st.text(min_size=6, max_size=12), max_size=4),
    place=st.integers(0, 400),
    most=st.integers(1, 300),
)
def test_whatever_a_platform_says_is_short_printable_and_without_secrets(
    words: str, secrets: list[str], place: int, most: int
) -> None:
    said = words[:place] + "".join(secrets) + words[place:]

    shown = bounded(said, most, secrets)

    assert len(shown) <= most
    assert all(mark.isprintable() for mark in shown)
    assert not [secret for secret in secrets if secret in shown and secret not in words + "…"]


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"expires_in": 3600}, 3600),
        ({"expires_in": "3600"}, 3600),
        ({"expires_in": 0.5}, 0.5),
        ({"expires_in": 10**30}, 10 * 366 * 24 * 3600),
        ({"expires_in": "9" * 50}, 10 * 366 * 24 * 3600),
        ({"expires_in": float("inf")}, 10 * 366 * 24 * 3600),
        ({"expires_in": 0}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": float("nan")}, None),
        ({"expires_in": True}, None),
        ({"expires_in": "soon"}, None),
        ({"expires_in": [3600]}, None),
        ({}, None),
    ],
)
def test_when_a_token_ends(body: Mapping[str, Any], seconds: float | None) -> None:
    wanted = None if seconds is None else NOW + timedelta(seconds=seconds)

    assert expires_at(NOW, body) == wanted
