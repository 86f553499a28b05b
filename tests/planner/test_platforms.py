"""The platforms there are, how they count text, and what they promise."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.content import Part, Words
from planner.errors import Fault
from planner.fit import check_fields, check_words, count_text
from planner.platforms import (
    BLUESKY,
    FEED,
    MANUAL,
    PLATFORMS,
    WEBHOOK,
    Idempotency,
    NoSuchPlatform,
    Platform,
    Unit,
    idempotency_of,
    platform,
)

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


def test_every_platform_stands_under_its_own_name() -> None:
    names = {"bluesky", "feed", "webhook", "manual", "telegram", "tiktok"}

    found = {name: platform(name).name for name in PLATFORMS}

    assert found == {name: name for name in names}


def test_an_unknown_platform_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NoSuchPlatform) as refused:
        platform("myspace")

    facts = {"name": "myspace", "known": "bluesky, feed, manual, telegram, tiktok, webhook"}
    assert refused.value.faults == (Fault("/platform", "no-such-platform", facts),)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", (0, 0, 0, 0)),
        ("Halo", (4, 4, 4, 4)),
        ("é", (1, 1, 1, 2)),
        ("e\u0301", (2, 2, 1, 3)),
        ("😀", (1, 2, 1, 4)),
        ("🇮🇩", (2, 4, 1, 8)),
        (FAMILY, (5, 8, 1, 18)),
        ("a\nb", (3, 3, 3, 3)),
    ],
)
def test_text_is_counted_in_the_units_of_platforms(
    text: str, counts: tuple[int, int, int, int]
) -> None:
    units = (Unit.CODE_POINTS, Unit.UTF16, Unit.GRAPHEMES, Unit.UTF8_BYTES)

    found = tuple(count_text(unit, text) for unit in units)

    assert found == counts


@given(text=st.text())
def test_no_unit_counts_less_than_a_coarser_one(text: str) -> None:
    units = (Unit.GRAPHEMES, Unit.CODE_POINTS, Unit.UTF16, Unit.UTF8_BYTES)

    counts = [count_text(unit, text) for unit in units]

    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("which", "settings", "wanted"),
    [
        (FEED, {}, Idempotency.IDEMPOTENT),
        (MANUAL, {}, Idempotency.IDEMPOTENT),
        (WEBHOOK, {}, Idempotency.AMBIGUOUS),
        (WEBHOOK, {"receiver_deduplicates": False}, Idempotency.AMBIGUOUS),
        (WEBHOOK, {"receiver_deduplicates": "true"}, Idempotency.AMBIGUOUS),
        (WEBHOOK, {"receiver_deduplicates": True}, Idempotency.IDEMPOTENT),
        (
            replace(WEBHOOK, idempotent_if=None),
            {"receiver_deduplicates": True},
            Idempotency.AMBIGUOUS,
        ),
    ],
)
def test_a_webhook_is_idempotent_only_if_its_receiver_is(
    which: Platform, settings: dict[str, Any], wanted: Idempotency
) -> None:
    found = idempotency_of(which, settings)

    assert found is wanted


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("a" * 300, []),
        ("a" * 301, [300]),
        (FAMILY * 120, []),
        (FAMILY * 167, [3_000]),
        ("e" + "\u0301" * 1_500, [3_000]),
    ],
)
def test_bluesky_counts_what_is_seen_and_bytes_as_well(text: str, limits: list[int]) -> None:
    words = Words("", "informative", None, "post", (Part(text),))

    found = check_words(BLUESKY, words, {})

    assert [fault.facts["limit"] for fault in found] == limits


def test_a_webhook_asks_for_its_address_and_secret() -> None:
    settings = {"url": "https://example.org/hook", "receiver_deduplicates": True}

    found = (
        check_fields(WEBHOOK.settings, settings, "/settings"),
        check_fields(WEBHOOK.credentials, {"secret": "whsec_AAECAw=="}, "/credentials"),
        [fault.pointer for fault in check_fields(WEBHOOK.settings, {}, "/settings")],
        [fault.pointer for fault in check_fields(WEBHOOK.credentials, {}, "/credentials")],
    )

    assert found == ([], [], ["/settings/url"], ["/credentials/secret"])
