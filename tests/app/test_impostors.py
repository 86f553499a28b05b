"""Hostile headers and logins: junk is refused or ignored, and nobody comes in by a trick."""

import json
from collections.abc import Iterable

import httpx
import pytest

from app.deps import House
from app.middleware import REQUEST_ID
from store.db import Store
from tests.app.conftest import Office
from tests.app.logins import browser, give_password, log_in
from tests.app.wire import JSON, Headers, Wire, open_wire, written

PILLARS = "/api/v1/workspaces/biro/pillars"
BODY = b'{"name": "Sejarah"}'


@pytest.fixture
async def wire(house: House, office: Office) -> Wire:
    return await open_wire(house, office)


JUNK: Iterable[str | bytes] = (
    "",
    ",",
    '"',
    "junk",
    "W/",
    '""',
    '"99"',
    "\t",
    b"\xff\xfe",
    b'"\xc3\x28"',
    '"' + "9" * 5000 + '"',
    "%00",
    '"1" OR 1=1',
)


async def test_a_version_that_is_none_changes_nothing(wire: Wire, store: Store) -> None:
    before = await written(store)

    answers = [
        await wire.as_owner("PATCH", "/api/v1/workspaces/biro", {**JSON, "If-Match": junk}, b"{}")
        for junk in JUNK
    ]
    without = await wire.as_owner("PATCH", "/api/v1/workspaces/biro", JSON, b"{}")

    assert {(each.status, each.kind) for each in answers} == {(412, "version-changed")}
    assert (without.status, without.kind) == (428, "if-match-missing")
    assert await written(store) == before


IGNORED = (
    "If-None-Match",
    "If-Modified-Since",
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "X-Request-ID",
    "traceparent",
    "tracestate",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "Forwarded",
    "Range",
    "If-Range",
    "User-Agent",
    "Referer",
)


@pytest.mark.untraced
async def test_junk_in_a_header_that_may_be_ignored_is_ignored(wire: Wire, store: Store) -> None:
    before = await written(store)
    plain = await wire.as_owner("GET", "/api/v1/workspaces/biro")
    more = (b"/etc/passwd", b"bytes=0-,0-,0-", b"*;q=9" * 500, b"00-" + b"0" * 32 + b"-0-1")

    for name in IGNORED:
        for junk in (*JUNK, *more):
            answer = await wire.as_owner("GET", "/api/v1/workspaces/biro", {name: junk})
            assert (name, junk, answer.status, answer.body) == (name, junk, 200, plain.body)
            assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    assert await written(store) == before


async def test_ids_that_are_none_are_replaced_and_good_ones_kept(wire: Wire) -> None:
    bad = ["short", "x" * 65, "a b c d e f", "abcdefgh\r\nSet-Cookie: x=1", "id;drop table", "ééé"]

    echoed = [
        (await wire("GET", "/healthz", {"X-Request-ID": each})).headers["x-request-id"]
        for each in [*bad, "abc-DEF_1.2"]
    ]

    assert set(echoed) & set(bad) == set()
    assert echoed[-1] == "abc-DEF_1.2"


async def test_ranges_beyond_a_file_are_refused_and_odd_ones_ignored(
    wire: Wire, office: Office
) -> None:
    (file,) = (await office.owner.ok("GET", office.path("/media")))["items"]
    target = "/api/v1" + office.path(f"/media/{file['id']}/content")
    ranges = {
        "bytes=0-0": 206,
        "bytes=99999-": 416,
        f"bytes={'9' * 30}-": 416,
        f"bytes={'9' * 5000}-": 200,
        "bytes=-0": 416,
        "bytes=5-1": 200,
        "bytes=0-0,2-2": 200,
        "bytes=-": 200,
        "bytes=a-b": 200,
        "lines=0-1": 200,
        "bytes=0-0\x00": 200,
        "bytes=" + "0-," * 1000: 200,
    }

    statuses = {
        each: (await wire.as_owner("GET", target, {"Range": each})).status for each in ranges
    }

    assert statuses == ranges


async def test_bad_headers_that_mean_something_are_refused(wire: Wire, store: Store) -> None:
    before = await written(store)
    asked: dict[tuple[str, str, str | bytes], str] = {
        ("POST", "Idempotency-Key", ""): "wrong-key",
        ("POST", "Idempotency-Key", "x" * 256): "wrong-key",
        ("POST", "Idempotency-Key", "a b"): "wrong-key",
        ("POST", "Idempotency-Key", b"\xff"): "wrong-key",
        ("GET", "Last-Event-ID", "-1"): "invalid-request",
        ("GET", "Last-Event-ID", "9" * 19): "invalid-request",
        ("GET", "Last-Event-ID", "1;2"): "invalid-request",
    }

    answers = {}
    for method, name, value in asked:
        target = PILLARS if method == "POST" else "/api/v1/workspaces/biro/events"
        body = BODY if method == "POST" else b""
        told = {name: value} | (dict(JSON) if body else {})
        answer = await wire.as_owner(method, target, told, body)
        answers[method, name, value] = answer.kind

    assert answers == asked
    assert await written(store) == before


async def test_what_only_looks_like_a_login_is_none(wire: Wire, store: Store) -> None:
    before = await written(store)
    token, key = wire.cookie.partition("=")[2], wire.bearer.partition(" ")[2]
    asked: dict[str, Headers] = {
        "the cookie under another name": {"Cookie": f"session={token}"},
        "the name of https": {"Cookie": f"__Host-pilar={token}"},
        "another case": {"Cookie": f"PILAR={token}"},
        "a token too long": {"Cookie": f"pilar={token}x"},
        "a token too short": {"Cookie": f"pilar={token[:-1]}"},
        "no token": {"Cookie": "pilar="},
        "quotes": {"Cookie": f'pilar="{token}x"'},
        "a false one last": {"Cookie": f"pilar={token}; pilar=x"},
        "bytes": {"Cookie": b"pilar=\xff\xfe"},
        "a cookie as a key": {"Authorization": f"Bearer {token}"},
        "a key as a cookie": {"Cookie": f"pilar={key}"},
        "a key in Basic": {"Authorization": f"Basic {key}"},
        "a key alone": {"Authorization": key},
        "a key twice": {"Authorization": f"Bearer {key} {key}"},
        "a key in lower case": {"Authorization": f"Bearer {key.lower()}"},
        "a key with NUL": {"Authorization": f"Bearer {key}\x00"},
        "bytes as a key": {"Authorization": b"Bearer \xff"},
        "a false key beside a good cookie": {
            "Authorization": "Bearer pilar_" + "a" * 36,
            "Cookie": wire.cookie,
        },
        "another scheme beside a good cookie": {
            "Authorization": "Negotiate x",
            "Cookie": wire.cookie,
        },
        "a key in another header": {"X-Api-Key": key},
        "nothing": {},
    }

    answers = {
        name: await wire("GET", "/api/v1/workspaces/biro", headers)
        for name, headers in asked.items()
    }
    in_query = await wire("GET", f"/api/v1/workspaces/biro?api_key={key}&access_token={key}")

    told = {name: (each.status, each.kind) for name, each in answers.items()}
    assert told == dict.fromkeys(asked, (401, "login-needed"))
    assert in_query.status in {401, 422}
    assert await written(store) == before


async def test_a_key_decides_over_a_cookie(wire: Wire) -> None:
    both: Headers = {"Authorization": wire.bearer, "Cookie": wire.cookie}

    answer = await wire("GET", "/api/v1/me", both)

    assert json.loads(answer.body)["kind"] == "key"


SITES: tuple[tuple[Headers, int], ...] = (
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "junk"}, 403),
    ({"Sec-Fetch-Site": ""}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://pilar.test"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "http://pilar.test.evil.example"}, 403),
    ({"Origin": "http://pilar.test:81"}, 403),
    ({"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"}, 403),
    ({"Origin": "http://evil.example", "X-HTTP-Method-Override": "GET"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 412),
    ({"Origin": "http://pilar.test"}, 412),
    ({}, 412),
)


async def test_no_other_site_writes_with_the_browsers_session(wire: Wire, store: Store) -> None:
    before = await written(store)

    for headers, status in SITES:
        told = {**JSON, "If-Match": '"99"', **headers}
        answer = await wire.as_owner("PATCH", "/api/v1/workspaces/biro", told, b"{}")
        reading = await wire.as_owner("GET", "/api/v1/workspaces/biro", headers)
        assert (headers, answer.status, reading.status) == (headers, status, 200)
        assert answer.kind == ("cross-site" if status == 403 else "version-changed")

    assert await written(store) == before


async def test_nobody_logs_in_with_a_session_that_was_chosen_for_them(
    house: House, office: Office
) -> None:
    email, chosen = "owner@biro.example", "dipilihkan"
    await give_password(house, email)

    async with browser(house) as client:
        client.http.cookies.set("__Host-pilar", chosen, domain="pilar.test", path="/")
        answer = await log_in(client, email)
        token = answer.cookies["__Host-pilar"]
        client.http.cookies.clear()
        reads: list[httpx.Response] = [
            await client("GET", "/me", headers={"Cookie": f"__Host-pilar={each}"})
            for each in (token, chosen)
        ]

    assert token != chosen
    assert [each.status_code for each in reads] == [200, 401]
