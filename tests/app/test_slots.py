"""A channel's weekly slots over HTTP."""

from typing import Any

import pytest

from tests.app.conftest import Office
from tests.app.writing import add_channel, place, write_post
from tests.conftest import Clock


def weekly(*times: tuple[int, str], **more: Any) -> dict[str, Any]:
    return {"slots": [{"weekday": day, "time": time} for day, time in times], **more}


def brief(slots: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (each["weekday"], each["time"], each["valid_from"], each["valid_until"]) for each in slots
    ]


async def put(office: Office, path: str, match: int, body: dict[str, Any]) -> Any:
    return await office.manager.ok("PUT", path, body, match=match)


async def test_a_new_list_begins_tomorrow(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")

    answer = await office.manager("PUT", path, weekly((2, "18:00"), (0, "09:00")), match=1)

    slots = answer.json()
    assert (answer.status_code, answer.headers["ETag"][:3]) == (200, '"2-')
    assert (slots["timezone"], slots["slots"], slots["version"]) == ("Asia/Jakarta", [], 2)
    assert brief(slots["upcoming"]) == [
        (0, "09:00", "2026-03-03", None),
        (2, "18:00", "2026-03-03", None),
    ]
    assert slots.pop("mix")["outcome"] == "ok"
    assert (await office.viewer("GET", path)).json() == slots


async def test_tomorrow_is_that_of_the_channels_zone(office: Office, clock: Clock) -> None:
    clock.now = clock.now.replace(hour=20)  # 3 March in Jakarta, still 2 March in Lisbon
    channel = await add_channel(office, timezone="Europe/Lisbon")

    path = office.path(f"/channels/{channel['id']}/slots")
    slots = await put(office, path, 1, weekly((0, "09:00")))

    assert (slots["timezone"], brief(slots["upcoming"])) == (
        "Europe/Lisbon",
        [(0, "09:00", "2026-03-03", None)],
    )


async def test_what_changes_later_is_told_beside_what_is_valid(
    office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    first = weekly((0, "09:00"), (2, "18:00"), effective_from="2026-03-02")
    await put(office, path, 1, first)

    later = weekly((0, "09:00"), (4, "07:30"), effective_from="2026-03-10")
    slots = await put(office, path, 2, later)

    assert brief(slots["slots"]) == [
        (0, "09:00", "2026-03-02", None),
        (2, "18:00", "2026-03-02", "2026-03-10"),
    ]
    assert brief(slots["upcoming"]) == [(4, "07:30", "2026-03-10", None)]
    clock.now = clock.now.replace(day=10)
    today = await office.viewer.ok("GET", path)
    assert (brief(today["slots"]), today["upcoming"]) == (
        [(0, "09:00", "2026-03-02", None), (4, "07:30", "2026-03-10", None)],
        [],
    )


async def test_midnight_makes_another_answer_but_no_other_version(
    office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    answer = await office.manager("PUT", path, weekly((0, "09:00")), match=1)
    known = {"If-None-Match": answer.headers["ETag"]}

    same = await office.viewer("GET", path, headers=known)
    clock.now = clock.now.replace(hour=17)  # midnight in Jakarta
    other = await office.viewer("GET", path, headers=known)
    changed = await office.manager("PUT", path, weekly(), match=answer.headers["ETag"])

    assert [same.status_code, other.status_code, changed.status_code] == [304, 200, 200]


async def test_an_empty_list_ends_them_all(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    await put(office, path, 1, weekly((0, "09:00"), effective_from="2026-03-02"))

    slots = await put(office, path, 2, weekly(effective_from="2026-03-09"))

    assert (brief(slots["slots"]), slots["upcoming"]) == (
        [(0, "09:00", "2026-03-02", "2026-03-09")],
        [],
    )


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (weekly((0, "09:00"), (1, "09:00"), (0, "09:00")), "/slots/2/time", "duplicate-slot"),
        (weekly((7, "09:00")), "/slots/0/weekday", "less-than-equal"),
        (weekly((0, "9:00")), "/slots/0/time", "string-pattern-mismatch"),
        (weekly((0, "24:00")), "/slots/0/time", "string-pattern-mismatch"),
        (weekly((0, "09:00:00")), "/slots/0/time", "string-pattern-mismatch"),
        (weekly((0, "٠٩:00")), "/slots/0/time", "string-pattern-mismatch"),
        (weekly(effective_from="2026-03-01"), "/effective_from", "slots-in-the-past"),
        (weekly(effective_from=0), "/effective_from", "not-a-day"),
        ({}, "/slots", "missing"),
    ],
)
async def test_what_is_no_weekly_list_is_refused(
    office: Office, body: dict[str, Any], pointer: str, code: str
) -> None:
    channel = await add_channel(office)

    path = office.path(f"/channels/{channel['id']}/slots")
    refused = await office.manager("PUT", path, body, match=1)

    errors = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])


async def test_a_change_names_the_channels_version(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    await put(office, path, 1, weekly((0, "09:00")))

    seen = [
        (await office.manager("PUT", path, weekly(), match=1)).status_code,
        (await office.manager("PUT", path, weekly())).status_code,
        (await office.approver("PUT", path, weekly(), match=2)).status_code,
        (await office.manager("PATCH", path[: -len("/slots")], {"name": "X"}, match=1)).status_code,
    ]

    assert seen == [412, 428, 403, 412]


async def test_the_next_slot_of_the_list_is_where_a_post_goes(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/slots")
    await put(office, path, 1, weekly((2, "18:00"), (0, "07:00"), effective_from="2026-03-02"))
    await put(office, path, 2, weekly((0, "07:00"), effective_from="2026-03-05"))

    placed = [
        (await place(office, await write_post(office, text), channel, when={"slot": "next"}))[0]
        for text in ("Satu.", "Dua.")
    ]

    assert [row["local"] for row in placed] == ["2026-03-04T18:00:00", "2026-03-09T07:00:00"]


async def test_another_office_sees_no_slots(office: Office, other_office: Office) -> None:
    channel = await add_channel(office)
    foreign = other_office.path(f"/channels/{channel['id']}/slots")

    seen = [
        (await other_office.owner("GET", foreign)).status_code,
        (await other_office.owner("PUT", foreign, weekly(), match=1)).status_code,
    ]

    assert seen == [404, 404]
