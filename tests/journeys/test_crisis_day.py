"""The day of an earthquake: hold all, say one thing everywhere, release, decide on each post."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from app.deps import House
from tests.app.conftest import Office, found_office
from tests.app.ticking import publish_due
from tests.app.writing import add_channel, approve_post, at, let_the_mix_be, place, write_post
from tests.conftest import Clock
from tests.schedulers.wires import Wire, says, wire

PLATFORMS = {
    "kabar": "feed",
    "warta": "feed",
    "situs": "webhook",
    "buletin": "webhook",
    "arsip": "webhook",
    "tiktok": "manual",
    "radio": "manual",
}
STATEMENT = "Pernyataan resmi: gempa Cianjur"
CRISIS = {"reason": "crisis", "note": "Gempa di Cianjur"}
THROUGH = {"reason": "Keluarga korban menunggu kabar"}


@dataclass
class Day:
    """An office with seven channels, three of them on real receivers."""

    house: House
    clock: Clock
    office: Office
    receivers: dict[str, Wire]
    answering: asyncio.Event
    channels: dict[str, Any] = field(default_factory=dict)

    async def post(self, title: str) -> Any:
        return await approve_post(self.office, await write_post(self.office, title=title))

    async def put(self, title: str, handle: str, when: datetime) -> str:
        """Put a post on a channel; return the publication's id."""
        (row,) = await place(
            self.office, await self.post(title), self.channels[handle], when=at(when)
        )
        return str(row["id"])

    async def read(self, publication: str) -> Any:
        return await self.office.viewer.ok("GET", self.office.path(f"/publications/{publication}"))

    async def act(self, publication: str, act: str, body: Any = None) -> Any:
        path = self.office.path(f"/publications/{publication}")
        row = await self.office.viewer.ok("GET", path)
        return await self.office.approver.ok("POST", f"{path}/{act}", body, match=row["version"])

    async def change(self, method: str, publication: str, body: Any = None) -> None:
        path, row = self.office.path(f"/publications/{publication}"), await self.read(publication)
        await self.office.editor.ok(method, path, body, match=row["version"])

    async def stands(self, publications: dict[str, str]) -> dict[str, tuple[str, str | None]]:
        rows = {name: await self.read(each) for name, each in publications.items()}
        return {name: (row["status"], row["reason"]) for name, row in rows.items()}

    async def tick(self) -> None:
        await publish_due(self.house)

    def received(self) -> dict[str, list[str]]:
        """Return the titles that each receiver got, in order."""
        return {
            handle: [json.loads(seen.body)["data"]["title"] for seen in receiver.seen]
            for handle, receiver in self.receivers.items()
        }

    async def in_feeds(self) -> dict[str, list[str]]:
        told = {}
        for handle in (handle for handle, name in PLATFORMS.items() if name == "feed"):
            feed = await self.office.viewer.ok("GET", f"//feeds/{self.office.slug}/{handle}.json")
            told[handle] = sorted(item["title"] for item in feed["items"])
        return told


@asynccontextmanager
async def receivers(answering: asyncio.Event) -> AsyncIterator[dict[str, Wire]]:
    """Serve three receivers; each answers only while `answering` is set."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await answering.wait()
        writer.write(says("200 OK", b"{}"))
        await writer.drain()

    async with AsyncExitStack() as stack:
        webhooks = [handle for handle, name in PLATFORMS.items() if name == "webhook"]
        yield {handle: await stack.enter_async_context(wire(answer)) for handle in webhooks}


@pytest.fixture
async def day(house: House, http: httpx.AsyncClient, clock: Clock) -> AsyncIterator[Day]:
    answering = asyncio.Event()
    answering.set()
    async with receivers(answering) as there:
        office = await found_office(house, http, "biro")
        await let_the_mix_be(office)
        made = Day(house, clock, office, there, answering)
        for handle, platform in PLATFORMS.items():
            more = {"settings": {"url": there[handle].url()}} if handle in there else {}
            made.channels[handle] = await add_channel(office, handle, platform, **more)
        yield made


async def hold_while_sending(day: Day, reason: str) -> Any:
    """Say stop while a receiver is taking its time with a post."""
    day.answering.clear()
    sending = asyncio.create_task(day.tick())
    while not any(receiver.seen for receiver in day.receivers.values()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    body = {"scope": "workspace", "reason": reason}
    hold = await day.office.approver.ok("POST", day.office.path("/holds"), body)
    day.answering.set()
    await sending
    return hold


async def say_through_the_hold(day: Day) -> dict[str, str]:
    """Put the one statement on every channel, now; return its publications by channel."""
    post = await day.post(STATEMENT)
    body = {
        "post": post["id"],
        "channels": [channel["id"] for channel in day.channels.values()],
        "when": {"now": True},
        "exempt": CRISIS,
        "through_hold": THROUGH,
    }
    path = day.office.path("/publications")
    refused = await day.office.editor("POST", path, body)
    assert refused.status_code == 403
    placed = await day.office.approver.ok("POST", path, body)
    rows = placed["publications"]
    return {handle: row["id"] for handle, row in zip(day.channels, rows, strict=True)}


async def decide(day: Day, planned: dict[str, str], tomorrow: datetime) -> None:
    """Send three of the held posts, move two, and drop two: one stays as missed, one goes."""
    for handle in ("kabar", "situs", "tiktok"):
        await day.act(planned[handle], "retry")
    for handle in ("warta", "buletin"):
        await day.change("PATCH", planned[handle], {"when": at(tomorrow)})
    await day.act(planned["arsip"], "dismiss")
    await day.change("DELETE", planned["radio"])


async def test_the_crisis_day(day: Day) -> None:
    """Nothing slips out, the statement is everywhere once, and nothing goes late by itself."""
    begins = day.clock.now
    early = await day.put("Pagi di situs", "situs", begins + timedelta(minutes=30))
    planned = {
        handle: await day.put(f"Rencana {handle}", handle, begins + timedelta(hours=1))
        for handle in PLATFORMS
    }
    evening = await day.put("Sore di kabar", "kabar", begins + timedelta(hours=8))

    # 08.30: the ground shakes while a post is on the wire.
    day.clock.forward(minutes=30)
    hold = await hold_while_sending(day, "Gempa di Cianjur")
    assert [row["id"] for row in hold["on_the_wire"]] == [early]
    assert hold["held"] == {"due": 0, "later": 8, "through_hold": 0}
    assert (await day.read(early))["status"] == "published"

    # 09.00: what was planned does not go out.
    day.clock.forward(minutes=30)
    await day.tick()
    assert await day.stands(planned) == dict.fromkeys(planned, ("missed", "held"))

    # 09.10: the one statement goes out through the hold, on all seven channels.
    day.clock.forward(minutes=10)
    statement = await say_through_the_hold(day)
    await day.tick()
    manual = [handle for handle, platform in PLATFORMS.items() if platform == "manual"]
    for handle in manual:
        assert (await day.read(statement[handle]))["status"] == "handed_over"
        await day.act(statement[handle], "confirm", {"permalink": f"https://{handle}.example/1"})
    said = await day.stands(statement)
    assert {status for status, _ in said.values()} == {"published"}
    assert day.received() == {
        "situs": ["Pagi di situs", STATEMENT],
        "buletin": [STATEMENT],
        "arsip": [STATEMENT],
    }
    assert await day.in_feeds() == {"kabar": [STATEMENT], "warta": [STATEMENT]}

    # 11.00: it is over. Nothing goes out late by itself.
    day.clock.forward(hours=2)
    path = day.office.path(f"/holds/{hold['id']}")
    await day.office.approver.ok("DELETE", path, match=hold["version"])
    await day.tick()
    assert await day.stands(planned) == dict.fromkeys(planned, ("missed", "held"))
    inbox = await day.office.approver.ok("GET", day.office.path("/publications?status=missed"))
    assert {row["id"] for row in inbox["items"]} == set(planned.values())

    # Each of them is decided on: three are sent, two moved, two dropped.
    await decide(day, planned, begins + timedelta(days=1))
    await day.tick()
    del planned["radio"]
    assert await day.stands(planned) == {
        "kabar": ("published", None),
        "warta": ("scheduled", "approved"),
        "situs": ("published", None),
        "buletin": ("scheduled", "approved"),
        "arsip": ("missed", "held"),
        "tiktok": ("handed_over", None),
    }

    # The evening and the next day go by themselves again; every receiver got everything once.
    day.clock.now = begins + timedelta(hours=8)
    await day.tick()
    assert (await day.read(evening))["status"] == "published"
    day.clock.now = begins + timedelta(days=1)
    await day.tick()
    assert day.received() == {
        "situs": ["Pagi di situs", STATEMENT, "Rencana situs"],
        "buletin": [STATEMENT, "Rencana buletin"],
        "arsip": [STATEMENT],
    }
    assert await day.in_feeds() == {
        "kabar": [STATEMENT, "Rencana kabar", "Sore di kabar"],
        "warta": [STATEMENT, "Rencana warta"],
    }
