"""Options of a post: whose they are, where they count, and what a channel leaves out."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.content import Part, Words
from planner.errors import Fault
from planner.fit import check_words, left_out
from planner.platforms import FEED, PLATFORMS, TIKTOK, FieldSpec, LeftOut, Piece, Platform

DIRECT, INBOX = {"mode": "direct"}, {"mode": "inbox"}
LEVELS = "PUBLIC_TO_EVERYONE, MUTUAL_FOLLOW_FRIENDS, FOLLOWER_OF_CREATOR, SELF_ONLY"
CLASH = {"branded_content": True, "privacy_level": "SELF_ONLY"}


def of_options(
    options: dict[str, Any], settings: dict[str, Any] | None = None, on: Platform = TIKTOK
) -> list[Fault]:
    """Return what is wrong with the options of a post that is else without words."""
    words = Words("Kuis", "informative", None, "post", (Part("Halo"),), options=options)
    found = check_words(on, words, {}, settings)
    return [fault for fault in found if fault.pointer.startswith("/options")]


def fault(name: str, code: str, **facts: Any) -> Fault:
    return Fault(f"/options/{name}", code, {"platform": "TikTok", **facts})


NOT_CHOSEN = fault("privacy_level", "option-not-chosen", field="privacy_level", choices=LEVELS)
CONFLICT = fault(
    "branded_content",
    "options-conflict",
    field="branded_content",
    other="privacy_level",
    value="SELF_ONLY",
)


@pytest.mark.parametrize(
    ("options", "settings", "faults"),
    [
        ({}, INBOX, []),
        ({}, {}, []),
        ({"platform": "tiktok"}, INBOX, []),
        ({"platform": "tiktok", "ai_generated": True}, INBOX, []),
        ({"platform": "tiktok", **CLASH}, INBOX, []),
        ({}, DIRECT, [NOT_CHOSEN]),
        ({"platform": "tiktok"}, DIRECT, [NOT_CHOSEN]),
        ({"platform": "tiktok", "privacy_level": ""}, DIRECT, [NOT_CHOSEN]),
        ({"platform": "tiktok", "privacy_level": "SELF_ONLY"}, DIRECT, []),
        ({"platform": "tiktok", **CLASH}, DIRECT, [CONFLICT]),
    ],
)
def test_an_option_is_asked_for_only_where_the_channels_mode_lets_it_count(
    options: dict[str, Any], settings: dict[str, Any], faults: list[Fault]
) -> None:
    assert of_options(options, settings) == faults


def test_what_does_not_count_must_still_be_an_option() -> None:
    found = of_options({"platform": "tiktok", "cover_ms": "1", "stitch": True}, INBOX)

    assert [(each.pointer, each.code) for each in found] == [
        ("/options/cover_ms", "field-kind"),
        ("/options/stitch", "field-unknown"),
    ]


def test_the_options_of_another_platform_are_refused_as_a_whole() -> None:
    found = of_options({"platform": "feed", "cover_ms": "1"}, DIRECT)

    facts = {"named": "feed", "wanted": "tiktok"}
    assert found == [fault("platform", "options-of-another-platform", **facts)]


def test_options_that_were_written_before_they_named_their_platform_go_on() -> None:
    found = of_options({"privacy_level": "SELF_ONLY", "allow_comment": True}, DIRECT)

    assert found == []


@pytest.mark.parametrize("one", sorted(PLATFORMS))
@pytest.mark.parametrize("other", sorted(PLATFORMS))
def test_options_are_their_own_platforms_only(one: str, other: str) -> None:
    codes = {fault.code for fault in of_options({"platform": other}, INBOX, PLATFORMS[one])}

    assert codes == (set() if one == other else {"options-of-another-platform"})


def test_text_that_is_required_and_missing_is_named_without_choices() -> None:
    spec = FieldSpec("headline", "string", required=True)

    found = of_options({}, on=replace(TIKTOK, options=(spec,)))

    assert found == [fault("headline", "field-missing", field="headline")]


@given(settings=st.sampled_from([{}, INBOX, DIRECT]), chosen=st.booleans())
def test_privacy_is_asked_for_exactly_in_mode_direct(
    settings: dict[str, Any], chosen: bool
) -> None:
    options = {"platform": "tiktok"} | ({"privacy_level": "SELF_ONLY"} if chosen else {})

    asked = any(each.code == "option-not-chosen" for each in of_options(options, settings))

    assert asked == (settings == DIRECT and not chosen)


@pytest.mark.parametrize(
    ("format_", "settings", "pieces"),
    [
        ("reel", {}, ["text", "options"]),
        ("post", INBOX, ["text", "options"]),
        ("carousel", INBOX, ["options"]),
        ("reel", DIRECT, []),
        ("carousel", DIRECT, []),
    ],
)
def test_a_video_for_the_inbox_comes_without_its_text_and_nothing_comes_with_options(
    format_: str, settings: dict[str, Any], pieces: list[Piece]
) -> None:
    assert left_out(TIKTOK, format_, settings) == pieces


@pytest.mark.parametrize("name", sorted(PLATFORMS.keys() - {"tiktok"}))
def test_other_platforms_carry_everything(name: str) -> None:
    found = [left_out(PLATFORMS[name], each, {}) for each in sorted(PLATFORMS[name].formats)]

    assert [each for each in found if each] == []


def test_what_is_always_left_out_needs_no_setting() -> None:
    mute = replace(FEED, left_out=(LeftOut("text", None, frozenset({"story"})),))

    assert [left_out(mute, each, {}) for each in ("story", "post")] == [["text"], []]


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_conditions_name_settings_that_the_platform_has_with_values_that_they_take(
    name: str,
) -> None:
    platform = PLATFORMS[name]
    settings = {spec.name: spec for spec in platform.settings}

    holders: tuple[FieldSpec | LeftOut, ...] = (*platform.options, *platform.left_out)
    conditions = [each.only_if for each in holders if each.only_if is not None]
    odd = [
        (setting, value)
        for setting, value in conditions
        if setting not in settings
        or (settings[setting].choices and value not in settings[setting].choices)
    ]

    assert odd == []


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_what_a_mode_leaves_out_counts_nowhere_in_it(name: str) -> None:
    """Options that do not travel in a mode are not asked for there either."""
    platform = PLATFORMS[name]
    modes = [{}, *({spec.name: each} for spec in platform.settings for each in spec.choices)]

    asked = [
        mode
        for mode in modes
        for format_ in platform.formats
        if "options" in left_out(platform, format_, mode)
        and any(each.code == "option-not-chosen" for each in of_options({}, mode, platform))
    ]

    assert asked == []
