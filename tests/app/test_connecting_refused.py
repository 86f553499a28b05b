"""Who does not get an account connected: another browser, too late, twice, or not agreed to."""

import asyncio
import hmac
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.deps import House
from schedulers import connecting
from store import sweeps
from store.db import Db
from tests.app.conftest import Office
from tests.app.oauth import (
    COOKIE,
    NOTHING,
    Browser,
    answers,
    back,
    on_the_way,
    pasar_channel,
    set_out,
    stored,
    title_of,
    tokens,
)
from tests.conftest import Clock
from tests.schedulers.wires import says, wire

pytestmark = pytest.mark.usefixtures("knows_pasar")


async def test_another_browser_cannot_finish_and_then_nobody_can(
    office: Office, house: House
) -> None:
    """What an attacker began, a victim's browser is led to finish (RFC 9700, 4.7)."""
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        attacker, victim = Browser.of(office.manager), Browser.of(office.owner)
        for cookies in ({}, {COOKIE: "tebakan"}):
            victim.cookies |= cookies
            carried = await set_out(attacker, office.manager, path)
            page = await victim.open(back(state=carried["state"], code="kode"))
            again = await attacker.open(back(state=carried["state"], code="kode"))
            assert (page.status_code, title_of(page)) == (403, "Another browser")
            assert again.status_code == 404

    assert platform.seen == []
    assert await stored(house) == NOTHING
    assert await on_the_way(house) == 0


async def test_a_browser_that_set_out_twice_finishes_the_later_way(
    office: Office, house: House
) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        first = await set_out(here, office.manager, path)
        second = await set_out(here, office.manager, path)
        early = await here.open(back(state=first["state"], code="kode"))
        late = await here.open(back(state=second["state"], code="kode"))

    assert (early.status_code, late.status_code) == (403, 200)
    assert (await stored(house))[0] == "connected"


async def test_without_the_cookie_a_victim_would_be_led_into_another_account(
    office: Office, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda *_: True)

    with pytest.raises(AssertionError):
        await test_another_browser_cannot_finish_and_then_nobody_can(office, house)

    assert (await stored(house))[0] == "connected"


async def test_a_state_is_good_once(office: Office, house: House) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        cookie = here.cookies[COOKIE]
        first = await here.open(back(state=carried["state"], code="kode"))
        here.cookies[COOKIE] = cookie
        again = await here.open(back(state=carried["state"], code="kode-lain"))

    assert (first.status_code, again.status_code) == (200, 404)
    assert len(platform.seen) == 1


async def test_ten_ways_back_at_once_are_one_exchange(office: Office, house: House) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        ten = [Browser(here.http, dict(here.cookies)) for _ in range(10)]
        url = back(state=carried["state"], code="kode")
        pages = await asyncio.gather(*(each.open(url) for each in ten))

    assert sorted(page.status_code for page in pages) == [200] + [404] * 9
    assert len(platform.seen) == 1


async def test_a_state_that_is_not_used_up_is_caught(
    office: Office, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(*_: Any) -> None:
        """Delete nothing."""

    monkeypatch.setattr(Db, "delete", keep)

    with pytest.raises(AssertionError):
        await test_ten_ways_back_at_once_are_one_exchange(office, house)

    assert (await stored(house))[0] == "connected"


async def test_a_ticket_is_good_once(office: Office, house: House) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    begun = await office.manager.ok("POST", f"{path}/connect")
    here = Browser.of(office.manager)

    first = await here.open(begun["url"])
    again = await here.open(begun["url"])
    none = await here.open("/oauth/start")

    assert [first.status_code, again.status_code, none.status_code] == [303, 404, 404]
    assert title_of(again) == "This address leads nowhere any more"


async def test_a_ticket_and_a_state_last_ten_minutes(
    office: Office, house: House, clock: Clock
) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    here = Browser.of(office.manager)
    stale = await office.manager.ok("POST", f"{path}/connect")
    clock.forward(minutes=5)
    carried = await set_out(here, office.manager, path)
    clock.forward(minutes=10)

    pages = [
        await here.open(stale["url"]),
        await here.open(back(state=carried["state"], code="kode")),
    ]

    assert [page.status_code for page in pages] == [404, 404]
    assert await on_the_way(house) == 1
    await sweeps.prune(house.store, clock.now)
    assert await on_the_way(house) == 0


async def test_a_ticket_of_a_session_needs_that_session(office: Office) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")
    begun = await office.manager.ok("POST", f"{path}/connect")

    pages = [
        await Browser(office.manager.http).open(begun["url"]),
        await Browser.of(office.owner).open(begun["url"]),
        await Browser.of(office.manager).open(begun["url"]),
    ]

    assert [page.status_code for page in pages] == [403, 403, 303]
    assert title_of(pages[0]) == "Log in first"


@pytest.mark.parametrize(
    ("issuer", "given", "status"),
    [
        ("https://pasar.example", {"iss": "https://pasar.example"}, 200),
        ("https://pasar.example", {"iss": "https://lain.example"}, 403),
        ("https://pasar.example", {}, 403),
        (None, {"iss": "https://pasar.example"}, 403),
        (None, {}, 200),
    ],
)
async def test_the_issuer_is_the_one_that_was_asked(
    office: Office, house: House, issuer: str | None, given: dict[str, str], status: int
) -> None:
    more: dict[str, Any] = {"issuer": issuer} if issuer else {}
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""), **more)
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode", **given))

    assert page.status_code == status
    assert len(platform.seen) == (1 if status == 200 else 0)
    assert (await stored(house))[0] == ("connected" if status == 200 else "disconnected")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"error": "access_denied"}, "The request was turned down at the platform."),
        (
            {"error": "invalid_scope", "error_description": "<b>no</b>"},
            "<blockquote>invalid_scope &lt;b&gt;no&lt;/b&gt;</blockquote>",
        ),
        ({}, "nothing that credentials could be had for"),
        ({"code": ""}, "nothing that credentials could be had for"),
    ],
)
async def test_what_is_not_agreed_to_is_told(
    office: Office, house: House, given: dict[str, str], shown: str
) -> None:
    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], **given))

    assert (page.status_code, title_of(page)) == (409, "Not connected")
    assert shown in page.text
    assert platform.seen == []
    assert await stored(house) == NOTHING


@pytest.mark.parametrize("status", ["400 Bad Request", "200 OK"])
async def test_a_code_that_is_refused_is_told_without_repeating_it(
    office: Office, house: House, status: str
) -> None:
    refusal = {"error": "invalid_grant", "error_description": "kode-basi has expired"}
    async with wire(answers(tokens() | refusal, status)) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode-basi"))

    assert (page.status_code, title_of(page)) == (409, "Not connected")
    assert "<blockquote>invalid_grant … has expired</blockquote>" in page.text
    assert await stored(house) == NOTHING


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (says("500 Internal Server Error"), "The platform answered with an error of its own."),
        (says("503 Service Unavailable"), "asks for fewer"),
        (says("200 OK", b"<html>"), "could not be read"),
        (b"", "The connection broke before the answer came."),
    ],
)
async def test_a_platform_that_gives_no_clear_answer_changes_nothing(
    office: Office, house: House, answer: bytes, shown: str
) -> None:
    async with wire(answer) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode"))

    assert (page.status_code, title_of(page)) == (409, "The platform gave no clear answer")
    assert shown in page.text
    assert await stored(house) == NOTHING


async def test_a_silent_platform_is_not_waited_for_and_holds_up_nobody(
    office: Office, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CALL_SECONDS", 0.3)
    path = ""

    async def think(writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(3):
            await office.manager.ok("PATCH", path, {"name": "Ganti"}, match="*")
        await asyncio.sleep(1)

    async with wire(think) as platform:
        path = await pasar_channel(office, platform.url(""))
        here = Browser.of(office.manager)
        carried = await set_out(here, office.manager, path)
        page = await here.open(back(state=carried["state"], code="kode"))

    assert page.status_code == 409
    assert "The server did not answer in time." in page.text
    assert await stored(house) == NOTHING


@pytest.mark.parametrize("when", ["before the way there", "before the way back"])
@pytest.mark.parametrize("who", ["person", "key"])
async def test_who_may_not_any_more_does_not_finish_what_they_began(
    office: Office, house: House, who: str, when: str
) -> None:
    async def lose() -> None:
        owner = office.owner
        if who == "key":
            (key,) = (await owner.ok("GET", office.path("/api-keys")))["items"]
            await owner.ok("DELETE", office.path(f"/api-keys/{key['id']}"), match="*")
            return
        members = (await owner.ok("GET", office.path("/members")))["items"]
        (me,) = (each for each in members if each["role"] == "manager")
        path = office.path(f"/members/{me['id']}")
        await owner.ok("PATCH", path, {"role": "editor"}, match="*")

    async with wire(answers(tokens())) as platform:
        path = await pasar_channel(office, platform.url(""))
        person = office.key if who == "key" else office.manager
        here = Browser(office.key.http) if who == "key" else Browser.of(office.manager)
        begun = await person.ok("POST", f"{path}/connect")
        if when == "before the way there":
            await lose()
            page = await here.open(begun["url"])
        else:
            away = await here.open(begun["url"])
            await lose()
            state = dict(parse_qsl(urlsplit(away.headers["location"]).query))["state"]
            page = await here.open(back(state=state, code="kode"))

    assert page.status_code == 403
    assert platform.seen == []
    assert await stored(house) == NOTHING
    assert await on_the_way(house) == (1 if when == "before the way there" else 0)
