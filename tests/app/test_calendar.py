"""The calendar over HTTP."""

from tests.app.conftest import Office
from tests.app.writing import add_channel, place, write_post

SLOTS = {
    "slots": [{"weekday": day, "time": "09:00"} for day in range(5)],
    "effective_from": "2026-03-02",
}


async def test_the_calendar_shows_what_stands_and_what_is_open(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    await office.manager.ok("PUT", path, SLOTS, match=channel["version"])
    post = await write_post(office, title="Kuis sejarah", type="interactive")
    (row,) = await place(office, post, channel, when={"local": "2026-03-03T09:10"})

    calendar = await office.viewer.ok("GET", office.path("/calendar?from=2026-03-02&to=2026-03-09"))

    (entry,) = calendar["publications"]
    assert (entry["id"], entry["title"], entry["post_status"]) == (
        row["id"],
        "Kuis sejarah",
        "draft",
    )
    assert [slot["local"] for slot in calendar["open_slots"]] == [
        "2026-03-02T09:00",
        "2026-03-04T09:00",
        "2026-03-05T09:00",
        "2026-03-06T09:00",
    ]
    assert calendar["totals"] == {
        "publications": 1,
        "by_status": {"planned": 1},
        "by_type": {"interactive": 1},
        "open_slots": 4,
    }


async def test_holidays_are_those_of_the_offices_country(office: Office) -> None:
    workspace = await office.owner("GET", office.path())
    match = workspace.headers["ETag"]
    await office.manager.ok("PATCH", office.path(), {"country": "ID"}, match=match)

    calendar = await office.viewer.ok("GET", office.path("/calendar?from=2026-08-17&to=2026-08-18"))

    assert [(each["day"], each["category"]) for each in calendar["holidays"]] == [
        ("2026-08-17", "public")
    ]


async def test_days_are_those_of_the_channels_zone(office: Office) -> None:
    channel = await add_channel(office, timezone="America/New_York")
    await place(office, await write_post(office), channel, when={"local": "2026-03-03T23:30"})

    async def count(first: str, until: str) -> int:
        path = office.path(f"/calendar?from={first}&to={until}")
        return len((await office.viewer.ok("GET", path))["publications"])

    assert [await count("2026-03-03", "2026-03-04"), await count("2026-03-04", "2026-03-05")] == [
        1,
        0,
    ]


async def test_a_range_has_an_end_and_a_bound(office: Office) -> None:
    refused = [
        (await office.viewer("GET", office.path(f"/calendar?{query}"))).status_code
        for query in (
            "from=2026-03-03&to=2026-03-03",
            "from=2026-03-03&to=2028-03-03",
            "from=2026-03-03",
            "from=x&to=2026-03-03",
        )
    ]

    assert refused == [422] * 4


async def test_a_filter_keeps_one_channel(office: Office) -> None:
    first, second = await add_channel(office, "satu"), await add_channel(office, "dua")
    for channel in (first, second):
        await place(office, await write_post(office), channel, when={"local": "2026-03-03T09:00"})

    path = office.path(f"/calendar?from=2026-03-02&to=2026-03-09&channel={first['id']}")
    calendar = await office.viewer.ok("GET", path)

    assert [row["channel"] for row in calendar["publications"]] == [first["id"]]
