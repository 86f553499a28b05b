"""Public feeds over HTTP: what was published, and nothing else."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import feedparser
import httpx
import pytest

from app.deps import House
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store import publications, workspaces
from store.liveness import Alone
from store.tables import Publication
from tests.app.conftest import Office
from tests.app.uploading import upload
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.files import tiny_mp4, tiny_png

PNG = tiny_png(6, 4)
FEED = "/feeds/biro/berita"
BASE = "http://pilar.test"


async def send(house: House, clock: Clock, publication: Any) -> None:
    """Let the time of a publication come, and publish it."""
    clock.forward(hours=1)
    publisher = Publisher(
        house.store, house.ring, house.blobs, house.connectors, BASE, Alone("w1"), 60, clock
    )
    await publish(publisher, UUID(publication["id"]))


async def air(office: Office, house: House, clock: Clock, channel: Any, **more: Any) -> Any:
    """Write a post, have it approved, and publish it in an hour's time."""
    post = await approve_post(office, await write_post(office, **more))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(hours=1)))
    await send(house, clock, row)
    published = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    assert published["status"] == "published"
    return published


async def withdraw(office: Office, house: House, clock: Clock, publication: Any) -> None:
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        row = await publications.of(db, workspace.id, UUID(publication["id"]))
        row.withdrawn_at = clock.forward(minutes=5)
        db.add(row)


@pytest.fixture
async def channel(office: Office) -> Any:
    return await add_channel(office)


async def test_what_was_published_stands_in_both_feeds(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    file = await upload(office, PNG, alt="Naskah di atas meja")
    parts = [
        {"text": "Bagian satu & <b>tebal</b>.\n\nParagraf.", "media": [{"id": file["id"]}]},
        {"text": "Bagian dua."},
    ]
    first = await air(office, house, clock, channel, title="Yang pertama")
    second = await air(office, house, clock, channel, title="Naskah <kuno>", parts=parts)

    as_atom = await http.get(f"{FEED}.atom")
    as_json = await http.get(f"{FEED}.json")

    parsed = feedparser.parse(as_atom.content)
    assert (parsed.bozo, parsed.version, parsed.feed.title) == (False, "atom10", "Berita")
    assert as_atom.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert [entry.link for entry in parsed.entries] == [second["permalink"], first["permalink"]]
    newest = parsed.entries[0]
    media_url = f"{BASE}{FEED}/media/{file['id']}"
    assert (newest.title, newest.id) == ("Naskah <kuno>", second["remote_id"])
    assert [(each.href, each.type, each.length) for each in newest.enclosures] == [
        (media_url, "image/png", str(len(PNG)))
    ]
    assert "Bagian dua." in newest.content[0].value
    assert parsed.feed.updated == newest.published == second["published_at"]

    feed = as_json.json()
    assert as_json.headers["Content-Type"] == "application/feed+json"
    assert [item["id"] for item in feed["items"]] == [entry.id for entry in parsed.entries]
    assert feed["items"][0]["attachments"] == [
        {
            "url": media_url,
            "mime_type": "image/png",
            "size_in_bytes": len(PNG),
            "title": "Naskah di atas meja",
        }
    ]
    assert feed["items"][0]["content_text"] == (
        "Bagian satu & <b>tebal</b>.\n\nParagraf.\n\nBagian dua."
    )
    assert feed["language"] == "id"
    for answer in (as_atom, as_json):
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_a_feed_without_entries_is_as_old_as_its_channel(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    answer = await http.get(f"{FEED}.atom")

    parsed = feedparser.parse(answer.content)
    assert (parsed.bozo, parsed.entries, parsed.feed.updated) == (
        False,
        [],
        "2026-03-02T01:00:00Z",
    )
    assert answer.headers["Last-Modified"] == "Mon, 02 Mar 2026 01:00:00 GMT"


async def test_what_is_not_published_is_not_in_the_feed(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    manual = await add_channel(office, "cetak", "manual")
    other = await add_channel(office, "lain")
    await write_post(office, title="Draf")
    post = await approve_post(office, await write_post(office, title="Terjadwal"))
    await place(office, post, channel, when=at(clock.now + timedelta(days=1)))
    elsewhere = await air(office, house, clock, other, title="Di tempat lain")
    gone = await air(office, house, clock, channel, title="Ditarik")
    await withdraw(office, house, clock, gone)

    feed = (await http.get(f"{FEED}.json")).json()
    pages = [
        await http.get(f"{FEED}/{elsewhere['id']}"),
        await http.get(f"{FEED}/{gone['id']}"),
        await http.get(f"/feeds/biro/{manual['handle']}.atom"),
    ]

    assert feed["items"] == []
    assert [page.status_code for page in pages] == [404, 404, 404]


async def test_a_withdrawal_moves_the_feed_forward(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    gone = await air(office, house, clock, channel)
    before = await http.get(f"{FEED}.atom")
    await withdraw(office, house, clock, gone)

    after = await http.get(
        f"{FEED}.atom", headers={"If-Modified-Since": before.headers["Last-Modified"]}
    )

    assert (after.status_code, feedparser.parse(after.content).entries) == (200, [])
    assert feedparser.parse(after.content).feed.updated == clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("form", [".atom", ".json"])
async def test_who_has_the_feed_does_not_get_it_again(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any, form: str
) -> None:
    await air(office, house, clock, channel)
    url = FEED + form
    first = await http.get(url)
    etag, changed = first.headers["ETag"], first.headers["Last-Modified"]

    answers = [
        await http.get(url, headers=headers)
        for headers in (
            {"If-None-Match": etag},
            {"If-None-Match": f'"a", {etag}'},
            {"If-Modified-Since": changed},
            {"If-Modified-Since": changed, "If-None-Match": '"a"'},
            {"If-Modified-Since": "Sun, 01 Mar 2026 01:00:00 GMT"},
            {"If-Modified-Since": "kemarin"},
        )
    ]
    await air(office, house, clock, channel, text="Yang kedua.")
    answers.append(await http.get(url, headers={"If-None-Match": etag}))
    answers.append(await http.get(url, headers={"If-Modified-Since": changed}))

    assert [answer.status_code for answer in answers] == [304, 304, 304, 200, 200, 200, 200, 200]
    assert (answers[0].content, answers[0].headers["ETag"]) == (b"", etag)
    assert not etag.startswith("W/")


async def test_head_answers_what_get_would_without_the_body(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    file = await upload(office, PNG)
    parts = [{"text": "x", "media": [{"id": file["id"]}]}]
    entry = await air(office, house, clock, channel, parts=parts)
    paths = [".atom", ".json", f"/{entry['id']}", f"/media/{file['id']}"]

    for path in paths:
        got, head = await http.get(FEED + path), await http.head(FEED + path)

        got.headers.pop("X-Request-ID")
        head.headers.pop("X-Request-ID")
        assert (head.status_code, head.content, head.headers) == (200, b"", got.headers)


async def test_the_page_of_an_entry_shows_it_and_runs_nothing(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    image, video = await upload(office, PNG), await upload(office, tiny_mp4(), "kirab.mp4")
    parts = [
        {"text": "<script>alert(1)</script>", "media": [{"id": image["id"]}]},
        {"text": "dua", "media": [{"id": video["id"]}]},
    ]
    entry = await air(office, house, clock, channel, title="</title><script>", parts=parts)

    page = await http.get(entry["permalink"].removeprefix(BASE))

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert f'<img src="{BASE}{FEED}/media/{image["id"]}"' in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; img-src 'self';")


async def test_a_file_is_public_from_its_publication_to_its_withdrawal(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    file = await upload(office, PNG)
    url = f"{FEED}/media/{file['id']}"
    other = await add_channel(office, "lain")
    seen = [(await http.get(url)).status_code]

    parts = [{"text": "Isi.", "media": [{"id": file["id"]}]}]
    post = await approve_post(office, await write_post(office, parts=parts))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(hours=1)))
    seen.append((await http.get(url)).status_code)

    await send(house, clock, row)
    live = await http.get(url)
    part = await http.get(url, headers={"Range": "bytes=0-3"})
    seen += [live.status_code, part.status_code]
    seen.append((await http.get(f"/feeds/biro/{other['handle']}/media/{file['id']}")).status_code)

    await withdraw(office, house, clock, row)
    seen.append((await http.get(url)).status_code)

    assert seen == [404, 404, 200, 206, 404, 404]
    assert (live.content, part.content) == (PNG, PNG[:4])
    assert live.headers["Content-Type"] == "image/png"
    assert live.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert live.headers["Content-Disposition"].startswith("inline; ")


async def test_a_file_whose_id_is_only_written_in_a_post_stays_private(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    file = await upload(office, PNG)
    await air(office, house, clock, channel, text=f'"id":"{file["id"]}"')

    answer = await http.get(f"{FEED}/media/{file['id']}")

    assert answer.status_code == 404


async def test_a_published_post_stays_as_it_was_sent(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    entry = await air(office, house, clock, channel, text="Seperti yang disetujui.")
    post = await office.viewer.ok("GET", office.path(f"/posts/{entry['post']}"))
    before = await http.get(f"{FEED}.json")
    await office.editor.ok(
        "PATCH",
        office.path(f"/posts/{post['id']}"),
        {"parts": [{"text": "Diubah diam-diam."}]},
        match=post["version"],
    )

    after = await http.get(f"{FEED}.json")

    assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])
    assert "Seperti yang disetujui." in after.text


async def test_a_feed_shows_the_newest_fifty(
    office: Office, house: House, clock: Clock, http: httpx.AsyncClient, channel: Any
) -> None:
    entry = await air(office, house, clock, channel, title="Yang asli")
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        row = await publications.of(db, workspace.id, UUID(entry["id"]))
        assert row.snapshot is not None
        for number in range(2, 53):
            fields = row.model_dump(exclude={"id", "version"}) | {
                "occurrence": number,
                "snapshot": row.snapshot | {"title": f"Konten {number}"},
                "published_at": clock.now + timedelta(minutes=number),
                "remote_id": f"tag:pilar.test,2026:{number}",
            }
            db.add(Publication(**fields))

    feed = (await http.get(f"{FEED}.json")).json()
    page = await http.get(f"{FEED}/{entry['id']}")

    titles = [item["title"] for item in feed["items"]]
    assert titles == [f"Konten {number}" for number in range(52, 2, -1)]
    assert page.status_code == 200  # what left the list keeps its page


ABUSES = [
    "/feeds/biro/%00.atom",
    "/feeds/%00/berita.atom",
    "/feeds/biro/berita/%00",
    "/feeds/biro/berita/media/%00",
    "/feeds/biro/%ED%A0%80.json",
    "/feeds/biro/..%2f..%2fsecret.atom",
    "/feeds/..%2f../berita.atom",
    "/feeds/%252e%252e%252f/berita.json",
    "/feeds/biro/berita/..%2f..%2fpilar.db",
    "/feeds/biro/berita/%252e%252e%252fpilar.db",
    "/feeds/biro/berita/media/..%2f..%2f..%2fkeys",
    "/feeds/biro/berita/media/%252e%252e%252fkeys",
    "/feeds/biro/berita/media/....//....//keys",
    "/feeds/biro/berita/media/%c0%ae%c0%ae%c0%afkeys",
    "/feeds/biro/berita'%20OR%201=1--.atom",
    "/feeds/biro/%25.atom",
    "/feeds/biro/berita/media/" + "9" * 5000,
    "/feeds/biro/" + "x" * 5000 + ".atom",
    "/feeds/BIRO/berita.atom",
    "/feeds/lain/berita.atom",
]


async def test_an_address_that_is_none_leads_nowhere(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    answers = {path: await http.get(path) for path in ABUSES}

    seen = {path: (each.status_code, each.json()["status"]) for path, each in answers.items()}
    assert seen == dict.fromkeys(ABUSES, (404, 404))
    assert {each.headers["Content-Type"] for each in answers.values()} == {
        "application/problem+json"
    }
