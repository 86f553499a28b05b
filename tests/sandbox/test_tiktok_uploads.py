"""Plans and chunks: invariants, and that a body is never held."""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sandbox.tiktok.publications import HEAD_BYTES
from app.sandbox.tiktok.rules import Refused
from app.sandbox.tiktok.videos import CHUNK_MIN_BYTES, plan
from tests.sandbox.cases import begun
from tests.sandbox.platform import Stage, body_of, part, stage
from tests.sandbox.test_tiktok_statuses import status

MB = 1_000_000
SIZES = st.integers(1, 1 << 32)
VECTORS = [
    (3_145_728, 3_145_728, 1, (0, 3_145_727)),
    (5_000_000, 5_000_000, 1, (0, 4_999_999)),
    (64_000_000, 64_000_000, 1, (0, 63_999_999)),
    (64_000_001, 32_000_000, 2, (32_000_000, 64_000_000)),
    (100_000_000, 32_000_000, 3, (64_000_000, 99_999_999)),
    (150_000_000, 32_000_000, 4, (96_000_000, 149_999_999)),
    (4_294_967_296, 32_000_000, 134, (4_256_000_000, 4_294_967_295)),
    (50_000_123, 10_000_000, 5, (40_000_000, 50_000_122)),
]


def suggested(size: int) -> tuple[int, int]:
    chunk = size if size <= 64 * MB else 32 * MB
    return chunk, size // chunk


def allowed(size: int, chunk: int, count: int) -> bool:
    """Say by the words of 2.3.4, with MB read both ways, whether a plan is fine."""
    if not (chunk > 0 and 1 <= count <= 1000 and count == size // chunk):
        return False
    last = size - (count - 1) * chunk
    for mb in (MB, 1 << 20):
        small = size < 5 * mb
        if small and (chunk, count) != (size, 1):
            return False
        if not small and not (5 * mb <= chunk <= 64 * mb and last <= 128 * mb):
            return size < CHUNK_MIN_BYTES and (chunk, count) == (size, 1)
        if size > 64 * mb and count == 1:
            return False
    return True


def accepted(size: int, chunk: int, count: int) -> bool:
    try:
        plan(size, chunk, count)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("size", "chunk", "count", "last"), VECTORS)
def test_the_documented_plans_are_accepted(
    size: int, chunk: int, count: int, last: tuple[int, int]
) -> None:
    upload = plan(size, chunk, count)
    upload.chunks, upload.received = count - 1, (count - 1) * chunk

    assert upload.due() == last


@given(SIZES)
def test_the_suggested_plan_of_any_size_is_accepted(size: int) -> None:
    assert accepted(size, *suggested(size))


@given(SIZES, st.integers(0, 70 * MB), st.integers(-1, 1))
def test_a_plan_is_accepted_exactly_where_the_words_allow_it(
    size: int, chunk: int, off: int
) -> None:
    count = (size // chunk if chunk else 0) + off

    assert accepted(size, chunk, count) == allowed(size, chunk, count)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=8))
async def test_whatever_order_chunks_come_in_only_the_right_one_is_progress(
    order: list[int],
) -> None:
    chunk = CHUNK_MIN_BYTES
    body = body_of(3 * chunk)
    async with stage() as s:
        url, publish_id = await begun(s, len(body), chunk)
        here = 0
        for number in [*order, 0, 1, 2]:
            headers, piece = part(body, number * chunk, (number + 1) * chunk - 1)
            answer = await s.http.put(url, headers=headers, content=piece)
            right = number == here
            if here == 3:
                assert answer.status_code == 416
                continue
            here += right
            expected = (201 if here == 3 else 206) if right else 416
            assert answer.status_code == expected
            assert answer.headers["content-range"] == f"bytes 0-{here * chunk}/{len(body)}"
        said = await status(s, await s.token(), publish_id)
        files = (await s.state())["publications"][0]["files"]

    assert said["uploaded_bytes"] == len(body)
    assert [each["sha256"] for each in files] == [hashlib.sha256(body).hexdigest()]


async def test_a_large_chunk_is_taken_in_constant_memory(tiktok: Stage) -> None:
    size, piece = 60 * MB, bytes(64_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, len(piece)):
            yield piece[: size - start]

    url, _ = await begun(tiktok, size)
    headers, _ = part(b"", 0, -1)
    told = headers | {"Content-Range": f"bytes 0-{size - 1}/{size}", "Content-Length": str(size)}
    tracemalloc.start()
    answer = await tiktok.http.put(url, headers=told, content=pieces())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert answer.status_code == 201
    assert peak < 2 * MB
    assert len(tiktok.tiktok.publications.popitem()[1].upload.head) == HEAD_BYTES  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x00\x00\x00\x18ftypmp42", ""),
        (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00webm", ""),
        (b"GIF89a and so on", "file_format_check_failed"),
    ],
)
async def test_a_file_that_is_no_video_fails_where_files_are_looked_at(
    tiktok: Stage, head: bytes, expected: str
) -> None:
    await tiktok.control(developer={"look_at_files": True})
    body = head + bytes(100)
    url, publish_id = await begun(tiktok, len(body))
    headers, piece = part(body, 0, len(body) - 1)

    await tiktok.http.put(url, headers=headers, content=piece)
    tiktok.wait(2)

    assert (await status(tiktok, await tiktok.token(), publish_id)).get(
        "fail_reason", ""
    ) == expected


async def test_the_hour_ends_while_a_chunk_is_on_its_way(tiktok: Stage) -> None:
    body = body_of(1000)
    url, _ = await begun(tiktok, 1000)
    headers, _ = part(body, 0, 999)

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:500]
        tiktok.wait(3600)
        yield body[500:]

    told = headers | {"Content-Length": "1000"}
    answer = await tiktok.http.put(url, headers=told, content=slowly())

    assert answer.status_code == 403


async def test_one_chunk_that_comes_twice_at_once_is_taken_once(tiktok: Stage) -> None:
    body = body_of(1000)
    url, _ = await begun(tiktok, 1000)
    headers, piece = part(body, 0, 999)
    inner: list[int] = []

    async def overtaken() -> AsyncIterator[bytes]:
        yield body[:500]
        inner.append((await tiktok.http.put(url, headers=headers, content=piece)).status_code)
        yield body[500:]

    told = headers | {"Content-Length": "1000"}
    answer = await tiktok.http.put(url, headers=told, content=overtaken())

    assert (inner, answer.status_code) == ([201], 416)
