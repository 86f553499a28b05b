"""A publication's history as it is answered: where it stands, every try, and what is next."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deps import House
from app.speech import LANGUAGE, messages
from app.summaries import summary
from planner.holds import Held
from planner.publications import Status
from schedulers.connector import Outcome, TryLater, Unknown
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store.liveness import Alone
from store.tables import Channel, Publication
from store.waiting import Kind, Obstacle
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.world import Scripted

NOW = Clock().now  # 08:00 in Jakarta


def row(status: Status, **fields: Any) -> Publication:
    """Return a publication that is due at 09:00 in Jakarta."""
    common: dict[str, Any] = {
        "due_at": NOW + timedelta(hours=1),
        "timezone": "Asia/Jakarta",
        "updated_at": NOW,
        "reason": None,
    }
    return Publication(status=status, **(common | fields))


def late(minutes: float) -> Any:
    return NOW - timedelta(minutes=minutes)


def soon(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


STANDINGS: list[tuple[Publication, Obstacle | None, str]] = [
    (row(Status.PLANNED), None, "Waits for an approval; it is due at 09:00 WIB."),
    (
        row(Status.PLANNED, due_at=late(1)),
        None,
        "Was due at 07:59 WIB and is not approved: it is marked as missed in a moment.",
    ),
    (row(Status.SCHEDULED), None, "Goes out at 09:00 WIB."),
    (
        row(Status.SCHEDULED, due_at=NOW + timedelta(days=2)),
        Obstacle(Kind.HELD, "Berita", held=Held("workspace", "Gempa.")),
        (
            "Is due at 2026-03-04 08:00 WIB. A hold stands (Gempa.): what becomes due before it is "
            "released is not sent, and waits for somebody to decide."
        ),
    ),
    (
        row(Status.SCHEDULED, due_at=late(0)),
        None,
        "Was due at 08:00 WIB and goes out in a moment.",
    ),
    (
        row(Status.SCHEDULED, due_at=late(1), not_before=soon(330), reason="rate_limited"),
        None,
        "Waits until 08:05:30 WIB. The receiver asks to be called less often.",
    ),
    (
        row(Status.SCHEDULED, due_at=late(1), not_before=soon(5), reason="approved"),
        None,
        (
            "Waits until 08:00:05 WIB. It waits for its turn: the channel or the platform takes "
            "only so many in a while."
        ),
    ),
    (
        row(Status.SCHEDULED, due_at=late(1), not_before=soon(60), reason="timeout", unproved=True),
        None,
        (
            "Waits until 08:01 WIB. Sending took too long and was broken off. It may be live "
            "already, by an earlier try: that is found out, or the same is sent under the same "
            "key, so that it cannot be there twice."
        ),
    ),
    (
        row(Status.SCHEDULED, due_at=late(1)),
        Obstacle(Kind.RESTS, "Berita", until=soon(30), tries=5),
        (
            "Was due at 07:59 WIB. Channel Berita rests until 08:00:30 WIB, "
            "because the platform did not serve its last 5 tries; then a single try shows "
            "whether it does."
        ),
    ),
    (
        row(Status.SUBMITTING, intent_at=late(1), step=2),
        None,
        "Is being sent, since 07:59 WIB. Of its steps, 2 are live.",
    ),
    (
        row(Status.PROCESSING, poll_at=soon(20)),
        None,
        "The platform has taken it and works on it; it is asked again at 08:00:20 WIB.",
    ),
    (
        row(Status.PUBLISHED, published_at=late(60), withdrawn_at=late(1), step=3),
        None,
        "Went live at 07:00 WIB, and was withdrawn at 07:59 WIB.",
    ),
    (
        row(Status.FAILED, reason="rejected"),
        None,
        (
            "Did not go out. The receiver refused it: its log says why. "
            "Somebody must have it tried again, or "
            "dismiss it."
        ),
    ),
    (
        row(Status.MISSED, reason="outage", due_at=late(90), dismissed_at=late(2)),
        None,
        (
            "Did not go out, and was given up at 07:58 WIB. Pilar was not running, or could not "
            "send, when it was due."
        ),
    ),
    (
        row(Status.NEEDS_REVIEW, reason="unconfirmed", unproved=True),
        None,
        (
            "Nobody knows whether it is live. It was handed over to a person, and nobody has "
            "confirmed that it is live. Somebody must look at the channel and say what is there: "
            "live, send_again or failed."
        ),
    ),
]


@pytest.mark.parametrize(("standing", "obstacle", "said"), STANDINGS)
def test_a_summary_says_where_it_stands_and_what_is_next(
    standing: Publication, obstacle: Obstacle | None, said: str
) -> None:
    assert summary(standing, obstacle, NOW) == said


REASONS = st.sampled_from([None, *messages("en")["reasons"]])
MOMENTS = st.one_of(st.none(), st.timedeltas(-timedelta(days=3), timedelta(days=3)))


@given(
    st.sampled_from(Status), st.sampled_from([None, *Kind]), REASONS, MOMENTS, MOMENTS, st.data()
)
def test_every_standing_has_a_whole_sentence_in_both_languages(
    status: Status, kind: Kind | None, reason: str | None, due: Any, other: Any, data: Any
) -> None:
    fields = dict.fromkeys(MOMENTS_OF, NOW + other if other is not None else None)
    standing = row(
        status,
        due_at=NOW + (due or timedelta()),
        reason=reason,
        step=data.draw(st.integers(0, 3)),
        unproved=data.draw(st.booleans()),
        **fields,
    )
    held = Held("workspace", "Krisis.") if kind is Kind.HELD else None
    tries = data.draw(st.integers(0, 6))
    obstacle = Obstacle(kind, "Berita", held=held, until=NOW, tries=tries) if kind else None

    said = []
    for language in ("en", "id"):
        token = LANGUAGE.set(language)
        said.append(summary(standing, obstacle, NOW))
        LANGUAGE.reset(token)

    assert [each for each in said if "{" in each or "None" in each or not each.endswith(".")] == []
    assert said[0] != said[1]


MOMENTS_OF = ("not_before", "poll_at", "intent_at", "published_at", "withdrawn_at", "dismissed_at")


async def tried(
    office: Office, house: House, clock: Clock, platform: str, *outcomes: Outcome
) -> str:
    """Return the path of a publication that was sent once for each outcome."""
    channel = await add_channel(office, platform=platform)
    post = await approve_post(office, await write_post(office))
    (placed,) = await place(office, post, channel, when=at(clock() + timedelta(minutes=1)))
    clock.forward(minutes=1)
    publisher = Publisher(
        store=house.store,
        ring=house.ring,
        blobs=house.blobs,
        connectors={platform: Scripted([*outcomes])},
        base_url=house.base_url,
        liveness=Alone("host:1"),
        lease_seconds=120,
        now=house.clock,
    )
    for _ in outcomes:
        await publish(publisher, UUID(placed["id"]))
    return office.path(f"/publications/{placed['id']}")


async def test_a_rate_limit_is_told_with_the_instant_of_the_next_try(
    office: Office, house: House, clock: Clock
) -> None:
    outcome = TryLater("rate_limited", 90, counts=False, evidence={"status": 429})
    path = await tried(office, house, clock, "webhook", outcome)

    history = await office.viewer.ok("GET", f"{path}/attempts")
    queue = await office.viewer.ok("GET", office.path("/queue"))

    (attempt,) = history["attempts"]
    id_ = path.rpartition("/")[2]
    assert attempt == {
        "number": 1,
        "step": 0,
        "key": f"{id_}-0",
        "worker": "host:1",
        "fence": 1,
        "started_at": "2026-03-02T01:01:00Z",
        "ended_at": "2026-03-02T01:01:00Z",
        "outcome": "scheduled",
        "reason": "rate_limited",
        "reason_text": "The receiver asks to be called less often.",
        "not_before": "2026-03-02T01:02:30Z",
        "unproved": False,
        "unproved_text": None,
        "evidence": {"status": 429, "no_effect": True},
    }
    said = "Waits until 08:02:30 WIB. The receiver asks to be called less often."
    assert history["publication"]["summary"].startswith(said)
    assert [each["summary"] for each in queue["due"]] == [history["publication"]["summary"]]


async def test_what_may_be_live_is_said_to_be(office: Office, house: House, clock: Clock) -> None:
    path = await tried(office, house, clock, "manual", Unknown("connection_lost"))

    asked = [
        await office.viewer.ok("GET", f"{path}/attempts", headers={"Accept-Language": each})
        for each in ("en", "id")
    ]

    assert [each["attempts"][0]["unproved"] for each in asked] == [True, True]
    assert [each["attempts"][0]["unproved_text"] for each in asked] == [
        "Nobody knows yet whether this try had its effect.",
        "Belum diketahui apakah percobaan ini berhasil menayangkannya.",
    ]
    assert [each["publication"]["unproved"] for each in asked] == [True, True]
    assert "Mungkin sudah tayang" in asked[1]["publication"]["summary"]


async def test_the_live_steps_of_a_thread_are_told(
    office: Office, house: House, clock: Clock
) -> None:
    path = await tried(office, house, clock, "manual", Unknown("connection_lost"))
    done = [{"step": 0, "remote_id": "1", "permalink": None}]
    async with house.store.transaction() as db:
        found = await db.get(Publication, UUID(path.rpartition("/")[2]))
        assert found is not None
        found.steps_done, found.step = [*done], 1

    history = await office.viewer.ok("GET", f"{path}/attempts")

    assert (history["step"], history["steps_done"]) == (1, done)
    assert history["publication"]["summary"].endswith("Of its steps, 1 are live.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"connection": "disabled"}, "Channel Berita must be connected first."),
        (
            {"rests_until": NOW + timedelta(minutes=4)},
            (
                "Channel Berita sends nothing before 08:04 WIB, "
                "so that the platform is not asked too often."
            ),
        ),
    ],
)
async def test_the_queue_says_what_a_channel_keeps_back(
    office: Office, house: House, clock: Clock, fields: dict[str, Any], said: str
) -> None:
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    await place(office, post, channel, when=at(clock() + timedelta(minutes=1)))
    clock.forward(minutes=1)
    async with house.store.transaction() as db:
        found = await db.get(Channel, UUID(channel["id"]))
        for name, value in fields.items():
            setattr(found, name, value)

    queue = await office.viewer.ok("GET", office.path("/queue"))

    assert [each["summary"].partition("WIB. ")[2] for each in queue["due"]] == [said]


async def test_the_queue_says_that_a_channel_sends_another_one_first(
    office: Office, house: House, clock: Clock
) -> None:
    channel = await add_channel(office)
    for _ in range(2):
        post = await approve_post(office, await write_post(office))
        (placed,) = await place(office, post, channel, when=at(clock() + timedelta(minutes=1)))
    clock.forward(minutes=1)
    async with house.store.transaction() as db:
        found = await db.get(Publication, UUID(placed["id"]))
        assert found is not None
        found.status = Status.CLAIMED

    queue = await office.viewer.ok("GET", office.path("/queue"))

    assert [each["summary"] for each in queue["in_flight"]] == [
        "A worker has taken it and sends it in a moment."
    ]
    assert [each["summary"] for each in queue["due"]] == [
        "Was due at 08:01 WIB. Channel Berita sends another one first."
    ]
