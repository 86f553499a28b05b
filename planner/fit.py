"""Fit: what of a post or a channel its platform does not take, with the numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import regex  # type: ignore[import-untyped]

from planner.content import OPTIONS_TAG, Part, Words, canonical
from planner.errors import Fault
from planner.platforms import (
    FieldSpec,
    MediaFacts,
    MediaLimits,
    Piece,
    Platform,
    TextLimit,
    Unit,
)
from planner.weights import weighted_length

_COUNTS: Mapping[Unit, Callable[[str], int]] = {
    Unit.CODE_POINTS: len,
    Unit.UTF16: lambda text: len(text.encode("utf-16-le")) // 2,
    Unit.GRAPHEMES: lambda text: len(regex.findall(r"\X", text)),
    Unit.UTF8_BYTES: lambda text: len(text.encode()),
    Unit.WEIGHTED: weighted_length,
}


def count_text(unit: Unit, text: str) -> int:
    """Return the length of a text in a unit; graphemes are those of Unicode UAX 29."""
    return _COUNTS[unit](text)


def check_words(
    platform: Platform,
    words: Words,
    files: Mapping[str, MediaFacts],
    settings: Mapping[str, Any] | None = None,
) -> list[Fault]:
    """Return everything in a post that a platform would not take; empty if it may go.

    `files` holds what is known of each file, by media id. Texts are counted as they are
    published, with the campaign's hashtags, which alone make no post. Pointers are those of the
    content; every fault names the platform and its numbers. `settings` are the channel's.
    """
    found = (
        *_shape_faults(platform, words),
        *_text_faults(platform.text_of.get(words.format, platform.text), words),
        *_media_faults(platform.media_of.get(words.format, platform.media), words, files),
        *_option_faults(platform, words.options, settings or {}),
    )
    return [replace(each, facts={"platform": platform.title, **each.facts}) for each in found]


def left_out(platform: Platform, format_: str, settings: Mapping[str, Any]) -> list[Piece]:
    """Return what of a post of a format does not reach a channel with these settings."""
    return [
        each.what
        for each in platform.left_out
        if is_met(platform, each.only_if, settings)
        and (each.formats is None or format_ in each.formats)
    ]


def is_met(
    platform: Platform, only_if: tuple[str, Any] | None, settings: Mapping[str, Any]
) -> bool:
    """Say whether a channel's setting has the value that is asked for; None asks for nothing.

    A setting that was not given has its default.
    """
    if only_if is None:
        return True
    name, value = only_if
    defaults = {spec.name: spec.default for spec in platform.settings}
    return bool(settings.get(name, defaults.get(name)) == value)


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
    captions = [words.caption(index) for index in range(len(words.parts))]
    for index, caption in enumerate(captions):
        of_part = limit.limit
        if limit.under_media is not None and words.parts[index].media:
            of_part = limit.under_media
        for unit, most in ((limit.unit, of_part), (Unit.UTF8_BYTES, limit.bytes_max)):
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


def _option_faults(
    platform: Platform, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Fault]:
    named = options.get(OPTIONS_TAG, platform.name)  # those of old contents do not say
    if named != platform.name:
        facts = {"named": named, "wanted": platform.name}
        yield Fault(f"/options/{OPTIONS_TAG}", "options-of-another-platform", facts)
        return
    given = {name: value for name, value in options.items() if name != OPTIONS_TAG}
    counting = {spec.name: is_met(platform, spec.only_if, settings) for spec in platform.options}
    specs = [
        replace(spec, required=spec.required and counting[spec.name]) for spec in platform.options
    ]
    for fault in check_fields(specs, given, "/options"):
        yield _not_chosen(fault, specs)
    for (one, its), (other, others) in platform.conflicts:
        both = given.get(one) == its and given.get(other) == others
        if both and counting[one] and counting[other]:
            facts = {"field": one, "other": other, "value": str(others)}
            yield Fault(f"/options/{one}", "options-conflict", facts)


def _not_chosen(fault: Fault, specs: Sequence[FieldSpec]) -> Fault:
    """Return the fault, with the choices where it is a choice that is missing."""
    field = fault.facts["field"]
    choices = next((spec.choices for spec in specs if spec.name == field), ())
    if fault.code != "field-missing" or not choices:
        return fault
    return Fault(
        fault.pointer, "option-not-chosen", {"field": field, "choices": ", ".join(choices)}
    )


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
        count = count_text(spec.unit, value)
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
