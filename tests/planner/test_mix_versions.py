"""What a version of the mix may say."""

from collections.abc import Callable
from datetime import date

import pytest

from planner.mix import (
    ContentType,
    MixSource,
    WrongMix,
    check_known_types,
    check_source,
    check_span,
)

TODAY = date(2026, 3, 2)
TWO = (ContentType("informative", "Informatif", 6000), ContentType("quiz", "Kuis", 4000))


def faults_of(check: Callable[[], None]) -> list[tuple[str, str]]:
    try:
        check()
    except WrongMix as error:
        return [(fault.pointer, fault.code) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("source", "types", "given", "faults"),
    [
        (MixSource.OWN, TWO, {"mode", "tolerance"}, []),
        (MixSource.OWN, TWO[:1], set(), [("/types", "type-count"), ("/types", "shares-total")]),
        (MixSource.INHERIT, (), set(), []),
        (MixSource.NONE, (), set(), []),
        (
            MixSource.NONE,
            TWO,
            {"tolerance", "mode"},
            [
                ("/types", "mix-not-own"),
                ("/mode", "mix-not-own"),
                ("/tolerance", "mix-not-own"),
            ],
        ),
    ],
)
def test_only_a_mix_of_its_own_says_what_it_is(
    source: MixSource,
    types: tuple[ContentType, ...],
    given: set[str],
    faults: list[tuple[str, str]],
) -> None:
    assert faults_of(lambda: check_source(source, types, given)) == faults


@pytest.mark.parametrize(
    ("first", "until", "faults"),
    [
        (date(2026, 3, 2), None, []),
        (date(2026, 3, 2), date(2026, 3, 3), []),
        (date(2026, 3, 1), None, [("/effective_from", "mix-in-the-past")]),
        (
            date(2026, 3, 2),
            date(2026, 3, 2),
            [("/effective_until", "mix-over-before-it-begins")],
        ),
        (
            date(2026, 3, 1),
            date(2026, 2, 1),
            [
                ("/effective_from", "mix-in-the-past"),
                ("/effective_until", "mix-over-before-it-begins"),
            ],
        ),
    ],
)
def test_a_version_begins_today_or_later_and_lasts_a_day_at_least(
    first: date, until: date | None, faults: list[tuple[str, str]]
) -> None:
    assert faults_of(lambda: check_span(first, until, TODAY)) == faults


def test_a_channel_invents_no_type() -> None:
    found = faults_of(lambda: check_known_types(TWO, {"informative", "interactive"}))

    assert found == [("/types/1/key", "type-unknown-to-workspace")]
