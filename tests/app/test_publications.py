"""Publications over HTTP: placed, moved, taken off."""

from datetime import timedelta
from typing import Any

import pytest

from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock


async def test_one_request_puts_a_post_on_several_channels(office: Office, clock: Clock) -> None:
    channels = [await add_channel(office, handle) for handle in ("satu", "dua", "tiga")]
    post = await approve_post(office, await write_post(office))

    rows = await place(office, post, *channels, when=at(clock.now + timedelta(hours=1)))

    assert [(row["channel"], row["status"], row["due_at"], row["local"]) for row in rows] == [
        (channel["id"], "scheduled", "2026-03-02T02:00:00Z", "2026-03-02T09:00:00")
        for channel in channels
    ]


async def test_all_channels_or_none(office: Office, clock: Clock) -> None:
    free, taken = await add_channel(office, "satu"), await add_channel(office, "dua")
    post = await write_post(office)
    await place(office, post, taken, when=at(clock.now + timedelta(hours=1)))

    body = {
        "post": post["id"],
        "channels": [free["id"], taken["id"]],
        "when": at(clock.now + timedelta(hours=2)),
    }
    refused = await office.editor("POST", office.path("/publications"), body)

    page = await office.viewer.ok("GET", office.path("/publications"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/on-channel-already")
    assert [row["channel"] for row in page["items"]] == [taken["id"]]


async def test_a_local_time_is_read_in_the_channels_zone(office: Office) -> None:
    channel = await add_channel(office, timezone="Asia/Jayapura")

    (row,) = await place(
        office, await write_post(office), channel, when={"local": "2026-03-03T09:00"}
    )

    assert (row["due_at"], row["timezone"], row["day"]) == (
        "2026-03-03T00:00:00Z",
        "Asia/Jayapura",
        "2026-03-03",
    )


@pytest.mark.parametrize(
    ("local", "due_at"),
    [
        ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),  # skipped: forward by the gap
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),  # twice: the first
    ],
)
async def test_a_clock_change_is_decided_for(office: Office, local: str, due_at: str) -> None:
    channel = await add_channel(office, timezone="Europe/Berlin")

    (row,) = await place(office, await write_post(office), channel, when={"local": local})

    assert (row["due_at"], row["local"], row["day"]) == (due_at, f"{local}:00", local[:10])


@pytest.mark.parametrize(
    ("when", "pointer"),
    [
        ({"at": "2026-03-02T00:59:59Z"}, "/when/at"),
        ({"local": "2026-03-02T07:59"}, "/when/local"),
        ({"at": "2026-03-03T09:00:00"}, "/when/at"),
        ({"at": "2026-03-03 09:00:00Z"}, "/when/at"),
        ({"at": 1772500000}, "/when/at"),
        ({"at": "2026-02-30T09:00:00Z"}, "/when/at"),
        ({"at": "2150-03-03T09:00:00Z"}, "/when/at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "/when/at"),
        ({"local": "0999-03-03T09:00"}, "/when/local"),
        ({"local": "2026-03-03T09:00Z"}, "/when/local"),
        ({"local": "2026-03-03"}, "/when/local"),
        ({"slot": "any"}, "/when/slot"),
        ({"now": False}, "/when/now"),
        ({}, "/when"),
        ({"slot": "next", "now": True}, "/when"),
    ],
)
async def test_a_time_that_is_none_or_past_is_refused(
    office: Office, when: dict[str, Any], pointer: str
) -> None:
    channel, post = await add_channel(office), await write_post(office)

    body = {"post": post["id"], "channels": [channel["id"]], "when": when}
    refused = await office.editor("POST", office.path("/publications"), body)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_the_next_slot_is_reserved(office: Office) -> None:
    channel = await add_channel(office)
    slots = {
        "slots": [{"weekday": 1, "time": "09:00"}, {"weekday": 3, "time": "17:30"}],
        "effective_from": "2026-03-02",
    }
    await office.manager.ok(
        "PUT", office.path(f"/channels/{channel['id']}/slots"), slots, match=channel["version"]
    )

    placed = [
        (await place(office, await write_post(office), channel, when={"slot": "next"}))[0]["local"]
        for _ in range(3)
    ]

    assert placed == ["2026-03-03T09:00:00", "2026-03-05T17:30:00", "2026-03-10T09:00:00"]


async def test_without_slots_there_is_no_next_one(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)

    body = {"post": post["id"], "channels": [channel["id"]], "when": {"slot": "next"}}
    refused = await office.editor("POST", office.path("/publications"), body)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/no-open-slot")


async def test_now_is_for_what_is_approved_and_for_those_who_may(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    body = {"post": post["id"], "channels": [channel["id"]], "when": {"now": True}}

    editor = await office.editor("POST", office.path("/publications"), body)
    early = await office.approver("POST", office.path("/publications"), body)
    await approve_post(office, post)
    placed = await office.approver("POST", office.path("/publications"), body)

    assert (editor.json()["type"], early.json()["type"]) == (
        "/problems/may-not",
        "/problems/not-approved",
    )
    assert placed.json()["publications"][0]["status"] == "scheduled"


async def test_what_does_not_fit_is_refused_when_it_is_put_there(office: Office) -> None:
    channel = await add_channel(office, "kait", "webhook", settings={"url": "https://x.example"})
    post = await write_post(office, "x" * 5001)

    body = {"post": post["id"], "channels": [channel["id"]], "when": {"local": "2026-03-03T09:00"}}
    refused = await office.editor("POST", office.path("/publications"), body)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/does-not-fit")
    assert (error["pointer"], error["code"]) == ("/parts/0/text", "text-too-long")
    assert "5001" in error["message"]


async def test_words_that_would_not_fit_any_more_are_refused(office: Office) -> None:
    channel = await add_channel(office, "kait", "webhook", settings={"url": "https://x.example"})
    post = await write_post(office)
    await place(office, post, channel, when={"local": "2026-03-03T09:00"})

    refused = await office.editor(
        "PATCH", office.path(f"/posts/{post['id']}"), {"parts": [{"text": "x" * 5001}]}, match=1
    )

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/does-not-fit")


async def test_history_is_entered_without_being_sent(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    recorded = {"published_at": "2026-02-20T03:00:00+07:00", "permalink": "https://x.example/1"}

    body = {"post": post["id"], "channels": [channel["id"]], "recorded": recorded}
    placed = await office.editor.ok("POST", office.path("/publications"), body)
    recorded["published_at"] = "2026-04-01T03:00:00Z"
    other = body | {"post": (await write_post(office))["id"]}
    future = await office.editor("POST", office.path("/publications"), other)

    (row,) = placed["publications"]
    assert (row["status"], row["recorded"], row["day"], row["published_at"], row["attempts"]) == (
        "published",
        True,
        "2026-02-20",
        "2026-02-19T20:00:00Z",
        0,
    )
    assert future.json()["type"] == "/problems/future-history"


async def test_a_publication_moves_and_says_so(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    (row,) = await place(office, post, channel, when={"local": "2026-03-03T09:00"})
    path = office.path(f"/publications/{row['id']}")

    body = {"when": {"local": "2026-03-04T10:00"}}
    moved = await office.editor("PATCH", path, body, match=row["version"])
    stale = await office.editor("PATCH", path, body, match=row["version"])

    assert (moved.status_code, moved.json()["local"]) == (200, "2026-03-04T10:00:00")
    assert (stale.status_code, stale.json()["current_version"]) == (412, moved.json()["version"])


async def test_what_was_taken_off_is_gone_and_the_place_is_free(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    when = {"local": "2026-03-03T09:00"}
    (row,) = await place(office, post, channel, when=when)
    path = office.path(f"/publications/{row['id']}")

    removed = await office.editor("DELETE", path, match=row["version"])
    gone = await office.viewer("GET", path)
    (again,) = await place(office, post, channel, when=when)

    assert (removed.status_code, gone.status_code, again["status"]) == (204, 404, "planned")


async def test_publications_are_paged_by_time_without_gaps(office: Office) -> None:
    channel = await add_channel(office)
    days = ("2026-03-05", "2026-03-03", "2026-03-04", "2026-03-03", "2026-03-06")
    for day in days:
        await place(office, await write_post(office), channel, when={"local": f"{day}T09:00"})

    seen, path = [], office.path("/publications?limit=2")
    while path:
        page = await office.viewer("GET", path)
        seen += [row["day"] for row in page.json()["items"]]
        path = page.links.get("next", {}).get("url", "").removeprefix("/api/v1")

    assert seen == sorted(days)


async def test_a_type_follows_its_post_until_it_is_out(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    other = await add_channel(office, "lain")
    (row,) = await place(office, post, channel, when={"local": "2026-03-03T09:00"})
    history = {"published_at": "2026-02-20T03:00:00Z"}
    body = {"post": post["id"], "channels": [other["id"]], "recorded": history}
    out = await office.editor.ok("POST", office.path("/publications"), body)

    await office.editor.ok(
        "PATCH", office.path(f"/posts/{post['id']}"), {"type": "interactive"}, match=1
    )

    rows = (await office.viewer.ok("GET", office.path("/publications")))["items"]
    assert {each["id"]: each["type"] for each in rows} == {
        row["id"]: "interactive",
        out["publications"][0]["id"]: "informative",
    }


async def test_a_story_is_exempt_unless_the_office_counts_stories(office: Office) -> None:
    channel = await add_channel(office)

    (row,) = await place(
        office,
        await write_post(office, format="story"),
        channel,
        when={"local": "2026-03-03T09:00"},
    )

    assert (row["exempt"], row["holds_seat"]) == ("story", False)


async def test_a_workspaces_zone_change_keeps_the_wall_clock(office: Office) -> None:
    own = await add_channel(office, "sendiri", timezone="Asia/Makassar")
    inherits = await add_channel(office, "ikut")
    for channel in (own, inherits):
        when = {"local": "2026-03-03T09:00"}
        await place(office, await write_post(office), channel, when=when)
    workspace = await office.owner("GET", office.path())

    body = {"timezone": "Asia/Jayapura"}
    await office.manager.ok("PATCH", office.path(), body, match=workspace.headers["ETag"])

    rows = (await office.viewer.ok("GET", office.path("/publications")))["items"]
    told = {row["channel"]: (row["due_at"], row["local"], row["timezone"]) for row in rows}
    assert told == {
        own["id"]: ("2026-03-03T01:00:00Z", "2026-03-03T09:00:00", "Asia/Makassar"),
        inherits["id"]: ("2026-03-03T00:00:00Z", "2026-03-03T09:00:00", "Asia/Jayapura"),
    }
