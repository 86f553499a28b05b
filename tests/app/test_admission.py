"""The mix is kept on every path: what is refused, why, what helps, and what always passes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.deps import House
from store import workspaces
from tests.app.asking import (
    CRISIS,
    EDU,
    FULL,
    INF,
    INT,
    REASON,
    TWICE,
    WEDNESDAY,
    ask,
    batch,
    check,
    full,
    kinds,
    on,
    refused,
    rows,
    seen,
    stand,
    with_slots,
)
from tests.app.conftest import Office
from tests.app.writing import approve_post, write_post
from tests.conftest import Clock


async def change_seq(office: Office, house: House) -> int:
    async with house.store.reading() as db:
        return (await workspaces.by_slug(db, office.slug)).change_seq


async def test_a_refusal_says_why_and_what_would_help(office: Office) -> None:
    channel, _ = await full(office, ("2026-03-25T09:00", INT))
    await write_post(office, title="Kuis sejarah", type=INT)
    post = await write_post(office)

    answer = await ask(office.approver, office, post, channel, when=WEDNESDAY)
    office.editor.headers["Accept-Language"] = "id"
    said = await ask(office.editor, office, post, channel, when=WEDNESDAY)

    problem = answer.json()
    assert refused(answer)
    assert problem["detail"] == (
        "Not placed: Informatif on Berita is full up to 22 March (5 of 5). Next fit Mon 23 March"
        " 09.00 · swap with “interactive 25” · “Kuis sejarah” (Interaktif) fits there · mark"
        " must-cover (approver, reason) · override (approver, reason)."
    )
    assert said.json()["detail"] == (
        "Belum dijadwalkan: porsi Informatif di Berita sampai dengan 22 Maret penuh (5 dari 5)."
        " Slot cocok: Senin 23 Maret 09.00 · tukar dengan “interactive 25” · “Kuis sejarah”"
        " (Interaktif) cocok untuk waktu itu."
    )
    assert problem["changes_needed"] == {"before": 0, "after": 1}
    window = problem["windows"][0]
    assert (window["window"], window["from"], window["to"], window["slots"]) == (
        "channel_month_to_date",
        "2026-03-01",
        "2026-03-23",
        6,
    )
    assert window["types"][0] == {"type": INF, "posts": 6, "lower": 2, "upper": 5}
    assert (window["was"], window["repair_number"]) == (0, 1)
    assert kinds(answer) == ["slot", "swap", "draft", "exempt", "override"]
    assert kinds(said) == ["slot", "swap", "draft"]


@pytest.mark.parametrize("kind", ["slot", "swap", "draft"])
async def test_ways_out_of_a_refused_add_are_accepted(office: Office, kind: str) -> None:
    channel, _ = await full(office, ("2026-03-25T09:00", INT))
    await write_post(office, type=INT)
    answer = await ask(office.editor, office, await write_post(office), channel, when=WEDNESDAY)

    (fix,) = [each for each in answer.json()["fixes"] if each["kind"] == kind]
    taken = await batch(office.editor, office, *fix["operations"])

    assert (taken.status_code, taken.json()["mix"]["outcome"]) == (200, "ok")
    there = {row[:2] for row in await rows(office)} - {(local, INF) for local, _ in FULL}
    assert (
        there
        == {
            "slot": {("2026-03-23T09:00", INF), ("2026-03-25T09:00", INT)},
            "swap": {("2026-03-18T09:00", INT), ("2026-03-25T09:00", INF)},
            "draft": {("2026-03-18T09:00", INT), ("2026-03-25T09:00", INT)},
        }[kind]
    )


@pytest.mark.parametrize("kind", ["slot", "swap"])
async def test_ways_out_of_a_refused_move_are_accepted(office: Office, kind: str) -> None:
    _, placed = await full(office, ("2026-03-23T09:00", INT), ("2026-03-30T09:00", INF))
    path = office.path(f"/publications/{placed[-1]['id']}")

    answer = await office.editor("PATCH", path, {"when": WEDNESDAY}, match=placed[-1]["version"])
    assert refused(answer), answer.text
    (fix,) = [each for each in answer.json()["fixes"] if each["kind"] == kind]
    taken = await batch(office.editor, office, *fix["operations"])

    assert kinds(answer) == ["slot", "swap"]
    assert taken.status_code == 200, taken.text


@pytest.mark.parametrize("field", [{"exempt": CRISIS}, {"override": REASON}])
async def test_who_may_lets_a_post_pass_in_the_same_request(
    office: Office, field: dict[str, Any]
) -> None:
    channel, _ = await full(office)
    post = await write_post(office)

    denied = await ask(office.editor, office, post, channel, when=WEDNESDAY, **field)
    passed = await ask(office.approver, office, post, channel, when=WEDNESDAY, **field)

    (row,) = passed.json()["publications"]
    assert (denied.status_code, passed.status_code) == (403, 201)
    assert (row["exempt"], row["override"], row["holds_seat"]) == (
        ("crisis", None, False) if "exempt" in field else (None, REASON["reason"], True)
    )


async def test_an_override_is_audited_with_its_numbers(office: Office) -> None:
    channel, _ = await full(office)
    post = await write_post(office)

    kept = await ask(office.approver, office, post, channel, when=WEDNESDAY, override=REASON)

    (row,) = kept.json()["publications"]
    page = await office.owner.ok("GET", office.path("/audit?action=override"))
    (entry,) = [each for each in page["items"] if each["action"] == "override"]
    assert kept.json()["mix"]["outcome"] == "overridden"
    assert (entry["noun"], entry["row_id"]) == ("publication", row["id"])
    assert entry["data"]["reason"] == REASON["reason"]
    assert entry["data"]["changes_needed"] == {"before": 0, "after": 1}
    assert entry["data"]["windows"][0]["repair_number"] == {"before": 0, "after": 1}


async def test_several_channels_take_a_post_together_or_not_at_all(office: Office) -> None:
    channel, _ = await full(office)
    other = await with_slots(office, *TWICE, handle="kabar")
    post = await write_post(office)
    before = await rows(office)

    answer = await ask(office.editor, office, post, other, channel, when=WEDNESDAY)

    assert refused(answer)
    assert await rows(office) == before
    assert (await ask(office.editor, office, post, other, when=WEDNESDAY)).status_code == 201


async def test_another_type_is_judged_where_the_post_stands(office: Office) -> None:
    _, placed = await full(office, ("2026-03-18T09:00", INT))
    post = await office.viewer.ok("GET", office.path(f"/posts/{placed[-1]['post']}"))
    retype = {"op": "retype", "post": post["id"], "version": post["version"], "type": INF}

    by_patch = await office.editor(
        "PATCH", office.path(f"/posts/{post['id']}"), {"type": INF}, match=post["version"]
    )
    by_batch = await batch(office.editor, office, retype)
    fine = await batch(office.editor, office, retype | {"type": EDU})

    assert (refused(by_patch), refused(by_batch), fine.status_code) == (True, True, 200)
    assert kinds(by_patch) == []


async def test_publishing_now_is_judged(office: Office) -> None:
    channel, _ = await full(office, ("2026-03-30T09:00", INF))
    (later,) = await stand(office, channel, ("2026-04-06T09:00", INF))
    await approve_post(
        office, await office.viewer.ok("GET", office.path(f"/posts/{later['post']}"))
    )
    row = await office.viewer.ok("GET", office.path(f"/publications/{later['id']}"))

    path = office.path(f"/publications/{later['id']}/publish-now")
    answer = await office.approver("POST", path, match=row["version"])
    kept = await office.approver("POST", path, {"override": REASON}, match=row["version"])

    assert refused(answer), answer.text
    assert (kept.status_code, kept.json()["override"]) == (200, REASON["reason"])


async def test_a_batch_is_judged_by_what_it_comes_to(office: Office) -> None:
    channel, placed = await full(office)
    post = (await write_post(office))["id"]
    add = {"op": "add", "post": post, "channel": channel["id"], "when": WEDNESDAY}
    away = {"op": "move", **seen(placed[-1]), "when": on(30)}

    assert refused(await batch(office.editor, office, add))
    assert (await batch(office.editor, office, add, away)).status_code == 200


async def test_what_is_wrong_only_together_is_refused_together(office: Office) -> None:
    channel = await with_slots(office, *TWICE)
    await stand(office, channel, *FULL[:4])
    adds = [
        {
            "op": "add",
            "post": (await write_post(office))["id"],
            "channel": channel["id"],
            "when": on(day),
        }
        for day in (16, 18)
    ]

    alone = [(await check(office.editor, office, each))["verdict"] for each in adds]
    answer = await batch(office.approver, office, *adds)

    assert alone == ["ok", "ok"]
    assert (refused(answer), kinds(answer)) == (True, ["exempt", "override"])


async def test_of_two_who_ask_at_once_one_gets_the_last_place(office: Office) -> None:
    channel = await with_slots(office, *TWICE)
    await stand(office, channel, *FULL[:4])
    posts = [await write_post(office) for _ in range(2)]

    answers = await asyncio.gather(
        *(
            ask(office.editor, office, post, channel, when=on(day))
            for post, day in zip(posts, (16, 18), strict=True)
        )
    )

    assert sorted(each.status_code for each in answers) == [201, 409]


async def test_a_check_says_what_the_change_would_be_answered(office: Office, house: House) -> None:
    channel, _ = await full(office)
    post = (await write_post(office))["id"]
    adds = [
        {"op": "add", "post": post, "channel": channel["id"], "when": when}
        for when in (WEDNESDAY, on(23))
    ]
    before = await change_seq(office, house)

    wrong, fine = [await check(office.approver, office, each) for each in adds]
    after = await change_seq(office, house)
    answer = (await batch(office.approver, office, adds[0])).json()
    kept = (await batch(office.approver, office, adds[1])).json()["mix"]

    assert (wrong["verdict"], fine["verdict"], after) == ("blocked", "ok", before)
    assert all(wrong[name] == answer[name] for name in ("detail", "windows", "fixes"))
    assert wrong["changes_needed"] == answer["changes_needed"]
    assert all(fine[name] == kept[name] for name in ("windows", "relies_on"))


async def test_an_answer_says_what_it_relies_on(office: Office) -> None:
    channel, _ = await full(office)

    answer = await ask(office.editor, office, await write_post(office), channel, when=on(23))

    assert answer.json()["mix"]["relies_on"] == [
        {"channel": channel["id"], "type": INT, "posts": 1, "by": "2026-03-31"},
        {"channel": channel["id"], "type": EDU, "posts": 1, "by": "2026-03-31"},
    ]


async def test_the_next_slot_is_one_that_the_type_fits_into(office: Office) -> None:
    channel, _ = await full(office)
    adds = [
        {
            "op": "add",
            "post": (await write_post(office, type=type_))["id"],
            "channel": channel["id"],
            "when": {"slot": "next"},
        }
        for type_ in (INF, INT, EDU, EDU)
    ]

    answer = await batch(office.editor, office, *adds)

    assert [each["local"] for each in answer.json()["publications"]] == [
        "2026-03-23T09:00:00",
        "2026-03-18T09:00:00",
        "2026-03-25T09:00:00",
        "2026-03-30T09:00:00",
    ]


async def test_open_slots_say_what_they_may_take(office: Office) -> None:
    await full(office, ("2026-03-18T09:00", INT), ("2026-03-23T09:00", INF))

    calendar = await office.viewer.ok("GET", office.path("/calendar?from=2026-03-01&to=2026-04-01"))

    told = [(each["local"][:10], each["types"], each["forced"]) for each in calendar["open_slots"]]
    assert told == [
        ("2026-03-25", [INT, EDU], None),
        ("2026-03-30", [INT, EDU], None),
    ]


async def test_what_takes_away_is_never_refused(office: Office) -> None:
    channel = await with_slots(office, (0, "09:00"))
    placed = await stand(office, channel, *((f"2026-03-{day:02}T09:00", INF) for day in (2, 9)))
    extra = [
        ask(
            office.approver,
            office,
            await write_post(office, type=INT),
            channel,
            when=on(day),
            override=REASON,
        )
        for day in (3, 4)
    ]
    placed += [(await each).json()["publications"][0] for each in extra]

    removed = [
        await office.editor(
            "DELETE", office.path(f"/publications/{each['id']}"), match=each["version"]
        )
        for each in placed
    ]

    assert {each.status_code for each in removed} == {204}


async def test_history_is_never_refused(office: Office, clock: Clock) -> None:
    channel, _ = await full(office, ("2026-03-30T09:00", INF))
    posts = [await write_post(office) for _ in range(2)]
    clock.forward(days=6)

    answers = [
        await ask(
            office.editor,
            office,
            post,
            channel,
            recorded={"published_at": (clock.now - timedelta(days=1)).isoformat()},
        )
        for post in posts
    ]

    assert [each.status_code for each in answers] == [201, 201]


async def test_a_calendar_that_is_off_can_be_repaired_and_not_made_worse(office: Office) -> None:
    channel, placed = await full(office)
    for day in (18, 23):
        post = await write_post(office)
        kept = await ask(office.approver, office, post, channel, when=on(day), override=REASON)
        placed += kept.json()["publications"]
    post = await office.viewer.ok("GET", office.path(f"/posts/{placed[-1]['post']}"))

    worse = await ask(office.editor, office, await write_post(office), channel, when=on(25))
    fine = await ask(
        office.editor, office, await write_post(office, type=INT), channel, when=on(25)
    )
    retype = {"op": "retype", "post": post["id"], "version": post["version"], "type": EDU}
    better = await batch(office.editor, office, retype)

    assert (refused(worse), fine.status_code, better.status_code) == (True, 201, 200)
    assert worse.json()["changes_needed"] == {"before": 1, "after": 2}
