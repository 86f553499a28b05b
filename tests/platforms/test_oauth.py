"""OAuth judged by another's server: the way there and back, and one refresh for ten processes."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.deps import House
from planner.publications import Status
from store.db import Db
from tests.app.conftest import Office
from tests.app.oauth import CLIENT_SECRET, Browser, back, pasar_channel, stored, title_of
from tests.platforms.crew import TEN, crew, take_no_turns
from tests.platforms.judging import Judge, consent
from tests.waiting import until

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.untraced,
    pytest.mark.usefixtures("knows_pasar"),
]

ENDED = timedelta(seconds=-1)


def of_processes(test: Any) -> Any:
    """Run a test in a database of its own; the judge is so slow that all processes meet there."""
    here = pytest.mark.parametrize(("database", "delay_milliseconds"), [("postgresql", 2000)])
    return pytest.mark.own_database(here(test))


async def agreed(office: Office, judge: Judge, **more: Any) -> tuple[Browser, dict[str, str], str]:
    """Return a browser that was at the judge, what it brings back, and the channel's path."""
    path = await pasar_channel(office, judge.url, issuer=judge.url)
    here = Browser.of(office.manager)
    begun = await office.manager.ok("POST", f"{path}/connect")
    away = await here.open(begun["url"])
    return here, await consent(away.headers["location"], **more), path


async def connected(office: Office, judge: Judge) -> str:
    """Return the path of a channel that was connected at the judge."""
    here, brought, path = await agreed(office, judge)
    page = await here.open(back(**brought))
    assert page.status_code == 200, page.text
    return path


async def test_an_account_is_connected_checked_and_disconnected(
    office: Office, house: House, judge: Judge
) -> None:
    here, brought, path = await agreed(office, judge)
    page = await here.open(back(**brought))
    checked = await office.manager.ok("POST", f"{path}/check")
    _, _, secrets = await stored(house)
    parted = await office.manager.ok("POST", f"{path}/disconnect")

    assert (page.status_code, title_of(page)) == (200, "The account is connected")
    assert (brought["iss"], sorted(brought)) == (judge.url, ["code", "iss", "state"])
    assert sorted(secrets) == ["access_token", "client_secret", "refresh_token"]
    assert (checked["answers"], checked["permissions"]) == (True, ["openid", "offline_access"])
    assert (parted["confirmed"], parted["channel"]["credentials"]) == (True, ["client_secret"])
    assert judge.count() == {"authorization_code": 1, "revoked": 1}


async def test_who_says_no_is_not_connected(office: Office, house: House, judge: Judge) -> None:
    here, brought, _ = await agreed(office, judge, says_no=True)

    page = await here.open(back(**brought))

    assert (page.status_code, brought["error"]) == (409, "access_denied")
    assert "turned down at the platform" in page.text
    assert judge.count() == {}


@pytest.mark.parametrize("spoiled", ["code", "verifier", "iss"])
async def test_what_is_not_what_was_given_connects_nothing(
    office: Office, house: House, judge: Judge, spoiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, brought, _ = await agreed(office, judge)
    if spoiled == "verifier":
        monkeypatch.setattr("store.connecting._verifier", lambda *_: "v" * 64)
    else:
        brought[spoiled] += "x"

    page = await here.open(back(**brought))

    assert page.status_code == (403 if spoiled == "iss" else 409)
    assert await stored(house) == (
        "disconnected",
        "not_authorized",
        {"client_secret": CLIENT_SECRET},
    )
    assert judge.count() == ({} if spoiled == "iss" else {"refused": 1})


async def test_ten_ways_back_at_once_change_the_code_once(
    office: Office, house: House, judge: Judge
) -> None:
    here, brought, _ = await agreed(office, judge)
    ten = [Browser(here.http, dict(here.cookies)) for _ in range(TEN)]

    pages = await asyncio.gather(*(each.open(back(**brought)) for each in ten))

    assert sorted(page.status_code for page in pages) == [200] + [404] * (TEN - 1)
    assert judge.count() == {"authorization_code": 1}
    assert (await stored(house))[0] == "connected"


async def test_a_way_back_that_is_good_twice_is_judged(
    office: Office, house: House, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(*_: Any) -> None:
        """Delete nothing."""

    monkeypatch.setattr(Db, "delete", keep)
    here, brought, _ = await agreed(office, judge)
    ten = [Browser(here.http, dict(here.cookies)) for _ in range(TEN)]

    await asyncio.gather(*(each.open(back(**brought)) for each in ten))

    seen = judge.count()
    assert (seen["authorization_code"], seen["refused"]) == (1, TEN - 1)
    assert seen["revoked"] >= 1


@of_processes
async def test_ten_processes_refresh_a_rotating_token_once(
    office: Office, house: House, judge: Judge, database_url: str, tmp_path: Path
) -> None:
    await connected(office, judge)
    _, _, before = await stored(house)

    async with crew(house, database_url, tmp_path) as ten:
        await ten.all_work()
        await ten.expires(ENDED)
        await ten.place(office)
        await ten.all_are(Status.PROCESSING)
        sent = judge.count()
        await ten.expires(ENDED)
        await ten.is_to_be_asked()
        await ten.all_are(Status.PUBLISHED)
        rows = await ten.rows()

    connection, reason, after = await stored(house)
    assert sent == {"authorization_code": 1, "refresh_token": 1}
    assert judge.count() == {"authorization_code": 1, "refresh_token": 2}
    assert (connection, reason) == ("connected", None)
    assert {name for name in after if after[name] != before[name]} == {
        "access_token",
        "refresh_token",
    }
    # Ten, unless one of them was slow to look: a process that is done may then take another post.
    assert len({row.worker for row in rows}) > TEN // 2


@of_processes
async def test_processes_that_do_not_take_turns_are_judged(
    office: Office, house: House, judge: Judge, database_url: str, tmp_path: Path
) -> None:
    await connected(office, judge)

    async with crew(house, database_url, tmp_path, take_no_turns) as ten:
        await ten.all_work()
        await ten.expires(timedelta(hours=1))
        await ten.place(office)
        await ten.all_are(Status.PROCESSING)
        sent = judge.count()
        await ten.expires(ENDED)
        await ten.is_to_be_asked()
        await until(lambda: judge.count()["revoked"] > 0)

    assert sent == {"authorization_code": 1}
    reused = [each for each in judge.events() if each["event"] == "refused"]
    assert reused[0]["detail"] == "refresh token already used"
