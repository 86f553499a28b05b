"""Disconnecting an account over HTTP, and what a check says of one."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.deps import House
from tests.app.conftest import Office
from tests.app.oauth import (
    CLIENT_SECRET,
    Browser,
    answers,
    back,
    pasar_channel,
    set_out,
    stored,
    tokens,
)
from tests.schedulers.wires import Wire, says, wire

pytestmark = pytest.mark.usefixtures("knows_pasar")


async def connected(office: Office, platform: Wire) -> str:
    """Return the path of a channel that a person has connected."""
    path = await pasar_channel(office, platform.url(""))
    here = Browser.of(office.manager)
    carried = await set_out(here, office.manager, path)
    assert (await here.open(back(state=carried["state"], code="kode"))).status_code == 200
    return path


@pytest.mark.parametrize(
    ("answer", "confirmed", "reason"),
    [
        (says("200 OK"), True, None),
        (says("500 Internal Server Error"), False, "platform_error"),
        (answers({"error": "invalid_request"}, "400 Bad Request"), False, "not_agreed"),
        (b"", False, "connection_lost"),
    ],
)
async def test_disconnecting_forgets_what_was_granted_and_says_whether_it_was_revoked(
    office: Office, house: House, answer: bytes, confirmed: bool, reason: str | None
) -> None:
    async with wire(answers(tokens()), answer) as platform:
        path = await connected(office, platform)
        told = await office.manager.ok("POST", f"{path}/disconnect")

    revocation = dict(parse_qsl(platform.seen[1].body.decode()))
    newest = (await office.owner.ok("GET", office.path("/audit?limit=1")))["items"][0]
    assert platform.seen[1].line == "POST /token/revocation HTTP/1.1"
    assert revocation["token"] == tokens()["refresh_token"]
    assert (told["confirmed"], told["reason"]) == (confirmed, reason)
    assert (told["reason_text"] is None) == confirmed
    gone = ("disconnected", "disconnected_by_person", {"client_secret": CLIENT_SECRET})
    assert await stored(house) == gone
    assert told["channel"] == await office.viewer.ok("GET", path)
    assert newest["action"] == "disconnect"
    assert newest["data"] == {
        "fields": ["access_token", "refresh_token"],
        "confirmed": confirmed,
        "reason": reason,
    }


async def test_disconnecting_what_is_not_connected_asks_nobody(office: Office) -> None:
    async with wire(says("200 OK")) as platform:
        path = await pasar_channel(office, platform.url(""))
        told = await office.manager.ok("POST", f"{path}/disconnect")

    assert (told["confirmed"], told["reason"]) == (False, "nothing_to_revoke")
    assert platform.seen == []


async def test_who_connects_while_the_platform_revokes_stays_connected(
    office: Office, house: House
) -> None:
    path, here = "", Browser.of(office.manager)

    async def revoke(writer: asyncio.StreamWriter) -> None:
        carried = await set_out(here, office.manager, path)
        await here.open(back(state=carried["state"], code="kode"))
        writer.write(says("200 OK"))
        await writer.drain()

    async with wire(answers(tokens()), revoke, answers(tokens("dua"))) as platform:
        path = await connected(office, platform)
        told = await office.manager.ok("POST", f"{path}/disconnect")

    connection, _, secrets = await stored(house)
    assert (connection, secrets["access_token"]) == ("connected", tokens("dua")["access_token"])
    assert (told["confirmed"], told["channel"]["connection"]) == (True, "connected")


async def test_a_check_tells_the_permissions(office: Office) -> None:
    async with wire(answers(tokens()), says("200 OK"), says("401 Unauthorized")) as platform:
        path = await connected(office, platform)
        good = await office.manager.ok("POST", f"{path}/check")
        bad = await office.manager.ok("POST", f"{path}/check")

    assert (good["answers"], good["permissions"]) == (True, ["openid", "offline_access"])
    assert (bad["answers"], bad["permissions"], bad["reason"]) == (False, [], "rejected")


async def test_before_it_is_connected_a_check_asks_nobody(office: Office) -> None:
    path = await pasar_channel(office, "http://127.0.0.1:1")

    checked: dict[str, Any] = await office.manager.ok("POST", f"{path}/check")

    assert (checked["reason"], checked["detail"]) == ("not_authorized", "access_token")
