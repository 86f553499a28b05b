"""Media over HTTP."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager

from app.deps import House
from app.main import create_app
from store.settings import StoreSettings
from tests.app.conftest import Office, found_office
from tests.app.uploading import Part, encoded, send_form, upload
from tests.app.writing import write_post
from tests.conftest import Client
from tests.files import tiny_gif, tiny_jpeg, tiny_mp4, tiny_png

PNG = tiny_png(6, 4)


def left_over(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.rglob("incoming-*")]


def kept(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "media").rglob("*") if path.is_file()}


async def test_a_file_is_uploaded_read_described_and_deleted(
    office: Office, tmp_path: Path
) -> None:
    added = await send_form(
        office.editor,
        office,
        ("alt", (None, "Naskah di atas meja")),
        ("file", ("C:\\foto\\naskah kuno.png", PNG, "text/html")),
    )

    location = added.headers["Location"].removeprefix("/api/v1")
    row = added.json()
    sha256 = hashlib.sha256(PNG).hexdigest()
    assert (added.status_code, added.headers["ETag"]) == (201, '"1"')
    assert {name: row[name] for name in ("name", "alt", "mime", "bytes", "sha256")} == {
        "name": "naskah kuno.png",
        "alt": "Naskah di atas meja",
        "mime": "image/png",
        "bytes": len(PNG),
        "sha256": sha256,
    }
    assert (row["width"], row["height"], row["duration_ms"]) == (6, 4, None)
    assert await office.viewer.ok("GET", location) == row
    assert await office.viewer.ok("GET", office.path("/media")) == {"items": [row], "next": None}
    assert (kept(tmp_path), left_over(tmp_path)) == ({sha256}, [])

    changed = await office.editor("PATCH", location, {"alt": "Naskah"}, match=1)
    assert (changed.json()["alt"], changed.json()["name"], changed.headers["ETag"]) == (
        "Naskah",
        "naskah kuno.png",
        '"2"',
    )

    assert (await office.editor("DELETE", location)).status_code == 428
    assert (await office.editor("DELETE", location, match=1)).status_code == 412
    assert (await office.editor("DELETE", location, match=2)).status_code == 204
    assert (await office.viewer("GET", location)).status_code == 404
    assert kept(tmp_path) == set()


async def test_a_video_says_how_long_it_lasts(office: Office) -> None:
    row = await upload(office, tiny_mp4(seconds=2), "kirab.mp4", name="Kirab")

    assert {name: row[name] for name in ("name", "mime", "duration_ms", "frame_rate", "codec")} == {
        "name": "Kirab",
        "mime": "video/mp4",
        "duration_ms": 2000,
        "frame_rate": "25",
        "codec": "h264",
    }


async def test_the_same_bytes_again_give_the_file_that_is_there(
    office: Office, tmp_path: Path
) -> None:
    first = await upload(office, PNG, alt="Pertama")

    again = await send_form(office.editor, office, ("file", ("lain.png", PNG)))

    place = f"/api/v1{office.path('/media')}/{first['id']}"
    assert (again.status_code, again.json()) == (200, first)
    assert again.headers["Content-Location"] == place
    assert left_over(tmp_path) == []


async def test_two_uploads_of_the_same_bytes_at_once_make_one_file(office: Office) -> None:
    answers = await asyncio.gather(
        *(send_form(office.editor, office, ("file", (f"{n}.png", PNG))) for n in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


FILE: tuple[str, Part] = ("file", ("foto.png", PNG))

WRONG_FORMS: list[tuple[list[tuple[str, Part]], str, str]] = [
    ([("alt", (None, "x"))], "/file", "missing"),
    ([FILE, FILE], "/file", "given-twice"),
    ([("alt", (None, "x")), ("alt", (None, "y")), FILE], "/alt", "given-twice"),
    ([FILE, ("path", (None, "../../secret.key"))], "/path", "extra-forbidden"),
    ([FILE, ("a/b~c", (None, "x"))], "/a~1b~0c", "extra-forbidden"),
    ([FILE, ("alt", (None, "x" * 8_001))], "/alt", "field-too-large"),
    ([FILE, ("alt", (None, "x" * 2_001))], "/alt", "too-long"),
    ([FILE, ("alt", (None, b"\xff\xfe"))], "/alt", "not-utf8"),
    ([FILE, ("alt", (None, "a\x00b"))], "/alt", "control-character"),
    ([FILE, ("name", (None, "  "))], "/name", "string-too-short"),
    ([("file", ("x.png", b""))], "/file", "empty-file"),
]


async def test_a_form_that_is_not_right_is_refused(office: Office, tmp_path: Path) -> None:
    answers = [await send_form(office.editor, office, *parts) for parts, _, _ in WRONG_FORMS]

    errors = [answer.json()["errors"] for answer in answers]
    seen = [(error["pointer"], error["code"]) for (error,) in errors]
    assert seen == [(pointer, code) for _, pointer, code in WRONG_FORMS]
    assert {answer.status_code for answer in answers} == {422}
    assert (kept(tmp_path), left_over(tmp_path)) == (set(), [])


@pytest.mark.parametrize(
    ("kind", "cut", "status", "problem"),
    [
        ("multipart/form-data", 0, 422, "wrong-form"),  # no boundary
        ("multipart/form-data; boundary=other", 0, 422, "wrong-form"),
        ("multipart/form-data; boundary=" + "x" * 300, 0, 422, "wrong-form"),
        (None, 20, 422, "wrong-form"),  # ends too early
        ("application/json", 0, 415, "wrong-media-type"),
        ("text/html", 0, 415, "wrong-media-type"),
    ],
)
async def test_a_body_that_is_no_whole_form_is_refused(
    office: Office, tmp_path: Path, kind: str | None, cut: int, status: int, problem: str
) -> None:
    body, right = encoded(FILE)

    answer = await office.editor(
        "POST",
        office.path("/media"),
        content=body[: len(body) - cut],
        headers={"Content-Type": kind or right},
    )

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    assert kept(tmp_path) == set()


async def test_an_empty_request_is_no_form(office: Office) -> None:
    answer = await office.editor("POST", office.path("/media"))

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/wrong-media-type")


PRETENDERS = [
    (b"<!doctype html><script>alert(1)</script>", "not-media"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not-media"),
    (b"%PDF-1.7 ...", "not-media"),
    (PNG[:33] + b"<!doctype html>" + PNG[33:], "hidden-content"),
    (PNG + b"<script>alert(1)</script>", "hidden-content"),
    (PNG + b"alert(1)", "bytes-after-end"),
    (tiny_gif() + b"PK\x05\x06", "bytes-after-end"),
    (PNG[:-10], "truncated-file"),
    (b"#!/bin/sh\nrm -rf /\n", "unknown-file"),
]


async def test_what_only_pretends_to_be_a_picture_is_refused(
    office: Office, tmp_path: Path
) -> None:
    answers = [
        await send_form(office.editor, office, ("file", ("foto.png", content, "image/png")))
        for content, _ in PRETENDERS
    ]

    seen = [(answer.status_code, answer.json()["errors"][0]["code"]) for answer in answers]
    assert seen == [(422, code) for _, code in PRETENDERS]
    assert (kept(tmp_path), left_over(tmp_path)) == (set(), [])


@pytest.fixture
async def small(house: House, tmp_path: Path) -> AsyncIterator[Office]:
    """An office where a file may have one megabyte."""
    settings = StoreSettings(data_dir=tmp_path, media_limit_mb=1, _env_file=None)  # type: ignore[call-arg]
    house = replace(house, settings=settings)
    app = create_app(house)
    async with LifespanManager(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
            yield await found_office(house, http, "kecil")


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_over_the_limit_is_refused(small: Office, tmp_path: Path, told: bool) -> None:
    body, kind = encoded(("file", ("foto.png", PNG + bytes(1_100_000))))

    answer = await small.editor(
        "POST",
        small.path("/media"),
        content=body if told else _in_pieces(body),
        headers={"Content-Type": kind},
    )

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert left_over(tmp_path) == []


async def test_a_file_just_over_the_limit_is_refused(small: Office, tmp_path: Path) -> None:
    answer = await send_form(small.editor, small, ("file", ("foto.png", bytes(1_000_001))))

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert left_over(tmp_path) == []


class Held:
    """A body that stops half way until it is let go."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body[:80]
        self.reached.set()
        await self.released.wait()
        yield self.body[80:]


async def _start(client: Client, office: Office) -> tuple[Held, asyncio.Task[httpx.Response]]:
    body, kind = encoded(FILE)
    held = Held(body)
    headers = {"Content-Type": kind}
    uploading = asyncio.create_task(
        client("POST", office.path("/media"), content=held, headers=headers)
    )
    await held.reached.wait()
    return held, uploading


async def test_nobody_waits_for_an_upload_that_takes_its_time(office: Office) -> None:
    started = [await _start(office.editor, office) for _ in range(6)]

    meanwhile = await asyncio.wait_for(write_post(office), 5)
    read = await asyncio.wait_for(office.viewer.ok("GET", office.path("/posts")), 5)

    assert [post["id"] for post in read["items"]] == [meanwhile["id"]]
    for held, _ in started:
        held.released.set()
    answers = [await uploading for _, uploading in started]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]


async def test_who_loses_their_access_while_uploading_keeps_nothing(
    office: Office, tmp_path: Path
) -> None:
    held, uploading = await _start(office.key, office)
    (key,) = (await office.owner.ok("GET", office.path("/api-keys")))["items"]
    await office.owner.ok("DELETE", office.path(f"/api-keys/{key['id']}"), match=key["version"])

    held.released.set()
    answer = await uploading

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/login-needed")
    assert (kept(tmp_path), left_over(tmp_path)) == (set(), [])


async def test_who_may_not_upload_is_told_before_the_file_is_read(
    office: Office, other_office: Office
) -> None:
    body, kind = encoded(FILE)
    sent: list[bytes] = []

    async def counted() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50):
            sent.append(body[start : start + 50])
            yield sent[-1]

    answers = [
        await client(
            "POST", office.path("/media"), content=counted(), headers={"Content-Type": kind}
        )
        for client in (office.viewer, other_office.editor, replace(office.viewer, headers={}))
    ]

    assert [answer.status_code for answer in answers] == [403, 404, 401]
    assert sent == []


async def test_another_office_reaches_no_file(office: Office, other_office: Office) -> None:
    row = await upload(office, PNG)
    paths = [place.path(f"/media/{row['id']}") for place in (office, other_office)]

    answers = [
        await other_office.owner(method, path + rest, body, match=1)
        for path in paths
        for method, rest, body in (
            ("GET", "", None),
            ("GET", "/content", None),
            ("PATCH", "", {"alt": "x"}),
            ("DELETE", "", None),
        )
    ]

    assert [answer.status_code for answer in answers] == [404] * 8


async def test_a_file_that_a_version_of_a_post_shows_stays(office: Office) -> None:
    row, unused = await upload(office, PNG), await upload(office, tiny_jpeg(), "lain.jpg")
    parts = [{"text": f"bukan acuan: {unused['id']}", "media": [{"id": row["id"], "alt": "x"}]}]
    post = await write_post(office, parts=parts)
    plain = {"parts": [{"text": f'"id":"{unused["id"]}"'}]}
    await office.editor.ok(
        "PATCH", office.path(f"/posts/{post['id']}"), plain, match=post["version"]
    )

    refused = await office.editor("DELETE", office.path(f"/media/{row['id']}"), match=1)
    deleted = await office.editor("DELETE", office.path(f"/media/{unused['id']}"), match=1)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/in-use")
    assert "1 posts" in refused.json()["detail"]
    assert deleted.status_code == 204


async def test_bytes_go_with_the_last_office_that_has_them(
    office: Office, other_office: Office, tmp_path: Path
) -> None:
    rows = [(place, await upload(place, PNG)) for place in (office, other_office)]

    left: list[Any] = []
    for place, row in rows:
        await place.editor.ok("DELETE", place.path(f"/media/{row['id']}"), match=1)
        left.append(kept(tmp_path))

    assert left == [{rows[0][1]["sha256"]}, set()]


@pytest.mark.untraced
async def test_no_file_loses_its_bytes_while_others_delete_the_same(
    office: Office, other_office: Office, tmp_path: Path
) -> None:
    async def come_and_go(place: Office, rounds: int) -> None:
        for _ in range(rounds):
            row = await upload(place, PNG)
            answer = await place.viewer("GET", place.path(f"/media/{row['id']}/content"))
            assert answer.content == PNG
            await place.editor.ok("DELETE", place.path(f"/media/{row['id']}"), match=1)

    await asyncio.gather(come_and_go(office, 15), come_and_go(other_office, 15))

    assert kept(tmp_path) == set()
