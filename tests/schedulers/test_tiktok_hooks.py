"""TikTok's webhooks: what is signed just now is heard, whatever else comes is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.connector import Account, Heard
from schedulers.connectors.tiktok_hooks import TikTokHooks
from tests.schedulers.wires import outgoing

NOW = datetime.fromtimestamp(1_767_225_600, UTC)
SECRET = "tiktok-client-secret-for-tests"
BODY = (
    b'{"client_key":"ck","event":"post.publish.complete","create_time":1767225600,'
    b'"user_openid":"act.user","content":"{\\"publish_id\\":\\"v_pub_file~v2.1\\",'
    b'\\"publish_type\\":\\"DIRECT_PUBLISH\\"}"}'
)
HEX = "5c42d6d3ad769a93957e43fed44a5f58453273aff7d5dff00a16876360cc935a"
HEADERS = {"tiktok-signature": f"t=1767225600,s={HEX}"}


def account(secret: str = SECRET) -> Account:
    plain = outgoing("https://x.example").account
    return replace(plain, handle="biro", secrets={"client_secret": secret, "open_id": "act.user"})


def what(heard: tuple[Heard, ...] | None) -> list[tuple[str, str | None]] | None:
    return None if heard is None else [(each.what, each.handle) for each in heard]


def test_the_vector_of_the_documentation_is_heard() -> None:
    heard = TikTokHooks().hear(account(), HEADERS, BODY, NOW)

    assert what(heard) == [("ask", "v_pub_file~v2.1"), ("finished", "v_pub_file~v2.1")]
    assert TikTokHooks().addressed(BODY) == {"client_key": "ck"}


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_signature_is_good_for_five_minutes(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    one_more = at + timedelta(seconds=seconds / 300)

    assert TikTokHooks().hear(account(), HEADERS, BODY, at) is not None
    assert TikTokHooks().hear(account(), HEADERS, BODY, one_more) is None


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_no_bit_of_the_body_may_differ(place: int, bit: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= 1 << bit

    assert TikTokHooks().hear(account(), HEADERS, bytes(changed), NOW) is None


@given(secret=st.text(max_size=40), header=st.text(max_size=100), body=st.binary(max_size=200))
def test_whatever_comes_unsigned_is_not_heard(secret: str, header: str, body: bytes) -> None:
    assert TikTokHooks().hear(account(secret), {"tiktok-signature": header}, body, NOW) is None
    assert set(TikTokHooks().addressed(body)) <= {"client_key"}
