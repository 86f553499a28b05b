"""What each platform allows, as data, and what of it a post or a channel breaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import urlsplit

import regex  # type: ignore[import-untyped]

from planner.content import Part, Words, canonical
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


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How long the text of a part may be; None means without limit.

    `bytes_max` limits the same text in UTF-8 bytes as well. `total_bytes_max` limits all texts
    and alternative texts of a post, as UTF-8 bytes of JSON strings: a line break counts two.
    """

    unit: Unit
    limit: int | None
    bytes_max: int | None = None
    total_bytes_max: int | None = None


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
    """A named value that a platform asks for; `max_length` is in code points.

    A `granted` one comes by connecting the account at the platform, never by hand.
    """

    name: str
    kind: Literal["string", "boolean", "integer", "url", "choice"]
    required: bool = False
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    default: str | bool | int | None = None
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Platform:
    """What one platform allows.

    `idempotent_if` names a boolean setting by which a channel promises idempotency, which ends
    `idempotent_seconds` after the first try (None: never); `settle_seconds` is how long a post
    may take until it is found by looking for it. A call takes at most `wire_seconds` (None: what
    fits into a lease). `media_of` holds what differs by format; `settings` and `credentials`
    (secret) belong to a channel, `options` to a post on it.
    """

    name: str
    title: str
    idempotency: Idempotency
    formats: frozenset[str]
    text: TextLimit
    parts_max: int
    media: MediaLimits
    media_of: Mapping[str, MediaLimits] = field(default_factory=dict)
    settings: tuple[FieldSpec, ...] = ()
    credentials: tuple[FieldSpec, ...] = ()
    options: tuple[FieldSpec, ...] = ()
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


_COUNTS: Mapping[Unit, Callable[[str], int]] = {
    Unit.CODE_POINTS: len,
    Unit.UTF16: lambda text: len(text.encode("utf-16-le")) // 2,
    Unit.GRAPHEMES: lambda text: len(regex.findall(r"\X", text)),
    Unit.UTF8_BYTES: lambda text: len(text.encode()),
}


def count_text(unit: Unit, text: str) -> int:
    """Return the length of a text in a unit; graphemes are those of Unicode UAX 29."""
    return _COUNTS[unit](text)


def check_words(platform: Platform, words: Words, files: Mapping[str, MediaFacts]) -> list[Fault]:
    """Return everything in a post that a platform would not take; empty if it may go.

    `files` holds what is known of each file, by media id. Texts are counted as they are
    published, with the campaign's hashtags, which alone make no post. Pointers are those of the
    content; every fault names the platform and its numbers.
    """
    found = (
        *_shape_faults(platform, words),
        *_text_faults(platform.text, words),
        *_media_faults(platform.media_of.get(words.format, platform.media), words, files),
        *check_fields(platform.options, words.options, "/options"),
    )
    return [replace(each, facts={"platform": platform.title, **each.facts}) for each in found]


def _shape_faults(platform: Platform, words: Words) -> Iterator[Fault]:
    if words.format not in platform.formats:
        facts = {"format": words.format, "offered": ", ".join(sorted(platform.formats))}
        yield Fault("/format", "format-not-offered", facts)
    yield from _over("/parts", "too-many-parts", len(words.parts), platform.parts_max)
    empty = [not (part.text.strip() or part.media) for part in words.parts]
    if all(empty):
        yield Fault("/parts", "empty-post")
    elif any(empty):
        for index in (index for index, nothing in enumerate(empty) if nothing):
            yield Fault(f"/parts/{index}", "empty-part", {"part": index + 1})


def _text_faults(limit: TextLimit, words: Words) -> Iterator[Fault]:
    limits = ((limit.unit, limit.limit), (Unit.UTF8_BYTES, limit.bytes_max))
    captions = [words.caption(index) for index in range(len(words.parts))]
    for index, caption in enumerate(captions):
        for unit, most in limits:
            count = count_text(unit, caption)
            yield from _over(f"/parts/{index}/text", "text-too-long", count, most, unit=unit.value)
    total = sum(
        len(canonical(text).encode()) - len('""')
        for text in (*captions, *(ref.alt for ref in words.media))
    )
    most = limit.total_bytes_max
    yield from _over("/parts", "words-too-long", total, most, unit=Unit.UTF8_BYTES.value)


def _media_faults(
    limits: MediaLimits, words: Words, files: Mapping[str, MediaFacts]
) -> Iterator[Fault]:
    yield from _over("/parts", "too-many-media-in-all", len(words.media), limits.total_max)
    for index, part in enumerate(words.parts):
        pointer = f"/parts/{index}/media"
        yield from _over(pointer, "too-many-media", len(part.media), limits.count_max)
        yield from _under(pointer, "too-few-media", len(part.media), limits.count_min)
        if not limits.mixed:
            yield from _mixture_faults(part, files, pointer)
        for place, ref in enumerate(part.media):
            at = f"{pointer}/{place}"
            yield from _over(f"{at}/alt", "alt-too-long", len(ref.alt), limits.alt_max)
            if ref.id in files:
                yield from _file_faults(limits, files[ref.id], at)
            else:
                yield Fault(at, "no-such-media", {"id": ref.id})


def _mixture_faults(part: Part, files: Mapping[str, MediaFacts], pointer: str) -> Iterator[Fault]:
    mimes = [files[ref.id].mime for ref in part.media if ref.id in files]
    images = sum(mime.startswith("image/") for mime in mimes)
    videos = sum(mime.startswith("video/") for mime in mimes)
    if images and videos:
        yield Fault(pointer, "media-mixed", {"images": images, "videos": videos})


def _file_faults(limits: MediaLimits, file: MediaFacts, pointer: str) -> Iterator[Fault]:
    if limits.mimes is not None and file.mime not in limits.mimes:
        facts = {"mime": file.mime, "accepted": ", ".join(sorted(limits.mimes))}
        yield Fault(pointer, "media-type", facts)
    kind = file.mime.partition("/")[0]
    bytes_max = {"image": limits.image_bytes_max, "video": limits.video_bytes_max}.get(kind)
    yield from _over(pointer, "file-too-big", file.bytes, bytes_max)
    if (seconds := _seconds(file.duration_ms)) is not None:
        yield from _over(pointer, "video-too-long", seconds, _seconds(limits.duration_ms_max))
        yield from _under(pointer, "video-too-short", seconds, _seconds(limits.duration_ms_min))
    if file.width and file.height:
        yield from _dimension_faults(limits, file.width, file.height, pointer)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _dimension_faults(
    limits: MediaLimits, width: int, height: int, pointer: str
) -> Iterator[Fault]:
    sides = {"width": width, "height": height}
    yield from _under(pointer, "side-too-short", min(width, height), limits.side_min, **sides)
    yield from _over(pointer, "side-too-long", max(width, height), limits.side_max, **sides)
    yield from _over(pointer, "too-many-pixels", width * height, limits.pixels_max, **sides)
    # Division rounds correctly, so a ratio of exactly 4:5 equals the literal 0.8.
    yield from _under(pointer, "too-narrow", width / height, limits.ratio_min, **sides)
    yield from _over(pointer, "too-wide", width / height, limits.ratio_max, **sides)


def _over(
    pointer: str, code: str, count: float, limit: float | None, **facts: str | int
) -> Iterator[Fault]:
    if limit is not None and count > limit:
        yield Fault(pointer, code, {"count": count, "limit": limit, **facts})


def _under(
    pointer: str, code: str, count: float, limit: float | None, **facts: str | int
) -> Iterator[Fault]:
    if limit is not None and count < limit:
        yield Fault(pointer, code, {"count": count, "limit": limit, **facts})


def check_fields(
    specs: Sequence[FieldSpec], values: Mapping[str, Any], pointer: str
) -> list[Fault]:
    """Return what is wrong in settings, credentials or options: unknown, missing, wrong values.

    `values` are JSON values, `pointer` is where they stand. No fault repeats a value, for it
    may be a secret.
    """
    known = {spec.name: spec for spec in specs}
    # Required text that is empty is as good as none.
    missing = [spec.name for spec in specs if spec.required and values.get(spec.name, "") == ""]
    found = [Fault(f"{pointer}/{name}", "field-missing", {"field": name}) for name in missing]
    for name, value in values.items():
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in known:
            found.append(Fault(at, "field-unknown", {"field": name, "known": ", ".join(known)}))
        elif name not in missing:
            found.extend(_value_faults(known[name], value, at))
    return found


def _value_faults(spec: FieldSpec, value: object, pointer: str) -> Iterator[Fault]:
    wanted = {"boolean": bool, "integer": int}.get(spec.kind, str)
    # bool is a subclass of int, but true is no number.
    if type(value) is not wanted:
        yield Fault(pointer, "field-kind", {"field": spec.name, "kind": spec.kind})
    elif isinstance(value, str):
        count = len(value)
        yield from _over(pointer, "field-too-long", count, spec.max_length, field=spec.name)
        if spec.kind == "choice" and value not in spec.choices:
            facts = {"field": spec.name, "choices": ", ".join(spec.choices)}
            yield Fault(pointer, "field-choice", facts)
        if spec.kind == "url" and (code := _url_code(value)):
            yield Fault(pointer, code, {"field": spec.name})


def _url_code(url: str) -> str | None:
    # urlsplit drops tabs and line breaks, and takes a backslash for part of a host.
    if not url.isprintable() or " " in url or "\\" in url:
        return "url-characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "url-host"
    if parts.scheme not in {"http", "https"}:
        return "url-scheme"
    if "@" in parts.netloc:
        return "url-credentials"
    return None if parts.hostname and port != 0 else "url-host"


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

PLATFORMS: dict[str, Platform] = {each.name: each for each in (FEED, WEBHOOK, MANUAL)}
"""Every platform by its name; a new one adds its entry here."""
