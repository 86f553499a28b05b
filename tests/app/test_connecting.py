"""Connecting an account over HTTP: the way to a platform and back."""

import asyncio
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlmodel import select

from app.deps import House
from schedulers.oauth import challenge_s256
from store.tables import Channel
from tests.app.conftest import Office
from tests.app.logins import HTTPS, PASSWORD, browser, dump, give_password, log_in
from tests.app.oauth import (
    CLIENT_SECRET,
    COOKIE,
    NOTHING,
    Browser,
    answers,
    back,
    form_of,
    on_the_way,
    pasar_channel,
    set_out,
    stored,
    title_of,
    tokens,
)
from tests.app.writing import add_channel
from tests.conftest import Clock
from tests.schedulers.wires import wire

pytestmark = pytest.mark.usefixtures("knows_pasar")


async def test_a_person_connects_an_account(office: Office, house: House, clock: Clock) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode", scopes="x"))

    form = form_of(platform)
    channel = await office.viewer.ok("GET", path)
    assert (page.status_code, title_of(page)) == (200, "The account is connected")
    assert carried["redirect_uri"] == form["redirect_uri"] == "http://pilar.test/oauth/callback"
    assert carried["code_challenge"] == challenge_s256(form["code_verifier"])
    assert re.fullmatch("[A-Za-z0-9._~-]{64}", form["code_verifier"])
    assert len(carried["state"]) == 43
    assert (form["code"], form["client_secret"]) == ("kode", CLIENT_SECRET)
    secrets = {name: tokens()[name] for name in ("access_token", "refresh_token")}
    assert await stored(house) == ("connected", None, secrets | {"client_secret": CLIENT_SECRET})
    assert channel["credentials"] == ["access_token", "client_secret", "refresh_token"]
    async with house.store.reading() as db:
        row = (await db.exec(select(Channel).where(Channel.platform == "pasar"))).one()
    assert row.token_expires_at == clock.now + timedelta(hours=1)
    assert await on_the_way(house) == 0


async def test_the_audit_names_who_began_and_the_fields(office: Office) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        await here.open(back(state=carried["state"], code="kode"))

    newest = (await office.owner.ok("GET", office.path("/audit?limit=1")))["items"][0]
    me = await office.manager.ok("GET", "/me")
    assert (newest["actor"], newest["action"]) == (f"person:{me['person']['id']}", "connect")
    assert newest["data"] == {
        "fields": ["access_token", "client_secret", "refresh_token"],
        "evidence": {"scopes": ["openid", "offline_access"]},
    }


async def test_what_a_browser_gets_is_kept_nowhere_and_shown_to_nobody_else(
    office: Office,
) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    begun = await office.manager("POST", f"{path}/connect")
    here = Browser.of(office.manager)
    away = await here.open(begun.json()["url"])
    page = await here.open(back(state="tidak ada", code="kode"))

    assert begun.status_code == 201
    assert begun.headers["location"] == f"/api/v1{path}"
    assert away.headers["set-cookie"] == (
        f"{COOKIE}={here.cookies[COOKIE]}; HttpOnly; Max-Age=600; Path=/; SameSite=lax"
    )
    for answer in (begun, away, page):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert re.fullmatch(
        "default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        page.headers["content-security-policy"],
    )
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_over_https_the_cookie_is_bound_to_the_host(office: Office, house: House) -> None:
    await give_password(house, "manager@biro.example")
    path = await pasar_channel(office, "http://127.0.0.1:1")
    async with browser(house) as client:
        await log_in(client, "manager@biro.example", PASSWORD)
        begun = await client.ok("POST", f"{path}/connect", headers={"Origin": HTTPS})
        away = await client.http.get(begun["url"])

    cookie = away.headers["set-cookie"]
    assert cookie.startswith("__Host-pilar-oauth=")
    assert cookie.endswith("; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure")


async def test_a_key_begins_and_any_one_browser_goes_on(office: Office, house: House) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser(office.key.http)
        carried = await set_out(here, office.key, path)
        page = await here.open(back(state=carried["state"], code="kode"))

    newest = (await office.owner.ok("GET", office.path("/audit?limit=1")))["items"][0]
    assert page.status_code == 200
    assert (newest["actor"].partition(":")[0], newest["action"]) == ("key", "connect")


async def test_what_is_entered_while_the_platform_is_asked_stays(
    office: Office, house: House
) -> None:
    path = ""

    async def think(writer: asyncio.StreamWriter) -> None:
        secret = {"client_secret": "klien-baru-rahasia"}
        await office.manager.ok("PUT", f"{path}/credentials", secret, match="*")
        writer.write(answers(tokens()))
        await writer.drain()

    async with wire(think) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode"))

    connection, _, secrets = await stored(house)
    assert (page.status_code, connection) == (200, "connected")
    assert secrets["client_secret"] == "klien-baru-rahasia"
    assert secrets["access_token"] == tokens()["access_token"]


async def test_a_channel_that_is_deleted_meanwhile_takes_its_ways_with_it(
    office: Office, house: House
) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    here = Browser.of(office.manager)
    carried = await set_out(here, office.manager, path)
    await office.manager.ok("DELETE", path, match="*")

    page = await here.open(back(state=carried["state"], code="kode"))

    assert (page.status_code, await on_the_way(house)) == (404, 0)


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("", "Akun sudah terhubung"),
        ("id", "Akun sudah terhubung"),
        ("en", "The account is connected"),
    ],
)
async def test_the_page_speaks_the_browsers_language_or_the_offices(
    office: Office, accepted: str, title: str
) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        here.language = accepted
        page = await here.open(back(state=carried["state"], code="kode"))

    language = "en" if accepted == "en" else "id"
    assert (title_of(page), page.headers["content-language"]) == (title, language)
    assert f'<html lang="{language}">' in page.text


async def test_connecting_is_for_those_who_manage_this_office(
    office: Office, other_office: Office
) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    callers = [
        *(office.viewer, office.editor, office.approver, office.manager, office.key),
        other_office.manager,
    ]

    connects = [(await each("POST", f"{path}/connect")).status_code for each in callers]
    parts = [(await each("POST", f"{path}/disconnect")).status_code for each in callers]

    assert connects == [403, 403, 403, 201, 201, 404]
    assert parts == [403, 403, 403, 200, 200, 404]


NEEDED = (
    "Pilar needs these of its app at the platform before an account can be connected: "
    "client_secret."
)


async def test_what_cannot_be_connected_says_why(office: Office) -> None:
    feed = await add_channel(office)
    bare = await pasar_channel(office, "http://127.0.0.1:1", entered=False)

    def told(answer: httpx.Response) -> tuple[int, str, str]:
        body = answer.json()
        return answer.status_code, body["type"], body["detail"]

    feeds = office.path(f"/channels/{feed['id']}")
    never = (409, "/problems/cannot-connect")
    assert told(await office.manager("POST", f"{feeds}/connect"))[:2] == never
    assert told(await office.manager("POST", f"{feeds}/disconnect"))[:2] == never
    assert told(await office.manager("POST", f"{bare}/connect")) == (
        409,
        "/problems/credentials-first",
        NEEDED,
    )


async def test_a_token_is_not_entered_by_hand(office: Office, house: House) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1", entered=False)
    added = await office.viewer.ok("GET", path)
    by_hand = {"client_secret": CLIENT_SECRET, "access_token": "akses"}

    refused = await office.manager("PUT", f"{path}/credentials", by_hand, match=1)
    by_hand.pop("access_token")
    await office.manager.ok("PUT", f"{path}/credentials", by_hand, match=1)

    assert (added["connection"], added["connection_reason"]) == ("disconnected", "no_credentials")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/access_token"
    assert await stored(house) == NOTHING


async def test_a_request_that_is_sent_again_does_not_get_the_ticket_again(
    office: Office, house: House
) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    key = {"Idempotency-Key": "sekali"}

    begun = await office.manager.ok("POST", f"{path}/connect", headers=key)
    again = await office.manager("POST", f"{path}/connect", headers=key)

    assert (again.status_code, again.json()["type"]) == (409, "/problems/answer-not-kept")
    ticket = parse_qs(urlsplit(begun["url"]).query)["ticket"][0]
    assert ticket not in await dump(house.store)
