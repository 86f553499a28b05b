"""The mix is kept whatever it stands on: slots, days, shares, exempt posts, imports."""

from typing import Any

import pytest
from sqlmodel import select

from app.deps import House
from store.tables import Publication
from tests.app.asking import (
    CRISIS,
    EDU,
    INF,
    INT,
    REASON,
    TWICE,
    WEDNESDAY,
    ask,
    batch,
    full,
    kinds,
    on,
    refused,
    seen,
    stand,
    weekly,
    with_slots,
)
from tests.app.conftest import Office
from tests.app.writing import add_channel, write_post

MARCH = "/calendar?from=2026-03-01&to=2026-04-01"


async def test_warn_tells_and_off_is_silent(office: Office) -> None:
    channel, _ = await full(office)
    types = (await office.viewer.ok("GET", office.path("/mix")))["in_force"]["types"]
    outcomes = []

    for version, mode in enumerate(("warn", "off"), 1):
        body = {"types": types, "mode": mode}
        await office.manager.ok("PUT", office.path("/mix"), body, match=version)
        post = await write_post(office)
        answer = await ask(office.editor, office, post, channel, when=on(18, f"1{version}:00"))
        outcomes.append(answer.json()["mix"]["outcome"])

    assert outcomes == ["warn", "ok"]


async def test_exempt_posts_use_no_slot_and_count_again_only_if_they_fit(office: Office) -> None:
    channel, placed = await full(office)
    path = office.path(f"/publications/{placed[-1]['id']}")
    open_before = await office.viewer.ok("GET", office.path(MARCH))

    denied = await office.editor("PATCH", path, {"exempt": CRISIS}, match=placed[-1]["version"])
    out = await office.approver.ok("PATCH", path, {"exempt": CRISIS}, match=placed[-1]["version"])
    calendar = await office.viewer.ok("GET", office.path(MARCH))
    other = await ask(office.editor, office, await write_post(office), channel, when=WEDNESDAY)
    again = await office.approver("PATCH", path, {"exempt": None}, match=out["version"])

    assert (denied.status_code, out["holds_seat"], other.status_code) == (403, False, 201)
    assert len(calendar["open_slots"]) == len(open_before["open_slots"]) + 1
    assert (refused(again), kinds(again)) == (True, ["slot", "override"])
    operations = again.json()["fixes"][0]["operations"]
    taken = await batch(office.approver, office, *operations)
    assert taken.json()["publications"][0]["exempt"] is None


async def test_to_count_again_elsewhere_is_one_change(office: Office) -> None:
    _, placed = await full(office, ("2026-03-30T09:00", INF))
    path = office.path(f"/publications/{placed[-1]['id']}")
    out = await office.approver.ok("PATCH", path, {"exempt": CRISIS}, match=placed[-1]["version"])

    body = {"exempt": None, "when": WEDNESDAY}
    answer = await office.approver("PATCH", path, body, match=out["version"])

    assert (refused(answer), kinds(answer)) == (True, ["slot", "override"])


async def test_ways_out_of_a_batch_start_from_what_stood_before(office: Office) -> None:
    channel, placed = await full(office, ("2026-03-25T09:00", INT), ("2026-03-30T09:00", INF))
    twice = [{"op": "move", **seen(placed[-1]), "when": on(day)} for day in (31, 18)]
    post = (await write_post(office))["id"]
    add = {"op": "add", "post": post, "channel": channel["id"], "when": WEDNESDAY}
    moved = {"op": "move", **seen(placed[-2]), "when": on(24)}

    answers = [await batch(office.editor, office, *each) for each in (twice, (moved, add))]

    assert [(refused(each), kinds(each)) for each in answers] == [
        (True, ["slot", "swap"]),
        (True, ["slot"]),
    ]
    for answer in answers:
        taken = await batch(office.editor, office, *answer.json()["fixes"][0]["operations"])
        assert taken.status_code == 200, taken.text


async def test_stories_do_not_count(office: Office) -> None:
    channel, _ = await full(office)
    story = await write_post(office, format="story")

    answer = await ask(office.editor, office, story, channel, when=WEDNESDAY)

    (row,) = answer.json()["publications"]
    assert (row["exempt"], row["holds_seat"]) == ("story", False)


async def test_what_is_no_story_any_more_counts_again(office: Office) -> None:
    channel, _ = await full(office)
    story = await write_post(office, format="story")
    answer = await ask(office.editor, office, story, channel, when=WEDNESDAY)
    path = office.path(f"/posts/{story['id']}")

    refused = await office.editor("PATCH", path, {"format": "post"}, match="*")
    kept = await office.approver.ok(
        "PATCH", path, {"format": "post", "override": REASON}, match="*"
    )
    again = await office.editor.ok("PATCH", path, {"format": "story"}, match="*")

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/mix-violation")
    assert [each["mix"]["outcome"] for each in (kept, again)] == ["overridden", "ok"]
    place = office.path(f"/publications/{answer.json()['publications'][0]['id']}")
    row = await office.viewer.ok("GET", place)
    assert (row["exempt"], row["holds_seat"], row["override"]) == (
        "story",
        False,
        "Perintah menteri",
    )


async def set_mix(office: Office, version: int, *shares: int, path: str = "", **more: Any) -> Any:
    keys = (INF, INT, EDU, "promosi", "layanan", "sejarah")
    types = [
        {"key": key, "name": key.title(), "share": share}
        for key, share in zip(keys, shares, strict=False)
    ]
    path = office.path(f"{path}/mix")
    return await office.manager("PUT", path, {"types": types} | more, match=version)


async def test_fewer_slots_are_refused_where_the_rest_needs_them(office: Office) -> None:
    channel, _ = await full(office, ("2026-03-23T09:00", INF))
    path = office.path(f"/channels/{channel['id']}/slots")
    body = weekly() | {"effective_from": "2026-03-23"}

    answer = await office.manager("PUT", path, body, match=2)
    kept = await office.manager("PUT", path, body | {"override": REASON}, match=2)

    assert (refused(answer), kinds(answer)) == (True, ["override"])
    assert (kept.status_code, kept.json()["mix"]["outcome"]) == (200, "overridden")
    page = await office.owner.ok("GET", office.path("/audit?action=override"))
    assert [(each["noun"], each["data"]["reason"]) for each in page["items"]] == [
        ("mix", REASON["reason"])
    ]


async def test_a_day_without_slots_is_refused_where_the_rest_needs_it(office: Office) -> None:
    await full(office)
    path = office.path("/days/2026-03-18")
    body = {"kind": "blackout", "title": "Libur"}

    answer = await office.manager("PUT", path, body)
    kept = await office.manager("PUT", path, body | {"override": REASON})

    assert (refused(answer), kinds(answer)) == (True, ["override"])
    assert (kept.status_code, kept.json()["mix"]["outcome"]) == (201, "overridden")


async def test_shares_out_of_reach_are_refused(office: Office) -> None:
    await full(office)

    answer = await set_mix(office, 1, 20, 40, 40)
    kept = await set_mix(office, 1, 20, 40, 40, override=REASON)
    fine = await set_mix(office, 2, 50, 30, 20)

    assert (refused(answer), kinds(answer)) == (True, ["override"])
    assert (kept.json()["mix"]["outcome"], fine.status_code) == ("overridden", 200)


async def test_shares_that_a_month_is_too_small_for_are_explained(office: Office) -> None:
    await with_slots(office, *TWICE)

    answer = await set_mix(office, 1, 90, 10)

    (small,) = answer.json()["too_small"]
    assert (small["type"], small["posts"], small["needed"]) == (INT, 9, 10)
    assert "10 % of Berita" in small["text"]


async def test_posts_at_any_minute_use_the_slots_of_their_day(office: Office) -> None:
    """Ten minutes beside each slot: the types are kept as if they stood in it."""
    channel = await with_slots(office, *TWICE)

    found = [
        (
            await ask(
                office.editor, office, await write_post(office), channel, when=on(day, "09:10")
            )
        ).status_code
        for day in (2, 4, 9, 11, 16, 18, 23, 25, 30)
    ]

    assert found == [201] * 5 + [409, 201, 409, 409]


async def test_a_channel_without_slots_looks_three_posts_ahead(office: Office) -> None:
    channel = await add_channel(office)

    found = []
    for day in range(3, 11):
        post = await write_post(office)
        found.append((await ask(office.editor, office, post, channel, when=on(day))).status_code)
    other = await ask(
        office.editor, office, await write_post(office, type=EDU), channel, when=on(9)
    )

    # n posts of one type are within 60 % of n + 3, rounded up, and no further.
    assert found == [201] * 6 + [409] * 2
    assert other.status_code == 201


async def test_a_campaign_in_the_middle_of_a_month_stands_for_itself(office: Office) -> None:
    channel = await with_slots(office, *TWICE)
    path = f"/channels/{channel['id']}"
    span = {"effective_from": "2026-03-10", "effective_until": "2026-03-20"}
    await set_mix(office, 0, 0, 20, 80, path=path, **span)

    found = [
        (
            await ask(
                office.editor, office, await write_post(office, type=type_), channel, when=on(day)
            )
        ).status_code
        for day, type_ in ((11, INF), (11, EDU), (16, EDU), (18, EDU), (4, EDU), (9, INF))
    ]

    assert found == [409, 201, 201, 201, 201, 201]


@pytest.mark.parametrize("shares", [(70, 30), (30, 20, 20, 10, 10, 10)])
async def test_a_mix_may_have_two_or_six_types(office: Office, shares: tuple[int, ...]) -> None:
    channel = await with_slots(office, *TWICE)
    await set_mix(office, 1, *shares)
    path = office.path(MARCH)
    used: set[str] = set()

    while left := (await office.viewer.ok("GET", path))["open_slots"]:
        type_ = left[0]["types"][0]
        used.add(type_)
        post = await write_post(office, type=type_)
        placed = await ask(office.editor, office, post, channel, when={"local": left[0]["local"]})
        assert placed.status_code == 201, placed.text

    assert len(used) >= min(5, len(shares))
    assert [each["repair_number"] for each in placed.json()["mix"]["windows"]] == [0]


async def test_another_type_after_a_refusal_is_remembered(office: Office, house: House) -> None:
    channel, _ = await full(office)
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")

    assert refused(await ask(office.editor, office, post, channel, when=WEDNESDAY))
    await office.editor.ok("PATCH", path, {"type": INT}, match=post["version"])
    await ask(office.editor, office, post, channel, when=WEDNESDAY)
    await stand(office, channel, ("2026-03-23T09:00", EDU))

    async with house.store.reading() as db:
        rows = (await db.exec(select(Publication))).all()
    marked = [(str(row.post_id), row.retyped_at) for row in rows if row.retyped_at]
    assert marked == [(post["id"], house.clock())]


async def imported(office: Office, *rows: tuple[str, int]) -> Any:
    lines = "\n".join(
        f"Konten {day},Isi impor {day},{type_},berita,2026-03-{day:02},09:00" for type_, day in rows
    )
    body = {"text": f"title,text,type,channels,date,time\n{lines}\n", "type": INF}
    return await office.editor.ok("POST", office.path("/imports"), body)


async def test_an_import_is_one_change(office: Office) -> None:
    """Until the 22nd seven posts, six of them informative: the first six alone are refused."""
    await full(office)

    together = await imported(office, (INF, 17), (INT, 18))

    assert [each["outcome"] for each in together["rows"]] == ["placed", "placed"]


async def test_what_an_import_cannot_place_stays_a_draft_with_a_slot(office: Office) -> None:
    await full(office)

    report = await imported(office, (INF, 18), (INF, 23), (INF, 25))

    assert [each["outcome"] for each in report["rows"]] == ["draft", "placed", "draft"]
    assert [bool(each["suggested"]) for each in report["rows"]] == [True, False, True]
