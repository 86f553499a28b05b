"""What each platform allows, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from planner.errors import Fault, Invalid
from planner.pace import Pace

FORMATS = frozenset({"post", "carousel", "thread", "story", "reel"})
"""The formats a post may have."""

IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
VIDEOS = frozenset({"video/mp4", "video/webm", "video/quicktime"})


class Idempotency(StrEnum):
    """What repeating a send may do (design note "publishing", section 2)."""

    IDEMPOTENT = "idempotent"
    RECONCILABLE = "reconcilable"
    AMBIGUOUS = "ambiguous"


class Unit(StrEnum):
    """In what a platform counts text."""

    CODE_POINTS = "code_points"
    UTF16 = "utf16"
    GRAPHEMES = "graphemes"
    UTF8_BYTES = "utf8_bytes"
    WEIGHTED = "weighted"


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How long the text of a part may be; None means without limit.

    `bytes_max` limits the same text in UTF-8 bytes as well. `total_bytes_max` limits all texts
    and alternative texts of a post, as UTF-8 bytes of JSON strings: a line break counts two.
    `under_media` is the limit of a part with files (None: the same as of one without).
    """

    unit: Unit
    limit: int | None
    bytes_max: int | None = None
    total_bytes_max: int | None = None
    under_media: int | None = None


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Which files a part may carry; None means without limit.

    Counts are per part, `total_max` is per post; `mixed` says whether images and videos may stand
    together. Sides and pixels are in pixels, a ratio is width by height, `alt_max` is in code
    points. What is not known of a file is not held against it.
    """

    count_max: int
    count_min: int = 0
    total_max: int | None = None
    mixed: bool = True
    mimes: frozenset[str] | None = None
    image_bytes_max: int | None = None
    video_bytes_max: int | None = None
    side_min: int | None = None
    side_max: int | None = None
    pixels_max: int | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    duration_ms_min: int | None = None
    duration_ms_max: int | None = None
    alt_max: int | None = None


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A named value that a platform asks for; `max_length` counts `unit`s.

    `granted`: it comes by connecting the account, not by hand. `only_if` names a setting of the
    channel and the value with which this option counts; `required` then holds only there.
    """

    name: str
    kind: Literal["string", "boolean", "integer", "url", "choice"]
    required: bool = False
    max_length: int | None = None
    unit: Unit = Unit.CODE_POINTS
    choices: tuple[str, ...] = ()
    default: str | bool | int | None = None
    granted: bool = False
    only_if: tuple[str, Any] | None = None


Piece = Literal["text", "options"]
"""What of a post may be left out on the way to a platform."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a post does not reach a platform, though it may be written.

    `only_if` names a setting of the channel and the value with which this is so (None: always),
    `formats` those that it is about (None: every one).
    """

    what: Piece
    only_if: tuple[str, Any] | None = None
    formats: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """What one platform allows.

    `idempotent_if` names a boolean setting by which a channel promises idempotency, which ends
    `idempotent_seconds` after the first try (None: never); `settle_seconds` is how long a post
    may take until it is found by looking for it. A call takes at most `wire_seconds` (None: what
    fits into a lease). `text_of` and `media_of` hold what differs by format; `settings` and
    `credentials` (secret) belong to a channel, `options` to a post on it; `conflicts` are pairs of
    options that cannot both have these values; `left_out` is what a channel may not carry.
    """

    name: str
    title: str
    idempotency: Idempotency
    formats: frozenset[str]
    text: TextLimit
    parts_max: int
    media: MediaLimits
    text_of: Mapping[str, TextLimit] = field(default_factory=dict)
    media_of: Mapping[str, MediaLimits] = field(default_factory=dict)
    settings: tuple[FieldSpec, ...] = ()
    credentials: tuple[FieldSpec, ...] = ()
    options: tuple[FieldSpec, ...] = ()
    conflicts: tuple[tuple[tuple[str, Any], tuple[str, Any]], ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    idempotent_if: str | None = None
    idempotent_seconds: int | None = None
    settle_seconds: int = 60
    wire_seconds: int | None = None
    channel_pace: Pace | None = None
    platform_pace: Pace | None = None

    @property
    def connects(self) -> bool:
        """Say whether a person connects an account at the platform itself (OAuth 2)."""
        return any(spec.granted for spec in self.credentials)


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What is known of a file: sides in pixels, duration in milliseconds, None if unknown."""

    mime: str
    bytes: int
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


class NoSuchPlatform(Invalid):
    """There is no platform of this name."""


def platform(name: str) -> Platform:
    """Return a platform by its name; raises `NoSuchPlatform`."""
    if name not in PLATFORMS:
        facts = {"name": name, "known": ", ".join(sorted(PLATFORMS))}
        raise NoSuchPlatform(Fault("/platform", "no-such-platform", facts), name=name)
    return PLATFORMS[name]


def idempotency_of(platform: Platform, settings: Mapping[str, Any]) -> Idempotency:
    """Return what repeating a send may do on a channel with these settings."""
    if platform.idempotent_if and settings.get(platform.idempotent_if) is True:
        return Idempotency.IDEMPOTENT
    return platform.idempotency


FEED = Platform(
    name="feed",
    title="Feed",
    idempotency=Idempotency.IDEMPOTENT,
    formats=FORMATS,
    text=TextLimit(Unit.CODE_POINTS, 20_000),
    parts_max=25,
    media=MediaLimits(count_max=50, total_max=50, mimes=IMAGES | VIDEOS),
)

# The body of a Standard Webhook stays below 20 kB: half of it words, the rest links and names.
WEBHOOK = Platform(
    name="webhook",
    title="Webhook",
    idempotency=Idempotency.AMBIGUOUS,
    idempotent_if="receiver_deduplicates",
    formats=FORMATS,
    text=TextLimit(Unit.CODE_POINTS, 5_000, total_bytes_max=10_000),
    parts_max=25,
    media=MediaLimits(count_max=10, total_max=10),
    settings=(
        FieldSpec("url", "url", required=True, max_length=2_000),
        FieldSpec("receiver_deduplicates", "boolean", default=False),
    ),
    credentials=(FieldSpec("secret", "string", required=True, max_length=200),),
)

# Handing over is repeatable: it only tells a person, who then posts. Long afterwards it is not:
# they may have.
MANUAL = Platform(
    name="manual",
    title="Manual",
    idempotency=Idempotency.IDEMPOTENT,
    formats=FORMATS,
    idempotent_seconds=3600,
    text=TextLimit(Unit.CODE_POINTS, 100_000),
    parts_max=100,
    media=MediaLimits(count_max=50, total_max=50),
)

_DIRECT, _INBOX = ("mode", "direct"), ("mode", "inbox")

# Source: TikTok, Content Posting API v2 (direct post, upload, media transfer guide), 2026-09.
TIKTOK = Platform(
    name="tiktok",
    title="TikTok",
    idempotency=Idempotency.RECONCILABLE,
    formats=frozenset({"post", "reel", "carousel"}),
    text=TextLimit(Unit.UTF16, 2_200),
    text_of={"carousel": TextLimit(Unit.UTF16, 4_000)},
    parts_max=1,
    media=MediaLimits(
        count_max=1,
        count_min=1,
        mimes=VIDEOS,
        video_bytes_max=4_000_000_000,
        side_min=360,
        side_max=4_096,
        duration_ms_max=600_000,
        alt_max=0,
    ),
    media_of={
        "carousel": MediaLimits(
            count_max=35,
            count_min=1,
            mimes=frozenset({"image/jpeg", "image/webp"}),
            image_bytes_max=20_000_000,
            alt_max=0,
        ),
    },
    settings=(
        FieldSpec("client_key", "string", required=True, max_length=100),
        FieldSpec("mode", "choice", choices=("inbox", "direct"), default="inbox"),
        FieldSpec("sandbox_url", "url", max_length=200),
    ),
    credentials=(
        FieldSpec("client_secret", "string", required=True, max_length=200),
        *(
            FieldSpec(name, "string", required=True, max_length=2_000, granted=True)
            for name in ("access_token", "refresh_token", "open_id", "scope")
        ),
    ),
    options=(
        FieldSpec(
            "privacy_level",
            "choice",
            choices=(
                "PUBLIC_TO_EVERYONE",
                "MUTUAL_FOLLOW_FRIENDS",
                "FOLLOWER_OF_CREATOR",
                "SELF_ONLY",
            ),
            required=True,
            only_if=_DIRECT,
        ),
        FieldSpec("allow_comment", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("allow_duet", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("allow_stitch", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("brand_organic", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("branded_content", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("ai_generated", "boolean", default=False, only_if=_DIRECT),
        FieldSpec("cover_ms", "integer", only_if=_DIRECT),
        FieldSpec("photo_title", "string", max_length=90, unit=Unit.UTF16),
        FieldSpec("auto_add_music", "boolean", default=False, only_if=_DIRECT),
    ),
    conflicts=((("branded_content", True), ("privacy_level", "SELF_ONLY")),),
    left_out=(
        LeftOut("text", _INBOX, frozenset({"post", "reel"})),
        LeftOut("options", _INBOX),
    ),
    settle_seconds=30,
    wire_seconds=3_600,  # an upload has to end within an hour
    channel_pace=Pace(3, 60, burst=3),  # at most six uploads are begun in any minute
)

# Sources: Telegram, Bot API 10.1 (2026-06) and bots FAQ. A server that is one's own takes larger
# files, which a channel cannot say here.
TELEGRAM = Platform(
    name="telegram",
    title="Telegram",
    idempotency=Idempotency.AMBIGUOUS,
    formats=frozenset({"post", "carousel", "thread", "reel"}),
    text=TextLimit(Unit.UTF16, 4_096, under_media=1_024),
    parts_max=10,
    media=MediaLimits(
        count_max=10,
        mimes=frozenset({"image/jpeg", "image/png", "video/mp4"}),
        image_bytes_max=10_000_000,
        video_bytes_max=50_000_000,
        side_max=9_999,  # of an image, both together at most 10,000
        ratio_min=1 / 20,
        ratio_max=20,
        alt_max=0,
    ),
    settings=(
        FieldSpec("chat", "string", required=True, max_length=64),
        FieldSpec("api_url", "url", max_length=200),
    ),
    credentials=(FieldSpec("bot_token", "string", required=True, max_length=200),),
    options=(
        FieldSpec("disable_notification", "boolean", default=False),
        FieldSpec("protect_content", "boolean", default=False),
        FieldSpec("disable_link_preview", "boolean", default=False),
        FieldSpec("bold_first_line", "boolean", default=False),
        FieldSpec("caption_above_media", "boolean", default=False),
        FieldSpec("spoiler", "boolean", default=False),
    ),
    wire_seconds=3_600,
    channel_pace=Pace(20, 60),  # a group takes 20 messages a minute; a channel is taken for one
    platform_pace=Pace(15, 1, burst=15),  # at most 30 are begun in any second
)

# Source: docs.bsky.app and the lexicons app.bsky.feed.post and app.bsky.embed.images, 2026-08.
# Images may have 2,000,000 bytes at Bluesky itself; servers of others still take half of that.
BLUESKY = Platform(
    name="bluesky",
    title="Bluesky",
    idempotency=Idempotency.IDEMPOTENT,
    formats=frozenset({"post", "carousel", "thread"}),
    text=TextLimit(Unit.GRAPHEMES, 300, bytes_max=3_000),
    parts_max=25,
    media=MediaLimits(
        count_max=4,
        mimes=frozenset({"image/jpeg", "image/png", "image/webp"}),
        image_bytes_max=1_000_000,
        alt_max=2_000,
    ),
    settings=(FieldSpec("service", "url", max_length=200, default="https://bsky.social"),),
    credentials=(
        FieldSpec("identifier", "string", required=True, max_length=253),
        FieldSpec("app_password", "string", required=True, max_length=200),
    ),
    options=(
        FieldSpec(
            "language",
            "choice",
            choices=("id", "jv", "su", "min", "ms", "en", "ar", "de", "fr", "ja", "nl", "zh"),
        ),
    ),
)

PLATFORMS: dict[str, Platform] = {
    each.name: each for each in (FEED, WEBHOOK, MANUAL, TIKTOK, TELEGRAM, BLUESKY)
}
"""Every platform by its name; a new one adds its entry here."""
