"""A gigabyte to TikTok: as long as it takes, in the memory that any video takes."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store.blobs import FolderBlobs
from tests.chaos.mortal import LOOPBACK
from tests.schedulers.stages import stage
from tests.world import World

GIGABYTE = 1_000_000_000
GROWTH_MAX = 64_000_000
PEAK = Path("/proc/self/status")


def peak() -> int:
    """Return the most memory that this process has had since `forget_peak`, in bytes."""
    line = next(each for each in PEAK.read_text().splitlines() if each.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.chaos
@pytest.mark.skipif(not PEAK.exists(), reason="only Linux says how much memory there was")
@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_gigabyte_takes_no_more_memory_than_a_chunk(
    world: World, blobs: FolderBlobs, tmp_path: Path
) -> None:
    digest = hashlib.sha256()
    for _ in range(GIGABYTE // 1_000_000):
        digest.update(bytes(1_000_000))
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, GIGABYTE)
    await blobs.put(digest.hexdigest(), large)
    outbound = Outbound(LOOPBACK)
    publisher = world.publisher(connectors(outbound), blobs)

    async with stage(world, blobs, tmp_path / "videos") as there:
        small = await there.due()
        big = await there.due(media=await there.known(digest.hexdigest(), GIGABYTE))
        await publish(publisher, small)  # what is loaded once is loaded now
        world.clock.forward(seconds=20)
        await publish(publisher, small)
        forget_peak()
        before, begun = peak(), time.monotonic()
        await publish(publisher, big)
        grown, seconds = peak() - before, time.monotonic() - begun
        status = (await world.row(big)).status
        received = [
            each.upload.received for each in there.tiktok.publications.values() if each.upload
        ]
    await outbound.aclose()

    print(f"{GIGABYTE} bytes in {seconds:.1f} s, {grown / 1e6:.1f} MB more memory")
    assert (status, received) == ("processing", [there.size, GIGABYTE])
    assert grown <= GROWTH_MAX
