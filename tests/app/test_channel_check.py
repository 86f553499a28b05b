"""Whether an account answers, asked over HTTP with a real receiver on loopback."""

import asyncio
import json
from typing import Any

import pytest

from tests.app.conftest import Office
from tests.app.test_channels import SECRET, WEBHOOK
from tests.app.writing import add_channel
from tests.schedulers.wires import says, wire


async def webhook(office: Office, url: str, *, with_secret: bool = True) -> str:
    """Return the path of a webhook's channel."""
    body = WEBHOOK | {"settings": {"url": url}}
    channel = await office.manager.ok("POST", office.path("/channels"), body)
    path = office.path(f"/channels/{channel['id']}")
    if with_secret:
        await office.manager.ok("PUT", f"{path}/credentials", {"secret": SECRET}, match=1)
    return path


@pytest.mark.parametrize("platform", ["feed", "manual"])
async def test_a_channel_without_a_wire_answers(office: Office, platform: str) -> None:
    channel = await add_channel(office, platform=platform)

    checked = await office.approver.ok("POST", office.path(f"/channels/{channel['id']}/check"))

    said: dict[str, Any] = {"answers": True, "reason": None, "detail": "", "permissions": []}
    assert checked == said | {"channel": channel}


async def test_a_receiver_that_answers_is_connected(office: Office) -> None:
    async with wire(says("204 No Content")) as receiver:
        path = await webhook(office, receiver.url())
        checked = await office.approver.ok("POST", f"{path}/check")

    (ping,) = receiver.seen
    assert json.loads(ping.body)["type"] == "pilar.ping"
    assert ping.headers["webhook-signature"].startswith("v1,")
    assert (checked["answers"], checked["reason"], checked["detail"]) == (True, None, "HTTP 204")
    assert (checked["channel"]["connection"], checked["channel"]["version"]) == ("connected", 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("503 Service Unavailable", "receiver_unavailable"), ("400 Bad Request", "rejected")],
)
async def test_a_receiver_that_does_not_is_remembered_but_stays_connected(
    office: Office, answer: str, reason: str
) -> None:
    async with wire(says(answer), says("200 OK")) as receiver:
        path = await webhook(office, receiver.url())
        first = await office.approver.ok("POST", f"{path}/check")
        again = await office.approver.ok("POST", f"{path}/check")

    def told(checked: Any) -> tuple[Any, ...]:
        channel = checked["channel"]
        return checked["answers"], channel["connection"], channel["connection_reason"]

    assert told(first) == (False, "connected", reason)
    assert told(again) == (True, "connected", None)


async def test_a_receiver_that_is_not_there_is_told(office: Office) -> None:
    async with wire(says("200 OK")) as receiver:
        url = receiver.url()
    path = await webhook(office, url)

    checked = await office.approver.ok("POST", f"{path}/check")

    assert (checked["answers"], checked["reason"]) == (False, "connect_failed")


async def test_without_credentials_nobody_is_asked(office: Office) -> None:
    async with wire(says("200 OK")) as receiver:
        path = await webhook(office, receiver.url(), with_secret=False)
        checked = await office.approver.ok("POST", f"{path}/check")

    assert receiver.seen == []
    assert (checked["answers"], checked["reason"], checked["detail"]) == (
        False,
        "no_credentials",
        "secret",
    )
    assert checked["channel"]["connection"] == "disconnected"


async def test_no_transaction_is_held_while_the_receiver_thinks(office: Office) -> None:
    path = ""

    async def think(writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(3):
            await office.manager.ok("PATCH", path, {"name": "Ganti nama"}, match=2)
        writer.write(says("500 Internal Server Error"))
        await writer.drain()

    async with wire(think) as receiver:
        path = await webhook(office, receiver.url())
        checked = await office.approver.ok("POST", f"{path}/check")

    # The answer was about another version of the channel, so it is told and not kept.
    channel = checked["channel"]
    assert (checked["answers"], checked["reason"]) == (False, "receiver_error")
    assert (channel["name"], channel["version"], channel["connection_reason"]) == (
        "Ganti nama",
        3,
        None,
    )


async def test_checking_needs_the_right_to_publish(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/check")

    seen = [
        (await each("POST", path)).status_code
        for each in (office.viewer, office.editor, office.approver, office.key)
    ]

    assert seen == [403, 403, 200, 200]
