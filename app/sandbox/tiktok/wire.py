"""What the platform does by itself, over the one HTTP client: pull media, tell the app."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from app.sandbox.tiktok import hooks, pulls, statuses
from app.sandbox.tiktok.state import Fetch, Fetched, Send, TikTok
from schedulers.outbound import NoAnswer, NotSent, Outbound

BEAT_SECONDS = 0.05
PULL_SECONDS = 60
PULL_MAX_BYTES = 256 << 20
"""A pulled video must fit; the real platform takes 4 GB, ours is not kept on a disk."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How the sandbox reaches others: a GET without redirects, and a POST."""

    fetch: Fetch
    send: Send


def wire_of(outbound: Outbound) -> Wire:
    """Return the wire that goes through a client; what comes back as nothing is None."""

    async def fetch(url: str) -> Fetched:
        try:
            answer = await outbound.request(
                "GET", url, headers={}, timeout_seconds=PULL_SECONDS, limit_bytes=PULL_MAX_BYTES
            )
        except (NotSent, NoAnswer):
            return Fetched(None)
        return Fetched(answer.status, answer.headers.get("content-type", ""), answer.body)

    async def send(url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        try:
            answer = await outbound.request("POST", url, headers=headers, content=body)
        except (NotSent, NoAnswer):
            return None
        return answer.status

    return Wire(fetch, send)


async def work(tiktok: TikTok, wire: Wire) -> None:
    """Do everything that is due now: pulls, processing, webhooks."""
    await pulls.pull_due(tiktok, wire.fetch)
    statuses.settle(tiktok)
    await hooks.send_due(tiktok, wire.send)


async def work_on(tiktok: TikTok, wire: Wire) -> None:
    """Work until cancelled; a slow pull keeps no webhook waiting."""

    async def pulling() -> None:
        while True:
            await pulls.pull_due(tiktok, wire.fetch)
            await asyncio.sleep(BEAT_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(pulling())
        while True:
            statuses.settle(tiktok)
            await hooks.send_due(tiktok, wire.send)
            await asyncio.sleep(BEAT_SECONDS)
