"""How JPEG, PNG, GIF and WebP files are built: their size, their frames, and where they end."""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_EXIF = b"Exif\0\0"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # not stuffing, not a restart, not fill


class Malformed(ValueError):
    """The bytes are not built as their type wants it."""


class EndsEarly(Malformed):
    """The file ends before what it is made of does."""


@dataclass(frozen=True, slots=True)
class Build:
    """What the structure of an image file says, before anything is decoded.

    `width` and `height` in pixels as stored (not turned), `frames` shown one after the other,
    `scans` a decoder has to go through (progressive JPEG; else 1), `end` in bytes.
    """

    width: int
    height: int
    frames: int
    scans: int
    end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a JPEG: its marker, and the bytes from `start` to before `end`.

    The entropy-coded data belong to the scan that they follow.
    """

    marker: int
    start: int
    end: int


SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
APP0, APP1, APP2, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments from SOI to the first EOI (ITU-T T.81, B.1); raises `Malformed`.

    What follows EOI (a phone's second picture or short film) is no part of the picture.
    """
    if data[:2] != b"\xff\xd8":
        raise Malformed("no SOI")
    yield Segment(SOI, 0, 2)
    at = 2
    while True:
        at = _next_marker(data, at)
        marker = data[at + 1]
        if marker == EOI:
            yield Segment(EOI, at, at + 2)
            return
        end = at + 2 + _number(">H", data, at + 2)
        if end < at + 4 or end > len(data):
            raise EndsEarly("segment")
        if marker == SOS:
            end = _next_marker(data, end)
        yield Segment(marker, at, end)
        at = end


def jpeg_without_metadata(data: bytes) -> bytes:
    """Return the same picture without Exif, XMP, IPTC, comments and what follows its end.

    Lossless: the coded pixels are copied. Kept are the colour profile, Adobe's colour transform
    and, as the only Exif entry, the orientation where it is not upright. Raises `Malformed`.
    """
    turned = orientation(jpeg_exif(data))
    kept = [data[part.start : part.end] for part in jpeg_segments(data) if _is_picture(data, part)]
    if turned != 1:
        # Exif wants to come first, JFIF insists on it.
        after = 2 if kept[1:] and kept[1].startswith(b"\xff\xe0") else 1
        kept.insert(after, _orientation_segment(turned))
    return b"".join(kept)


def jpeg_exif(data: bytes) -> bytes:
    """Return the TIFF structure of the first Exif segment, or nothing."""
    for part in jpeg_segments(data):
        if part.marker == APP1 and data.startswith(_EXIF, part.start + 4):
            return data[part.start + 4 + len(_EXIF) : part.end]
        if part.marker == SOS:
            break
    return b""


def orientation(tiff: bytes) -> int:
    """Return the Exif orientation (1 to 8) of a TIFF structure; 1 where it says nothing sound.

    Tag 0x0112 of the first directory (Exif 3.0, 4.6.5); 5 to 8 swap width and height.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            at = directory + 2 + 12 * entry
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, at)
            if (tag, kind, count) == (0x0112, 3, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the contents of each chunk, IEND included (PNG, clause 5)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise Malformed("no PNG signature")
    at = 8
    while True:
        length, name = struct.unpack(">I4s", _slice(data, at, 8))
        start, at = at + 8, at + 12 + length
        if at > len(data):
            raise EndsEarly("chunk")
        yield name, start, start + length
        if name == b"IEND":
            return


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the contents of each chunk (RFC 9649, 2.3 to 2.7)."""
    riff, size, kind = struct.unpack("<4sI4s", _slice(data, 0, 12))
    if (riff, kind) != (b"RIFF", b"WEBP"):
        raise Malformed("no WebP header")
    whole = size + 8
    if whole > len(data):
        raise EndsEarly("file")
    at = 12
    while at + 8 <= whole:
        name, length = struct.unpack("<4sI", _slice(data, at, 8))
        start, at = at + 8, at + 8 + length + length % 2
        # The last chunk's padding byte is left out by some writers.
        if start + length > whole:
            raise EndsEarly("chunk")
        yield name, start, start + length


def build(mime: str, data: bytes) -> Build:
    """Read the structure of an image of one of the types in `BUILDS`; raises `Malformed`."""
    return BUILDS[mime](data)


def exif(mime: str, data: bytes) -> bytes:
    """Return the TIFF structure that an image carries as Exif, or nothing."""
    if mime == "image/jpeg":
        return jpeg_exif(data)
    chunks = {"image/png": png_chunks, "image/webp": webp_chunks}.get(mime)
    for name, start, end in chunks(data) if chunks else ():
        if name in {b"eXIf", b"EXIF"}:
            # WebP writers disagree about the six bytes that only JPEG needs.
            return data[start:end].removeprefix(_EXIF)
    return b""


def _jpeg(data: bytes) -> Build:
    size, scans, end = (0, 0), 0, 0
    for part in jpeg_segments(data):
        if part.marker in _FRAME_HEADERS and size == (0, 0):
            height, width = struct.unpack(">HH", _slice(data, part.start + 5, 4))
            size = (width, height)
        scans += part.marker == SOS
        end = part.end
    return Build(*size, frames=1, scans=scans, end=end)


def _png(data: bytes) -> Build:
    size, frames, end = (0, 0), None, 0
    for name, start, stop in png_chunks(data):
        if name == b"IHDR" and size == (0, 0):
            size = struct.unpack(">II", _slice(data, start, 8))
        if name == b"acTL":
            if frames is not None:
                raise Malformed("two animations")
            frames = _number(">I", data, start)
        end = stop + 4
    if frames == 0:
        raise Malformed("an animation of nothing")
    return Build(*size, frames=frames or 1, scans=1, end=end)


def _gif(data: bytes) -> Build:
    if data[:6] not in {b"GIF87a", b"GIF89a"}:
        raise Malformed("no GIF header")
    width, height, flags = struct.unpack("<HHB", _slice(data, 6, 5))
    at, frames = 13 + _colours(flags), 0
    while (kind := _number("B", data, at)) != 0x3B:
        if kind == 0x2C:
            left, top, wide, high = struct.unpack("<HHHH", _slice(data, at + 1, 8))
            if frames == 0:
                # Decoders widen the screen for the first picture, and for no other.
                width, height = max(width, left + wide), max(height, top + high)
            if left + wide > width or top + high > height:
                raise Malformed("a picture beyond the screen")
            frames += 1
            at = _after_blocks(data, at + 11 + _colours(_number("B", data, at + 9)))
        elif kind == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            raise Malformed("unknown block")
    if frames == 0:
        raise Malformed("no picture")
    return Build(width, height, frames=frames, scans=1, end=at + 1)


def _webp(data: bytes) -> Build:
    size, frames = (0, 0), 0
    for name, start, _ in webp_chunks(data):
        if size == (0, 0):
            size = _webp_size(name, data, start)
        frames += name == b"ANMF"
    (length,) = struct.unpack_from("<I", data, 4)
    return Build(*size, frames=max(frames, 1), scans=1, end=8 + length + length % 2)


def _webp_size(name: bytes, data: bytes, start: int) -> tuple[int, int]:
    head = _slice(data, start, 10)
    if name == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise Malformed("no picture")


BUILDS: Mapping[str, Callable[[bytes], Build]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
}


def _is_picture(data: bytes, part: Segment) -> bool:
    if part.marker == APP0:
        return data.startswith(b"JFIF\0", part.start + 4)
    if part.marker == APP2:
        return data.startswith(b"ICC_PROFILE\0", part.start + 4)
    if part.marker == APP14:
        return data.startswith(b"Adobe", part.start + 4)
    return not (part.marker == COM or APP0 < part.marker <= APP15)


def _orientation_segment(turned: int) -> bytes:
    tiff = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0)
    return struct.pack(">BBH", 0xFF, APP1, 2 + len(_EXIF) + len(tiff)) + _EXIF + tiff


def _next_marker(data: bytes, at: int) -> int:
    found = _MARKER.search(data, at)
    if found is None:
        raise EndsEarly("no marker")
    return found.start()


def _colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while length := _number("B", data, at):
        at += 1 + length
    return at + 1


def _number(form: str, data: bytes, at: int) -> int:
    number: int
    (number,) = struct.unpack(form, _slice(data, at, struct.calcsize(form)))
    return number


def _slice(data: bytes, at: int, length: int) -> bytes:
    piece = data[at : at + length]
    if len(piece) < length:
        raise EndsEarly("file")
    return piece
