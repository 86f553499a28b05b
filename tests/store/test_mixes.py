"""Which version of the mix governs a day, and which seats bind a new one."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.mix import MixSource
from store import mixes, workspaces
from store.audit import CLI
from store.db import Store
from store.mixes import TypeHoldsSeats
from store.tables import MixVersion
from tests.conftest import Clock
from tests.world import World

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FIRST = date(2026, 3, 1)
DAYS = 12

Span = tuple[int, int | None, str]
"""First day and day after the last, in days from `FIRST`, and the source."""

spans = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.none() | st.integers(1, DAYS),
        st.sampled_from(["own", "inherit", "none"]),
    ).filter(lambda span: span[1] is None or span[0] < span[1]),
    max_size=6,
)


def versions(made: Sequence[Span], channel_id: UUID | None = None) -> list[MixVersion]:
    """Return versions made in this order as `history` does."""
    rows = [
        MixVersion(
            id=UUID(int=number),
            workspace_id=UUID(int=0),
            channel_id=channel_id,
            source=source if channel_id else "own",
            types=[],
            mode="enforce",
            effective_from=FIRST + timedelta(days=first),
            effective_until=None if until is None else FIRST + timedelta(days=until),
            created_at=NOW,
            updated_at=NOW,
        )
        for number, (first, until, source) in enumerate(made)
    ]
    return sorted(rows, key=lambda row: (row.effective_from, row.id), reverse=True)


def newest_covering(made: Sequence[Span], day: int) -> int | None:
    """Return the number of the governing version: painted day by day, oldest first."""
    painted = None
    for number in sorted(range(len(made)), key=lambda each: (made[each][0], each)):
        first, until, _ = made[number]
        if first <= day and (until is None or day < until):
            painted = number
    return painted


@given(base=spans, own=spans)
def test_the_governing_version_is_the_newest_that_covers_the_day(
    base: list[Span], own: list[Span]
) -> None:
    workspace, channel = versions(base), versions(own, UUID(int=99))

    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        found = mixes.governing(workspace, channel, day)

        chosen = newest_covering(own, number)
        source = "inherit" if chosen is None else own[chosen][2]
        wanted = {"own": chosen, "inherit": newest_covering(base, number), "none": None}[source]
        assert (found.id if found else None) == (None if wanted is None else UUID(int=wanted))
        if found and source != "none":
            assert (found.channel_id is not None) is (source == "own")


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


async def set_mix(world: World, *keys: str, **fields: object) -> None:
    types = [{"key": key, "name": key, "share_bp": 10_000 // len(keys)} for key in keys]
    known = {
        "source": MixSource.OWN,
        "types": types,
        "tolerance_bp": 500,
        "mode": "enforce",
        "effective_from": date(2026, 3, 2),
        "effective_until": None,
    }
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        await mixes.add(db, workspace, CLI, None, known | fields, world.clock())


async def test_the_refusal_names_types_and_counts(world: World) -> None:
    channel, other = await world.channel(), await world.channel("lain")
    for number, key in enumerate(("edutainment", "edutainment", "interactive", "informative")):
        post = await world.post(f"Isi {number}.", type=key)
        await world.placed(post, other if number else channel)

    with pytest.raises(TypeHoldsSeats) as refusal:
        await set_mix(world, "informative", "quiz")

    assert refusal.value.facts == {"types": "edutainment (2), interactive (1)"}


async def test_a_refused_version_is_not_kept(world: World) -> None:
    await world.placed(await world.post(type="edutainment"), await world.channel())

    with pytest.raises(TypeHoldsSeats):
        await set_mix(world, "informative", "quiz")

    workspace = await world.workspace()
    async with world.store.reading() as db:
        assert len(await mixes.history(db, workspace.id, None)) == 2  # its first, and `let_be`


async def test_seats_on_the_days_before_it_bind_no_version(world: World, clock: Clock) -> None:
    channel = await world.channel()
    await world.placed(await world.post(type="edutainment"), channel)
    clock.forward(days=1)

    today = world.clock().date()
    await set_mix(world, "informative", "interactive", effective_from=today)

    workspace = await world.workspace()
    async with world.store.reading() as db:
        newest, *_ = await mixes.history(db, workspace.id, None)
    assert [each["key"] for each in newest.types] == ["informative", "interactive"]


async def test_a_type_of_any_version_may_be_written(world: World) -> None:
    await set_mix(world, "informative", "quiz", effective_from=date(2026, 4, 1))

    quiz, former = await world.post(type="quiz"), await world.post("Lain.", type="edutainment")
    with pytest.raises(mixes.NoSuchType) as refusal:
        await world.post("Lagi.", type="advert")

    assert (quiz.type, former.type) == ("quiz", "edutainment")
    assert refusal.value.facts == {"known": "informative, quiz, interactive, edutainment"}
