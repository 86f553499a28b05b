"""Days change the open slots: none, extra, or kept; and take a national holiday's place."""

from typing import Any

from tests.app.conftest import Office
from tests.app.writing import add_channel
from tests.conftest import Clock

WEEK = "?from=2026-03-02&to=2026-03-09"


async def with_slots(office: Office) -> Any:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    version = (await office.viewer.ok("GET", path))["version"]
    body = {
        "slots": [{"weekday": day, "time": "09:00"} for day in range(7)],
        "effective_from": "2026-03-02",
    }
    await office.manager.ok("PUT", path, body, match=version)
    return channel


async def open_at(office: Office) -> list[str]:
    calendar = await office.viewer.ok("GET", office.path(f"/calendar{WEEK}"))
    return [each["local"] for each in calendar["open_slots"]]


def daily(*days: int) -> list[str]:
    return [f"2026-03-{day:02}T09:00" for day in days]


async def test_a_blackout_closes_the_slots_of_its_day(office: Office) -> None:
    await with_slots(office)
    before = await open_at(office)

    body = {"kind": "blackout", "title": "Hari Raya Nyepi"}
    made = await office.manager("PUT", office.path("/days/2026-03-05"), body)

    assert before == daily(2, 3, 4, 5, 6, 7, 8)
    assert (made.status_code, made.json()["slots"]) == (201, "none")
    assert await open_at(office) == daily(2, 3, 4, 6, 7, 8)


async def test_extra_times_open_slots_beside_the_weekly_ones(office: Office) -> None:
    await with_slots(office)

    body = {
        "kind": "note",
        "title": "Hari jadi kota",
        "slots": "extra",
        "extra_times": ["19:30", "09:00"],
    }
    await office.manager.ok("PUT", office.path("/days/2026-03-05"), body)

    found = await open_at(office)
    assert [each for each in found if each.startswith("2026-03-05")] == [
        "2026-03-05T09:00",
        "2026-03-05T19:30",
    ]
    assert len(found) == 8


async def test_an_extra_slot_is_reserved_by_what_is_put_there(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    body = {"kind": "note", "title": "Siaran", "slots": "extra", "extra_times": ["19:30"]}
    await office.manager.ok("PUT", office.path("/days/2026-03-05"), body)
    post = await office.editor.ok(
        "POST",
        office.path("/posts"),
        {"title": "Naskah", "type": "informative", "parts": [{"text": "Isi."}]},
    )

    placed = await office.editor.ok(
        "POST",
        office.path("/publications"),
        {"post": post["id"], "channels": [channel["id"]], "when": {"slot": "next"}},
    )

    assert placed["publications"][0]["local"] == "2026-03-05T19:30:00"
    assert await open_at(office) == []


async def test_a_day_is_read_changed_and_deleted_by_its_version(office: Office) -> None:
    path = office.path("/days/2026-03-05")
    made = await office.manager.ok("PUT", path, {"kind": "note", "title": "Rapat"})

    read = await office.viewer("GET", path)
    unversioned = await office.manager("PUT", path, {"kind": "note", "title": "Lain"})
    changed = await office.manager.ok(
        "PUT", path, {"kind": "holiday", "title": "Libur"}, match=made["version"]
    )
    stale = await office.manager("DELETE", path, match=made["version"])
    gone = await office.manager("DELETE", path, match=changed["version"])

    assert made.pop("mix")["outcome"] == "ok"
    assert read.json() == made
    assert (unversioned.status_code, stale.status_code, gone.status_code) == (428, 412, 204)
    assert changed["title"] == "Libur"
    assert (await office.viewer("GET", path)).json()["type"] == "/problems/no-such-day"


async def test_a_day_of_the_office_takes_the_place_of_a_national_holiday(office: Office) -> None:
    workspace = await office.viewer.ok("GET", office.path())
    await office.owner.ok("PATCH", office.path(), {"country": "ID"}, match=workspace["version"])
    stretch = office.path("/days?from=2026-08-01&to=2026-09-01")
    before = await office.viewer.ok("GET", stretch)

    await office.manager.ok(
        "PUT", office.path("/days/2026-08-17"), {"kind": "holiday", "title": "HUT RI ke-81"}
    )
    after = await office.viewer.ok("GET", stretch)

    assert "2026-08-17" in [each["day"] for each in before["holidays"]]
    assert "2026-08-17" not in [each["day"] for each in after["holidays"]]
    assert [each["title"] for each in after["days"]] == ["HUT RI ke-81"]


async def test_extra_times_and_their_word_go_together(office: Office) -> None:
    path = office.path("/days/2026-03-05")

    answers = [
        await office.manager("PUT", path, {"kind": "note", "title": "x"} | more)
        for more in (
            {"slots": "extra"},
            {"slots": "kept", "extra_times": ["10:00"]},
            {"extra_times": ["25:00"], "slots": "extra"},
        )
    ]

    assert [each.status_code for each in answers] == [422, 422, 422]
    assert (await office.viewer("GET", path)).status_code == 404
