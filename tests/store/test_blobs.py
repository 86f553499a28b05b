"""Media bytes come in whole or not at all, and stay what their SHA-256 says."""

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import Fault
from store.blobs import (
    CHUNK_BYTES,
    FolderBlobs,
    NoSuchBlob,
    TooLarge,
    clear_abandoned,
    receive,
)

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes: four chunks, the last one short
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOT_A_SHA256 = [
    "",
    "ab",
    SHA256[:-1],
    SHA256 + "0",
    SHA256.upper(),
    SHA256 + "\n",
    "../" * 21 + "x",
    "/" + SHA256[1:],
    SHA256[:-1] + "\0",
    "٣" * 64,
]


class Dropped(Exception):
    """The client hung up."""


async def each(parts: Iterable[bytes], error: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if error is not None:
        raise error


async def kept(folder: Path, content: bytes = CONTENT) -> FolderBlobs:
    blobs = FolderBlobs(folder / "media")
    received = await receive(each([content]), folder / "incoming", len(content))
    await blobs.put(received.sha256, received.path)
    return blobs


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def read(blobs: FolderBlobs, first: int = 0, last: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in await blobs.open(SHA256, first, last)])


async def test_an_upload_is_received_whole_with_its_hash(tmp_path: Path) -> None:
    parts = [CONTENT[:10], b"", CONTENT[10:70_000], CONTENT[70_000:]]

    received = await receive(each(parts), tmp_path / "new" / "folder", len(CONTENT))

    assert (received.sha256, received.size) == (SHA256, len(CONTENT))
    assert received.path.read_bytes() == CONTENT
    assert received.path.parent == tmp_path / "new" / "folder"
    assert received.path.stat().st_mode & 0o7777 == 0o600


async def test_one_byte_too_many_is_refused_before_it_is_written(tmp_path: Path) -> None:
    asked = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            asked.append(written(tmp_path))
            yield bytes(100_000)

    with pytest.raises(TooLarge) as error:
        await receive(endless(), tmp_path, 299_999)

    assert error.value.faults == (Fault("/file", "too-large", {"limit": 299_999}),)
    assert len(asked) == 3
    assert max(asked) <= 200_000
    assert names(tmp_path) == []


async def test_an_upload_of_just_the_limit_is_received(tmp_path: Path) -> None:
    received = await receive(each([b"12345"]), tmp_path, 5)

    assert received.size == 5


async def test_a_client_that_hangs_up_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Dropped):
        await receive(each([CONTENT], Dropped()), tmp_path, len(CONTENT))

    assert names(tmp_path) == []


@pytest.mark.parametrize("rounds", range(0, 60, 3))
async def test_a_cancelled_upload_leaves_no_file(tmp_path: Path, rounds: int) -> None:
    chunks = each([bytes(1000)] * 200)
    upload = asyncio.ensure_future(receive(chunks, tmp_path, 200_000))
    for _ in range(rounds):
        await asyncio.sleep(0)

    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert names(tmp_path) == []


async def test_a_kept_file_lies_under_its_hash_and_is_read_only_for_the_group(
    tmp_path: Path,
) -> None:
    blobs = await kept(tmp_path)

    path = tmp_path / "media" / SHA256[:2] / SHA256[2:4] / SHA256

    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o7777 == 0o640
    assert names(tmp_path / "incoming") == []
    assert await blobs.stat(SHA256) == len(CONTENT)


async def test_putting_the_same_file_again_leaves_one(tmp_path: Path) -> None:
    blobs = await kept(tmp_path)
    again = await receive(each([CONTENT]), tmp_path / "incoming", len(CONTENT))

    await blobs.put(SHA256, again.path)
    await blobs.put(SHA256, again.path)

    assert await read(blobs) == CONTENT
    assert names(tmp_path) == [SHA256]


async def test_putting_a_file_that_is_nowhere_is_an_error(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)

    with pytest.raises(FileNotFoundError):
        await blobs.put(SHA256, tmp_path / "gone")


async def test_many_at_once_may_put_the_same_file(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "media")
    uploads = [
        await receive(each([CONTENT]), tmp_path / "incoming", len(CONTENT)) for _ in range(8)
    ]

    await asyncio.gather(*(blobs.put(SHA256, upload.path) for upload in uploads))

    assert await read(blobs) == CONTENT
    assert names(tmp_path / "incoming") == []


async def test_a_file_is_read_in_chunks(tmp_path: Path) -> None:
    blobs = await kept(tmp_path)

    sizes = [len(chunk) async for chunk in await blobs.open(SHA256)]

    assert sizes == [CHUNK_BYTES] * 3 + [len(CONTENT) - 3 * CHUNK_BYTES]


async def test_reading_takes_no_more_memory_than_a_few_chunks(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64_000_000)
    blobs = FolderBlobs(tmp_path)
    await blobs.put(SHA256, large)
    tracemalloc.start()

    size = 0
    async for chunk in await blobs.open(SHA256):
        size += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == 64_000_000
    assert peak < 10 * CHUNK_BYTES


@given(
    first=st.integers(0, len(CONTENT) + 5),
    length=st.one_of(st.none(), st.integers(1, len(CONTENT) + 5)),
)
async def test_a_range_is_what_slicing_gives(
    tmp_path_factory: pytest.TempPathFactory, first: int, length: int | None
) -> None:
    folder = tmp_path_factory.getbasetemp() / "ranges"
    blobs = FolderBlobs(folder / "media")
    if await blobs.stat(SHA256) is None:
        await kept(folder)
    last = None if length is None else first + length - 1

    part = await read(blobs, first, last)

    assert part == CONTENT[first : None if last is None else last + 1]


@pytest.mark.parametrize(("first", "last"), [(-1, None), (0, -1), (5, 4)])
async def test_a_range_that_is_none_is_refused(
    tmp_path: Path, first: int, last: int | None
) -> None:
    blobs = await kept(tmp_path)

    with pytest.raises(ValueError, match="no range"):
        await blobs.open(SHA256, first, last)


async def test_an_absent_file_is_known_before_the_first_chunk(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)

    with pytest.raises(NoSuchBlob) as error:
        await blobs.open(SHA256)

    assert error.value.facts == {"sha256": SHA256}
    assert await blobs.stat(SHA256) is None


async def test_a_deleted_file_is_gone_and_deleting_again_is_harmless(tmp_path: Path) -> None:
    blobs = await kept(tmp_path)

    await blobs.delete(SHA256)
    await blobs.delete(SHA256)

    assert await blobs.stat(SHA256) is None


async def test_a_reader_reads_on_while_the_file_is_deleted(tmp_path: Path) -> None:
    blobs = await kept(tmp_path)
    chunks = await blobs.open(SHA256)
    start = await anext(chunks)

    await blobs.delete(SHA256)
    rest = b"".join([chunk async for chunk in chunks])

    assert start + rest == CONTENT


@pytest.mark.parametrize("name", NOT_A_SHA256)
async def test_no_name_but_a_hash_reaches_the_folder(tmp_path: Path, name: str) -> None:
    blobs = FolderBlobs(tmp_path / "media")
    source = tmp_path / "source"
    source.write_bytes(b"x")

    for attempt in (
        blobs.put(name, source),
        blobs.open(name),
        blobs.stat(name),
        blobs.delete(name),
    ):
        with pytest.raises(ValueError, match="not a SHA-256"):
            await attempt

    assert names(tmp_path) == ["source"]


async def test_what_killed_uploads_left_is_cleared_after_a_while(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("incoming-1", "incoming-2", "kept"))
    for path in (old, new, other):
        path.write_bytes(b"x")
    yesterday = datetime(2026, 3, 1, tzinfo=UTC)
    for path in (old, other):
        os.utime(path, (yesterday.timestamp() - 60,) * 2)

    cleared = await clear_abandoned(tmp_path, yesterday)
    left = names(tmp_path)

    assert (cleared, left) == (
        1,
        ["incoming-2", "kept"],
    )
