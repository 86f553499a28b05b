"""Whatever a client sends, the platform answers: a refusal of its table, or a success."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sandbox.tiktok.rules import RULES
from tests.sandbox.cases import (
    CANCEL,
    CREATOR,
    INBOX,
    LIST,
    PHOTO,
    QUERY,
    STATUS,
    VIDEO,
    begun,
    draft_body,
    photo_body,
    video_body,
)
from tests.sandbox.platform import KEYS, Stage, exchange, source, stage, wish
from tests.sandbox.test_tiktok_conformance import code_of

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BODIES = [
    (VIDEO, video_body()),
    (INBOX, {"source_info": source(1000)}),
    (PHOTO, photo_body()),
    (PHOTO, draft_body()),
    (STATUS, {"publish_id": "x"}),
    (CANCEL, {"publish_id": "x"}),
    (f"{LIST}?fields=id", {"cursor": 0, "max_count": 3}),
    (f"{QUERY}?fields=id", {"filters": {"video_ids": ["1"]}}),
]
KNOWN = {(rule.status, rule.code) for rule in RULES.values()} | {(200, "")}
SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(body: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something can be put into a body, itself included."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(body, dict | list):
        inner = list(body.items() if isinstance(body, dict) else enumerate(body))
    return [here, *(each for key, value in inner for each in places(value, (*here, key)))]


def spoilt(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a body with a value in one of its places."""
    if not place:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[place[0]] = spoilt(copy[place[0]], place[1:], value)
    return copy


async def presents_itself(s: Stage) -> None:
    """Look at everything that is shown; nothing that came in may break it."""
    assert (await s.http.get("/")).status_code == 200
    assert (await s.http.get("/_sandbox/state")).status_code == 200
    await s.work()


@pytest.mark.parametrize(
    "body", [{"\ud800": None}, {"publish_id": "\ud800"}, [], "\ud800", 10**400], ids=ascii
)
async def test_what_was_not_text_is_answered_and_shown(tiktok: Stage, body: Any) -> None:
    headers = {
        "Authorization": f"Bearer {await tiktok.token()}",
        "Content-Type": "application/json; charset=UTF-8",
    }

    answer = await tiktok.http.post(STATUS, headers=headers, content=json.dumps(body).encode())

    assert (answer.status_code, code_of(answer)) == (400, "invalid_param")
    await presents_itself(tiktok)


@pytest.mark.parametrize(("path", "body"), BODIES)
@SETTINGS
@given(st.data())
async def test_any_value_anywhere_in_a_body_is_answered(
    path: str, body: dict[str, Any], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(places(body)))
    sent = spoilt(body, place, data.draw(JSONS))
    async with stage() as s:
        token = await s.token()
        await s.call(CREATOR, token)

        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=UTF-8",
        }
        answer = await s.http.post(path, headers=headers, content=json.dumps(sent).encode())

        assert (answer.status_code, code_of(answer)) in KNOWN
        await presents_itself(s)


@SETTINGS
@given(st.binary(max_size=60), st.sampled_from([VIDEO, STATUS, LIST, "/v2/oauth/token/"]))
async def test_any_bytes_are_answered(content: bytes, path: str) -> None:
    async with stage() as s:
        kind = "application/json; charset=UTF-8"
        if "oauth" in path:
            kind = "application/x-www-form-urlencoded"
        headers = {"Authorization": f"Bearer {await s.token()}", "Content-Type": kind}

        answer = await s.http.post(path, headers=headers, content=content)

        assert answer.status_code in {400, 401}
        await presents_itself(s)


VALUES = st.text(max_size=8)


@SETTINGS
@given(st.sampled_from(sorted(wish())), VALUES, st.booleans())
async def test_any_authorize_request_is_answered(name: str, value: str, agreed: bool) -> None:
    query = wish(**{name: value})
    async with stage() as s:
        path = "/v2/auth/authorize/"
        form = {"account": value or "warisan.privat", "decision": "allow", "scope": [value]}

        if agreed:
            answer = await s.http.post(path, params=query, data=form)
        else:
            answer = await s.http.get(path, params=query)

        assert answer.status_code in {200, 302, 400}
        await presents_itself(s)


@SETTINGS
@given(st.sampled_from(sorted(exchange(""))), VALUES)
async def test_any_token_request_is_answered(name: str, value: str) -> None:
    async with stage() as s:
        code = "code" if name == "code" else next(iter(await _codes(s)))
        form = exchange(code) | {name: value}

        answer = await s.http.post("/v2/oauth/token/", data=form)

        right = name != "code" and exchange(code)[name] == value
        assert (answer.status_code == 200) == right
        assert KEYS["client_secret"] not in answer.text
        await presents_itself(s)


async def _codes(s: Stage) -> dict[str, Any]:
    form = {"account": "warisan.privat", "scope": ["video.publish"], "decision": "allow"}
    await s.http.post("/v2/auth/authorize/", params=wish(), data=form)
    return dict(s.tiktok.codes)


NAMES = ["content-type", "content-range", "content-length"]
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@SETTINGS
@given(st.sampled_from(NAMES), LATIN.map(str.strip))
async def test_any_chunk_is_answered(name: str, value: str) -> None:
    async with stage() as s:
        url, _ = await begun(s)
        told = {"content-type": "video/mp4", "content-range": "bytes 0-999/1000"}

        answer = await s.http.put(url, headers=told | {name: value}, content=bytes(1000))

        assert answer.status_code == 400
        assert s.tiktok.publications.popitem()[1].committed_at is None
