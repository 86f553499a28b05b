"""A file is what its bytes say, and only if a decoder agrees to the end."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from planner.errors import Invalid
from store.blobs import TooLarge
from store.probing import BrokenMedia, NotMedia, Probed, ProbeLimits, TooManyPixels, probe
from tests.files import (
    QUARTER_TURN,
    tiny_gif,
    tiny_jpeg,
    tiny_mp4,
    tiny_png,
    tiny_webm,
    tiny_webp,
)

LIMITS = ProbeLimits()
SCRIPT = b"<script>alert(1)</script>"
Probe = Callable[..., Probed]


@pytest.fixture
def probed(tmp_path: Path) -> Probe:
    def look(data: bytes, limits: ProbeLimits = LIMITS) -> Probed:
        path = tmp_path / "holiday.jpg"
        path.write_bytes(data)
        return probe(path, limits)

    return look


def refusal(look: Probe, data: bytes, limits: ProbeLimits = LIMITS) -> tuple[type, str, object]:
    with pytest.raises(Invalid) as error:
        look(data, limits)
    (fault,) = error.value.faults
    assert fault.pointer == "/file"
    return type(error.value), fault.code, fault.facts


def turned(quarter: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = quarter
    return exif


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that is a desert of pixels."""
    header = struct.pack(">II5B", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((width // 8 + 1) * 100))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def vast_gif() -> bytes:
    return tiny_gif().replace(b"GIF87a\3\0\2\0", b"GIF87a\xff\xff\xff\xff")


def archive(before: bytes = b"") -> bytes:
    out = io.BytesIO(before)
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("evil.class", "x" * 50)
    return out.getvalue()


IMAGES = {
    "jpeg": (tiny_jpeg(30, 20), Probed("image/jpeg", 30, 20, frames=1)),
    "progressive": (tiny_jpeg(90, 70, progressive=True), Probed("image/jpeg", 90, 70, frames=1)),
    "turned jpeg": (tiny_jpeg(30, 20, exif=turned(6)), Probed("image/jpeg", 20, 30, frames=1)),
    "mirrored jpeg": (tiny_jpeg(30, 20, exif=turned(2)), Probed("image/jpeg", 30, 20, frames=1)),
    "two pictures": (tiny_jpeg(30, 20) * 2, Probed("image/jpeg", 30, 20, frames=1)),
    "png": (tiny_png(30, 20), Probed("image/png", 30, 20, frames=1)),
    "turned png": (tiny_png(30, 20, exif=turned(8)), Probed("image/png", 20, 30, frames=1)),
    "moving png": (tiny_png(30, 20, frames=4), Probed("image/png", 30, 20, frames=4)),
    "gif": (tiny_gif(30, 20), Probed("image/gif", 30, 20, frames=1)),
    "moving gif": (tiny_gif(30, 20, frames=4), Probed("image/gif", 30, 20, frames=4)),
    "webp": (tiny_webp(30, 20), Probed("image/webp", 30, 20, frames=1)),
    "lossless webp": (tiny_webp(30, 20, lossless=True), Probed("image/webp", 30, 20, frames=1)),
    "turned webp": (tiny_webp(30, 20, exif=turned(5)), Probed("image/webp", 20, 30, frames=1)),
    "moving webp": (tiny_webp(30, 20, frames=4), Probed("image/webp", 30, 20, frames=4)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_what_its_bytes_say(probed: Probe, name: str) -> None:
    data, expected = IMAGES[name]

    found = probed(data)

    assert found == expected
    assert found.animated == name.startswith("moving")


VIDEO = Probed("video/mp4", 320, 240, duration_ms=2000, frame_rate=Fraction(25), codec="h264")
VIDEOS = {
    "mp4": (tiny_mp4(), VIDEO),
    "hd": (
        tiny_mp4(1080, 1920, 1.5, frame_rate=30),
        Probed("video/mp4", 1080, 1920, 1500, Fraction(30), "h264"),
    ),
    "dash": (tiny_mp4(brand=b"iso6"), VIDEO),
    "phone": (
        tiny_mp4(matrix=QUARTER_TURN, brand=b"mp42"),
        Probed("video/mp4", 240, 320, 2000, Fraction(25), "h264"),
    ),
    "mov": (
        tiny_mp4(brand=b"qt  "),
        Probed("video/quicktime", 320, 240, 2000, Fraction(25), "h264"),
    ),
    "old mov": (
        tiny_mp4()[20:],
        Probed("video/quicktime", 320, 240, 2000, Fraction(25), "h264"),
    ),
    "webm": (tiny_webm(), Probed("video/webm", 320, 240, 2000, Fraction(25), "vp8")),
    "recorded": (
        tiny_webm(endless=True),
        Probed("video/webm", 320, 240, 2000, Fraction(25), "vp8"),
    ),
}


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_what_its_bytes_say(probed: Probe, name: str) -> None:
    data, expected = VIDEOS[name]

    assert probed(data) == expected


SPOOFED = {
    "nothing": (b"", "empty-file", {}),
    "noise": (bytes(range(1, 200)) * 9, "unknown-file", {}),
    "a page": (b"<!DOCTYPE html><html>" + SCRIPT, "not-media", {"found": "text/html"}),
    "an svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "not-media",
        {"found": "image/svg+xml"},
    ),
    "a matroska": (tiny_webm(kind=b"matroska"), "not-media", {"found": "video/x-matroska"}),
    "a heic": (tiny_mp4(brand=b"heic"), "not-media", {"found": "image/heif"}),
    "a pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not-media", {"found": "application/pdf"}),
    "an unknown brand": (tiny_mp4(brand=b"zzzz"), "unknown-file", {}),
}


@pytest.mark.parametrize("name", SPOOFED)
def test_what_is_no_media_is_refused_whatever_its_name(probed: Probe, name: str) -> None:
    data, code, facts = SPOOFED[name]

    assert refusal(probed, data) == (NotMedia, code, facts)


def test_an_archive_is_refused(probed: Probe) -> None:
    kind, code, _ = refusal(probed, archive())

    assert (kind, code) == (NotMedia, "not-media")


def gif_that_is_script() -> bytes:
    # Width 0x2A2F reads as `/*`: to an engine a comment that ends behind the picture.
    tail = b"*/=1;alert(1)//"
    return b"GIF89a/*" + tiny_gif(10, 10)[8:] + tail


POLYGLOTS = {
    "a picture with a page as its comment": (
        tiny_jpeg(comment=b"<HTML >" + SCRIPT),
        "hidden-content",
        {"mime": "image/jpeg", "found": "html"},
    ),
    "a picture with a script far behind": (
        tiny_jpeg() + bytes(100_000) + SCRIPT,
        "hidden-content",
        {"mime": "image/jpeg", "found": "html"},
    ),
    "a picture and an archive": (
        archive(tiny_jpeg()),
        "hidden-content",
        {"mime": "image/jpeg", "found": "zip"},
    ),
    "a video and an archive": (
        archive(tiny_mp4()),
        "hidden-content",
        {"mime": "video/mp4", "found": "zip"},
    ),
    "a picture and a document": (
        tiny_jpeg(comment=b"%PDF-1.4"),
        "hidden-content",
        {"mime": "image/jpeg", "found": "pdf"},
    ),
    "a video with a page first": (
        tiny_mp4()[:20] + struct.pack(">I4s", 33, b"free") + SCRIPT + tiny_mp4()[20:],
        "hidden-content",
        {"mime": "video/mp4", "found": "html"},
    ),
    "a png with a tail": (
        tiny_png() + b"tail",
        "bytes-after-end",
        {"mime": "image/png", "bytes": 4},
    ),
    "a webp with a tail": (
        tiny_webp() + b"tail",
        "bytes-after-end",
        {"mime": "image/webp", "bytes": 4},
    ),
    "a gif that is a script": (
        gif_that_is_script(),
        "bytes-after-end",
        {"mime": "image/gif", "bytes": 15},
    ),
}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_file_that_is_two_things_is_refused(probed: Probe, name: str) -> None:
    data, code, facts = POLYGLOTS[name]

    assert refusal(probed, data) == (NotMedia, code, facts)


def test_four_bytes_of_an_archive_alone_are_no_archive(probed: Probe) -> None:
    data = tiny_jpeg() + b"PK\x05\x06" + bytes(range(18))

    assert probed(data) == Probed("image/jpeg", 3, 2, frames=1)


@pytest.mark.parametrize("name", sorted({*IMAGES, *VIDEOS} - {"two pictures", "recorded"}))
def test_a_file_that_was_cut_off_is_refused(probed: Probe, name: str) -> None:
    data, expected = (IMAGES | VIDEOS)[name]

    found = [refusal(probed, data[:size]) for size in (len(data) - 1, len(data) * 2 // 3)]

    assert found == [(BrokenMedia, "truncated-file", {"mime": expected.mime})] * 2


def longer(data: bytes, box: bytes, more: int) -> bytes:
    at = data.index(box) - 4
    size = int.from_bytes(data[at : at + 4]) + more
    return data[:at] + size.to_bytes(4) + data[at + 4 :]


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


BROKEN = {
    "a header and a script": (b"\x89PNG\r\n\x1a\n" + SCRIPT[8:], "truncated-file", "image/png"),
    "a header and nothing": (b"\xff\xd8\xff\xd9", "broken-file", "image/jpeg"),
    "a checksum that is wrong": (damaged(tiny_png(), -15), "broken-file", "image/png"),
    "pixels that are missing": (bomb(900, 900), "broken-file", "image/png"),
    "an animation of nothing": (
        tiny_png(frames=2).replace(b"acTL\0\0\0\x02", b"acTL\0\0\0\0"),
        "broken-file",
        "image/png",
    ),
    "a gif picture beyond the screen": (
        tiny_gif(frames=2)[::-1].replace(b"\0\0\0\0,", b"\xff\xff\xff\xff,", 1)[::-1],
        "broken-file",
        "image/gif",
    ),
    "a video of no size": (tiny_mp4(0, 0), "broken-file", "video/mp4"),
    "a video without pictures": (
        tiny_mp4().replace(b"trak", b"free"),
        "no-video-track",
        "video/mp4",
    ),
    "a video of a year": (
        tiny_webm(seconds=31_536_000),
        "broken-file",
        "video/webm",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(probed: Probe, name: str) -> None:
    data, code, mime = BROKEN[name]

    assert refusal(probed, data) == (BrokenMedia, code, {"mime": mime})


def test_a_jpeg_of_a_thousand_scans_is_not_decoded(probed: Probe) -> None:
    data = tiny_jpeg(64, 64, progressive=True)
    last = data.rindex(b"\xff\xda")
    slow = data[:last] + data[last:-2] * 1000 + data[-2:]

    assert refusal(probed, slow) == (BrokenMedia, "broken-file", {"mime": "image/jpeg"})


@pytest.mark.parametrize(
    ("data", "width", "height", "limit"),
    [
        (bomb(50_000, 50_000), 50_000, 50_000, 100_000_000),
        (bomb(12_000, 9_000), 12_000, 9_000, 100_000_000),
        (vast_gif(), 65_535, 65_535, 25_000_000),
        (tiny_mp4(20_000, 10_000), 20_000, 10_000, 100_000_000),
    ],
)
def test_more_pixels_than_may_be_are_never_decoded(
    probed: Probe, data: bytes, width: int, height: int, limit: int
) -> None:
    facts = {"width": width, "height": height, "pixels": width * height, "limit": limit}

    assert refusal(probed, data) == (TooManyPixels, "too-many-pixels", facts)


def test_a_webp_that_claims_a_desert_is_refused_before_its_canvas_is_made(probed: Probe) -> None:
    data = bytearray(tiny_webp(frames=2))
    at = data.index(b"VP8X")
    data[at + 12 : at + 18] = b"\xff\x3f\0\xff\x3f\0"

    kind, code, _ = refusal(probed, bytes(data))

    assert (kind, code) == (TooManyPixels, "too-many-pixels")


def test_pixels_may_be_as_many_as_the_limit_says(probed: Probe) -> None:
    data = tiny_png(30, 20)

    assert probed(data, ProbeLimits(pixels=600)).width == 30
    assert refusal(probed, data, ProbeLimits(pixels=599))[1] == "too-many-pixels"


@pytest.mark.parametrize(
    "data",
    [tiny_gif(30, 20), tiny_webp(30, 20), tiny_gif(30, 20, frames=2), tiny_png(30, 20, frames=2)],
)
def test_what_needs_several_canvases_may_have_a_quarter(probed: Probe, data: bytes) -> None:
    assert probed(data, ProbeLimits(pixels=2400)).width == 30
    assert refusal(probed, data, ProbeLimits(pixels=2399))[1] == "too-many-pixels"


@pytest.mark.parametrize("limits", [ProbeLimits(frames=3), ProbeLimits(animation_pixels=2399)])
def test_an_animation_is_bounded_in_frames_and_pixels(probed: Probe, limits: ProbeLimits) -> None:
    data = tiny_gif(30, 20, frames=4)

    facts = {
        "frames": 4,
        "pixels": 2400,
        "frame_limit": limits.frames,
        "pixel_limit": limits.animation_pixels,
    }
    assert refusal(probed, data, limits) == (TooManyPixels, "animation-too-large", facts)


def test_an_image_of_too_many_bytes_is_not_read(probed: Probe) -> None:
    found = refusal(probed, tiny_png(), ProbeLimits(image_bytes=50))

    assert found == (TooLarge, "too-large", {"limit": 50})


def test_a_video_that_takes_too_long_to_read_is_refused(probed: Probe) -> None:
    found = refusal(probed, tiny_mp4(), ProbeLimits(video_seconds=0.001))

    assert found == (BrokenMedia, "broken-file", {"mime": "video/mp4"})


def test_a_file_that_names_another_file_does_not_open_it(probed: Probe, tmp_path: Path) -> None:
    other = tmp_path / "other"
    os.mkfifo(other)  # whoever opens it to read waits for ever
    name = str(other).encode() + b"\0"
    inside = tiny_mp4()
    linked = inside.replace(b"url \0\0\0\1", b"url \0\0\0\0" + name)
    for box in (b"url ", b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        linked = longer(linked, box, len(name))

    assert probed(linked) == VIDEO
