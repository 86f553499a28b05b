"""The inbox: what waits for a person."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.deps import House
from schedulers.connector import HandedOver, Outcome, Refused, Unknown
from store import channels, inbox, sweeps, workspaces
from store.audit import CLI
from tests.app.conftest import Office
from tests.app.test_acts import send
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Client, Clock
from tests.world import Scripted

EMPTY: dict[str, Any] = {"items": [], "more": False}
KINDS = (
    "approvals",
    "second_approvals",
    "needs_review",
    "handed_over",
    "failed",
    "missed",
    "channels",
)


async def _inbox(office: Office, who: Client | None = None) -> Any:
    return await (who or office.viewer).ok("GET", office.path("/inbox"))


async def _submitted(office: Office, **more: Any) -> Any:
    post = await write_post(office, **more)
    path = office.path(f"/posts/{post['id']}/submit")
    return await office.editor.ok("POST", path, match=post["version"])


async def _tried(office: Office, house: House, clock: Clock, outcome: Outcome, **more: Any) -> Any:
    channel = await add_channel(office, platform="webhook")
    post = await approve_post(office, await write_post(office, **more))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    await send(house, row["id"], Scripted([outcome]), "webhook")
    return await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))


async def _mine(office: Office, *who: Client, kind: str = "approvals") -> list[bool]:
    found = [(await _inbox(office, each))[kind]["items"] for each in who]
    return [item["mine"] for items in found for item in items]


async def test_an_office_without_work_has_an_empty_inbox(office: Office) -> None:
    await write_post(office)

    found = await _inbox(office)

    assert found == dict.fromkeys(KINDS, EMPTY) | {"counts": dict.fromkeys(KINDS, 0)}


async def test_what_was_submitted_waits_for_an_approval(office: Office) -> None:
    post = await _submitted(office)
    for handle, day in (("satu", 5), ("dua", 4)):
        other = await add_channel(office, handle)
        await place(office, post, other, when={"local": f"2026-03-0{day}T09:00"})

    found = await _inbox(office)

    seen = await office.viewer.ok("GET", office.path(f"/posts/{post['id']}"))
    assert found["approvals"] == {
        "items": [
            {
                "id": post["id"],
                "title": "Naskah kuno",
                "channel": None,
                "due_at": "2026-03-04T02:00:00Z",
                "reason": None,
                "reason_text": None,
                "version": seen["version"],
                "status": "in_review",
                "submitted_at": "2026-03-02T01:00:00Z",
                "content_version": 1,
                "mine": False,
            }
        ],
        "more": False,
    }
    assert found["counts"]["approvals"] == 1


async def test_what_goes_out_first_comes_first(office: Office) -> None:
    channel = await add_channel(office)
    titles = {"Nanti": 9, "Segera": 3, "Entah": None}
    for title, day in titles.items():
        post = await _submitted(office, text=title, title=title)
        if day:
            await place(office, post, channel, when={"local": f"2026-03-0{day}T09:00"})

    found = await _inbox(office)

    assert [each["title"] for each in found["approvals"]["items"]] == ["Segera", "Nanti", "Entah"]


async def test_an_approval_is_for_those_who_may_and_did_not_write(office: Office) -> None:
    post = await _submitted(office)
    everybody = (office.viewer, office.editor, office.approver, office.owner, office.key)

    before = await _mine(office, *everybody)
    workspace = await office.owner("GET", office.path())
    body = {"keys_may_approve": True, "approval_policy": "two"}
    await office.owner.ok("PATCH", office.path(), body, match=workspace.headers["ETag"])
    path = office.path(f"/posts/{post['id']}/approve")
    await office.approver.ok("POST", path, {}, match=post["version"])
    after = await _mine(office, *everybody)

    assert before == [False, False, True, True, False]
    assert after == [False, False, False, True, True]


async def test_who_wrote_since_the_last_approval_may_not_approve(office: Office) -> None:
    post = await approve_post(office, await write_post(office))
    path = office.path(f"/posts/{post['id']}")
    changed = await office.owner.ok(
        "PATCH", path, {"parts": [{"text": "Lain."}]}, match=post["version"]
    )
    await office.editor.ok("POST", f"{path}/submit", match=changed["version"])

    mine = await _mine(office, office.approver, office.owner, office.manager)

    assert mine == [True, False, True]


async def test_a_second_approval_is_for_other_eyes(office: Office) -> None:
    post = await _submitted(office)
    body = {"break_glass": "Gempa."}
    path = office.path(f"/posts/{post['id']}/approve")
    await office.owner.ok("POST", path, body, match=post["version"])

    found = await _inbox(office)
    mine = await _mine(
        office, office.owner, office.approver, office.editor, kind="second_approvals"
    )
    match = found["second_approvals"]["items"][0]["version"]
    await office.approver.ok("POST", path, {}, match=match)
    after = await _inbox(office)

    (item,) = found["second_approvals"]["items"]
    assert (item["id"], item["status"], item["reason"]) == (post["id"], "approved", "Gempa.")
    assert found["approvals"] == EMPTY
    assert mine == [False, True, False]
    assert after["counts"] == dict.fromkeys(KINDS, 0)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Unknown("timeout"), "needs_review"),
        (HandedOver({}), "handed_over"),
        (Refused("rejected", "no"), "failed"),
    ],
    ids=["needs-review", "handed-over", "failed"],
)
async def test_what_was_sent_and_is_not_over_waits(
    office: Office, house: House, clock: Clock, outcome: Outcome, kind: str
) -> None:
    row = await _tried(office, house, clock, outcome)

    found = await _inbox(office)

    assert found[kind] == {
        "items": [
            {
                "id": row["id"],
                "post": row["post"],
                "title": "Naskah kuno",
                "channel": row["channel"],
                "channel_name": "Berita",
                "due_at": row["due_at"],
                "reason": row["reason"],
                "reason_text": row["reason_text"],
                "version": row["version"],
            }
        ],
        "more": False,
    }
    assert found["counts"] == dict.fromkeys(KINDS, 0) | {kind: 1}


async def test_what_was_missed_waits_until_its_seat_is_free(
    office: Office, house: House, clock: Clock
) -> None:
    channel = await add_channel(office)
    await place(office, await write_post(office), channel, when={"local": "2026-03-03T09:00"})
    story = await write_post(office, "Cerita.", format="story")
    await place(office, story, channel, when={"local": "2026-03-03T10:00"})

    counts = []
    for days in (2, 1, 1):  # the 4th, the 5th and the 6th
        clock.forward(days=days)
        await sweeps.miss_unapproved(house.store, clock.now)
        await sweeps.release_seats(house.store, clock.now)
        counts.append((await _inbox(office))["counts"]["missed"])

    assert counts == [2, 2, 0]


async def test_what_was_dismissed_waits_no_longer(
    office: Office, house: House, clock: Clock
) -> None:
    story = {"format": "story", "text": "Cerita."}
    row = await _tried(office, house, clock, Refused("rejected", "no"), **story)

    before = (await _inbox(office))["counts"]["failed"]
    path = office.path(f"/publications/{row['id']}/dismiss")
    await office.approver.ok("POST", path, match=row["version"])
    after = (await _inbox(office))["counts"]["failed"]

    assert (row["holds_seat"], before, after) == (False, 1, 0)


async def test_a_channel_that_must_be_connected_again_waits(
    office: Office, house: House, clock: Clock
) -> None:
    lost, off = await add_channel(office, "hilang"), await add_channel(office, "mati")
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        for each, connection in ((lost, "needs_reauth"), (off, "disabled")):
            row = await channels.of(db, workspace.id, UUID(each["id"]))
            await channels.note_check(
                db, workspace, CLI, row, connection, "no_credentials", clock.now
            )

    found = await _inbox(office)

    seen = await office.viewer.ok("GET", office.path(f"/channels/{lost['id']}"))
    assert found["channels"] == {
        "items": [
            {
                "id": lost["id"],
                "title": "Hilang",
                "channel": lost["id"],
                "due_at": None,
                "reason": "no_credentials",
                "reason_text": "The channel has no credentials, or not all of them.",
                "version": seen["version"],
                "platform": "feed",
                "connection": "needs_reauth",
            }
        ],
        "more": False,
    }


async def test_what_is_not_shown_is_counted(office: Office, house: House, clock: Clock) -> None:
    channel = await add_channel(office)
    for number in range(3):
        post = await _submitted(office, text=f"Isi {number}.")
        await place(office, post, channel, when={"local": f"2026-03-0{number + 3}T09:00"})
    clock.forward(days=3, hours=2)
    await sweeps.miss_unapproved(house.store, clock.now)

    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, office.slug)
        found = await inbox.of(db, workspace, CLI, (), clock.now, shown=2)

    assert (len(found.approvals), len(found.missed)) == (2, 2)
    assert (found.counts["approvals"], found.counts["missed"]) == (3, 3)


async def test_each_office_has_an_inbox_of_its_own(office: Office, other_office: Office) -> None:
    await _submitted(office)

    answers = [
        await other_office.owner("GET", office.path("/inbox")),
        await other_office.owner("GET", other_office.path("/inbox")),
    ]

    assert [answer.status_code for answer in answers] == [404, 200]
    assert answers[1].json()["counts"] == dict.fromkeys(KINDS, 0)
