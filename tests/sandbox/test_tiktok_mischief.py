"""The sandbox misbehaves on order: in its answers, and on the wire."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.sandbox.tiktok.rules import CODES
from app.sandbox.tiktok.state import TikTok
from tests.sandbox.cases import CREATOR, INBOX, SMALL, STATUS, VIDEO, begun, video_body
from tests.sandbox.platform import (
    KEYS,
    PRIVATE,
    Stage,
    back,
    body_of,
    developer,
    part,
    served,
    source,
    wish,
)
from tests.waiting import until

API = sorted(code for code in CODES if CODES[code] != 404)
CAPS = {
    "spam_risk_too_many_posts",
    "spam_risk_user_banned_from_posting",
    "reached_active_user_cap",
}
FLAT = [
    "invalid_request",
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "invalid_scope",
    "access_denied",
    "unsupported_grant_type",
    "server_error",
    "temporarily_unavailable",
]


def trick(endpoint: str, do: str, **more: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "do": do} | more


@pytest.mark.parametrize("code", API)
async def test_every_documented_code_can_be_provoked_with_its_status(
    tiktok: Stage, code: str
) -> None:
    token = await tiktok.token()
    await tiktok.control(
        mischief=[
            trick("video_init", "refuse", code=code),
            trick("creator_info", "refuse", code=code),
        ]
    )

    init = await tiktok.call(VIDEO, token, video_body())
    info = await tiktok.call(CREATOR, token)
    after = await tiktok.call(CREATOR, token)

    assert (init.status_code, init.json()["error"]["code"]) == (CODES[code], code)
    assert info.status_code == (200 if code in CAPS else CODES[code])
    assert after.json()["error"]["code"] == "ok"
    assert (await tiktok.state())["publications"] == []


@pytest.mark.parametrize("code", FLAT)
async def test_every_oauth_error_can_be_provoked(tiktok: Stage, code: str) -> None:
    await tiktok.control(mischief=[trick("token", "refuse", code=code, message="Why not")])

    answer = await tiktok.http.post("/v2/oauth/token/", data=KEYS)

    assert answer.status_code == 400
    assert answer.json() | {"log_id": ""} == {
        "error": code,
        "error_description": "Why not",
        "log_id": "",
    }


async def test_an_error_may_come_with_200_and_after_some_decent_calls(tiktok: Stage) -> None:
    token = await tiktok.token()
    order = trick("inbox_init", "refuse", code="internal_error", status=200, skip=1, times=2)
    await tiktok.control(mischief=[order])

    answers = [await tiktok.call(INBOX, token, {"source_info": source(SMALL)}) for _ in range(4)]

    said = [(each.status_code, each.json()["error"]["code"]) for each in answers]
    assert said == [(200, "ok"), (200, "internal_error"), (200, "internal_error"), (200, "ok")]


@pytest.mark.parametrize("after", [True, False])
async def test_a_crash_comes_before_the_effect_or_after_it(tiktok: Stage, after: bool) -> None:
    token = await tiktok.token()
    await tiktok.control(mischief=[trick("inbox_init", "crash", status=502, after=after)])

    answer = await tiktok.call(INBOX, token, {"source_info": source(SMALL)})

    assert (answer.status_code, answer.content) == (502, b"")
    assert len((await tiktok.state())["publications"]) == int(after)


@pytest.mark.parametrize("status", [400, 403, 404, 416, 500])
async def test_a_chunk_is_refused_and_is_no_progress(tiktok: Stage, status: int) -> None:
    url, _ = await begun(tiktok)
    await tiktok.control(mischief=[trick("upload", "refuse", status=status)])
    headers, content = part(body_of(SMALL), 0, SMALL - 1)

    answers = [await tiktok.http.put(url, headers=headers, content=content) for _ in range(2)]

    assert [each.status_code for each in answers] == [status, 201]


async def test_a_chunk_that_is_here_already_may_be_accepted_again(tiktok: Stage) -> None:
    await tiktok.control(developer={"resent_chunk_status": 206})
    size, chunk = 11_000_000, 5_500_000
    url, _ = await begun(tiktok, size, chunk)
    headers, content = part(body_of(size), 0, chunk - 1)

    answers = [await tiktok.http.put(url, headers=headers, content=content) for _ in range(2)]

    said = [(each.status_code, each.headers["content-range"]) for each in answers]
    assert said == [(206, f"bytes 0-{chunk}/{size}")] * 2


@pytest.mark.parametrize(
    "order",
    [
        {"mischief": [trick("nowhere", "lose")]},
        {"mischief": [trick("status", "refuse")]},
        {"mischief": [trick("status", "explode")]},
        {"mischief": [trick("status", "forge")]},
        {"mischief": [trick("webhook", "lose")]},
        {"developer": {"audit": True}},
        {"accounts": {PRIVATE: {"banned": "yes"}}},
        {"advance_seconds": -1},
    ],
)
async def test_an_order_that_means_nothing_is_refused(tiktok: Stage, order: dict[str, Any]) -> None:
    answer = await tiktok.http.post("/_sandbox/control", json=order)

    assert answer.status_code == 422
    assert (await tiktok.state())["mischief"] == []


async def test_an_order_about_nothing_is_refused(tiktok: Stage) -> None:
    order = {"inbox": [{"publish_id": "v_inbox~1", "do": "post"}]}

    answer = await tiktok.http.post("/_sandbox/control", json=order)

    assert (answer.status_code, answer.json()) == (
        409,
        {"wrong": "There is no publish_id v_inbox~1."},
    )


async def test_mischief_is_forgotten_when_told_so(tiktok: Stage) -> None:
    token = await tiktok.token()
    await tiktok.control(
        mischief=[trick("creator_info", "crash", times=9)], next=[{"fail_reason": "spam_risk"}]
    )

    state = await tiktok.control(clear=True)
    answer = await tiktok.call(CREATOR, token)

    assert (state["mischief"], tiktok.tiktok.fates, answer.status_code) == ([], [], 200)


@pytest.fixture
async def real() -> AsyncIterator[Stage]:
    """A sandbox that listens on loopback; its clock runs."""
    tiktok = TikTok(lambda: datetime.now(UTC), developer=developer())
    async with served(tiktok) as url, httpx.AsyncClient(base_url=url) as http:
        yield Stage(http, tiktok, [datetime.now(UTC)])


async def test_a_lost_answer_had_its_effect(real: Stage) -> None:
    token = await real.token()
    await real.control(mischief=[trick("inbox_init", "lose")])

    with pytest.raises(httpx.RemoteProtocolError):
        await real.call(INBOX, token, {"source_info": source(SMALL)})

    assert len((await real.state())["publications"]) == 1


async def test_a_lost_refresh_burns_the_old_token(real: Stage) -> None:
    pair = await real.pair()
    form = KEYS | {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    await real.control(mischief=[trick("token", "lose")])

    with pytest.raises(httpx.RemoteProtocolError):
        await real.http.post("/v2/oauth/token/", data=form)
    again = await real.http.post("/v2/oauth/token/", data=form)

    assert again.json()["error"] == "invalid_grant"
    assert (await real.state())["tokens"]["refresh_reuses"] == 1


async def test_a_connection_that_is_reset_had_no_effect(real: Stage) -> None:
    token = await real.token()
    await real.control(mischief=[trick("inbox_init", "reset")])

    with pytest.raises(httpx.TransportError):
        await real.call(INBOX, token, {"source_info": source(SMALL)})

    assert (await real.state())["publications"] == []


async def test_a_chunk_that_is_cut_within_is_no_progress(real: Stage) -> None:
    size, chunk = 11_000_000, 5_500_000
    url, publish_id = await begun(real, size, chunk)
    await real.control(mischief=[trick("upload", "reset", read_bytes=1_000_000)])
    headers, content = part(body_of(size), 0, chunk - 1)

    with pytest.raises(httpx.TransportError):
        await real.http.put(url, headers=headers, content=content)
    state = await real.state()
    answer = await real.http.put(url, headers=headers, content=content)

    assert state["publications"][0]["uploaded_bytes"] == 0
    assert answer.status_code == 206
    assert publish_id == state["publications"][0]["publish_id"]


async def test_a_client_that_breaks_off_within_a_chunk_made_no_progress(real: Stage) -> None:
    url, _ = await begun(real)
    at = httpx.URL(url)
    reader, writer = await asyncio.open_connection(at.host, at.port)
    lines = [
        f"PUT {at.raw_path.decode()} HTTP/1.1",
        "Host: sandbox",
        "Content-Type: video/mp4",
        f"Content-Length: {SMALL}",
        f"Content-Range: bytes 0-{SMALL - 1}/{SMALL}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + b"x" * 500)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await until(lambda: bool(real.tiktok.refusals), 5)

    state = await real.state()
    headers, content = part(body_of(SMALL), 0, SMALL - 1)
    answer = await real.http.put(url, headers=headers, content=content)

    assert await reader.read() == b""
    assert [each["rule"] for each in state["refusals"]] == ["put-whole"]
    assert answer.status_code == 201


async def test_the_answer_to_the_last_chunk_may_be_lost(real: Stage) -> None:
    url, publish_id = await begun(real)
    await real.control(mischief=[trick("upload", "lose")])
    headers, content = part(body_of(SMALL), 0, SMALL - 1)

    with pytest.raises(httpx.RemoteProtocolError):
        await real.http.put(url, headers=headers, content=content)
    said = await real.call(STATUS, await real.token(), {"publish_id": publish_id})

    assert said.json()["data"]["uploaded_bytes"] == SMALL


async def test_a_refusal_reaches_a_client_that_closes_and_still_sends(real: Stage) -> None:
    size, chunk = 120_000_000, 60_000_000
    url, _ = await begun(real, size, chunk)
    headers, content = part(bytes(size), chunk, size - 1)

    answer = await real.http.put(url, headers=headers | {"Connection": "close"}, content=content)

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes 0-0/{size}")


async def test_a_person_is_sent_back_with_any_error(tiktok: Stage) -> None:
    await tiktok.control(mischief=[trick("authorize", "refuse", code="server_error")])

    answer = await tiktok.http.get("/v2/auth/authorize/", params=wish())

    assert answer.status_code == 302
    assert back(answer) == {"error": "server_error", "state": "s1"}


async def test_a_slow_answer_is_waited_for(real: Stage) -> None:
    token = await real.token()
    await real.control(mischief=[trick("status", "slow", seconds=0.2)])

    with pytest.raises(httpx.ReadTimeout):
        await real.http.post(STATUS, headers={"Authorization": f"Bearer {token}"}, timeout=0.1)
    again = await real.call(STATUS, token, {"publish_id": "x"})

    assert again.status_code == 400
