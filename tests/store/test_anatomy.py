"""A JPEG without its metadata shows the same picture, and says nothing of who took it where."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from store import anatomy
from store.probing import BrokenMedia, strip_metadata
from tests.files import tiny_gif, tiny_jpeg, tiny_png, tiny_webp

GPS = 0x8825
MAKE = 0x010F
ORIENTATION = 0x0112


def exif(turned: int) -> Image.Exif:
    data = Image.Exif()
    data[MAKE] = "PlantedCamera"
    data[ORIENTATION] = turned
    data.get_ifd(GPS).update({1: "S", 2: (6.0, 10.0, 31.0), 29: "2026:03:02"})
    return data


def photograph(turned: int = 1) -> bytes:
    picture = Image.linear_gradient("L").resize((48, 32)).convert("RGB")
    out = io.BytesIO()
    options = {"exif": exif(turned), "comment": b"planted comment", "icc_profile": b"profile" * 9}
    picture.save(out, "JPEG", xmp=b"<x:xmpmeta>planted place</x:xmpmeta>", **options)
    return out.getvalue() + b"planted second picture"


def shown(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).tobytes()


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_stripped_jpeg_shows_the_same_pixels_the_same_way_up(turned: int) -> None:
    data = photograph(turned)

    plain = anatomy.jpeg_without_metadata(data)

    assert shown(plain) == shown(data)
    with Image.open(io.BytesIO(plain)) as image:
        assert dict(image.getexif()) == ({} if turned == 1 else {ORIENTATION: turned})
        assert image.info["icc_profile"] == b"profile" * 9


def test_a_stripped_jpeg_holds_none_of_what_was_planted(tmp_path: Path) -> None:
    data = photograph(6)
    (tmp_path / "in").write_bytes(data)

    strip_metadata(tmp_path / "in", tmp_path / "out", "image/jpeg")
    plain = (tmp_path / "out").read_bytes()

    planted = [b"Planted", b"planted", b"2026:03:02", b"xmpmeta"]
    assert [word in data for word in planted] == [True] * 4
    assert [word in plain for word in planted] == [False] * 4


def test_stripping_twice_changes_nothing_more() -> None:
    once = anatomy.jpeg_without_metadata(photograph(8))

    assert anatomy.jpeg_without_metadata(once) == once


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 100}, {"subsampling": 2}])
def test_every_way_of_coding_survives_stripping(options: dict[str, object]) -> None:
    data = tiny_jpeg(200, 100, **options)

    assert shown(anatomy.jpeg_without_metadata(data)) == shown(data)


def test_only_a_whole_jpeg_is_stripped(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(tiny_jpeg()[:-2])

    with pytest.raises(BrokenMedia):
        strip_metadata(tmp_path / "in", tmp_path / "out", "image/jpeg")
    with pytest.raises(ValueError, match="image/png"):
        strip_metadata(tmp_path / "in", tmp_path / "out", "image/png")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_orientation_is_read_in_both_byte_orders(order: str, turned: int) -> None:
    data = Image.Exif()
    data.endian = order
    data[MAKE] = "Camera"
    data[ORIENTATION] = turned

    found = anatomy.orientation(data.tobytes().removeprefix(b"Exif\0\0"))

    assert found == turned


@given(tiff=st.one_of(st.binary(), st.binary().map(lambda tail: b"MM\0*\0\0\0\x08" + tail)))
def test_any_bytes_have_an_orientation(tiff: bytes) -> None:
    assert 1 <= anatomy.orientation(tiff) <= 8


@pytest.mark.parametrize(
    ("mime", "data", "frames"),
    [
        ("image/png", tiny_png(7, 5), 1),
        ("image/png", tiny_png(7, 5, frames=3), 3),
        ("image/gif", tiny_gif(7, 5), 1),
        ("image/gif", tiny_gif(7, 5, frames=3), 3),
        ("image/webp", tiny_webp(7, 5), 1),
        ("image/webp", tiny_webp(7, 5, lossless=True), 1),
        ("image/webp", tiny_webp(7, 5, frames=3), 3),
        ("image/jpeg", tiny_jpeg(7, 5), 1),
    ],
)
def test_structure_tells_size_frames_and_end(mime: str, data: bytes, frames: int) -> None:
    built = anatomy.build(mime, data)

    assert built == anatomy.Build(7, 5, frames=frames, scans=1, end=len(data))


@pytest.mark.parametrize("mime", sorted(anatomy.BUILDS))
@given(data=st.binary())
def test_bytes_that_are_no_image_are_malformed(mime: str, data: bytes) -> None:
    with pytest.raises(anatomy.Malformed):
        anatomy.build(mime, data)
