"""What a media file really is, read from its bytes: never from its name or a client's header."""

import io
import re
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import puremagic
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from planner.errors import Fault, Invalid
from store import anatomy, videos
from store.blobs import TooLarge

POINTER = "/file"
HEAD_BYTES = 4096
MAX_SCANS = 200  # a progressive JPEG has about ten; thousands only keep a decoder busy

MAX_DURATION_MS = 2**31 - 1  # 24 days: what a column holds; more is a broken header

DECODERS: Mapping[str, Callable[[io.BytesIO], ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/gif": GifImageFile,
    "image/webp": WebPImageFile,
}

_VIDEO_BRANDS = re.compile(rb"iso[0-9a-m]|mp4[12]|avc1|hvc1|M4V |M4VH|M4VP|MSNV|mmp4|dash|cmf[cf2]")
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MARKUP = re.compile(rb"<(?:script|!doctype|iframe|html[\s>]|\?php\s)", re.IGNORECASE)
_ARCHIVE_END = re.compile(rb"PK\x05\x06.{8}(.{4})", re.DOTALL)
# A WebM segment of unknown size: what a browser records; only its last frame knows the end.
_ENDLESS = re.compile(rb"\x18\x53\x80\x67(?:\xff|\x01\xff{7})")
_CODECS = {"avc": "h264", "mpeg-4 visual": "mpeg4", "mpeg video": "mpeg2"}
_SAID = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,39}")

# What Pillow's decoders raise for bytes that are not what they should be.
_BROKEN = (
    SyntaxError,
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

# Decoding takes up to 600 MB: one image at a time.
_decoding = threading.Lock()


class NotMedia(Invalid):
    """The bytes are no picture and no video of a type that is taken, or more than one thing."""


class BrokenMedia(Invalid):
    """The file begins like a picture or video but cannot be read to its end."""


class TooManyPixels(Invalid):
    """A picture or video is larger than may be decoded."""


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What is decoded at most: pixels of a frame, pixels and number of all frames, file bytes.

    GIF, WebP and whatever moves may have a quarter of `pixels`: their decoders keep up to four
    canvases. So none takes more than about 600 MB of memory. `video_seconds` is how long reading
    a video's header may take.
    """

    pixels: int = 100_000_000
    animation_pixels: int = 500_000_000
    frames: int = 2_000
    image_bytes: int = 64_000_000
    video_seconds: float = 60


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file is. `width` and `height` are pixels as shown, after turning.

    Videos have `codec`, and `duration_ms` and `frame_rate` (frames a second) where the file
    tells them; images have `frames`, 1 for a still.
    """

    mime: str
    width: int
    height: int
    duration_ms: int | None = None
    frame_rate: Fraction | None = None
    codec: str | None = None
    frames: int | None = None

    @property
    def animated(self) -> bool:
        """Whether an image moves."""
        return (self.frames or 1) > 1


def probe(path: Path, limits: ProbeLimits) -> Probed:
    """Say what a file is: JPEG, PNG, WebP or GIF, MP4, QuickTime or WebM.

    Blocks, up to seconds: call it in a thread. The first bytes decide what it claims to be, then
    the structure must hold to the end, nothing else may hide in it, and a decoder must agree.
    Raises `NotMedia`, `BrokenMedia`, `TooManyPixels`, `store.blobs.TooLarge`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, io.SEEK_END)
        mime = _claimed(head)
        hidden = _hidden(file, head, size)
    if hidden is not None:
        raise NotMedia(_fault("hidden-content", mime=mime, found=hidden))
    if mime not in DECODERS:
        return _video(path, mime, limits, endless=bool(_ENDLESS.search(head)))
    if size > limits.image_bytes:
        raise TooLarge(_fault("too-large", limit=limits.image_bytes), limit=limits.image_bytes)
    return _image(path.read_bytes(), mime, limits)


def strip_metadata(path_in: Path, path_out: Path, mime: str) -> None:
    """Write a JPEG without Exif (places!), XMP, IPTC and comments; the pixels are copied.

    Keeps orientation and colour profile. Only for `image/jpeg` (else `ValueError`); raises
    `BrokenMedia`.
    """
    if mime != "image/jpeg":
        raise ValueError(f"cannot strip {mime}")
    try:
        plain = anatomy.jpeg_without_metadata(path_in.read_bytes())
    except anatomy.Malformed as error:
        raise _broken(mime, error) from error
    path_out.write_bytes(plain)


def _claimed(head: bytes) -> str:
    if not head:
        raise NotMedia(_fault("empty-file"))
    guesses = _guesses(head)
    if head[4:8] in _FIRST_BOXES:
        return _claimed_brand(head, guesses)
    for mime in guesses:
        if mime in DECODERS or mime == "video/webm":
            return mime
    raise _not_media(guesses)


def _guesses(head: bytes) -> list[str]:
    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        # Version 1 says so where version 2 returns nothing.
        return []
    # Two bytes (confidence 0.2) occur anywhere; JPEG's three are the fewest that count.
    return [match.mime_type for match in matches if match.mime_type and match.confidence >= 0.3]


def _claimed_brand(head: bytes, guesses: list[str]) -> str:
    """Tell MP4 from QuickTime and from pictures in the same container (ISO 14496-12, 4.3).

    puremagic knows some of MP4's brands only, but those of pictures and sound.
    """
    if head[4:8] != b"ftyp" or head[8:12] == b"qt  ":
        return "video/quicktime"
    length = min(int.from_bytes(head[:4]), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
    other = any(mime.startswith("image/") or mime == "audio/mp4" for mime in guesses)
    if other or not any(_VIDEO_BRANDS.fullmatch(brand) for brand in brands):
        raise _not_media(guesses)
    return "video/mp4"


def _hidden(file: BinaryIO, head: bytes, size: int) -> str | None:
    """Name what else a file can be opened as: a page, a document, an archive."""
    if _MARKUP.search(head):
        return "html"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return "zip" if _ends_as_archive(file, size) else None


def _ends_as_archive(file: BinaryIO, size: int) -> bool:
    """Look for the end of a ZIP archive, at most a comment (64 KiB) before the file's end."""
    start = max(0, size - 66_000)
    file.seek(start)
    for end in _ARCHIVE_END.finditer(file.read()):
        length = int.from_bytes(end[1], "little")
        at = start + end.start() - length
        # It counts where it leads back to a central directory (or says that it is too large to
        # say): the four bytes alone occur in one photograph of many thousands.
        if at >= 0:
            file.seek(at)
            if file.read(4) == b"PK\x01\x02":
                return True
        elif length == 0xFFFFFFFF:
            return True
    return False


def _image(data: bytes, mime: str, limits: ProbeLimits) -> Probed:
    try:
        built = anatomy.build(mime, data)
    except anatomy.Malformed as error:
        raise _broken(mime, error) from error
    _check_pixels(mime, built, limits)
    extra = len(data) - built.end
    # Phones append a second picture or a short film to a JPEG; nothing honest does to the rest.
    if extra > 0 and mime != "image/jpeg":
        raise NotMedia(_fault("bytes-after-end", mime=mime, bytes=extra))
    if _MARKUP.search(data):
        raise NotMedia(_fault("hidden-content", mime=mime, found="html"))
    with _decoding:
        _decode(data, mime, built)
    width, height = built.width, built.height
    if anatomy.orientation(anatomy.exif(mime, data)) >= 5:
        width, height = height, width
    return Probed(mime, width, height, frames=built.frames)


def _check_pixels(mime: str, built: anatomy.Build, limits: ProbeLimits) -> None:
    pixels = built.width * built.height
    one_canvas = mime in {"image/jpeg", "image/png"} and built.frames == 1
    limit = limits.pixels if one_canvas else limits.pixels // 4
    if pixels > limit:
        raise _too_many(built.width, built.height, limit)
    if built.frames > limits.frames or pixels * built.frames > limits.animation_pixels:
        facts = {"frames": built.frames, "pixels": pixels * built.frames}
        most = {"frame_limit": limits.frames, "pixel_limit": limits.animation_pixels}
        raise TooManyPixels(_fault("animation-too-large", **facts, **most))


def _decode(data: bytes, mime: str, built: anatomy.Build) -> None:
    if built.scans > MAX_SCANS:
        raise _broken(mime)
    # The decoder named, not looked for: no other one of Pillow's can be talked into reading it.
    # It sees a JPEG's pixels only, and decodes them at an eighth, which reads every byte.
    plain = anatomy.jpeg_without_metadata(data) if mime == "image/jpeg" else data
    decoder = DECODERS[mime]
    try:
        with decoder(io.BytesIO(plain)) as image:
            agrees = image.size == (built.width, built.height)
            image.verify()
        with decoder(io.BytesIO(plain)) as image:
            image.draft(None, (1, 1))
            for frame in range(built.frames):
                image.seek(frame)
                image.load()
    except _BROKEN as error:
        raise _broken(mime, error) from error
    if not agrees:
        raise _broken(mime)


def _video(path: Path, mime: str, limits: ProbeLimits, *, endless: bool) -> Probed:
    try:
        rows = videos.told(path, limits.video_seconds)
    except videos.TookTooMuch as error:
        raise _broken(mime) from error
    general = next((row[1:] for row in rows if row[0] == "General" and len(row) == 4), None)
    if general is None or not general[0] or (mime == "video/webm") != (general[0] == "WebM"):
        matroska = general is not None and general[0] == "Matroska"
        raise _not_media(["video/x-matroska"] if matroska else [])
    if general[1] == "Yes" and not endless:
        raise BrokenMedia(_fault("truncated-file", mime=mime))
    video = next((row[1:] for row in rows if row[0] == "Video" and len(row) == 9), None)
    if video is None:
        raise BrokenMedia(_fault("no-video-track", mime=mime))
    return _probed_video(mime, video, general[2], limits)


def _probed_video(mime: str, told: list[str], duration: str, limits: ProbeLimits) -> Probed:
    name, *numbers = told
    width, height, turned, lasts, rate, over, decimal = (_number(text) for text in numbers)
    lasts = lasts or _number(duration) or Fraction(0)
    if width is None or height is None or min(width, height) < 1 or lasts > MAX_DURATION_MS:
        raise _broken(mime)
    if turned is not None and turned % 180 == 90:
        width, height = height, width
    if width * height > limits.pixels:
        raise _too_many(int(width), int(height), limits.pixels)
    codec = _CODECS.get(name.lower(), name.lower())
    return Probed(
        mime,
        int(width),
        int(height),
        duration_ms=int(lasts) if lasts > 0 else None,
        frame_rate=_frame_rate(rate, over, decimal),
        codec=codec if _SAID.fullmatch(codec) else None,
    )


def _frame_rate(
    rate: Fraction | None, over: Fraction | None, decimal: Fraction | None
) -> Fraction | None:
    exact = rate / over if rate and over else decimal
    if exact is None or not 0 < exact <= 1000:
        return None
    return exact.limit_denominator(100_000)


def _number(text: str) -> Fraction | None:
    return Fraction(text) if re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", text, re.ASCII) else None


def _too_many(width: int, height: int, limit: int) -> TooManyPixels:
    facts = {"width": width, "height": height, "pixels": width * height, "limit": limit}
    return TooManyPixels(_fault("too-many-pixels", **facts))


def _broken(mime: str, error: Exception | None = None) -> BrokenMedia:
    code = "truncated-file" if isinstance(error, anatomy.EndsEarly) else "broken-file"
    return BrokenMedia(_fault(code, mime=mime))


def _not_media(guesses: list[str]) -> NotMedia:
    if not guesses:
        return NotMedia(_fault("unknown-file"))
    return NotMedia(_fault("not-media", found=guesses[0]))


def _fault(code: str, **facts: str | int) -> Fault:
    return Fault(POINTER, code, facts)
