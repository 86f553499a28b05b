"""Serving bytes: ranges, validators, names, and the headers that keep a browser from harm."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deps import House
from app.problems import RangeNotSatisfiable
from app.serving import range_of, safe_name
from store.links import media_path
from store.tables import Media
from tests.app.conftest import Office
from tests.app.uploading import upload
from tests.conftest import Clock
from tests.files import tiny_png

PNG = tiny_png(6, 4)
SIZE = len(PNG)


def wanted(header: str, size: int) -> list[int] | None:
    """Return the positions a range asks for, by looking at each; None where it is no range."""
    first, _, last = header.removeprefix("bytes=").partition("-")
    if not first and not last:
        return None
    if first and last and int(last) < int(first):
        return None
    if not first:
        return [at for at in range(size) if at >= size - int(last)]
    return [at for at in range(size) if int(first) <= at <= int(last or size)]


number = st.integers(0, 12).map(str) | st.just("")


@given(first=number, last=number, size=st.integers(1, 10))
def test_a_range_is_what_counting_says(first: str, last: str, size: int) -> None:
    header = f"bytes={first}-{last}"
    expected = wanted(header, size)

    try:
        found = range_of(header, size)
        positions = None if found is None else list(range(found[0], found[1] + 1))
    except RangeNotSatisfiable:
        positions = []

    assert positions == expected


@given(header=st.text(max_size=30) | st.from_regex(r"\Abytes[=\-0-9, ]{0,20}\Z"))
def test_no_range_header_does_harm(header: str) -> None:
    try:
        found = range_of(header, 10)
    except RangeNotSatisfiable:
        return

    assert found is None or 0 <= found[0] <= found[1] < 10


RANGES: list[tuple[str | bytes, int, str | None, bytes]] = [
    ("bytes=0-9", 206, f"bytes 0-9/{SIZE}", PNG[:10]),
    ("bytes=10-", 206, f"bytes 10-{SIZE - 1}/{SIZE}", PNG[10:]),
    ("bytes=-10", 206, f"bytes {SIZE - 10}-{SIZE - 1}/{SIZE}", PNG[-10:]),
    ("bytes=-99999", 206, f"bytes 0-{SIZE - 1}/{SIZE}", PNG),
    ("bytes=5-999999999999999999999", 206, f"bytes 5-{SIZE - 1}/{SIZE}", PNG[5:]),
    ("Bytes= 0-0 ", 206, f"bytes 0-0/{SIZE}", PNG[:1]),
    ("bytes=0-1,5-6", 200, None, PNG),
    ("bytes=" + ",".join(["0-"] * 1000), 200, None, PNG),
    ("bytes=9-3", 200, None, PNG),
    ("bytes=-", 200, None, PNG),
    ("bytes=a-b", 200, None, PNG),
    ("bytes=-5-10", 200, None, PNG),
    ("bytes=" + "9" * 5000 + "-", 200, None, PNG),
    ("bytes=\u0661-".encode(), 200, None, PNG),
    ("items=0-9", 200, None, PNG),
]
PAST = [f"bytes={SIZE}-", "bytes=-0", "bytes=" + "9" * 30 + "-"]


async def test_a_part_of_a_file_can_be_fetched(office: Office) -> None:
    row = await upload(office, PNG)
    path = office.path(f"/media/{row['id']}/content")

    answers = [
        (asked, await office.viewer("GET", path, headers={"Range": asked})) for asked, *_ in RANGES
    ]

    seen = [
        (asked, answer.status_code, answer.headers.get("Content-Range"), answer.content)
        for asked, answer in answers
    ]
    assert seen == RANGES
    assert all(
        answer.headers["Content-Length"] == str(len(answer.content)) for _, answer in answers
    )


async def test_a_range_past_the_end_is_a_problem(office: Office) -> None:
    row = await upload(office, PNG)
    path = office.path(f"/media/{row['id']}/content")

    answers = [await office.viewer("GET", path, headers={"Range": past}) for past in PAST]

    for answer in answers:
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 416
        assert answer.json()["type"] == "/problems/range-not-satisfiable"


async def test_a_file_is_served_so_that_a_browser_cannot_run_it(office: Office) -> None:
    row = await upload(office, PNG, "../<svg onload=1>.html")
    path = office.path(f"/media/{row['id']}/content")

    whole = await office.viewer("GET", path)
    head = await office.viewer("HEAD", path, headers={"Range": "bytes=0-1"})

    expected = {
        "content-type": "image/png",
        "content-length": str(SIZE),
        "etag": f'"{row["sha256"]}"',
        "accept-ranges": "bytes",
        "content-disposition": "attachment; filename*=UTF-8''_svg%20onload%3D1_.html.png",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "cross-origin-resource-policy": "same-origin",
    }
    assert (whole.status_code, whole.content, head.status_code, head.content) == (
        200,
        PNG,
        200,
        b"",
    )
    assert {name: whole.headers[name] for name in expected} == expected
    assert {name: head.headers[name] for name in expected} == expected


async def test_who_has_a_file_does_not_get_it_again(office: Office) -> None:
    row = await upload(office, PNG)
    path, tag = office.path(f"/media/{row['id']}/content"), f'"{row["sha256"]}"'

    answers = [
        await office.viewer("GET", path, headers=headers)
        for headers in (
            {"If-None-Match": tag},
            {"If-None-Match": f'"x", W/{tag}', "Range": "bytes=0-1"},
            {"If-None-Match": '"x"'},
            {"If-Range": tag, "Range": "bytes=0-1"},
            {"If-Range": '"x"', "Range": "bytes=0-1"},
            {"If-Range": f"W/{tag}", "Range": "bytes=0-1"},
        )
    ]

    assert [answer.status_code for answer in answers] == [304, 304, 200, 206, 200, 200]
    assert (answers[0].content, answers[0].headers["ETag"]) == (b"", tag)


@given(name=st.text(max_size=40), mime=st.sampled_from(["image/png", "image/jpeg", "video/mp4"]))
def test_a_name_to_save_under_has_the_extension_of_what_it_is(name: str, mime: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    media = Media(
        workspace_id=UUID(int=1),
        sha256="0" * 64,
        mime=mime,
        bytes=1,
        name=name,
        created_at=moment,
        updated_at=moment,
    )

    safe = safe_name(media)

    assert safe.isprintable()
    assert re.fullmatch(r"[^/\\:*?\"<>|]+\.(png|jpe?g|mp4|m4v)", safe, re.IGNORECASE)
    assert not safe.startswith(".")


@pytest.fixture
async def link(office: Office, house: House, clock: Clock) -> str:
    """The path of a signed link that ends in an hour."""
    row = await upload(office, PNG)
    async with house.store.reading() as db:
        media = await db.get(Media, UUID(row["id"]))
    assert media is not None
    expires = clock.now.replace(hour=2)
    return media_path(house.ring, media, expires)


async def test_a_signed_link_opens_for_anybody_until_it_ends(
    http: httpx.AsyncClient, clock: Clock, link: str
) -> None:
    answers = [
        await http.get(link),
        await http.head(link),
        await http.get(link, headers={"Range": "bytes=1-3"}),
    ]
    clock.forward(hours=1)
    answers.append(await http.get(link))
    clock.forward(seconds=1)
    answers.append(await http.get(link))

    assert [answer.status_code for answer in answers] == [200, 200, 206, 200, 404]
    assert (answers[0].content, answers[2].content) == (PNG, PNG[1:4])
    assert answers[0].headers["Content-Disposition"].startswith("inline; ")
    assert answers[0].headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answers[0].headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answers[4].json()["type"] == "/problems/no-such-link"


def _spoiled(link: str) -> list[str]:
    _, media, workspace, file, until, signature = link.split("/")
    other = "01a20c80-e019-75d6-a9ac-a01c8d35d13b"
    steps: list[list[Any]] = [
        [other, file, until, signature],
        [workspace, other, until, signature],
        [workspace, file, int(until) + 1, signature],
        [workspace, file, f"0{until}", signature + "x"],
        [workspace, file, "9" * 40, signature],
        [workspace, file, "9" * 5000, signature],
        [workspace, file, f"-{until}", signature],
        [workspace, file, "%D9%A1", signature],
        [workspace, file, until, signature[:-1]],
        [workspace, file, until, signature.swapcase()],
        [workspace, file, until, "%00"],
        [workspace, file, until, "%ED%A0%80"],
        [workspace, file.replace("-", ""), until, signature],
        [workspace.upper().replace("0", "O"), file, until, signature],
        ["..%2f..%2f..%2fetc", "passwd", until, signature],
        ["%252e%252e%252f", "%252e%252e", until, signature],
    ]
    return ["/".join(["", media, *map(str, each)]) for each in steps]


async def test_a_link_that_is_not_whole_leads_nowhere(http: httpx.AsyncClient, link: str) -> None:
    answers = [await http.get(path) for path in _spoiled(link)]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}


async def test_a_file_whose_bytes_are_gone_is_a_problem(
    office: Office, tmp_path: Path, link: str, http: httpx.AsyncClient
) -> None:
    for path in (tmp_path / "media").rglob("*"):
        if path.is_file():
            path.unlink()

    answer = await http.get(link)

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-blob")
