"""Live changes from a real server: heard at once, gone on with, and let go at the stop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.serving import Service, ran, serving

FOUND = (
    *("init", "--json", "--workspace", "Biro", "--slug", "biro"),
    *("--timezone", "Asia/Jakarta", "--email", "owner@biro.example"),
)
EVENTS = "/api/v1/workspaces/biro/events"
PILLARS = "/api/v1/workspaces/biro/pillars"
FOLLOWERS = 50
PATIENCE_SECONDS = 10


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    code, said, logged = await ran(folder, *FOUND)
    assert code == 0, logged
    headers = {"Authorization": f"Bearer {json.loads(said)['api_key']}"}
    limits = httpx.Limits(max_connections=FOLLOWERS + 10)
    async with (
        serving(folder, PILAR_GRACE_SECONDS="5") as service,
        httpx.AsyncClient(base_url=service.url, headers=headers, limits=limits) as http,
    ):
        yield service, http


async def hear(http: httpx.AsyncClient, wanted: int, **headers: str) -> list[dict[str, Any]]:
    """Return the first events that are heard."""
    heard: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    async with http.stream("GET", EVENTS, headers=headers, timeout=PATIENCE_SECONDS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name in {"event", "id"}:
                event[name] = value
            elif name == "data":
                event[name] = json.loads(value)
            elif not line and event:
                heard.append(event)
                event = {}
            if len(heard) == wanted:
                break
    return heard


async def follow_to_the_end(http: httpx.AsyncClient, begun: asyncio.Event) -> str:
    """Follow until the server ends it; return the last event's name."""
    last = ""
    async with http.stream("GET", EVENTS, timeout=60) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                last = line
                begun.set()
    return last


async def test_a_change_is_heard_at_once_and_followed_on_from_the_last_one(tmp_path: Path) -> None:
    async with office(tmp_path) as (_, http):
        listening = asyncio.create_task(hear(http, 2))
        begin = (await hear(http, 1))[0]
        made = (await http.post(PILLARS, json={"name": "Naskah"})).json()
        heard = await listening

        missed = await hear(http, 1, **{"Last-Event-ID": begin["id"]})
        lost = await hear(http, 1, **{"Last-Event-ID": "999999"})

    change = heard[1]
    assert (begin["event"], heard[0]["event"]) == ("begin", "begin")
    assert {name: change["data"][name] for name in ("noun", "id", "deleted")} == {
        "noun": "pillar",
        "id": made["id"],
        "deleted": False,
    }
    assert missed == [change]
    assert lost[0]["event"] == "reset"


async def test_fifty_followers_disturb_nobody_and_end_when_the_server_does(tmp_path: Path) -> None:
    async with office(tmp_path) as (service, http):
        begun = [asyncio.Event() for _ in range(FOLLOWERS)]
        following = [asyncio.create_task(follow_to_the_end(http, each)) for each in begun]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(each.wait() for each in begun))

        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = [
                await http.post(PILLARS, json={"name": f"Pilar {number}"}) for number in range(10)
            ]
        async with asyncio.timeout(4):  # sooner than the grace, which nobody waits for
            code = await service.stop()
            ends = await asyncio.gather(*following)

    assert [each.status_code for each in answers] == [201] * 10
    assert code == 0
    assert set(ends) == {"event: change"}
