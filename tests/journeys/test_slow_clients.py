"""Three hundred slow clients: others are served meanwhile, and a stop waits no longer than told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.journeys.serving import ran, serving
from tests.journeys.test_events import FOUND, PILLARS

CLIENTS = 300
GRACE_SECONDS = 2
HEAD = b"POST /api/v1/workspaces/biro/pillars HTTP/1.1\r\nHost: pilar.test\r\n"
BEGINNINGS = (
    b"GET /api/v1/me HT",  # a request line that never ends
    HEAD + b"X-Slow: a",  # a header that never ends
    HEAD + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",  # a body
)


@asynccontextmanager
async def dawdling(url: str) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Connect slow clients, each of which goes on by a byte now and then."""
    place = urlsplit(url)
    pairs = await asyncio.gather(
        *(asyncio.open_connection(place.hostname, place.port) for _ in range(CLIENTS))
    )
    writers = [writer for _, writer in pairs]
    for number, writer in enumerate(writers):
        writer.write(BEGINNINGS[number % len(BEGINNINGS)])

    async def go_on() -> None:
        while True:
            await asyncio.sleep(0.5)
            for writer in writers:
                if not writer.is_closing():
                    writer.write(b" ")

    going_on = asyncio.create_task(go_on())
    try:
        yield writers
    finally:
        going_on.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(
            going_on, *(writer.wait_closed() for writer in writers), return_exceptions=True
        )


async def test_slow_clients_hold_up_nobody_and_no_stop(tmp_path: Path) -> None:
    code, said, logged = await ran(tmp_path, *FOUND)
    assert code == 0, logged
    headers = {"Authorization": f"Bearer {json.loads(said)['api_key']}"}
    async with (
        serving(tmp_path, PILAR_GRACE_SECONDS=str(GRACE_SECONDS)) as service,
        dawdling(service.url) as slow,
        httpx.AsyncClient(base_url=service.url, headers=headers, timeout=5) as http,
    ):
        await asyncio.sleep(0.5)
        took = []
        for number in range(20):
            begun = time.monotonic()
            answer = await http.post(PILLARS, json={"name": f"Pilar {number}"})
            took.append(time.monotonic() - begun)
            assert answer.status_code == 201
        open_still = sum(not writer.is_closing() for writer in slow)
        begun = time.monotonic()
        code = await service.stop()
        stopped_after = time.monotonic() - begun

    assert open_still == CLIENTS
    assert max(took) < 2
    assert code == 0
    assert stopped_after < GRACE_SECONDS + 3
