"""What holds a publication: as enumeration says, whatever stands at the same time."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.holds import Held, Reach, Scope, Stops

ONE, TWO = UUID(int=1), UUID(int=2)
IDS = st.sampled_from([ONE, TWO])
TYPES = st.sampled_from(["informative", "entertaining"])
REACHES = st.one_of(
    st.just(Reach(Scope.WORKSPACE)),
    IDS.map(lambda each: Reach(Scope.CHANNEL, channel_id=each)),
    IDS.map(lambda each: Reach(Scope.CAMPAIGN, campaign_id=each)),
    TYPES.map(lambda each: Reach(Scope.TYPE, type=each)),
)
Place = tuple[UUID, UUID | None, str]
PLACES = st.tuples(IDS, IDS | st.none(), TYPES)


def held(reach: Reach, number: int) -> tuple[Reach, Held]:
    return reach, Held(reach.scope, "Gempa", UUID(int=100 + number))


STOPS = st.builds(
    Stops,
    restored=st.none() | st.just(Held("restored", None)),
    instance=st.none() | st.just(Held("instance", "Gempa")),
    holds=st.lists(REACHES, max_size=4).map(
        lambda reaches: tuple(held(reach, number) for number, reach in enumerate(reaches))
    ),
)


def named(reach: Reach) -> set[Place]:
    """Return every place that a reach covers, by enumeration."""
    places = [
        (channel, campaign, type_)
        for channel in (ONE, TWO)
        for campaign in (ONE, TWO, None)
        for type_ in ("informative", "entertaining")
    ]
    names: dict[Scope, Callable[[Place], object]] = {
        Scope.WORKSPACE: lambda _: None,
        Scope.CHANNEL: lambda place: place[0],
        Scope.CAMPAIGN: lambda place: place[1] or "none at all",
        Scope.TYPE: lambda place: place[2],
    }
    wanted = reach.channel_id or reach.campaign_id or reach.type
    return {place for place in places if names[reach.scope](place) == wanted}


def expected(stops: Stops, place: Place, *, let_through: bool) -> Held | None:
    """Return what holds a publication: the first of those that do, the strongest first."""
    over = [each for reach, each in stops.holds if place in named(reach)]
    soft = [] if let_through else [stops.instance, *over]
    return next((each for each in (stops.restored, *soft) if each is not None), None)


@given(reach=REACHES, place=PLACES)
def test_a_hold_covers_what_it_names(reach: Reach, place: Place) -> None:
    assert reach.covers(*place) is (place in named(reach))


@given(stops=STOPS, place=PLACES, let_through=st.booleans())
def test_what_holds_a_publication_is_what_enumeration_says(
    stops: Stops, place: Place, *, let_through: bool
) -> None:
    assert stops.over(*place, let_through=let_through) == expected(
        stops, place, let_through=let_through
    )


Spoil = Callable[[Stops], Stops]
SPOILED: dict[str, Spoil] = {
    "forgets that it was restored": lambda stops: replace(stops, restored=None),
    "forgets the stop of the instance": lambda stops: replace(stops, instance=None),
    "forgets the last hold": lambda stops: replace(stops, holds=stops.holds[:-1]),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
@pytest.mark.untraced
def test_something_that_forgets_is_seen(spoil: Spoil) -> None:
    found: list[Stops] = []

    @given(stops=STOPS, place=PLACES, let_through=st.booleans())
    def differs(stops: Stops, place: Place, *, let_through: bool) -> None:
        said = spoil(stops).over(*place, let_through=let_through)
        if said != expected(stops, place, let_through=let_through):
            found.append(stops)

    differs()

    assert found
