"""OAuth judged by another's server: the way there and back, and one refresh for ten workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from app.deps import House
from schedulers import refreshing
from schedulers.clock import read_clock
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publisher import Publisher
from store import channels, tokens, workspaces
from store.db import Store
from store.liveness import Alone
from store.tables import Channel
from store.tokens import Turn
from tests.app.conftest import Office
from tests.app.oauth import CLIENT_SECRET, Browser, back, pasar_channel, stored, title_of
from tests.chaos.crowding import LEASE_SECONDS, a_worker
from tests.conftest import RING
from tests.platforms.judging import Judge, consent

pytestmark = [pytest.mark.platforms, pytest.mark.untraced]

TEN = 10


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


@asynccontextmanager
async def publishers(house: House, folder: Path) -> AsyncIterator[list[Publisher]]:
    """Give ten workers; on SQLite they are one process."""
    async with AsyncExitStack() as stack:
        if not house.store.is_sqlite:
            ten = [
                await stack.enter_async_context(a_worker(house.store, folder, f"w{number}"))
                for number in range(TEN)
            ]
            yield ten
            return
        outbound = Outbound({"127.0.0.1"})
        stack.push_async_callback(outbound.aclose)
        one = Publisher(
            store=house.store,
            ring=RING,
            blobs=house.blobs,
            connectors=connectors(outbound),
            base_url=house.base_url,
            liveness=Alone("w"),
            lease_seconds=LEASE_SECONDS,
            now=read_clock,
        )
        yield [one] * TEN


async def test_ten_workers_refresh_a_rotating_token_once(
    office: Office, house: House, judge: Judge, tmp_path: Path
) -> None:
    await connected(office, judge)
    _, _, before = await stored(house)

    async with publishers(house, tmp_path) as ten:
        await asyncio.gather(*(refreshing.refresh_expiring(each) for each in ten))

    connection, reason, after = await stored(house)
    assert judge.count() == {"authorization_code": 1, "refresh_token": 1}
    assert (connection, reason) == ("connected", None)
    assert {name for name in after if after[name] != before[name]} == {
        "access_token",
        "refresh_token",
    }


@pytest.mark.parametrize("database", ["postgresql"])
async def test_workers_that_do_not_take_turns_are_judged(
    office: Office, house: House, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mine(store: Store, workspace_id: UUID, channel_id: UUID, *_: Any, **__: Any) -> Turn:
        async with store.reading() as db:
            workspace = await workspaces.by_slug(db, "biro")
            channel = await channels.of(db, workspace_id, channel_id)
            return Turn(workspace, channel, mine=True, busy=False)

    monkeypatch.setattr(tokens, "take_turn", mine)
    await connected(office, judge)
    async with house.store.reading() as db:
        row = (await db.exec(select(Channel).where(Channel.platform == "pasar"))).one()
    assert row.connection == "connected"

    async with publishers(house, tmp_path) as ten:
        await asyncio.gather(*(refreshing.refresh_expiring(each) for each in ten[:2]))

    seen = judge.count()
    assert (seen["refresh_token"], seen["refused"], seen["revoked"]) == (1, 1, 1)
    reused = [each for each in judge.events() if each["event"] == "refused"]
    assert reused[0]["detail"] == "refresh token already used"
