"""Media files for tests, made on the spot: about the smallest that a decoder accepts."""

import io
import struct
from collections.abc import Sequence
from typing import Any

from PIL import Image

UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
COLOURS = ("red", "green", "blue", "white", "black")
FRAME = bytes(16)


def tiny_png(width: int = 3, height: int = 2, **options: Any) -> bytes:
    return _image("PNG", width, height, **options)


def tiny_jpeg(width: int = 3, height: int = 2, **options: Any) -> bytes:
    return _image("JPEG", width, height, **options)


def tiny_gif(width: int = 3, height: int = 2, **options: Any) -> bytes:
    return _image("GIF", width, height, **options)


def tiny_webp(width: int = 3, height: int = 2, **options: Any) -> bytes:
    return _image("WEBP", width, height, **options)


def tiny_mp4(
    width: int = 320,
    height: int = 240,
    seconds: float = 2,
    *,
    frame_rate: int = 25,
    brand: bytes = b"isom",
    matrix: Sequence[int] = UPRIGHT,
    handler: bytes = b"vide",
) -> bytes:
    """An H.264 video (ISO 14496-12) with a whole header; its frames hold no picture."""
    count = round(seconds * frame_rate)
    scale, lasts = frame_rate * 1000, count * 1000
    kind = _box(b"ftyp", brand, _u32(0x200), brand)

    def movie(offset: int) -> bytes:
        head = struct.pack(">4I I H 10x 9I 24x I", 0, 0, scale, lasts, 0x10000, 0x100, *UPRIGHT, 2)
        shown = struct.pack(
            ">2I I 4x I 16x 9i 2I", 0, 0, 1, lasts, *matrix, width << 16, height << 16
        )
        media = _box(
            b"mdia",
            _full(b"mdhd", struct.pack(">4I 2H", 0, 0, scale, lasts, 0x55C4, 0)),
            _full(b"hdlr", bytes(4), handler, bytes(12), b"tiny\0"),
            _box(
                b"minf",
                _full(b"vmhd", bytes(8), flags=1),
                _box(b"dinf", _full(b"dref", _u32(1), _full(b"url ", flags=1))),
                _samples(width, height, count, offset),
            ),
        )
        return _box(
            b"moov", _full(b"mvhd", head), _box(b"trak", _full(b"tkhd", shown, flags=3), media)
        )

    offset = len(kind) + len(movie(0)) + 8
    return kind + movie(offset) + _box(b"mdat", FRAME * count)


def tiny_webm(
    width: int = 320,
    height: int = 240,
    seconds: float = 2,
    *,
    kind: bytes = b"webm",
    endless: bool = False,
) -> bytes:
    """A VP8 video (RFC 9559) at 25 frames a second, with one empty frame.

    `endless`: as a browser records it, without saying how large it will be.
    """
    head = _element(
        "1A45DFA3",
        *(_element(code, bytes([value])) for code, value in (("4286", 1), ("42F7", 1))),
        *(_element(code, bytes([value])) for code, value in (("42F2", 4), ("42F3", 8))),
        _element("4282", kind),
        *(_element(code, bytes([value])) for code, value in (("4287", 4), ("4285", 2))),
    )
    info = _element(
        "1549A966",
        _element("2AD7B1", _u32(1_000_000)),
        _element("4489", struct.pack(">d", seconds * 1000)),
    )
    track = _element(
        "AE",
        *(_element(code, b"\1") for code in ("D7", "73C5", "83")),
        _element("86", b"V_VP8"),
        _element("23E383", _u32(40_000_000)),
        _element("E0", _element("B0", _u32(width)), _element("BA", _u32(height))),
    )
    cluster = _element("1F43B675", _element("E7", b"\0"), _element("A3", b"\x81\0\0\x80" + FRAME))
    segment = _element("18538067", info, _element("1654AE6B", track), cluster)
    if endless:
        segment = segment[:4] + b"\x01" + b"\xff" * 7 + segment[12:]
    return head + segment


def _image(kind: str, width: int, height: int, frames: int = 1, **options: Any) -> bytes:
    first, *more = (
        Image.new("RGB", (width, height), COLOURS[frame % len(COLOURS)]) for frame in range(frames)
    )
    if more:
        options |= {"save_all": True, "append_images": more}
    out = io.BytesIO()
    first.save(out, kind, **options)
    return out.getvalue()


def _samples(width: int, height: int, count: int, offset: int) -> bytes:
    sps, pps = bytes.fromhex("6742c00ada0f0a69a808080a03c30b30"), bytes.fromhex("68ce3c80")
    decoder = struct.pack(">6B H16s B H4s", 1, 0x42, 0xC0, 10, 0xFF, 0xE1, 16, sps, 1, 4, pps)
    form = ">6x H 16x 2H 2I 4x H 32x H h"
    entry = struct.pack(form, 1, width, height, 0x480000, 0x480000, 1, 24, -1)
    return _box(
        b"stbl",
        _full(b"stsd", _u32(1), _box(b"avc1", entry, _box(b"avcC", decoder))),
        _full(b"stts", _u32(1), _u32(count), _u32(1000)),
        _full(b"stsc", _u32(1), _u32(1), _u32(count), _u32(1)),
        _full(b"stsz", _u32(len(FRAME)), _u32(count)),
        _full(b"stco", _u32(1), _u32(offset)),
    )


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _u32(8 + len(body)) + name + body


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, _u32(flags), *parts)


def _element(code: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes.fromhex(code) + (1 << 56 | len(body)).to_bytes(8) + body


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)
