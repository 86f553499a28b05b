"""Imports over HTTP: tables become history, drafts and publications; twice doubles nothing."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from store import audit, workspaces
from store.db import Store
from tests.app.conftest import Office
from tests.app.writing import add_channel, let_the_mix_be, write_post
from tests.conftest import Clock

HEADER = ("external_id", "title", "text", "type", "channels", "date", "time", "published_at")


def table(*rows: dict[str, str], header: tuple[str, ...] = HEADER, delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


async def send(office: Office, text: str, status: int, **more: Any) -> Any:
    body = {"text": text, "type": "informative"} | more
    answer = await office.editor("POST", office.path("/imports"), body)
    assert answer.status_code == status, answer.text
    return answer.json()


def outcomes(report: Any) -> list[str]:
    return [row["outcome"] for row in report["rows"]]


def codes(report: Any) -> list[list[tuple[str, str]]]:
    return [[(each["pointer"], each["code"]) for each in row["errors"]] for row in report["rows"]]


def without_ids(report: Any) -> Any:
    rows = [row | {"post": None, "publications": []} for row in report["rows"]]
    return report | {"rows": rows, "dry_run": None, "applied": None}


async def count(office: Office, noun: str) -> int:
    text = (await office.owner("GET", office.path(f"/exports/{noun}?format=jsonl"))).text
    return len(text.splitlines())


def mixed(number: int) -> dict[str, str]:
    """Return one of six kinds of rows: history, draft, idea, dated, faulty, twice in the file."""
    text = f"Isi nomor {number}, dengan koma"
    day = f"2026-05-{1 + number % 28:02}"
    return (
        {"text": text, "channels": "berita", "published_at": f"2025-{1 + number % 12:02}-03 09:00"},
        {"title": f"Draf {number}", "text": text, "type": "Interaktif"},
        {"title": f"Ide {number}"},
        {"text": text, "channels": "feed:berita", "date": day, "time": "10:30"},
        {"text": text, "channels": "tidak-ada", "date": day, "time": "10:30"},
        {"title": "Kembar", "text": "Sama saja."},
    )[number % 6]


@pytest.mark.untraced
async def test_a_table_is_imported_once_however_often_it_is_sent(office: Office) -> None:
    await add_channel(office)
    await let_the_mix_be(office)
    text = table(*(mixed(number) for number in range(300)))

    dry = await send(office, text, 200, accept="valid", dry_run=True)
    nothing = await count(office, "posts"), await count(office, "publications")
    done = await send(office, text, 201, accept="valid")
    written = await count(office, "posts"), await count(office, "publications")
    kept = await office.owner.ok("GET", office.path("/audit?action=import"))
    seq = (await office.owner.ok("GET", office.path("/audit?limit=1")))["items"][0]["seq"]
    again = await send(office, text, 200, accept="valid")

    totals = {
        "rows": 300,
        "posts": 201,
        "recorded": 50,
        "placed": 50,
        "drafts": 101,
        "skipped": 49,
        "faulty": 50,
    }
    assert nothing == (0, 0)
    assert (done["applied"], done["totals"]) == (True, totals)
    assert without_ids(dry) == without_ids(done)
    assert {row["post"] for row in dry["rows"]} == {None}
    assert written == (201, 100)
    assert [each["data"] for each in kept["items"]] == [{"layout": "pilar", **totals}]
    assert again["totals"] == totals | {
        "posts": 0,
        "recorded": 0,
        "placed": 0,
        "drafts": 0,
        "skipped": 250,
    }
    assert (await count(office, "posts"), await count(office, "publications")) == written
    assert (await office.owner.ok("GET", office.path("/audit?limit=1")))["items"][0]["seq"] == seq


async def test_one_faulty_row_keeps_everything_out_unless_valid_rows_are_asked_for(
    office: Office,
) -> None:
    text = table({"title": "Baik"}, {"title": "Buruk", "type": "iklan"})

    refused = await send(office, text, 200)
    before = await count(office, "posts")
    taken = await send(office, text, 201, accept="valid")

    assert (refused["applied"], outcomes(refused), before) == (False, ["idea", "faulty"], 0)
    assert codes(refused) == [[], [("type", "unknown-name")]]
    assert without_ids(taken) == without_ids(refused)
    assert [row["post"] is not None for row in taken["rows"]] == [True, False]
    assert await count(office, "posts") == 1


async def test_history_is_recorded_on_the_wall_clock_of_the_channel(office: Office) -> None:
    await add_channel(office)
    await add_channel(office, "timur", timezone="Asia/Jayapura")
    row = {"text": "Sudah terbit", "channels": "berita;@Timur", "published_at": "3/11/2025 9.05"}
    text = table(row, {"text": "x", "channels": "berita", "published_at": "2025-12-24"})

    report = await send(office, text, 201, day_first=True)

    publications = [
        await office.viewer.ok("GET", office.path(f"/publications/{each}"))
        for row in report["rows"]
        for each in row["publications"]
    ]
    seen = [(each["status"], each["recorded"], each["published_at"]) for each in publications]
    assert outcomes(report) == ["recorded", "recorded"]
    assert seen == [
        ("published", True, "2025-11-03T02:05:00Z"),
        ("published", True, "2025-11-03T00:05:00Z"),
        ("published", True, "2025-12-24T05:00:00Z"),
    ]


async def test_a_refused_row_stays_a_draft_with_the_next_open_slot(
    office: Office, clock: Clock, store: Store
) -> None:
    channel = await add_channel(office)
    slots = [{"weekday": 2, "time": "19:00"}, {"weekday": 4, "time": "19:00"}]
    path = office.path(f"/channels/{channel['id']}/slots")
    first = clock.now.date().isoformat()
    await office.manager.ok(
        "PUT", path, {"slots": slots, "effective_from": first}, match=channel["version"]
    )
    dated = {"channels": "berita", "time": "10:00", "text": "Sama"}
    text = table(
        dated | {"title": "Satu", "date": "2026-03-10"},
        dated | {"title": "Dua", "date": "2026-03-12"},
        dated | {"title": "Kosong", "text": "", "date": "2026-03-12"},
        dated | {"title": "Lewat", "date": "2026-02-10"},
    )

    report = await send(office, text, 201, accept="valid")

    assert outcomes(report) == ["placed", "draft", "draft", "faulty"]
    assert codes(report) == [
        [],
        [("channels", "duplicate-content")],
        [("text", "empty-post")],
        [("date", "past-not-published")],
    ]
    assert [row["suggested"] and row["suggested"]["local"] for row in report["rows"]] == [
        None,
        "2026-03-04T19:00",
        "2026-03-06T19:00",
        None,
    ]
    post = await office.viewer.ok("GET", office.path(f"/posts/{report['rows'][1]['post']}"))
    async with store.reading() as db:
        broken = await audit.verify(db, (await workspaces.by_slug(db, office.slug)).id)
    assert (post["title"], post["status"]) == ("Dua", "draft")
    assert (await count(office, "publications"), broken) == (1, None)


async def test_a_row_that_was_placed_is_skipped_when_its_time_has_passed(
    office: Office, clock: Clock
) -> None:
    await add_channel(office)
    row = {"external_id": "a-1", "text": "x", "channels": "berita", "date": "2026-03-03"}
    text = table(row | {"time": "10:00"})

    first = await send(office, text, 201)
    clock.forward(days=2)
    again = await send(office, text, 200)

    assert (outcomes(first), outcomes(again)) == (["placed"], ["skipped"])
    assert again["rows"][0] | {"outcome": "placed"} == first["rows"][0] | {"publications": []}


async def test_a_cell_that_no_database_takes_is_a_fault_of_its_row(office: Office) -> None:
    rows = [{"external_id": "a\0b", "title": "x"}, {"title": "y\0"}, {"id": "\0", "title": "z"}]
    body = {"format": "json", "rows": rows, "type": "informative"}

    report = await office.editor.ok("POST", office.path("/imports"), body)

    assert codes(report) == [
        [("external_id", "control-character")],
        [("title", "control-character")],
        [("id", "control-character"), ("id", "uuid-parsing")],
    ]


async def test_an_external_id_that_stands_for_two_things_is_a_fault(office: Office) -> None:
    text = table(
        {"external_id": "a", "title": "Satu"},
        {"external_id": "a", "title": "Satu"},
        {"external_id": "a", "title": "Dua"},
    )

    for status in (201, 200):
        report = await send(office, text, status, accept="valid")
        assert outcomes(report)[1:] == ["skipped", "faulty"]
        assert codes(report)[2] == [("external_id", "external-id-twice")]


async def test_other_tools_files_are_known_by_their_columns(office: Office) -> None:
    await add_channel(office)
    hootsuite = '\ufeff25/03/2026 10:05,"Halo, semua",https://kantor.example/a\r\n'
    buffer = "Text,Image URL,Tags,Posting Time\nHai,https://kantor.example/a.png,,2026-03-26 10:00"
    publer = (
        "Date - Intl. format or prompt;Text;Link(s) - Separated by comma;Title - For the pin;"
        "Label(s)\n2026-03-27 10:00;Apa kabar;https://kantor.example/b;Kabar;merah\n"
    )

    reports = [
        await send(office, text, 201, channels=["berita"]) for text in (hootsuite, buffer, publer)
    ]

    seen = [(each["layout"], *outcomes(each), *codes(each)) for each in reports]
    assert seen == [
        ("hootsuite", "placed", []),
        ("buffer", "draft", [("Image URL", "media-not-fetched")]),
        ("publer", "placed", [("Label(s)", "column-not-read")]),
    ]
    post = await office.viewer.ok("GET", office.path(f"/posts/{reports[0]['rows'][0]['post']}"))
    assert (post["title"], post["parts"]) == (
        "Halo, semua",
        [{"text": "Halo, semua\n\nhttps://kantor.example/a", "media": []}],
    )


async def test_names_are_found_in_any_case_and_language(office: Office) -> None:
    pillar = await office.manager.ok("POST", office.path("/pillars"), {"name": "Sejarah"})
    await add_channel(office, "sama")
    await add_channel(office, "sama", platform="manual")
    header = ("title", "type", "pillar", "channels")
    text = table(
        {"title": "a", "type": "EDUTAINMENT", "pillar": "sejarah", "channels": "manual:SAMA"},
        {"title": "b", "type": " informatif", "pillar": pillar["id"].upper()},
        {"title": "c", "type": "Interactive", "channels": "sama"},
        header=header,
    )

    report = await send(office, text, 201, accept="valid")

    posts = [
        await office.viewer.ok("GET", office.path(f"/posts/{row['post']}"))
        for row in report["rows"][:2]
    ]
    assert codes(report) == [[], [], [("channels", "ambiguous-channel")]]
    assert [(each["type"], each["pillar"]) for each in posts] == [
        ("edutainment", pillar["id"]),
        ("informative", pillar["id"]),
    ]


async def test_rows_may_come_as_json(office: Office) -> None:
    await add_channel(office)
    rows = [{"text": "Satu", "channels": ["berita"], "at": "2026-03-10T10:00:00+07:00"}, {"at": ""}]
    body = {"format": "json", "rows": rows, "type": "informatif", "timezone": "Asia/Tokyo"}

    report = await office.editor.ok("POST", office.path("/imports"), body)

    listed = await office.viewer.ok("GET", office.path("/publications"))
    assert outcomes(report) == ["placed"]
    assert [each["local"] for each in listed["items"]] == ["2026-03-10T10:00:00"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"text": "judul,isi\na,b"}, "/text", "no-layout"),
        ({"text": "title,isi\na,b"}, "/text", "unknown-column"),
        ({"text": 'title\n"a'}, "/text", "broken-csv"),
        ({"text": "title\n" + "a\n" * 2001}, "/text", "too-many-rows"),
        ({"text": "title\n"}, "/text", "no-rows"),
        ({"format": "json", "rows": [{"a": "b"}]}, "/rows", "no-layout"),
        ({"rows": []}, "", "text-or-rows"),
        ({"text": "title\na", "channels": ["x"]}, "/channels/0", "unknown-name"),
        ({"text": "title\na", "type": "x"}, "/type", "unknown-name"),
        ({"text": "title\na", "timezone": "x"}, "/timezone", "no-such-zone"),
    ],
)
async def test_a_table_that_cannot_be_read_is_refused(
    office: Office, body: Any, pointer: str, code: str
) -> None:
    answer = await office.editor("POST", office.path("/imports"), body)

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, pointer, code)


async def test_an_import_needs_an_editor_and_is_answered_again_by_its_key(office: Office) -> None:
    body = {"text": "title\nSatu", "type": "informative"}
    key = {"Idempotency-Key": "impor-1"}

    refused = await office.viewer("POST", office.path("/imports"), body)
    first = await office.editor("POST", office.path("/imports"), body, headers=key)
    again = await office.editor("POST", office.path("/imports"), body, headers=key)

    assert (refused.status_code, first.status_code, again.status_code) == (403, 201, 201)
    assert again.json() == first.json()
    location = first.headers["Location"].removeprefix("/api/v1")
    assert (await office.viewer.ok("GET", location))["id"] == first.json()["rows"][0]["post"]


async def test_an_export_of_posts_is_an_import_that_skips_everything(
    office: Office, other_office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    await add_channel(other_office)
    await write_post(office, "=1+1\n- satu\n- dua", title="@kantor, 'x'", external_id="luar-1")
    sent = await write_post(office, "Terbit")
    place = {"post": sent["id"], "channels": [channel["id"]]}
    recorded = {"published_at": (clock.now - timedelta(days=3)).isoformat()}
    await office.editor.ok("POST", office.path("/publications"), place | {"recorded": recorded})

    text = (await office.viewer("GET", office.path("/exports/posts"))).text
    again = await send(office, text, 200)
    moved = await send(other_office, text, 201)

    assert outcomes(again) == ["skipped", "skipped"]
    assert {row["post"] for row in again["rows"]} >= {sent["id"]}
    assert outcomes(moved) == ["recorded", "draft"]
    post = await other_office.viewer.ok(
        "GET", other_office.path(f"/posts/{moved['rows'][1]['post']}")
    )
    assert (post["title"], post["parts"][0]["text"]) == ("@kantor, 'x'", "=1+1\n- satu\n- dua")
    assert outcomes(await send(other_office, text, 200)) == ["skipped", "skipped"]
