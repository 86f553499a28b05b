"""The iCalendar feed over HTTP, read by libraries that other programs use."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import recurring_ical_events
from icalendar import Calendar

from app import logs
from tests.app.conftest import Office
from tests.app.test_calendar_links import make, token_of
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Client, Clock

SPRING, AUTUMN = (date(2026, 3, 28), date(2026, 3, 31)), (date(2026, 10, 24), date(2026, 10, 27))


@pytest.fixture
async def channel(office: Office) -> Any:
    return await add_channel(office, timezone="Europe/Berlin")


async def ask(http: httpx.AsyncClient, made: Any, **headers: str) -> httpx.Response:
    path = made["url"].removeprefix("http://pilar.test")
    return await http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def events(http: httpx.AsyncClient, made: Any) -> list[Any]:
    answer = await ask(http, made)
    assert answer.status_code == 200, answer.text
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    return list(calendar.events)


def told(event: Any, *names: str) -> tuple[str, ...]:
    return tuple(str(event[name]) for name in names)


def own(*events: Any) -> list[tuple[str, ...]]:
    """Return what is ours to compare: who, when, what."""
    return sorted(
        (str(each["uid"]), each["dtstart"].dt.astimezone(UTC).isoformat(), str(each["summary"]))
        for each in events
    )


async def test_the_feed_says_what_the_calendar_says(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    times = [
        {"local": "2026-03-28T09:00"},
        {"local": "2026-03-29T02:30"},  # skipped
        {"local": "2026-03-29T03:30"},
        {"local": "2026-03-30T09:00"},
        {"local": "2026-10-25T02:30"},  # the first of two
        at(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # the second
        {"local": "2026-10-26T09:00"},
    ]
    for number, when in enumerate(times):
        post = await write_post(office, f"Isi {number}.", title=f"Naskah, bagian {number}; 😀")
        await place(office, post, channel, when=when)
    made = await make(office)

    answer = await ask(http, made)

    feed = Calendar.from_ical(answer.content)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    for first, until in (SPRING, AUTUMN):
        path = office.path(f"/calendar?from={first}&to={until}")
        calendar = await office.viewer.ok("GET", path)
        wanted = sorted(
            (
                f"{row['id']}@pilar",
                datetime.fromisoformat(row["due_at"]).isoformat(),
                f"[{row['type']}] {row['title']} — Berita",
            )
            for row in calendar["publications"]
        )
        assert len(wanted) >= 3
        assert own(*recurring_ical_events.of(feed).between(first, until)) == wanted


async def test_a_move_and_another_title_raise_the_sequence_of_the_same_event(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    post = await write_post(office)
    (row,) = await place(office, post, channel, when={"local": "2026-03-28T09:00"})
    made = await make(office)
    (before,) = await events(http, made)

    path = office.path(f"/publications/{row['id']}")
    body = {"when": {"local": "2026-03-30T10:00"}}
    await office.editor.ok("PATCH", path, body, match=row["version"])
    (moved,) = await events(http, made)
    path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("PATCH", path, {"title": "Naskah baru"}, match=post["version"])
    (renamed,) = await events(http, made)

    assert {str(each["uid"]) for each in (before, moved, renamed)} == {f"{row['id']}@pilar"}
    assert [each["dtstart"].to_ical() for each in (before, moved, renamed)] == [
        b"20260328T090000",
        b"20260330T100000",
        b"20260330T100000",
    ]
    assert int(before["sequence"]) < int(moved["sequence"]) < int(renamed["sequence"])
    assert str(renamed["summary"]) == "[informative] Naskah baru — Berita"


async def test_what_is_removed_is_cancelled_for_thirty_days(
    office: Office, http: httpx.AsyncClient, channel: Any, clock: Clock
) -> None:
    (row,) = await place(
        office, await write_post(office), channel, when={"local": "2026-06-01T09:00"}
    )
    made = await make(office)
    (before,) = await events(http, made)
    path = office.path(f"/publications/{row['id']}")
    assert (await office.editor("DELETE", path, match=row["version"])).status_code == 204

    (after,) = await events(http, made)
    tag = (await ask(http, made)).headers["ETag"]
    clock.forward(days=30)
    last = await events(http, made)
    clock.forward(days=1)
    gone = await ask(http, made, If_None_Match=tag)

    assert told(before, "uid", "status") == (f"{row['id']}@pilar", "TENTATIVE")
    assert told(after, "uid", "status") == (f"{row['id']}@pilar", "CANCELLED")
    assert int(before["sequence"]) < int(after["sequence"])
    assert (len(last), gone.status_code, b"VEVENT" in gone.content) == (1, 200, False)


async def test_a_scheduled_publication_is_sure_and_says_what_will_be_said(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    post = await approve_post(office, await write_post(office, "Baris satu.\nBaris dua, tiga."))
    await place(office, post, channel, when={"local": "2026-03-28T09:00"})

    (event,) = await events(http, await make(office))

    assert told(event, "status", "description") == (
        "CONFIRMED",
        "Terjadwal\n\nBaris satu.\nBaris dua, tiga.",
    )


async def test_a_link_to_a_channel_shows_that_channel(
    office: Office, http: httpx.AsyncClient, channel: Any
) -> None:
    other = await add_channel(office, "lain")
    for number, each in enumerate((channel, other)):
        post = await write_post(office, f"Isi {number}.", title=each["name"])
        await place(office, post, each, when={"local": "2026-03-28T09:00"})

    made = await make(office, channel=other["id"])
    answer = await ask(http, made)

    assert [str(each["summary"]) for each in await events(http, made)] == [
        "[informative] Lain — Lain"
    ]
    assert str(Calendar.from_ical(answer.content)["x-wr-calname"]) == "Biro — Lain"


async def test_the_feed_reaches_from_60_days_back_to_400_ahead(
    office: Office, http: httpx.AsyncClient, channel: Any, clock: Clock
) -> None:
    made = await make(office)
    post = await write_post(office)
    await place(office, post, channel, when={"local": "2026-03-05T09:00"})

    counts = []
    for day in (date(2026, 5, 4), date(2026, 5, 5), date(2025, 1, 30), date(2025, 1, 29)):
        clock.now = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
        counts.append(len(await events(http, made)))

    assert counts == [1, 0, 1, 0]


async def test_special_days_and_holidays_last_all_day(
    office: Office, http: httpx.AsyncClient, clock: Clock
) -> None:
    workspace = await office.owner("GET", office.path())
    match = workspace.headers["ETag"]
    await office.manager.ok("PATCH", office.path(), {"country": "ID"}, match=match)
    body = {"kind": "blackout", "title": "Hari tenang"}
    day = await office.manager.ok("PUT", office.path("/days/2026-04-01"), body)
    made = await make(office)

    found = {str(each["uid"]): each for each in await events(http, made)}

    quiet, independence = found[f"{day['id']}@pilar"], found["ID-2026-08-17-public-1@pilar"]
    assert (quiet["dtstart"].dt, quiet["dtend"].dt) == (date(2026, 4, 1), date(2026, 4, 2))
    assert told(quiet, "summary", "transp") == ("Hari tenang", "TRANSPARENT")
    assert independence["dtstart"].dt == date(2026, 8, 17)
    assert str(independence["transp"]) == "TRANSPARENT"


async def test_a_wrong_token_is_told_nothing(
    office: Office, other_office: Office, http: httpx.AsyncClient
) -> None:
    made, revoked = await make(office), await make(office)
    elsewhere = await make(other_office)
    path = office.path(f"/calendar-links/{revoked['id']}")
    await office.manager("DELETE", path, match=1)
    client = Client(http)

    refused = [
        await client("GET", f"/workspaces/{slug}/calendar.ics?token={token}")
        for slug, token in (
            ("biro", token_of(revoked)),
            ("biro", token_of(elsewhere)),
            ("lain", token_of(made)),
            ("tidak-ada", token_of(made)),
            ("TIDAK_ADA", token_of(made)),
            ("biro", "x"),
            ("biro", ""),
            ("biro", "%00%ff😀"),
            ("biro", "x" * 5000),
        )
    ]
    opened = await ask(http, made)

    problems = [
        {k: v for k, v in each.json().items() if k not in {"instance", "request_id"}}
        for each in refused
    ]
    assert problems == [problems[0]] * len(refused)
    assert (problems[0]["status"], problems[0]["type"]) == (404, "/problems/no-such-calendar")
    assert opened.status_code == 200


async def test_a_session_is_no_token(office: Office) -> None:
    path = office.path("/calendar.ics")

    refused = [await office.owner("GET", path), await office.owner("GET", f"{path}?token=x")]

    assert [each.status_code for each in refused] == [422, 404]


async def test_a_parameter_that_is_not_read_is_refused(
    office: Office, http: httpx.AsyncClient
) -> None:
    made = await make(office)

    refused = await http.get(f"{made['url']}&from=2026-01-01")

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-parameter")


async def test_who_has_the_feed_gets_it_again_after_a_write_and_after_midnight(
    office: Office, http: httpx.AsyncClient, channel: Any, clock: Clock
) -> None:
    made = await make(office)
    clock.forward(seconds=1)
    first = await ask(http, made)
    etag, changed = first.headers["ETag"], first.headers["Last-Modified"]

    async def again() -> list[int]:
        by_tag = await ask(http, made, If_None_Match=etag)
        by_date = await ask(http, made, If_Modified_Since=changed)
        return [by_tag.status_code, by_date.status_code]

    clock.forward(hours=15, minutes=58)
    at_2358 = await again()
    clock.forward(minutes=2)  # it is midnight in Jakarta
    next_day = await again()
    renewed = (await ask(http, made)).headers
    etag, changed = renewed["ETag"], renewed["Last-Modified"]
    unchanged = await again()
    await place(office, await write_post(office), channel, when={"local": "2026-03-28T09:00"})
    written = await again()

    assert changed == "Mon, 02 Mar 2026 17:00:01 GMT"
    assert (at_2358, next_day) == ([304, 304], [200, 200])
    assert (unchanged, written) == ([304, 304], [200, 200])


async def test_a_304_carries_the_tag_and_nothing_else(
    office: Office, http: httpx.AsyncClient
) -> None:
    made = await make(office)
    first = await ask(http, made)

    same = await ask(http, made, If_None_Match=first.headers["ETag"])

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    assert same.headers["Cache-Control"] == "private, no-cache"
    # A second in which something was written may bring more: it has no date yet.
    assert "Last-Modified" not in first.headers


async def test_links_have_tags_of_their_own(office: Office, http: httpx.AsyncClient) -> None:
    everything = await make(office)
    one = await make(office, channel=(await add_channel(office))["id"])

    tags = {(await ask(http, made)).headers["ETag"] for made in (everything, one)}

    assert len(tags) == 2


async def test_head_answers_what_get_would_without_the_body(
    office: Office, http: httpx.AsyncClient
) -> None:
    made = await make(office)

    got, head = await http.get(made["url"]), await http.head(made["url"])

    for each in (got, head):
        each.headers.pop("X-Request-ID")
    assert (head.status_code, head.content, head.headers) == (200, b"", got.headers)


async def test_the_last_use_of_a_link_is_written_every_ten_minutes(
    office: Office, http: httpx.AsyncClient, clock: Clock
) -> None:
    made = await make(office)
    path = office.path(f"/calendar-links/{made['id']}")
    seen = []
    for minutes in (0, 10, 1):
        clock.forward(minutes=minutes)
        etag = (await ask(http, made)).headers["ETag"]
        assert (await ask(http, made, If_None_Match=etag)).status_code == 304
        link = await office.manager.ok("GET", path)
        seen.append((link["last_used_at"], link["version"]))

    assert seen == [
        ("2026-03-02T01:00:00Z", 1),
        ("2026-03-02T01:00:00Z", 1),
        ("2026-03-02T01:11:00Z", 1),
    ]


@pytest.mark.usefixtures("data_folder")
async def test_the_token_stands_in_no_log(
    office: Office, http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")
    made = await make(office)

    await ask(http, made)
    await http.get(made["url"].replace("/biro/", "/lain/"))

    lines = capsys.readouterr().err
    assert lines.count("calendar.ics") == 2
    assert token_of(made) not in lines


async def test_the_next_hour_is_no_other_feed(
    office: Office, http: httpx.AsyncClient, channel: Any, clock: Clock
) -> None:
    await place(office, await write_post(office), channel, when={"local": "2026-03-28T09:00"})
    made = await make(office)

    first = await ask(http, made)
    clock.now += timedelta(hours=1)
    second = await ask(http, made)

    assert (second.content, second.headers["ETag"]) == (first.content, first.headers["ETag"])
