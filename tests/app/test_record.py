"""The record of a post: what an auditor asks, in one answer."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import text

from app.deps import House
from planner.access import Role
from planner.content import channel_hash
from schedulers.connector import HandedOver, Outcome, Refused, TryLater, Unknown
from store import posts, records, workspaces
from store.records import Chain
from tests.app.conftest import Office
from tests.app.test_acts import send
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.world import Scripted

EXACT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def _record(office: Office, post: Any) -> Any:
    return await office.viewer.ok("GET", office.path(f"/posts/{post['id']}/record"))


async def _tried(
    office: Office, house: House, clock: Clock, *outcomes: Outcome, platform: str = "webhook"
) -> tuple[Any, Any]:
    """Return an approved post and its publication, sent as often as there are outcomes."""
    channel = await add_channel(office, platform=platform)
    post = await approve_post(office, await write_post(office))
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(minutes=1)))
    clock.forward(minutes=1)
    for outcome in outcomes:
        await send(house, row["id"], Scripted([outcome]), platform)
        clock.forward(seconds=30)
    return post, row


async def _act(office: Office, row: Any, act: str, body: Any = None) -> None:
    path = office.path(f"/publications/{row['id']}")
    match = (await office.viewer.ok("GET", path))["version"]
    await office.approver.ok("POST", f"{path}/{act}", body, match=match)


async def test_the_record_says_who_wrote_submitted_and_approved_what(
    office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    post = await write_post(office, "Satu.")
    path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("POST", f"{path}/submit", match=post["version"])
    version = (await office.viewer.ok("GET", path))["version"]
    await office.approver.ok("POST", f"{path}/reject", {"reason": "Kurang."}, match=version)
    version = (await office.viewer.ok("GET", path))["version"]
    variants = {channel["id"]: {"parts": [{"text": "Khusus."}]}}
    body = {"parts": [{"text": "Dua."}], "variants": variants}
    changed = await office.manager.ok("PATCH", path, body, match=version)
    await place(office, post, channel, when={"local": "2026-03-03T09:00"})
    await approve_post(office, changed)
    await office.editor.ok("POST", f"{path}/comments", {"text": "Siap."})

    record = await _record(office, post)

    editor, manager, approver = (
        f"person:{office.people[role]}" for role in (Role.EDITOR, Role.MANAGER, Role.APPROVER)
    )
    assert [(each["number"], each["author"]) for each in record["versions"]] == [
        (1, editor),
        (2, manager),
    ]
    assert [
        (each["action"], each["actor"], each["version"], each["reason"])
        for each in record["reviews"]
    ] == [
        ("submit", editor, 1, None),
        ("reject", approver, 1, "Kurang."),
        ("submit", editor, 2, None),
        ("approve", approver, 2, None),
    ]
    assert [(each["actor"], each["version"], each["channel"]) for each in record["approvals"]] == [
        (approver, 2, None),
        (approver, 2, channel["id"]),
    ]
    assert record["post"] == await office.viewer.ok("GET", path)
    assert [(each["author"], each["text"]) for each in record["comments"]] == [(editor, "Siap.")]


async def test_each_version_has_the_hash_of_what_each_channel_gets(
    office: Office, house: House
) -> None:
    channel = await add_channel(office)
    variants = {channel["id"]: {"parts": [{"text": "Khusus."}]}}
    post = await write_post(office, "Satu.", variants=variants)
    await place(office, post, channel, when={"local": "2026-03-03T09:00"})

    record = await _record(office, post)

    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, office.slug)
        content = await posts.content_of(db, await posts.of(db, workspace.id, UUID(post["id"])))
    (version,) = record["versions"]
    assert version["hashes"] == [
        {"channel": None, "hash": channel_hash(content, "")},
        {"channel": channel["id"], "hash": channel_hash(content, channel["id"])},
    ]
    assert version["hashes"][0]["hash"] != version["hashes"][1]["hash"]


async def test_what_was_sent_is_what_was_approved(
    office: Office, house: House, clock: Clock
) -> None:
    post, row = await _tried(office, house, clock)
    await send(house, row["id"], Scripted(), "webhook")
    changed = {"parts": [{"text": "Sesudah tayang."}]}
    match = (await office.viewer.ok("GET", office.path(f"/posts/{post['id']}")))["version"]
    later = await office.editor.ok(
        "PATCH", office.path(f"/posts/{post['id']}"), changed, match=match
    )
    await approve_post(office, later)

    record = await _record(office, post)

    (sent,) = record["publications"]
    (attempt,) = sent["attempts"]
    sent_hash = record["versions"][0]["hashes"][0]["hash"]
    assert (sent["status"], sent["remote_id"], sent["approved_version"]) == (
        "published",
        "remote",
        1,
    )
    assert {sent["content_hash"], sent["snapshot_hash"], attempt["content_hash"]} == {sent_hash}
    assert [(each["version"], each["hash"]) for each in sent["approved_by"]] == [(1, sent_hash)]
    assert sent["sent_once"] == {"sent": 1, "verdict": "once", "relies_on": []}
    assert [each["after"] for each in sent["transitions"]] == [
        "planned",
        "scheduled",
        "claimed",
        "submitting",
        "published",
    ]


async def test_what_is_armed_without_approvers_names_the_version_that_was_submitted(
    office: Office, house: House, clock: Clock
) -> None:
    workspace = await office.owner("GET", office.path())
    await office.owner.ok(
        "PATCH", office.path(), {"approval_policy": "none"}, match=workspace.headers["ETag"]
    )
    channel, post = await add_channel(office), await write_post(office)
    await place(office, post, channel, when={"local": "2026-03-03T09:00"})
    await office.editor.ok("POST", office.path(f"/posts/{post['id']}/submit"), match=1)

    (armed,) = (await _record(office, post))["publications"]

    assert (armed["status"], armed["approved_version"], armed["approved_by"]) == (
        "scheduled",
        1,
        [],
    )


async def test_break_glass_keeps_its_reason(office: Office) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")
    submitted = await office.editor.ok("POST", f"{path}/submit", match=post["version"])
    body = {"break_glass": "Gempa."}
    await office.owner.ok("POST", f"{path}/approve", body, match=submitted["version"])

    record = await _record(office, post)

    assert [each["break_glass"] for each in record["approvals"]] == ["Gempa."]
    assert [(each["action"], each["reason"]) for each in record["reviews"]] == [
        ("submit", None),
        ("break_glass", "Gempa."),
    ]


async def test_what_was_taken_off_stays_in_the_record(office: Office) -> None:
    channel, post = await add_channel(office), await write_post(office)
    (row,) = await place(office, post, channel, when={"local": "2026-03-03T09:00"})
    await office.editor.ok(
        "DELETE", office.path(f"/publications/{row['id']}"), match=row["version"]
    )

    record = await _record(office, post)

    (gone,) = record["publications"]
    assert (gone["id"], gone["status"], gone["sent_once"]) == (
        row["id"],
        "cancelled",
        {"sent": 0, "verdict": "never_sent", "relies_on": []},
    )
    assert [(each["noun"], each["action"]) for each in record["audit"]] == [
        ("post", "add"),
        ("publication", "add"),
        ("publication", "step"),
    ]


async def test_instants_of_the_evidence_have_microseconds(
    office: Office, house: House, clock: Clock
) -> None:
    clock.forward(microseconds=123456)
    post, _ = await _tried(office, house, clock, Unknown("reset"))

    record = await _record(office, post)

    (sent,) = record["publications"]
    instants = [
        *(each["started_at"] for each in sent["attempts"]),
        *(each["at"] for each in sent["transitions"] + record["reviews"] + record["audit"]),
        *(each["created_at"] for each in record["versions"]),
        *(each["at"] for each in record["approvals"]),
    ]
    assert [each for each in instants if not EXACT.fullmatch(each)] == []
    assert sent["attempts"][0]["started_at"] == "2026-03-02T01:01:00.123456Z"
    assert sent["due_at"] == "2026-03-02T01:01:00Z"


async def test_the_chain_is_recomputed_and_a_changed_entry_is_found(
    office: Office, house: House
) -> None:
    post = await write_post(office)
    before = await _record(office, post)
    async with house.store.transaction() as db:
        if house.store.is_sqlite:
            await db.exec(text("DROP TRIGGER audit_entry_no_update"))  # type: ignore[call-overload]
        else:
            await db.exec(text("SET LOCAL session_replication_role = replica"))  # type: ignore[call-overload]
        await db.exec(text("UPDATE audit_entry SET actor = 'person:x' WHERE seq = 2"))  # type: ignore[call-overload]

    after = await _record(office, post)

    newest = before["audit"][-1]["seq"]
    assert before["chain"] == {
        "verified": True,
        "scope": "workspace",
        "entries": newest,
        "broken_at": None,
    }
    assert after["chain"] == before["chain"] | {"verified": False, "broken_at": 2}


async def test_a_long_chain_is_verified_by_entry(office: Office, house: House) -> None:
    post = await write_post(office)

    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, office.slug)
        row = await posts.of(db, workspace.id, UUID(post["id"]))
        record = await records.of_post(db, workspace, row, whole_chain=0)

    assert record.chain == Chain(whole=False, entries=1, broken_at=None)


async def test_viewers_read_the_record_and_strangers_do_not(
    office: Office, other_office: Office
) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}/record")

    answers = [
        await office.viewer("GET", path),
        await other_office.owner("GET", path),
        await other_office.owner("GET", other_office.path(f"/posts/{post['id']}/record")),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 404]


async def test_sent_once_follows_what_people_say(
    office: Office, house: House, clock: Clock
) -> None:
    post, row = await _tried(office, house, clock, Unknown("reset"))

    doubt = (await _record(office, post))["publications"][0]["sent_once"]
    await _act(office, row, "resolve", {"outcome": "send_again"})
    cleared = (await _record(office, post))["publications"][0]["sent_once"]
    await send(house, row["id"], Scripted(), "webhook")
    sent = (await _record(office, post))["publications"][0]["sent_once"]

    assert [doubt, cleared, sent] == [
        {"sent": 1, "verdict": "unclear", "relies_on": []},
        {"sent": 0, "verdict": "never_sent", "relies_on": ["person"]},
        {"sent": 1, "verdict": "once", "relies_on": ["person"]},
    ]


async def test_what_was_handed_over_is_sent_once_somebody_says_so(
    office: Office, house: House, clock: Clock
) -> None:
    post, row = await _tried(office, house, clock, HandedOver(), platform="manual")

    before = (await _record(office, post))["publications"][0]["sent_once"]
    await _act(office, row, "confirm", {"permalink": "https://x.example/1"})
    after = (await _record(office, post))["publications"][0]["sent_once"]

    assert (before["verdict"], after) == (
        "unclear",
        {"sent": 1, "verdict": "once", "relies_on": ["person"]},
    )


async def test_a_refusal_was_never_sent(office: Office, house: House, clock: Clock) -> None:
    later = TryLater("rate_limited", 1, counts=False)
    post, _ = await _tried(office, house, clock, later, Refused("rejected", "no"))

    (row,) = (await _record(office, post))["publications"]

    assert [each["number"] for each in row["attempts"]] == [1, 2]
    assert row["sent_once"] == {"sent": 0, "verdict": "never_sent", "relies_on": []}
