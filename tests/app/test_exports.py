"""Exports over HTTP: CSV and JSON Lines, page by page, without formulas."""

import csv
import io
import json

import pytest

from store import exporting
from tests.app.conftest import Office
from tests.app.writing import add_channel, at, place, write_post
from tests.conftest import Clock


async def rows_of(office: Office, noun: str, query: str = "") -> list[dict[str, str]]:
    answer = await office.owner("GET", office.path(f"/exports/{noun}{query}"))
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_posts_are_exported_with_a_name_and_as_csv(office: Office) -> None:
    post = await write_post(office, "Satu\nbaris", title="=cmd|' /C calc'!A0")

    answer = await office.viewer("GET", office.path("/exports/posts"))

    headers = [answer.headers[name] for name in ("Content-Type", "Content-Disposition")]
    header = (
        "id,external_id,title,text,type,pillar,campaign,channels,date,time,at,published_at,"
        "permalink,status,format\r\n"
    )
    row = f"{post['id']},,'=cmd|' /C calc'!A0,\"Satu\nbaris\",informative,,,,,,,,,draft,post\r\n"
    assert headers == [
        "text/csv; charset=utf-8",
        'attachment; filename="biro-posts-2026-03-02.csv"',
    ]
    assert answer.text == header + row


async def test_posts_are_exported_as_json_lines_that_can_be_imported(
    office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    post = await write_post(office, "Satu")
    await place(office, post, channel, when=at(clock.now.replace(day=9)))

    answer = await office.viewer("GET", office.path("/exports/posts?format=jsonl"))

    rows = [json.loads(line) for line in answer.text.splitlines()]
    body = {"format": "json", "rows": rows}
    report = await office.editor.ok("POST", office.path("/imports"), body)
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert [(each["channels"], each["at"]) for each in rows] == [
        (["feed:berita"], "2026-03-09T01:00:00Z")
    ]
    assert [each["outcome"] for each in report["rows"]] == ["skipped"]


async def test_publications_are_exported_by_local_day(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    for day in (9, 10, 11):
        post = await write_post(office, title=f"Hari {day}")
        await place(office, post, channel, when=at(clock.now.replace(day=day, hour=17)))

    everything = await rows_of(office, "publications")
    some = await rows_of(office, "publications", "?from=2026-03-11&to=2026-03-12")
    wrong = await office.viewer(
        "GET", office.path("/exports/publications?from=2026-03-11&to=2026-03-11")
    )

    assert [row["title"] for row in everything] == ["Hari 9", "Hari 10", "Hari 11"]
    expected = {
        "title": "Hari 10",
        "channel": "feed:berita",
        "status": "planned",
        "due_at": "2026-03-10T17:00:00Z",
        "local": "2026-03-11T00:00:00",
        "day": "2026-03-11",
        "recorded": "false",
        "published_at": "",
    }
    assert [{name: row[name] for name in expected} for row in some] == [expected]
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "to-before-from")


async def test_the_audit_is_exported_to_those_who_may_read_it(office: Office) -> None:
    await write_post(office)

    refused = await office.editor("GET", office.path("/exports/audit"))
    rows = await rows_of(office, "audit")
    listed = await office.manager.ok("GET", office.path("/audit?limit=200"))

    assert refused.status_code == 403
    assert [int(row["seq"]) for row in rows] == [each["seq"] for each in listed["items"]]
    assert [json.loads(row["data"]) for row in rows] == [each["data"] for each in listed["items"]]


@pytest.mark.untraced
async def test_what_takes_several_pages_is_there_once_and_whole(office: Office) -> None:
    await add_channel(office)
    number = exporting.AT_ONCE + 1
    cells = {"channels": "berita", "published_at": "2025-03-02T10:00:00Z"}
    rows = [cells | {"title": f"Judul {each}"} for each in range(number)]
    body = {"format": "json", "rows": rows, "type": "informative"}
    report = await office.editor.ok("POST", office.path("/imports"), body)

    written = [row["id"] for row in await rows_of(office, "posts")]
    placed = [row["post"] for row in await rows_of(office, "publications")]
    audited = [int(row["seq"]) for row in await rows_of(office, "audit")]

    ids = [row["post"] for row in report["rows"]]
    assert (written, placed) == (ids[::-1], ids)
    assert audited == list(range(audited[0], 0, -1))
    assert len(audited) > 2 * number


async def test_an_export_is_for_members_and_takes_no_other_words(
    office: Office, other_office: Office
) -> None:
    outside = await other_office.owner("GET", office.path("/exports/posts"))
    form = await office.viewer("GET", office.path("/exports/posts?format=xlsx"))
    unknown = await office.viewer("GET", office.path("/exports/posts?limit=1"))

    assert (outside.status_code, form.status_code, unknown.status_code) == (404, 422, 422)
