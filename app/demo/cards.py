"""Cards: pictures of words, drawn for posts that have no photographer."""

import io
import re
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

from app.demo.script import Words

PORTRAIT = (1080, 1350)
TALL = (1080, 1920)
MARGIN = 96
PAPER = (250, 246, 239)
SENTENCES_MAX = 4
QUALITY = 88


def cards(words: Words, pillar: str, colour: str, office: str) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures (JPEG) of a post with their alternative texts; a carousel has several.

    `colour` is the pillar's, as `#rrggbb`.
    """
    size = TALL if words.format == "reel" else PORTRAIT
    yield f"Kartu judul: {words.title}", _drawn(words.title, pillar, colour, office, size, 92)
    if words.format == "carousel":
        sentences = re.split(r"(?<=[.?!])\s+", words.text)[:SENTENCES_MAX]
        for number, sentence in enumerate(sentences, start=1):
            picture = _drawn(sentence, f"{pillar} · {number}", colour, office, size, 64)
            yield f"Kartu {number}: {sentence}", picture


def _drawn(
    text: str, heading: str, colour: str, office: str, size: tuple[int, int], points: int
) -> bytes:
    width, height = size
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - 180, width, height), fill=PAPER)
    draw.rectangle((MARGIN, MARGIN, MARGIN + 120, MARGIN + 10), fill=PAPER)
    small = ImageFont.load_default(36)
    large = ImageFont.load_default(points)
    draw.text((MARGIN, MARGIN + 50), heading.upper(), fill=PAPER, font=small)
    lines = _wrapped(text, large, width - 2 * MARGIN)
    step = round(points * 1.25)
    top = max(MARGIN + 160, (height - 180 - step * len(lines)) // 2)
    for index, line in enumerate(lines):
        # The built-in face has one weight: its outline makes it bold.
        place = (MARGIN, top + index * step)
        draw.text(place, line, fill=PAPER, font=large, stroke_width=1, stroke_fill=PAPER)
    draw.text((MARGIN, height - 112), office, fill=colour, font=small)
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
