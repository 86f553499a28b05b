"""The same content twice on a channel: refused within two weeks, unless a reason is given."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.deps import House
from schedulers.connector import Refused
from store import workspaces
from store.tables import Publication
from tests.app.conftest import Office
from tests.app.test_acts import send
from tests.app.uploading import upload
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.files import tiny_png
from tests.world import Scripted

MARCH_3 = {"local": "2026-03-03T09:00"}
MARCH_17 = {"local": "2026-03-17T09:00"}
MARCH_18 = {"local": "2026-03-18T09:00"}
SAME = "Cagar budaya kita."
WHY = "Pengingat untuk hari kedua."


async def _try(office: Office, post: Any, channel: Any, when: Any, **more: Any) -> httpx.Response:
    body = {"post": post["id"], "channels": [channel["id"]], "when": when} | more
    return await office.editor("POST", office.path("/publications"), body)


async def _twins(office: Office, second: Any, **more: Any) -> tuple[Any, Any, Any]:
    """Return a channel and two publications of the same words on it."""
    channel = await add_channel(office)
    (one,) = await place(office, await write_post(office, SAME), channel, when=MARCH_3)
    placed = await _try(office, await write_post(office, SAME), channel, second, **more)
    return channel, one, placed.json()["publications"][0]


async def _edit(office: Office, post: Any, **change: Any) -> httpx.Response:
    match = (await office.viewer.ok("GET", office.path(f"/posts/{post['id']}")))["version"]
    return await office.editor("PATCH", office.path(f"/posts/{post['id']}"), change, match=match)


async def _move(office: Office, row: Any, when: Any, **more: Any) -> httpx.Response:
    path = office.path(f"/publications/{row['id']}")
    match = (await office.viewer.ok("GET", path))["version"]
    return await office.editor("PATCH", path, {"when": when} | more, match=match)


async def _batch(office: Office, *operations: Any) -> httpx.Response:
    body = {"operations": operations}
    return await office.editor("POST", office.path("/publications/batch"), body)


@pytest.mark.parametrize(
    ("local", "status"),
    [
        ("2026-03-16T09:00", 409),
        ("2026-03-17T09:00", 409),
        ("2026-03-17T09:01", 201),
        ("2026-03-18T09:00", 201),
    ],
    ids=["13-days", "14-days", "a-minute-more", "15-days"],
)
async def test_the_same_needs_more_than_two_weeks_between(
    office: Office, local: str, status: int
) -> None:
    channel = await add_channel(office)
    await place(office, await write_post(office, SAME), channel, when=MARCH_3)

    placed = await _try(office, await write_post(office, SAME), channel, {"local": local})

    assert placed.status_code == status


async def test_the_problem_names_the_other_one(office: Office) -> None:
    channel = await add_channel(office)
    (row,) = await place(office, await write_post(office, SAME), channel, when=MARCH_3)

    refused = await _try(office, await write_post(office, SAME, title="Lain"), channel, MARCH_17)

    body = refused.json()
    assert (refused.status_code, body["type"], body["earlier"]) == (
        409,
        "/problems/duplicate-content",
        row["id"],
    )
    assert body["detail"].startswith("“Naskah kuno” says the same on Berita on 2026-03-03 09:00.")


async def test_another_channel_may_have_the_same(office: Office) -> None:
    channel, other = await add_channel(office), await add_channel(office, "lain")
    await place(office, await write_post(office, SAME), channel, when=MARCH_3)

    placed = await _try(office, await write_post(office, SAME), other, MARCH_3)

    assert placed.status_code == 201


async def test_files_and_hashtags_make_a_difference(office: Office) -> None:
    channel = await add_channel(office)
    campaign = {"name": "Bulan", "starts_on": "2026-03-01", "ends_on": "2026-03-31"}
    tagged = await office.manager.ok(
        "POST", office.path("/campaigns"), campaign | {"hashtags": ["#literasi"]}
    )
    file = await upload(office, tiny_png(6, 4))
    shown = [{"text": SAME, "media": [{"id": file["id"]}]}]
    await place(office, await write_post(office, SAME), channel, when=MARCH_3)

    answers = [
        await _try(office, await write_post(office, SAME, **more), channel, MARCH_3)
        for more in ({"campaign": tagged["id"]}, {"parts": shown}, {"parts": shown}, {})
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 409, 409]


async def test_a_variant_is_what_its_channel_says(office: Office) -> None:
    channel, other = await add_channel(office), await add_channel(office, "lain")
    await place(office, await write_post(office, SAME), channel, other, when=MARCH_3)
    variants = {channel["id"]: {"parts": [{"text": "Khusus."}]}}
    post = await write_post(office, SAME, variants=variants)

    here = await _try(office, post, channel, MARCH_17)
    there = await _try(office, post, other, MARCH_17)

    assert (here.status_code, there.status_code) == (201, 409)


async def test_a_move_into_reach_is_refused_and_undone(office: Office) -> None:
    _, _, row = await _twins(office, MARCH_18)

    refused = await _move(office, row, MARCH_17)

    kept = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/duplicate-content")
    assert kept == row


async def test_a_move_out_of_reach_and_back_is_judged_each_time(office: Office) -> None:
    _, one, row = await _twins(office, MARCH_18)

    away = await _move(office, one, {"local": "2026-03-02T12:00"})
    near = await _move(office, row, MARCH_17)
    nearer = await _move(office, one, MARCH_3)

    assert (away.status_code, near.status_code, nearer.status_code) == (200, 200, 409)


async def test_publishing_now_is_judged_like_a_move(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    await place(office, await write_post(office, SAME), channel, when=MARCH_3)
    post = await approve_post(office, await write_post(office, SAME))
    (row,) = await place(office, post, channel, when={"local": "2026-03-25T09:00"})

    path = office.path(f"/publications/{row['id']}/publish-now")
    refused = await office.approver("POST", path, match=row["version"])

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/duplicate-content")


async def test_two_of_the_same_change_their_times_and_stay_as_far_apart(office: Office) -> None:
    _, one, row = await _twins(office, MARCH_18)
    seen = [{"id": each["id"], "version": each["version"]} for each in (one, row)]

    swapped = await _batch(office, {"op": "swap", "first": seen[0], "second": seen[1]})

    assert swapped.status_code == 200
    assert [each["local"] for each in swapped.json()["publications"]] == [
        "2026-03-18T09:00:00",
        "2026-03-03T09:00:00",
    ]


async def test_a_swap_into_reach_is_refused(office: Office) -> None:
    channel, one, _ = await _twins(office, MARCH_18)
    (third,) = await place(
        office, await write_post(office, "Lain."), channel, when={"local": "2026-03-10T09:00"}
    )
    seen = [{"id": each["id"], "version": each["version"]} for each in (one, third)]

    swapped = await _batch(office, {"op": "swap", "first": seen[0], "second": seen[1]})

    assert (swapped.status_code, swapped.json()["type"]) == (409, "/problems/duplicate-content")


async def test_an_edit_into_a_duplicate_is_refused(office: Office) -> None:
    channel = await add_channel(office)
    (row,) = await place(office, await write_post(office, SAME), channel, when=MARCH_3)
    post = await write_post(office, "Lain.")
    await place(office, post, channel, when=MARCH_17)

    refused = await _edit(office, post, parts=[{"text": SAME}])

    kept = await office.viewer.ok("GET", office.path(f"/posts/{post['id']}"))
    assert (refused.status_code, refused.json()["earlier"]) == (409, row["id"])
    assert (kept["content_version"], kept["parts"][0]["text"]) == (1, "Lain.")


async def test_an_edit_frees_the_words_that_were_said(office: Office) -> None:
    channel = await add_channel(office)
    first, second = await write_post(office, SAME), await write_post(office, SAME)
    await place(office, first, channel, when=MARCH_3)

    await _edit(office, first, parts=[{"text": "Ditulis ulang."}])

    assert (await _try(office, second, channel, MARCH_3)).status_code == 201


async def test_an_edit_of_what_does_not_show_is_never_asked_about(office: Office) -> None:
    channel = await add_channel(office)
    post = await write_post(office, SAME)
    await place(office, post, channel, when=MARCH_3)
    history = {"published_at": "2026-02-27T03:00:00Z"}
    other = {"post": (await write_post(office, SAME))["id"], "channels": [channel["id"]]}
    await office.editor.ok("POST", office.path("/publications"), other | {"recorded": history})

    changed = await _edit(office, post, title="Judul lain", type="interactive")

    assert changed.status_code == 200


async def test_what_went_out_keeps_what_it_said(office: Office, house: House, clock: Clock) -> None:
    channel = await add_channel(office, platform="manual")
    post = await approve_post(office, await write_post(office, SAME))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    await send(house, row["id"], Scripted())

    edited = await _edit(office, post, parts=[{"text": "Ditulis ulang."}])
    again = await _try(office, await write_post(office, SAME), channel, MARCH_3)
    other = await _try(office, await write_post(office, "Ditulis ulang."), channel, MARCH_3)

    assert (edited.status_code, again.status_code, other.status_code) == (200, 409, 201)
    assert again.json()["earlier"] == row["id"]


async def test_a_reason_lets_it_be_and_is_remembered(office: Office) -> None:
    _, _, row = await _twins(office, MARCH_17, allow_duplicate=WHY)

    moved = await _move(office, row, {"local": "2026-03-10T09:00"})

    entries = await office.owner.ok("GET", office.path(f"/audit?row={row['id']}"))
    told = [(each["action"], each["data"].get("reason")) for each in entries["items"]]
    assert row["allow_duplicate"] == WHY
    assert (moved.status_code, moved.json()["allow_duplicate"]) == (200, WHY)
    assert told == [("move", None), ("allow_duplicate", WHY), ("add", None)]


async def test_the_other_one_of_an_allowed_pair_needs_no_reason_of_its_own(office: Office) -> None:
    channel, one, _ = await _twins(office, MARCH_17, allow_duplicate=WHY)

    moved = await _move(office, one, {"local": "2026-03-04T09:00"})
    third = await _try(
        office, await write_post(office, SAME), channel, {"local": "2026-03-25T09:00"}
    )

    assert (moved.status_code, third.status_code) == (200, 409)


async def test_a_reason_that_nothing_needs_is_not_kept_for_later(office: Office) -> None:
    _, _, row = await _twins(office, MARCH_18, allow_duplicate=WHY)

    refused = await _move(office, row, MARCH_17)

    assert (row["allow_duplicate"], refused.status_code) == (None, 409)


async def test_a_move_and_an_edit_take_a_reason(office: Office) -> None:
    channel, _, row = await _twins(office, MARCH_18)
    post = await write_post(office, "Lain.")
    (other,) = await place(office, post, channel, when={"local": "2026-03-10T09:00"})

    moved = await _move(office, row, MARCH_17, allow_duplicate=WHY)
    edited = await _edit(office, post, parts=[{"text": SAME}], allow_duplicate=WHY)

    kept = await office.viewer.ok("GET", office.path(f"/publications/{other['id']}"))
    assert (moved.status_code, moved.json()["allow_duplicate"]) == (200, WHY)
    assert (edited.status_code, kept["allow_duplicate"]) == (200, WHY)


@pytest.mark.parametrize(("reason", "code"), [("", "too-short"), ("x" * 2001, "too-long")])
async def test_a_reason_has_words_and_an_end(office: Office, reason: str, code: str) -> None:
    channel, post = await add_channel(office), await write_post(office)

    refused = await _try(office, post, channel, MARCH_3, allow_duplicate=reason)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["pointer"], error["code"]) == (422, "/allow_duplicate", code)


async def test_history_is_never_refused_and_counts(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office, SAME)
    await place(office, post, channel, when=MARCH_3)
    body = {"channels": [channel["id"]], "recorded": {"published_at": "2026-02-25T03:00:00Z"}}

    recorded = [
        await office.editor(
            "POST",
            office.path("/publications"),
            body | {"post": (await write_post(office, SAME))["id"]},
        )
        for _ in range(2)
    ]
    placed = await _try(
        office, await write_post(office, SAME), channel, {"local": "2026-03-04T09:00"}
    )

    (first,) = recorded[0].json()["publications"]
    assert [answer.status_code for answer in recorded] == [201, 201]
    assert (placed.status_code, placed.json()["earlier"]) == (409, first["id"])


async def test_what_was_taken_off_does_not_count(office: Office) -> None:
    channel = await add_channel(office)
    (row,) = await place(office, await write_post(office, SAME), channel, when=MARCH_3)
    await office.editor.ok(
        "DELETE", office.path(f"/publications/{row['id']}"), match=row["version"]
    )

    placed = await _try(office, await write_post(office, SAME), channel, MARCH_3)

    assert placed.status_code == 201


async def test_what_failed_counts_until_it_is_dismissed(
    office: Office, house: House, clock: Clock
) -> None:
    channel = await add_channel(office, platform="manual")
    post = await approve_post(office, await write_post(office, SAME))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    await send(house, row["id"], Scripted([Refused("rejected", "no")]))
    again = await write_post(office, SAME)

    refused = await _try(office, again, channel, MARCH_3)
    failed = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    await office.approver.ok(
        "POST", office.path(f"/publications/{row['id']}/dismiss"), match=failed["version"]
    )
    placed = await _try(office, again, channel, MARCH_3)
    revived = await _move(office, row, {"local": "2026-03-05T09:00"})

    assert (refused.status_code, placed.status_code) == (409, 201)
    assert (revived.status_code, revived.json()["type"]) == (409, "/problems/duplicate-content")


async def test_two_equal_adds_in_one_batch_are_refused(office: Office) -> None:
    channel = await add_channel(office)
    adds = [
        {
            "op": "add",
            "post": (await write_post(office, SAME))["id"],
            "channel": channel["id"],
            "when": when,
        }
        for when in (MARCH_3, MARCH_17)
    ]

    refused = await _batch(office, *adds)
    none = await office.viewer.ok("GET", office.path("/publications"))
    allowed = await _batch(office, adds[0], adds[1] | {"allow_duplicate": WHY})

    body = refused.json()
    assert (refused.status_code, body["type"], body["operation"]) == (
        409,
        "/problems/duplicate-content",
        1,
    )
    assert none["items"] == []
    assert [each["allow_duplicate"] for each in allowed.json()["publications"]] == [None, WHY]


async def test_a_move_in_a_batch_takes_a_reason(office: Office) -> None:
    _, _, row = await _twins(office, MARCH_18)
    move = {"op": "move", "id": row["id"], "version": row["version"], "when": MARCH_17}

    answers = [await _batch(office, move), await _batch(office, move | {"allow_duplicate": WHY})]

    assert [answer.status_code for answer in answers] == [409, 200]


async def test_what_was_placed_before_this_rule_learns_what_it_says_when_it_moves(
    office: Office, house: House
) -> None:
    _, one, row = await _twins(office, MARCH_18)
    async with house.store.transaction() as db:
        await workspaces.lock(db, office.slug)
        for each in (one, row):
            old = await db.get(Publication, UUID(each["id"]))
            assert old is not None
            old.said = None

    first = await _move(office, one, {"local": "2026-03-03T10:00"})
    second = await _move(office, row, MARCH_17)

    assert (first.status_code, second.status_code) == (200, 409)
