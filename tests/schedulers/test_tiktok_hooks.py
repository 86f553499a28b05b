"""TikTok's webhooks: what is signed just now is heard, and nothing else, whatever comes."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.tiktok.hooks import signature
from schedulers.connector import Account
from schedulers.connectors.tiktok_hooks import LATE_SECONDS, TikTokHooks
from schedulers.heard import Heard
from tests.schedulers.wires import outgoing

SECRET = "tiktok-client-secret-for-tests"
SECONDS = 1767225600
NOW = datetime.fromtimestamp(SECONDS, UTC)
VECTOR = (
    b'{"client_key":"ck","event":"post.publish.complete","create_time":1767225600,'
    b'"user_openid":"act.user","content":"{\\"publish_id\\":\\"v_pub_file~v2.1\\",'
    b'\\"publish_type\\":\\"DIRECT_PUBLISH\\"}"}'
)
SIGNED = "t=1767225600,s=5c42d6d3ad769a93957e43fed44a5f58453273aff7d5dff00a16876360cc935a"
ID = "v_pub_file~v2.1"
TOLD = {"event": "post.publish.complete", "at": "2026-01-01T00:00:00+00:00"}
COMPLETE = (
    Heard(ID, "ask", evidence=TOLD),
    Heard(ID, "finished", evidence={**TOLD, "publish_id": ID, "post_id": None}),
)

HOOKS = TikTokHooks()


def account(**secrets: str) -> Account:
    """Return a channel's account with an app's secret, where none is given."""
    known = {"client_secret": SECRET, "open_id": "act.user"} | secrets
    return replace(outgoing().account, handle="arsip", platform="tiktok", secrets=known)


def heard(
    body: bytes, signed: str | None = None, now: datetime = NOW, **secrets: str
) -> tuple[Heard, ...] | None:
    """Return what is heard; without a signature, of what is signed right."""
    signed = signature(SECRET, SECONDS, body) if signed is None else signed
    return HOOKS.hear(account(**secrets), {"tiktok-signature": signed}, body, now)


def told(name: Any, inside: Any, **more: Any) -> bytes:
    """Return an event; what is inside is JSON in a string, unless it is a string already."""
    inner = inside if isinstance(inside, str) else json.dumps(inside)
    common = {"client_key": "ck", "create_time": SECONDS, "user_openid": "act.user"}
    return json.dumps(common | {"event": name, "content": inner} | more).encode()


def test_the_documented_vector_is_heard() -> None:
    assert heard(VECTOR, SIGNED) == COMPLETE
    assert HOOKS.addressed(VECTOR) == {"client_key": "ck"}


@pytest.mark.parametrize(
    "signed",
    [
        SIGNED.replace(",", ", "),
        f"{SIGNED[13:]},{SIGNED[:12]}",
        f"v=2,{SIGNED}",
    ],
)
def test_the_signature_may_stand_in_another_order_and_beside_others(signed: str) -> None:
    assert heard(VECTOR, signed) == COMPLETE


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "t=1767225600",
        SIGNED[13:],
        SIGNED[:-1],
        SIGNED.upper(),
        SIGNED + "0",
        SIGNED.replace("s=5", "s=6"),
        SIGNED.replace("1767225600", "1767225601"),
        SIGNED.replace("1767225600", "01767225600"),
        SIGNED.replace("1767225600", "-1767225600"),
        SIGNED.replace("1767225600", "\u0661767225600"),
        SIGNED.replace("1767225600", "1" * 5000),
        SIGNED + "\ud800é",
        signature("another", SECONDS, VECTOR),
    ],
)
def test_another_signature_is_not(signed: str) -> None:
    assert heard(VECTOR, signed) is None


def test_a_body_is_signed_byte_for_byte() -> None:
    same = json.dumps(json.loads(VECTOR)).encode()

    assert json.loads(same) == json.loads(VECTOR)
    assert [heard(each, SIGNED) for each in (same, VECTOR + b"\n", VECTOR[:-1], b"")] == [None] * 4


@pytest.mark.parametrize("late", [-LATE_SECONDS - 1, LATE_SECONDS + 1, 86_400])
def test_what_was_signed_long_ago_or_ahead_is_not_heard(late: int) -> None:
    assert heard(VECTOR, SIGNED, NOW + timedelta(seconds=late)) is None


@pytest.mark.parametrize("late", [-LATE_SECONDS, 0, LATE_SECONDS])
def test_what_was_signed_just_now_is_heard_again_and_means_the_same(late: int) -> None:
    now = NOW + timedelta(seconds=late)

    assert [heard(VECTOR, SIGNED, now) for _ in range(2)] == [COMPLETE] * 2


def test_a_channel_without_a_secret_hears_nothing_not_even_what_nothing_signs() -> None:
    signed = signature("", SECONDS, VECTOR)

    assert heard(VECTOR, signed, client_secret="") is None
    bare = replace(account(), secrets={})
    assert HOOKS.hear(bare, {"tiktok-signature": signed}, VECTOR, NOW) is None


@pytest.mark.parametrize("name", ["failed", "inbox_delivered"])
def test_what_is_no_end_or_a_bad_one_is_asked_after(name: str) -> None:
    event = f"post.publish.{name}"

    assert heard(told(event, {"publish_id": ID, "reason": "internal"})) == (
        Heard(ID, "ask", evidence=TOLD | {"event": event}),
    )


@pytest.mark.parametrize("post_id", [7_500_000_000_000_000_001, "7500000000000000001"])
def test_what_everybody_can_see_has_its_number_and_its_link(post_id: Any) -> None:
    event = "post.publish.publicly_available"
    evidence = TOLD | {"event": event}

    assert heard(told(event, {"publish_id": ID, "post_id": post_id})) == (
        Heard(ID, "ask", evidence=evidence),
        Heard(
            ID,
            "finished",
            "7500000000000000001",
            permalink="https://www.tiktok.com/@arsip/video/7500000000000000001",
            evidence=evidence | {"publish_id": ID, "post_id": "7500000000000000001"},
        ),
    )


def test_the_end_of_a_consent_is_that_of_its_account_only() -> None:
    body = told("authorization.removed", {"reason": 1})
    ended = Heard(
        None,
        "revoked",
        reason="auth_removed",
        at=NOW,
        evidence=TOLD | {"event": "authorization.removed"},
    )

    assert heard(body) == (ended,)
    assert heard(body, open_id="act.other") == ()
    assert heard(told("authorization.removed", {"reason": 1}, user_openid=""), open_id="") == ()


@pytest.mark.parametrize(
    "body",
    [
        told("portability.download.ready", {"request_id": 1}),
        told("video.publish.completed", {"share_id": ID}),
        told("post.publish.no_longer_publicaly_available", {"publish_id": ID, "post_id": 1}),
        told("post.publish.invented", {"publish_id": ID}),
        told(["post.publish.complete"], {"publish_id": ID}),
        told({}, {"publish_id": ID}),
        told("post.publish.complete", {}),
        told("post.publish.complete", {"publish_id": 5}),
        told("post.publish.complete", {"publish_id": "a\x00b"}),
        told("post.publish.complete", {"publish_id": "x" * 201}),
        told("post.publish.complete", "no JSON"),
        told("post.publish.complete", "[" * 100_000),
        told("post.publish.complete", {"publish_id": ID}, content={"publish_id": ID}),
        b"[]",
        b"\xff",
        b"",
    ],
)
def test_what_is_signed_and_not_known_tells_nothing(body: bytes) -> None:
    assert heard(body) == ()


@pytest.mark.parametrize("at", ["1767225600", True, 1.5, None, -1, 10**11, 10**40])
def test_an_event_without_a_time_is_heard(at: Any) -> None:
    (ended,) = heard(told("authorization.removed", {}, create_time=at)) or ()

    assert (ended.what, ended.at) == ("revoked", None)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\xff", b"null", b"[" * 100_000, b"1" * 5000, b"{}"),
        *(b'{"client_key":5}', b'{"client_key":""}'),
        *(b'{"client_key":"a\\u0000"}', b'{"client_key":"\\ud800"}'),
    ],
)
def test_what_names_no_app_is_for_nobody(body: bytes) -> None:
    assert HOOKS.addressed(body) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["post.publish.complete", "post.publish.publicly_available", "authorization.removed"]
)
CONTENT = st.fixed_dictionaries(
    {}, optional={"publish_id": JSON | st.just(ID), "post_id": JSON, "reason": JSON}
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "client_key": JSON | st.just("ck"),
        "event": NAMES | JSON,
        "create_time": JSON,
        "user_openid": JSON | st.just("act.user"),
        "content": CONTENT.map(json.dumps) | JSON,
    },
)
BODIES = st.binary() | EVENTS.map(lambda event: json.dumps(event).encode())


@given(BODIES)
def test_whatever_is_signed_is_answered_in_plain_words(body: bytes) -> None:
    found = heard(body)

    assert found is not None
    for each in found:
        words = (each.handle, each.remote_id, each.permalink, each.reason)
        assert all(word is None or (word.isascii() and word.isprintable()) for word in words)
        assert json.loads(json.dumps(each.evidence)) == each.evidence
    assert all(value.isprintable() for value in HOOKS.addressed(body).values())


def plainly(body: bytes, header: str, now: datetime) -> bool:
    """Say whether a signature is right, as the documentation puts it."""
    seconds, _, sent = header.removeprefix("t=").partition(",s=")
    signed = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return sent == signed.hexdigest() and abs((now - NOW).total_seconds()) <= LATE_SECONDS


@given(
    st.sampled_from([VECTOR, b"{}", b""]) | st.binary(max_size=20),
    st.sampled_from([SECRET, "", "x"]),
    st.integers(-2 * LATE_SECONDS, 2 * LATE_SECONDS),
    st.sampled_from([b"", b" ", b"}"]),
)
def test_only_what_is_signed_right_and_just_now_is_heard(
    body: bytes, secret: str, late: int, added: bytes
) -> None:
    header, now = signature(secret, SECONDS, body), NOW + timedelta(seconds=late)

    found = heard(body + added, header, now)

    assert (found is not None) == plainly(body + added, header, now)


@given(st.text(), st.binary(max_size=40))
def test_no_header_that_somebody_invents_is_a_signature(header: str, body: bytes) -> None:
    assert heard(body, header) is None


@given(st.integers(0, len(VECTOR) - 1), st.integers(0, 7))
def test_no_bit_of_the_body_may_differ(place: int, bit: int) -> None:
    other = bytearray(VECTOR)
    other[place] ^= 1 << bit

    assert heard(bytes(other), SIGNED) is None
