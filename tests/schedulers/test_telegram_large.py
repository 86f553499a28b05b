"""Large videos to Telegram, in the memory that any video takes."""

import asyncio
import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store.blobs import FolderBlobs
from tests.chaos.mortal import LOOPBACK
from tests.schedulers.bot_api import answer
from tests.schedulers.newsroom import VIDEO, Newsroom, connect
from tests.schedulers.test_tiktok_large import GROWTH_MAX, PEAK, forget_peak, peak
from tests.world import World

FIFTY = 50_000_000
ALBUM = 10


@pytest.mark.chaos
@pytest.mark.skipif(not PEAK.exists(), reason="only Linux says how much memory there was")
@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_album_of_large_videos_takes_no_more_memory_than_a_chunk(
    world: World, blobs: FolderBlobs, tmp_path: Path
) -> None:
    lengths: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        left = size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        while left and (chunk := await reader.read(1 << 16)):
            left -= len(chunk)
        lengths.append(size - left)
        made: object = {"message_id": 11}
        if b"sendmediagroup" in head:
            made = [{"message_id": 11 + each} for each in range(ALBUM)]
        writer.write(answer(200, json.dumps({"ok": True, "result": made}).encode()))
        await writer.drain()
        writer.close()

    sums = []
    for number in range(ALBUM):
        large = tmp_path / "large"
        large.write_bytes(bytes([number]))
        os.truncate(large, FIFTY)
        with large.open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").hexdigest())
        await blobs.put(sums[-1], large)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = {"chat": "@warisan_kota", "api_url": url}
    channel = await world.channel("warisan", "telegram", settings=settings)
    await connect(world, channel)
    # Its bot is not asked: what is sent goes to the server above.
    there = Newsroom(world, blobs, None, channel, tmp_path / "files")  # type: ignore[arg-type]
    outbound = Outbound(LOOPBACK)
    publisher = world.publisher(connectors(outbound), blobs)
    small = await there.due(("Kecil", [await there.file(VIDEO, b"x")]))
    files = [await there.known(each, FIFTY, VIDEO) for each in sums]
    big = await there.due(("Album", files), form="carousel")

    async with server:
        await publish(publisher, small)  # what is loaded once is loaded now
        world.clock.forward(seconds=20)  # the channel has its pace
        forget_peak()
        before, begun = peak(), time.monotonic()
        await publish(publisher, big)
        grown, seconds = peak() - before, time.monotonic() - begun
    await outbound.aclose()

    print(f"{lengths[-1]} bytes in {seconds:.1f} s, {grown / 1e6:.1f} MB more memory")
    assert ((await world.row(big)).status, len(lengths)) == ("published", 2)
    assert 0 < lengths[-1] - ALBUM * FIFTY < 10_000
    assert grown <= GROWTH_MAX
