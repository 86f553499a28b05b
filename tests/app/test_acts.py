"""Acts on publications over HTTP, and the queue."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from app.deps import House
from schedulers.connector import HandedOver, Outcome, Refused, Unknown
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store.liveness import Alone
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.world import Scripted


async def _tried(
    office: Office, house: House, clock: Clock, outcome: Outcome, platform: str = "manual"
) -> Any:
    """Return a publication that was sent once with this outcome."""
    channel = await add_channel(office, platform=platform)
    post = await approve_post(office, await write_post(office))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    await send(house, row["id"], Scripted([outcome]), platform)
    return await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))


async def send(house: House, row_id: str, scripted: Scripted, platform: str = "manual") -> None:
    publisher = Publisher(
        house.store,
        house.ring,
        house.blobs,
        {platform: scripted},
        house.base_url,
        Alone("w1"),
        120,
        house.clock,
    )
    await publish(publisher, UUID(row_id))


async def _act(office: Office, row: Any, act: str, body: Any = None, who: Any = None) -> Any:
    path = office.path(f"/publications/{row['id']}/{act}")
    return await (who or office.approver)("POST", path, body, match=row["version"])


async def test_what_was_handed_over_is_confirmed_with_its_link(
    office: Office, house: House, clock: Clock
) -> None:
    row = await _tried(office, house, clock, HandedOver({"caption": "Isi."}))

    link = {"permalink": "https://www.tiktok.com/@biro/video/1"}
    confirmed = await _act(office, row, "confirm", link)

    body = confirmed.json()
    assert (row["status"], body["status"], body["permalink"]) == (
        "handed_over",
        "published",
        "https://www.tiktok.com/@biro/video/1",
    )


async def test_what_failed_is_retried_in_its_seat(
    office: Office, house: House, clock: Clock
) -> None:
    row = await _tried(office, house, clock, Refused("rejected", "no"))
    clock.forward(hours=3)

    retried = await _act(office, row, "retry")
    await send(house, row["id"], Scripted())

    sent = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    assert (row["status"], retried.json()["status"], sent["status"]) == (
        "failed",
        "scheduled",
        "published",
    )
    assert sent["due_at"] == row["due_at"]


async def test_what_failed_and_is_not_approved_any_more_is_not_retried(
    office: Office, house: House, clock: Clock
) -> None:
    row = await _tried(office, house, clock, Refused("rejected", "no"))
    post = await office.viewer.ok("GET", office.path(f"/posts/{row['post']}"))
    changed = {"parts": [{"text": "Lain."}]}
    await office.editor.ok(
        "PATCH", office.path(f"/posts/{row['post']}"), changed, match=post["version"]
    )

    retried = await _act(office, row, "retry")

    kept = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    assert (retried.json()["type"], kept["status"]) == ("/problems/not-approved", "failed")


async def test_what_was_dismissed_frees_its_seat(
    office: Office, house: House, clock: Clock
) -> None:
    row = await _tried(office, house, clock, Refused("rejected", "no"))

    dismissed = await _act(office, row, "dismiss")
    again = await _act(office, dismissed.json(), "dismiss")

    assert (row["holds_seat"], dismissed.json()["holds_seat"], again.status_code) == (
        True,
        False,
        409,
    )


async def test_a_person_says_what_nobody_knew(office: Office, house: House, clock: Clock) -> None:
    row = await _tried(office, house, clock, Unknown("reset"), "webhook")

    waiting = await office.viewer.ok("GET", office.path("/queue"))
    resolved = await _act(
        office, row, "resolve", {"outcome": "live", "permalink": "https://x.example/1"}
    )
    again = await _act(office, resolved.json(), "resolve", {"outcome": "send_again"})

    assert [each["id"] for each in waiting["needs_review"]] == [row["id"]]
    assert (resolved.json()["status"], resolved.json()["published_at"]) == (
        "published",
        "2026-03-02T01:01:00Z",
    )
    assert again.status_code == 409


async def test_sending_again_uses_the_same_key(office: Office, house: House, clock: Clock) -> None:
    row = await _tried(office, house, clock, Unknown("reset"), "webhook")
    platform = Scripted()

    await _act(office, row, "resolve", {"outcome": "send_again"})
    await send(house, row["id"], platform, "webhook")

    history = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}/attempts"))
    assert [sent.key for sent in platform.sent] == [f"{row['id']}-0"]
    assert [(each["number"], each["outcome"]) for each in history["attempts"]] == [
        (1, "needs_review"),
        (2, "published"),
    ]


async def test_the_history_says_every_step_and_who_took_it(
    office: Office, house: House, clock: Clock
) -> None:
    row = await _tried(office, house, clock, Unknown("reset", {"seen": "reset"}), "webhook")
    await _act(office, row, "resolve", {"outcome": "failed"})

    history = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}/attempts"))

    told = [(step["after"], step["reason"], step["actor"][:6]) for step in history["transitions"]]
    assert told == [
        ("planned", None, "person"),
        ("scheduled", "approved", "person"),
        ("claimed", None, "clock"),
        ("submitting", None, "clock"),
        ("needs_review", "reset", "clock"),
        ("failed", "not_live", "person"),
    ]
    assert history["attempts"][0]["evidence"] == {"seen": "reset"}


async def test_publish_now_moves_to_now(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(days=1)))

    moved = await _act(office, row, "publish-now")
    queue = await office.viewer.ok("GET", office.path("/queue"))

    assert (moved.json()["due_at"], moved.json()["status"]) == ("2026-03-02T01:00:00Z", "scheduled")
    assert [each["id"] for each in queue["due"]] == [row["id"]]


async def test_acts_are_for_those_who_may(office: Office, house: House, clock: Clock) -> None:
    row = await _tried(office, house, clock, Refused("rejected", "no"))

    refused = await _act(office, row, "retry", who=office.editor)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/may-not")


async def test_what_was_tried_stays_on_the_calendar(
    office: Office, house: House, clock: Clock, tmp_path: Path
) -> None:
    row = await _tried(office, house, clock, Refused("rejected", "no"))

    path = office.path(f"/publications/{row['id']}")
    refused = await office.editor("DELETE", path, match=row["version"])

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/attempted-already")
