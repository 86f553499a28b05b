"""Consent and tokens: what is granted, what rotates, what is counted, what people see."""

import httpx

from app.sandbox.tiktok.tokens import faults_of
from tests.sandbox.cases import CREATOR
from tests.sandbox.platform import (
    DESKTOP,
    KEYS,
    PUBLIC,
    WEB,
    Stage,
    agree,
    exchange,
    wish,
)

TOKEN = "/v2/oauth/token/"


async def refreshed(s: Stage, token: str) -> httpx.Response:
    form = KEYS | {"grant_type": "refresh_token", "refresh_token": token}
    return await s.http.post(TOKEN, data=form)


async def test_a_pair_says_how_long_it_lives_and_what_it_may(tiktok: Stage) -> None:
    pair = await tiktok.pair(PUBLIC, ("video.publish",))

    assert pair | {"access_token": "", "refresh_token": ""} == {
        "access_token": "",
        "expires_in": 7200,
        "open_id": "-000sandbox-open-id-publik",
        "refresh_expires_in": 15552000,
        "refresh_token": "",
        "scope": "user.info.basic,video.publish",
        "token_type": "Bearer",
    }
    assert (pair["access_token"][:4], pair["refresh_token"][:4]) == ("act.", "rft.")


async def test_a_refresh_token_works_once_and_its_reuse_is_counted(tiktok: Stage) -> None:
    first = await tiktok.pair()

    second = (await refreshed(tiktok, first["refresh_token"])).json()
    again = await refreshed(tiktok, first["refresh_token"])
    third = (await refreshed(tiktok, second["refresh_token"])).json()

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert len({pair["refresh_token"] for pair in (first, second, third)}) == 3
    assert (await tiktok.state())["tokens"] == {
        "codes": 1,
        "exchanges": 1,
        "code_reuses": 0,
        "refreshes": 2,
        "refresh_reuses": 1,
        "revocations": 0,
    }


async def test_a_person_may_grant_less_than_was_asked(tiktok: Stage) -> None:
    back = await agree(tiktok.http, wish(), scopes=("video.upload",))

    assert back | {"code": ""} == {
        "code": "",
        "scopes": "user.info.basic,video.upload",
        "state": "s1",
    }
    pair = (await tiktok.http.post(TOKEN, data=exchange(back["code"]))).json()
    assert (await tiktok.call(CREATOR, pair["access_token"])).status_code == 401


async def test_a_person_who_says_no_is_sent_back_with_the_state(tiktok: Stage) -> None:
    back = await agree(tiktok.http, wish(), decision="deny")

    assert back == {
        "error": "access_denied",
        "error_description": "The person did not agree.",
        "state": "s1",
    }


async def test_a_wrong_app_is_told_on_a_page_and_nobody_is_sent_away(tiktok: Stage) -> None:
    evil = "https://evil.example/<script>"

    page = await tiktok.http.get("/v2/auth/authorize/", params=wish(redirect_uri=evil))

    assert page.status_code == 400
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert ("location" in page.headers, "<script>" in page.text) == (False, False)


async def test_the_consent_page_asks_for_an_account_and_each_scope(tiktok: Stage) -> None:
    page = await tiktok.http.get("/v2/auth/authorize/", params=wish(state='"><script>'))

    assert page.text.count('type="checkbox"') == 6
    assert page.text.count("<option") == 3
    assert "<script>" not in page.text


async def test_revoking_ends_both_tokens_with_an_empty_answer(tiktok: Stage) -> None:
    pair = await tiktok.pair()

    form = KEYS | {"token": pair["access_token"]}
    answer = await tiktok.http.post("/v2/oauth/revoke/", data=form)

    assert (answer.status_code, answer.content) == (200, b"")
    assert (await tiktok.call(CREATOR, pair["access_token"])).status_code == 401
    assert (await refreshed(tiktok, pair["refresh_token"])).json()["error"] == "invalid_grant"


async def test_an_oauth_error_may_come_with_200(tiktok: Stage) -> None:
    await tiktok.control(developer={"oauth_error_status": 200, "log_id_name": "logid"})

    answer = await refreshed(tiktok, "rft.invented")

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["error", "error_description", "logid"]


async def test_any_port_may_be_registered_for_a_desktop_app(tiktok: Stage) -> None:
    await tiktok.control(developer={"redirect_uris": ["http://localhost:*/back"]})

    fine = await tiktok.http.get(
        "/v2/auth/authorize/", params=wish(redirect_uri="http://localhost:4711/back")
    )
    other = await tiktok.http.get(
        "/v2/auth/authorize/", params=wish(redirect_uri="http://localhost:4711/back/")
    )

    assert [fine.status_code, other.status_code] == [200, 400]


def test_addresses_that_cannot_be_registered_are_named() -> None:
    fine = [DESKTOP, WEB, "http://localhost:*/back", "https://127.0.0.1:1/"]
    wrong = [
        "http://pilar.example/back",
        "https://pilar.example/back?a=b",
        "https://pilar.example/back#a",
        "http://127.0.0.1/back",
        "https://pilar.example:*/back",
        f"https://pilar.example/{'a' * 512}",
    ]

    assert faults_of(fine) == []
    assert len(faults_of(wrong)) == len(wrong)
    assert faults_of([WEB] * 11) == ["More than 10 addresses."]
