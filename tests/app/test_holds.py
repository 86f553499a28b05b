"""Holds over HTTP: placed, looked at, passed, released."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.deps import House
from planner.access import Role
from store import holds, instance
from tests.app.conftest import Office
from tests.app.ticking import publish_due
from tests.app.writing import add_channel, approve_post, at, let_the_mix_be, place, write_post
from tests.conftest import RING, Client, Clock
from tests.world import Scripted

WORKSPACE = {"scope": "workspace", "reason": "Gempa"}
STATEMENT = {"reason": "Pernyataan resmi tentang gempa"}


async def hold(office: Office, body: Any = None) -> Any:
    path = office.path("/holds")
    return await office.approver.ok("POST", path, WORKSPACE if body is None else body)


async def placed(office: Office, clock: Clock, channel: Any, **post: Any) -> Any:
    """Return an approved publication that is due in a minute."""
    written = await approve_post(office, await write_post(office, **post))
    (row,) = await place(office, written, channel, when=at(clock.now + timedelta(minutes=1)))
    return row


async def read(office: Office, path: str) -> Any:
    return await office.viewer.ok("GET", office.path(path))


async def test_a_hold_says_what_it_is_and_what_it_keeps_back(office: Office, clock: Clock) -> None:
    await placed(office, clock, await add_channel(office))
    clock.forward(minutes=1)

    answer = await office.approver("POST", office.path("/holds"), WORKSPACE)
    made = answer.json()

    assert made == {
        "id": made["id"],
        **WORKSPACE,
        "channel": None,
        "campaign": None,
        "type": None,
        "placed_by": f"person:{office.people[Role.APPROVER]}",
        "on_the_wire": [],
        "released_at": None,
        "released_by": None,
        "created_at": "2026-03-02T01:01:00Z",
        "updated_at": "2026-03-02T01:01:00Z",
        "version": 1,
        "held": {"due": 1, "later": 0, "through_hold": 0},
    }
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1{office.path('/holds')}/{made['id']}"
    assert await read(office, f"/holds/{made['id']}") == made


async def test_a_hold_names_what_was_on_the_wire(
    office: Office, house: House, clock: Clock
) -> None:
    """What is under way is listed, and how it ended can be seen there afterwards."""
    row = await placed(office, clock, await add_channel(office))
    clock.forward(minutes=1)
    made: list[Any] = []

    class Interrupted(Scripted):
        async def publish(self, outgoing: Any, now: datetime) -> Any:
            made.append(await hold(office))
            return await super().publish(outgoing, now)

    await publish_due(house, {"feed": Interrupted()})
    after = await read(office, f"/holds/{made[0]['id']}")

    wired = [
        [(each["id"], each["status"]) for each in told["on_the_wire"]] for told in (*made, after)
    ]
    assert wired == [[(row["id"], "submitting")], [(row["id"], "published")]]


WRONG: dict[str, dict[str, Any]] = {
    "a workspace with a channel": {"scope": "workspace", "channel": str(UUID(int=1))},
    "a channel without one": {"scope": "channel"},
    "a channel with a type": {"scope": "channel", "channel": str(UUID(int=1)), "type": "x"},
    "a campaign by its channel": {"scope": "campaign", "channel": str(UUID(int=1))},
    "the instance": {"scope": "instance"},
    "no scope": {},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_hold_takes_what_its_scope_says(office: Office, body: Any, database: str) -> None:
    answer = await office.approver("POST", office.path("/holds"), body | {"reason": "Gempa"})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


async def test_what_is_not_there_is_not_held(office: Office, other_office: Office) -> None:
    foreign = await add_channel(other_office)

    asked = [
        {"scope": "channel", "channel": foreign["id"]},
        {"scope": "campaign", "campaign": str(UUID(int=1))},
        {"scope": "type", "type": "olahraga"},
    ]
    told = []
    for body in asked:
        answer = await office.approver("POST", office.path("/holds"), body | {"reason": "Gempa"})
        told.append((answer.status_code, answer.json()["type"]))

    assert told == [
        (404, "/problems/no-such-channel"),
        (404, "/problems/no-such-campaign"),
        (422, "/problems/no-such-type"),
    ]


async def test_the_same_is_not_held_twice(office: Office) -> None:
    first = await hold(office)

    again = await office.approver("POST", office.path("/holds"), WORKSPACE)

    problem = again.json()
    assert (again.status_code, problem["type"]) == (409, "/problems/held-already")
    assert first["id"] in problem["detail"]


async def test_holds_that_stand_are_listed_and_those_that_ended_are_history(
    office: Office,
) -> None:
    channels = [await add_channel(office, f"k{number}") for number in range(3)]
    made = []
    for channel in channels:
        body = {"scope": "channel", "channel": channel["id"], "reason": "Sengketa"}
        made.append(await hold(office, body))
    ended = made.pop(1)
    await office.approver.ok("DELETE", office.path(f"/holds/{ended['id']}"), match=1)

    first = await read(office, "/holds?limit=1")
    second = await read(office, f"/holds?limit=1&after={first['next']}")
    history = await read(office, "/holds?released=true")

    assert [each["id"] for each in first["items"] + second["items"]] == [
        each["id"] for each in made
    ]
    assert second["next"] is None
    (told,) = history["items"]
    assert (told["id"], told["released_at"], told["version"]) == (
        ended["id"],
        "2026-03-02T01:00:00Z",
        2,
    )


async def test_a_release_names_the_version_and_leaves_what_fell_due_to_people(
    office: Office, house: House, clock: Clock
) -> None:
    row = await placed(office, clock, await add_channel(office))
    made = await hold(office)
    clock.forward(minutes=1)
    path = office.path(f"/holds/{made['id']}")

    refused = [
        await office.approver("DELETE", path),
        await office.approver("DELETE", path, match=9),
    ]
    await office.approver.ok("DELETE", path, match=made["version"])
    again = await office.approver("DELETE", path, match="*")
    await publish_due(house, {"feed": Scripted()})

    kept = await read(office, f"/publications/{row['id']}")
    entries = await office.owner.ok("GET", office.path("/audit?noun=hold"))
    assert [each.status_code for each in refused] == [428, 412]
    assert again.status_code == 204
    assert (kept["status"], kept["reason"]) == ("missed", "held")
    assert kept["reason_text"] == "It was held when it was due."
    assert [each["action"] for each in entries["items"]] == ["release", "add"]
    assert entries["items"][0]["data"]["left"] == [row["id"]]


async def test_only_what_is_in_scope_is_held(office: Office, house: House, clock: Clock) -> None:
    await let_the_mix_be(office)
    channels = [await add_channel(office, f"k{number}") for number in range(2)]
    rows = [await placed(office, clock, channel) for channel in channels]
    body = {"scope": "channel", "channel": channels[0]["id"], "reason": "Sengketa"}
    await hold(office, body)
    clock.forward(minutes=1)

    await publish_due(house, {"feed": Scripted()})

    assert [(await read(office, f"/publications/{row['id']}"))["status"] for row in rows] == [
        "missed",
        "published",
    ]


async def test_an_approver_lets_a_publication_through_and_takes_it_back(
    office: Office, house: House, clock: Clock
) -> None:
    row = await placed(office, clock, await add_channel(office))
    await hold(office)
    path = office.path(f"/publications/{row['id']}")

    refused = await office.editor("PATCH", path, {"through_hold": STATEMENT}, match=row["version"])
    let = await office.approver.ok("PATCH", path, {"through_hold": STATEMENT}, match=row["version"])
    taken = await office.approver.ok("PATCH", path, {"through_hold": None}, match=let["version"])
    back = await office.editor("PATCH", path, {"through_hold": None}, match=taken["version"])
    await office.approver.ok("PATCH", path, {"through_hold": STATEMENT}, match=taken["version"])
    clock.forward(minutes=1)
    await publish_due(house, {"feed": Scripted()})

    audit = await office.owner.ok("GET", office.path("/audit?action=through_hold"))
    told = [(each["data"]["before"], each["data"]["after"]) for each in audit["items"]]
    reason = STATEMENT["reason"]
    assert (refused.status_code, back.status_code) == (403, 403)
    assert (let["through_hold"], taken["through_hold"]) == (reason, None)
    assert told == [(None, reason), (reason, None), (None, reason)]
    assert (await office.viewer.ok("GET", path))["status"] == "published"


async def test_a_statement_is_placed_through_a_hold(
    office: Office, house: House, clock: Clock
) -> None:
    await hold(office)
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    body = {"post": post["id"], "channels": [channel["id"]], "when": {"now": True}}
    body["through_hold"] = STATEMENT

    refused = await office.editor("POST", office.path("/publications"), body)
    made = await office.approver.ok("POST", office.path("/publications"), body)
    await publish_due(house, {"feed": Scripted()})

    (row,) = made["publications"]
    assert refused.status_code == 403
    assert row["through_hold"] == STATEMENT["reason"]
    assert (await read(office, f"/publications/{row['id']}"))["status"] == "published"


async def test_what_has_gone_out_is_let_through_nothing(
    office: Office, house: House, clock: Clock
) -> None:
    row = await placed(office, clock, await add_channel(office))
    clock.forward(minutes=1)
    await publish_due(house, {"feed": Scripted()})

    path = office.path(f"/publications/{row['id']}")
    answer = await office.approver("PATCH", path, {"through_hold": STATEMENT}, match="*")

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-such-step")


async def test_a_key_with_the_scope_publish_holds_and_lets_nothing_through(office: Office) -> None:
    scopes = {"name": "Siaga", "scopes": ["read", "write", "publish"]}
    made = await office.owner.ok("POST", office.path("/api-keys"), scopes)
    key = Client(office.key.http, {"Authorization": f"Bearer {made['key']}"})
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    body = {"post": post["id"], "channels": [channel["id"]], "when": {"slot": "next"}}

    held = await key("POST", office.path("/holds"), WORKSPACE)
    let = await key("POST", office.path("/publications"), body | {"through_hold": STATEMENT})

    assert (held.status_code, let.status_code) == (201, 403)


async def test_the_queue_says_what_holds_what_is_due(office: Office, clock: Clock) -> None:
    await let_the_mix_be(office)
    channels = [await add_channel(office, f"k{number}") for number in range(2)]
    held, free = [await placed(office, clock, channel) for channel in channels]
    body = {"scope": "channel", "channel": channels[0]["id"], "reason": "Sengketa"}
    made = await hold(office, body)
    clock.forward(minutes=1)

    queue = await read(office, "/queue")

    assert {each["id"]: each["held_by"] for each in queue["due"]} == {
        held["id"]: made["id"],
        free["id"]: None,
    }


async def test_a_hold_is_placed_once_however_often_it_is_asked_for(office: Office) -> None:
    key = {"Idempotency-Key": "gempa-1"}
    asked = [
        await office.approver("POST", office.path("/holds"), WORKSPACE, headers=key)
        for _ in range(2)
    ]

    assert [each.status_code for each in asked] == [201, 201]
    assert asked[0].json() == asked[1].json()


async def test_the_stop_of_the_instance_stands_first_among_the_holds(
    office: Office, house: House, clock: Clock
) -> None:
    await instance.check_keys(house.store, RING, clock())
    row = await placed(office, clock, await add_channel(office))
    own = await hold(office)
    clock.forward(minutes=1)
    await holds.hold_all(house.store, "Listrik padam", clock())

    listed = await read(office, "/holds")
    queue = await read(office, "/queue")

    first, second = listed["items"]
    assert (first["id"], first["scope"], first["reason"], first["placed_by"], first["version"]) == (
        None,
        "instance",
        "Listrik padam",
        "cli",
        None,
    )
    assert second["id"] == own["id"]
    assert [(each["id"], each["held_by"]) for each in queue["due"]] == [(row["id"], "instance")]
