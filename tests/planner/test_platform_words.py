"""What each platform takes, and what it is told when it would not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from operator import mul
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.content import MediaRef, Part, Words
from planner.errors import Fault
from planner.fit import check_words
from planner.platforms import (
    FEED,
    IMAGES,
    MANUAL,
    WEBHOOK,
    FieldSpec,
    Idempotency,
    MediaFacts,
    MediaLimits,
    Platform,
    TextLimit,
    Unit,
)

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
"""One grapheme of five code points, eight UTF-16 units and 18 bytes."""

STRICT = Platform(
    name="strict",
    title="Strict",
    idempotency=Idempotency.RECONCILABLE,
    formats=frozenset({"post", "reel"}),
    text=TextLimit(Unit.GRAPHEMES, 10, bytes_max=30),
    parts_max=2,
    media=MediaLimits(
        count_max=2,
        mixed=False,
        mimes=frozenset({"image/jpeg", "video/mp4"}),
        image_bytes_max=1_000,
        video_bytes_max=5_000,
        side_min=100,
        side_max=2_000,
        pixels_max=1_000_000,
        ratio_min=0.8,
        ratio_max=1.91,
        duration_ms_min=3_000,
        duration_ms_max=60_000,
        alt_max=5,
    ),
    media_of={"reel": MediaLimits(count_min=1, count_max=1)},
    options=(
        FieldSpec("audience", "choice", required=True, choices=("everyone", "friends")),
        FieldSpec("comments", "boolean", default=True),
    ),
)

PHOTO = MediaFacts("image/jpeg", 900, 800, 800)
CLIP = MediaFacts("video/mp4", 4_000, 800, 800, 30_000)


def ref(name: str, alt: str = "") -> MediaRef:
    return MediaRef(name, "0" * 64, alt)


def post(*parts: Part, form: str = "post", hashtags: tuple[str, ...] = (), **options: Any) -> Words:
    return Words(
        title="Kuis sejarah",
        type="interactive",
        pillar=None,
        format=form,
        parts=parts,
        hashtags=hashtags,
        options=options,
    )


def strictly(
    *parts: Part, form: str = "post", files: Mapping[str, MediaFacts] | None = None
) -> list[Fault]:
    words = post(*parts, form=form, audience="everyone")
    return check_words(STRICT, words, {"photo": PHOTO, "clip": CLIP, **(files or {})})


def strict_fault(pointer: str, code: str, **facts: Any) -> Fault:
    return Fault(pointer, code, {"platform": "Strict", **facts})


@pytest.mark.parametrize("which", [FEED, WEBHOOK, MANUAL])
@pytest.mark.parametrize("form", ["post", "carousel", "thread", "story", "reel"])
def test_an_ordinary_post_passes_everywhere(which: Platform, form: str) -> None:
    words = post(Part("Halo", (ref("photo"), ref("clip"))), Part("Dua"), form=form)

    faults = check_words(which, words, {"photo": PHOTO, "clip": CLIP})

    assert faults == []


def test_a_text_under_media_has_a_limit_of_its_own() -> None:
    limits = replace(STRICT, text=replace(STRICT.text, under_media=4))
    files = {"photo": PHOTO}

    short = post(Part("abcd", (ref("photo"),)), Part("0123456789"), audience="friends")
    long = post(Part("abcde", (ref("photo"),)), Part("0123456789x"), audience="friends")

    assert check_words(limits, short, files) == []
    assert check_words(limits, long, files) == [
        strict_fault("/parts/0/text", "text-too-long", count=5, limit=4, unit="graphemes"),
        strict_fault("/parts/1/text", "text-too-long", count=11, limit=10, unit="graphemes"),
    ]


def test_hashtags_count_under_media_too() -> None:
    limits = replace(STRICT, text=replace(STRICT.text, under_media=4))
    words = post(Part("abc", (ref("photo"),)), hashtags=("#a",), audience="friends")

    faults = check_words(limits, words, {"photo": PHOTO})

    assert faults == [
        strict_fault("/parts/0/text", "text-too-long", count=7, limit=4, unit="graphemes")
    ]


def test_a_post_within_strict_limits_passes() -> None:
    edge = MediaFacts("image/jpeg", 1_000, 1_080, 1_350)
    limits = replace(STRICT.media, pixels_max=1_080 * 1_350)
    words = post(Part(FAMILY, (ref("edge", "empat"),)), Part("0123456789"), audience="friends")

    faults = check_words(replace(STRICT, media=limits), words, {"edge": edge})

    assert faults == []


@pytest.mark.parametrize(
    ("which", "count", "code"),
    [(FEED, 20_000, None), (FEED, 20_001, "text-too-long"), (MANUAL, 100_000, None)],
)
def test_text_may_reach_its_limit(which: Platform, count: int, code: str | None) -> None:
    words = post(Part("x" * count))

    faults = check_words(which, words, {})

    assert [fault.code for fault in faults] == ([code] if code else [])


def test_the_hashtags_of_the_campaign_count() -> None:
    words = post(Part("x" * 4_990), Part("y"), hashtags=("#hut", "#ri81"))

    faults = check_words(WEBHOOK, words, {})

    facts = {"platform": "Webhook", "count": 5_002, "limit": 5_000, "unit": "code_points"}
    assert faults == [Fault("/parts/0/text", "text-too-long", facts)]


def test_text_may_be_limited_in_two_units() -> None:
    faults = strictly(Part(FAMILY * 2), Part("0123456789x"))

    assert faults == [
        strict_fault("/parts/0/text", "text-too-long", count=36, limit=30, unit="utf8_bytes"),
        strict_fault("/parts/1/text", "text-too-long", count=11, limit=10, unit="graphemes"),
    ]


def test_the_words_of_a_webhook_are_limited_in_all() -> None:
    parts = (Part("x" * 5_000), Part("é" * 2_000), Part('"\n', (ref("photo", "y" * 997),)))

    faults = check_words(WEBHOOK, post(*parts), {"photo": PHOTO})

    facts = {"platform": "Webhook", "count": 10_001, "limit": 10_000, "unit": "utf8_bytes"}
    assert faults == [Fault("/parts", "words-too-long", facts)]


long_texts = st.builds(mul, st.text(min_size=1, max_size=4), st.integers(1, 1_500))


@given(texts=st.lists(long_texts, min_size=1, max_size=5), alts=st.lists(long_texts, max_size=3))
def test_what_a_webhook_passes_fits_half_its_body(texts: list[str], alts: list[str]) -> None:
    media = tuple(ref("photo", alt) for alt in alts)
    parts = [Part(text, media if index == 0 else ()) for index, text in enumerate(texts)]

    faults = check_words(WEBHOOK, post(*parts), {"photo": PHOTO})

    body = "".join(json.dumps(each, ensure_ascii=False)[1:-1] for each in (*texts, *alts)).encode()
    assert (len(body) > 10_000) == any(fault.code == "words-too-long" for fault in faults)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ((), strict_fault("/parts", "empty-post")),
        ((Part(""),), strict_fault("/parts", "empty-post")),
        ((Part(" \n"), Part("")), strict_fault("/parts", "empty-post")),
        ((Part("Satu"), Part(" ")), strict_fault("/parts/1", "empty-part", part=2)),
        (
            (Part("1"), Part("2"), Part("3")),
            strict_fault("/parts", "too-many-parts", count=3, limit=2),
        ),
    ],
)
def test_a_post_has_parts_that_say_something(parts: tuple[Part, ...], fault: Fault) -> None:
    faults = strictly(*parts)

    assert faults == [fault]


def test_hashtags_alone_make_no_post() -> None:
    words = post(Part(""), hashtags=("#hut",))

    faults = check_words(FEED, words, {})

    assert faults == [Fault("/parts", "empty-post", {"platform": "Feed"})]


def test_media_alone_make_a_post() -> None:
    faults = strictly(Part("", (ref("photo"),)))

    assert faults == []


def test_a_format_must_be_offered() -> None:
    faults = strictly(Part("Halo"), form="story")

    assert faults == [
        strict_fault("/format", "format-not-offered", format="story", offered="post, reel")
    ]


@pytest.mark.parametrize(
    ("file", "code", "facts"),
    [
        (
            MediaFacts("image/png", 1),
            "media-type",
            {"mime": "image/png", "accepted": "image/jpeg, video/mp4"},
        ),
        (replace(PHOTO, bytes=1_001), "file-too-big", {"count": 1_001, "limit": 1_000}),
        (replace(CLIP, bytes=5_001), "file-too-big", {"count": 5_001, "limit": 5_000}),
        (
            MediaFacts("image/jpeg", 1, 150, 99),
            "side-too-short",
            {"count": 99, "limit": 100, "width": 150, "height": 99},
        ),
        (
            MediaFacts("image/jpeg", 1, 700, 900),
            "too-narrow",
            {"count": 700 / 900, "limit": 0.8, "width": 700, "height": 900},
        ),
        (
            MediaFacts("image/jpeg", 1, 192, 100),
            "too-wide",
            {"count": 1.92, "limit": 1.91, "width": 192, "height": 100},
        ),
        (
            MediaFacts("image/jpeg", 1, 1_001, 1_000),
            "too-many-pixels",
            {"count": 1_001_000, "limit": 1_000_000, "width": 1_001, "height": 1_000},
        ),
        (replace(CLIP, duration_ms=60_001), "video-too-long", {"count": 60.001, "limit": 60.0}),
        (replace(CLIP, duration_ms=2_999), "video-too-short", {"count": 2.999, "limit": 3.0}),
    ],
)
def test_a_file_is_held_to_every_limit(file: MediaFacts, code: str, facts: dict[str, Any]) -> None:
    parts = (Part("Satu"), Part("Dua", (ref("photo" if "image" in file.mime else "clip"),)))

    faults = strictly(*parts, files={parts[1].media[0].id: file})

    assert faults == [strict_fault("/parts/1/media/0", code, **facts)]


def test_a_side_may_be_too_long() -> None:
    panorama = MediaFacts("image/jpeg", 1, 2_001, 100)

    faults = strictly(Part("", (ref("photo"),)), files={"photo": panorama})

    assert [(fault.code, fault.facts["count"]) for fault in faults] == [
        ("side-too-long", 2_001),
        ("too-wide", 20.01),
    ]


def test_what_is_unknown_of_a_file_is_not_held_against_it() -> None:
    faults = strictly(Part("", (ref("clip"),)), files={"clip": MediaFacts("video/mp4", 1)})

    assert faults == []


def test_media_are_counted_and_not_mixed_where_a_platform_keeps_them_apart() -> None:
    media = (ref("photo"), ref("clip"), ref("photo", "enam..."))

    faults = strictly(Part("", media))

    assert faults == [
        strict_fault("/parts/0/media", "too-many-media", count=3, limit=2),
        strict_fault("/parts/0/media", "media-mixed", images=2, videos=1),
        strict_fault("/parts/0/media/2/alt", "alt-too-long", count=7, limit=5),
    ]


def test_a_format_may_have_limits_of_its_own() -> None:
    faults = strictly(Part("Halo"), Part("", (ref("photo"), ref("clip"))), form="reel")

    assert faults == [
        strict_fault("/parts/0/media", "too-few-media", count=0, limit=1),
        strict_fault("/parts/1/media", "too-many-media", count=2, limit=1),
    ]


def test_media_are_counted_over_all_parts_too() -> None:
    ten = tuple(ref("photo") for _ in range(10))

    faults = check_words(WEBHOOK, post(Part("", ten), Part("", ten[:1])), {"photo": PHOTO})

    facts = {"platform": "Webhook", "count": 11, "limit": 10}
    assert faults == [Fault("/parts", "too-many-media-in-all", facts)]


def test_a_feed_takes_no_sound() -> None:
    sound = MediaFacts("audio/mpeg", 1)

    faults = check_words(FEED, post(Part("", (ref("sound"),))), {"sound": sound})

    assert [(fault.pointer, fault.code) for fault in faults] == [("/parts/0/media/0", "media-type")]


def test_a_file_that_is_not_there_is_named() -> None:
    faults = strictly(Part("Halo", (ref("gone"),)))

    assert faults == [strict_fault("/parts/0/media/0", "no-such-media", id="gone")]


def test_options_are_those_of_the_platform() -> None:
    words = post(Part("Halo"), comments=1, stitch=True)

    faults = check_words(STRICT, words, {})

    assert faults == [
        strict_fault(
            "/options/audience", "option-not-chosen", field="audience", choices="everyone, friends"
        ),
        strict_fault("/options/comments", "field-kind", field="comments", kind="boolean"),
        strict_fault(
            "/options/stitch", "field-unknown", field="stitch", known="audience, comments"
        ),
    ]


def test_a_feed_takes_the_pictures_that_browsers_show() -> None:
    kinds = sorted(IMAGES)

    faults = [
        check_words(FEED, post(Part("", (ref("it"),))), {"it": MediaFacts(kind, 1)})
        for kind in kinds
    ]

    assert faults == [[], [], [], []]
