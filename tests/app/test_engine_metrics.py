"""What Prometheus is told of the engine: attempts on all hosts, lateness, what is in the way."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlmodel import col, select, update

from app.metrics import Metrics, outcome_of
from planner.publications import Status
from schedulers.connector import Outcome, Published, Refused, TryLater, Unknown
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store import figures, workers, workspaces
from store.db import Store
from store.figures import Cursor
from store.instance import THE_INSTANCE
from store.liveness import Alone
from store.tables import (
    Alert,
    AlertDelivery,
    AlertTarget,
    Channel,
    Hold,
    Instance,
    Publication,
    Transition,
)
from tests.conftest import RING, Clock
from tests.world import Scripted, World

LABELS = {
    "pilar_attempts_total": {"platform", "outcome"},
    "pilar_channel_breakers": {"platform", "state"},
    "pilar_publications": {"status"},
    "pilar_holds": {"scope"},
    "pilar_workers": {"role"},
    "pilar_alert_deliveries": {"status"},
    "pilar_lateness_seconds_bucket": {"le"},
    "pilar_lateness_seconds_count": set(),
    "pilar_publications_unknown": set(),
}


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def scrape(metrics: Metrics, store: Store, now: datetime) -> dict[tuple[str, ...], float]:
    """Return the samples of one scrape, by name and the values of their labels."""
    async with store.reading() as db:
        found = await figures.of(db, now)
        metrics.engine.count(await figures.ended(db, metrics.engine.cursor(now)))
    text = metrics.text(found, now).decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def sent(world: World, outcomes: Mapping[str, Outcome], late_seconds: float) -> list[UUID]:
    """Publish one post for each handle, late by so much, with its outcome."""
    ids = []
    for handle, outcome in outcomes.items():
        channel = await world.channel(handle, "manual")
        ids.append(await world.due(channel, handle))
        world.clock.forward(seconds=late_seconds)
        publisher = Publisher(
            store=world.store,
            ring=RING,
            blobs=None,  # type: ignore[arg-type]  # nothing here has files
            connectors={"manual": Scripted([outcome])},
            base_url="http://pilar.test",
            liveness=Alone("elsewhere"),
            lease_seconds=120,
            now=world.clock,
        )
        await publish(publisher, ids[-1])
    return ids


async def test_attempts_and_their_lateness_are_counted_once_whoever_made_them(
    world: World, store: Store, clock: Clock
) -> None:
    metrics = Metrics()
    before = await scrape(metrics, store, clock())
    outcomes: dict[str, Outcome] = {
        "a": Published("1", None),
        "b": Refused("rejected", "no"),
        "c": Unknown("reset"),
        "d": TryLater("rate_limited", 60, counts=False),
    }
    await sent(world, outcomes, late_seconds=2)

    first, again = [await scrape(metrics, store, clock()) for _ in range(2)]

    name = "pilar_attempts_total"
    told = {key[1:]: value for key, value in first.items() if key[0] == name}
    assert [key for key in before if key[0] == name] == []
    assert told == {
        ("published", "manual"): 1,
        ("failed", "manual"): 1,
        ("reset", "manual"): 1,  # may be live, and goes again under the same key
        ("rate_limited", "manual"): 1,
    }
    buckets = {key[1]: value for key, value in first.items() if key[0].endswith("seconds_bucket")}
    assert (buckets["1.0"], buckets["2.5"], buckets["+Inf"]) == (0, 4, 4)
    assert first["pilar_publications_unknown",] == 1
    age = ("pilar_clock_age_seconds",)  # nothing ticks here, and NaN equals nothing
    assert again | {age: 0} == first | {age: 0}


async def test_what_ended_before_the_process_began_is_not_counted(
    world: World, store: Store, clock: Clock
) -> None:
    await sent(world, {"a": Published("1", None)}, late_seconds=0)
    clock.forward(minutes=5)

    told = await scrape(Metrics(), store, clock())

    assert told["pilar_lateness_seconds_count",] == 0


async def test_only_first_attempts_are_late_and_from_when_they_were_meant(
    world: World, store: Store, clock: Clock
) -> None:
    metrics = Metrics()
    await scrape(metrics, store, clock())
    early, resumed = await sent(
        world, {"a": Published("1", None), "b": Published("2", None)}, late_seconds=100
    )
    async with store.transaction() as db:
        rows = {row.id: row for row in (await db.exec(select(Publication))).all()}
        rows[resumed].resumed_at = rows[resumed].due_at + timedelta(seconds=90)
        rows[early].resumed_at = clock() + timedelta(days=1)  # long after it was sent

    told = await scrape(metrics, store, clock())

    assert told["pilar_lateness_seconds_sum",] == 100 + 10


async def add_end(store: Store, row: Publication, number: int | None, at: datetime) -> None:
    """Write that an attempt ended; with a number, as the transition of that id."""
    async with store.transaction() as db:
        db.add(
            Transition(
                id=number,
                workspace_id=row.workspace_id,
                publication_id=row.id,
                before=Status.SUBMITTING,
                after=Status.PUBLISHED,
                actor="clock",
                detail={},
                at=at,
            )
        )


async def looks(store: Store, cursor: Cursor) -> tuple[Cursor, int]:
    async with store.reading() as db:
        found = await figures.ended(db, cursor)
    return found.cursor, len(found.attempts)


async def test_a_transition_that_commits_behind_later_ones_is_counted(
    world: World, store: Store, clock: Clock
) -> None:
    row = await world.row(await world.due(await world.channel()))
    await add_end(store, row, 100_000, clock())
    cursor, _ = await looks(store, Cursor(clock() - timedelta(hours=1)))
    await add_end(store, row, 100_000 - 5, clock())
    await add_end(store, row, 100_000 + 5, clock())

    cursor, late = await looks(store, cursor)
    cursor, again = await looks(store, cursor)

    assert (late, again) == (2, 0)
    assert cursor.seen == {99_995, 100_000, 100_005}


async def test_a_long_pause_is_made_up_for_piece_by_piece(
    world: World, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "WINDOW", 3)
    monkeypatch.setattr(figures, "AT_ONCE", 8)
    row = await world.row(await world.due(await world.channel()))
    cursor, counts = Cursor(clock() - timedelta(hours=1)), []
    cursor, nothing = await looks(store, cursor)
    for _ in range(30):
        await add_end(store, row, None, clock())

    for _ in range(8):
        cursor, count = await looks(store, cursor)
        counts.append(count)

    assert (nothing, sum(counts), max(counts)) == (0, 30, 8)
    assert counts[-2:] == [0, 0]
    assert len(cursor.seen) <= 3


async def test_a_database_that_was_put_back_is_begun_anew(
    world: World, store: Store, clock: Clock
) -> None:
    row = await world.row(await world.due(await world.channel()))
    await add_end(store, row, None, clock())
    ahead = Cursor(clock(), last=1_000_000, seen=frozenset({999_999}))

    cursor, first = await looks(store, ahead)
    await add_end(store, row, None, clock())
    _, then = await looks(store, cursor)

    assert (first, then) == (0, 1)


async def test_a_counter_without_its_window_misses_what_commits_late(
    world: World, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary of the window: without it the same scene is counted wrongly."""
    monkeypatch.setattr(figures, "WINDOW", 0)
    row = await world.row(await world.due(await world.channel()))
    await add_end(store, row, 100_000, clock())
    cursor, _ = await looks(store, Cursor(clock() - timedelta(hours=1)))
    await add_end(store, row, 100_000 - 5, clock())

    _, late = await looks(store, cursor)

    assert late == 0


async def stage(store: Store, world: World, now: datetime) -> None:
    """Put something of every kind in the way."""
    channels = [await world.channel(handle, "webhook") for handle in ("a", "b", "c")]
    rests = [(5, now + timedelta(minutes=1)), (6, now - timedelta(minutes=1)), (1, None)]
    async with store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        for channel, (failures, until) in zip(channels, rests, strict=True):
            query = update(Channel).where(col(Channel.id) == channel.id)
            await db.exec(query.values(failures=failures, rests_until=until))
        common: dict[str, Any] = {
            "workspace_id": workspace.id,
            "created_at": now,
            "updated_at": now,
        }
        hold = {**common, "reason": "Krisis", "placed_by": "cli", "on_the_wire": []}
        db.add(Hold(scope="workspace", **hold))
        db.add(Hold(scope="type", type="a", released_at=now, released_by="cli", **hold))
        here = await db.get(Instance, THE_INSTANCE)
        if here is None:
            dates: dict[str, Any] = {"created_at": now, "updated_at": now}
            db.add(here := Instance(id=THE_INSTANCE, sealed_check="x", **dates))
        here.held_at = now
        alert = Alert(kind="test", noun="channel", row_id=uuid4(), key="k", data={}, **common)
        targets = [
            AlertTarget(name=name, medium="email", address="a@b.example", secrets={}, **common)
            for name in ("satu", "dua")
        ]
        db.add_all([alert, *targets])
        await db.flush()
        for target, status in zip(targets, ("waiting", "failed"), strict=True):
            row = {**common, "alert_id": alert.id, "target_id": target.id, "status": status}
            db.add(AlertDelivery(next_at=now, tries=[], **row))
    await workers.note(store, "host:1", "worker", now)
    await workers.note(store, "host:2", "worker", now - timedelta(minutes=5))


async def test_what_is_in_the_way_is_told_without_naming_anybody(
    world: World, store: Store, clock: Clock
) -> None:
    await stage(store, world, clock())
    metrics = Metrics()

    told = await scrape(metrics, store, clock())

    def of(name: str) -> dict[tuple[str, ...], float]:
        return {key[1:]: value for key, value in told.items() if key[0] == name}

    assert of("pilar_channel_breakers") == {
        ("webhook", "open"): 1,
        ("webhook", "half_open"): 1,
        ("webhook", "closed"): 1,
    }
    assert of("pilar_holds") == {("workspace",): 1, ("instance",): 1}
    assert of("pilar_workers") == {("worker",): 1, ("all",): 0, ("api",): 0, ("tick",): 0}
    assert of("pilar_alert_deliveries") == {("waiting",): 1, ("failed",): 1}
    families = metrics.registry.collect()
    samples = [each for family in families for each in family.samples]
    wrong = [
        each.name for each in samples if set(each.labels) != LABELS.get(each.name, {*each.labels})
    ]
    assert wrong == []


async def test_failed_deliveries_of_long_ago_are_forgotten(
    world: World, store: Store, clock: Clock
) -> None:
    await stage(store, world, clock())

    async with store.reading() as db:
        # Ids are made by the real clock, which this clock is set against.
        now = datetime.fromisoformat("2126-01-01T00:00:00+00:00")
        later = await figures.deliveries(db, now)

    assert later == {"waiting": 1, "failed": 0}


@pytest.mark.parametrize(
    ("after", "reason", "outcome"),
    [
        (Status.PUBLISHED, None, "published"),
        (Status.CLAIMED, "step_done", "step_published"),
        (Status.FAILED, "rejected", "failed"),
        (Status.SCHEDULED, "rate_limited", "rate_limited"),
        (Status.SCHEDULED, None, "scheduled"),
        (Status.NEEDS_REVIEW, "worker_crash", "needs_review"),
    ],
)
def test_an_attempt_is_told_by_its_end_or_why_there_is_another(
    after: Status, reason: str | None, outcome: str
) -> None:
    assert outcome_of(after, reason) == outcome


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_scrape_reads_transitions_by_their_key_only(
    world: World, store: Store, clock: Clock, database: str
) -> None:
    row = await world.row(await world.due(await world.channel()))
    await add_end(store, row, None, clock())
    said: list[tuple[str, Sequence[Any]]] = []

    def hear(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if "transition" in statement:
            said.append((statement, values))

    engine = store._reader.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    await looks(store, Cursor(clock() - timedelta(hours=1)))
    event.remove(engine, "before_cursor_execute", hear)

    steps = []
    async with store.reading() as db:
        connection = await db.connection()
        for statement, values in said:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            steps += [str(each.detail) for each in rows if "transition" in str(each.detail)]
    # The newest is read from the end, and what is older than the process backwards from there.
    apart = [each for each in steps if "INTEGER PRIMARY KEY" not in each]
    assert (len(steps) >= 5, apart) == (True, ["SEARCH transition", "SCAN transition"])
