"""Weighted text: how X counts, where not every sign weighs the same.

Source: twitter-text, configuration v3 (X developer documentation, "Counting characters", 2026).
"""

import unicodedata

import regex  # type: ignore[import-untyped]

URL_WEIGHT = 23
EMOJI_WEIGHT = 2
HEAVY = 2
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
"""Code points that weigh one; everything else weighs `HEAVY`."""

_LINK = regex.compile(r"https?://[^\s<>\"]+", regex.IGNORECASE)
_DOMAIN = regex.compile(
    r"(?<![\p{L}\p{N}@._-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?:/[^\s<>\"]*)?",
    regex.IGNORECASE,
)
_URL = regex.compile(f"{_LINK.pattern}|{_DOMAIN.pattern}", regex.IGNORECASE)
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|\u20e3")


def weighted_length(text: str) -> int:
    """Return the weight of a text in NFC: an emoji with all that joins it weighs 2, a link 23.

    Whether a name without `http` is a link depends on a list of domains that X keeps: it weighs
    whatever is more, so that nothing is taken for shorter than it is.
    """
    composed = unicodedata.normalize("NFC", text)
    total, end = 0, 0
    for match in _URL.finditer(composed):
        total += _plain(composed[end : match.start()])
        own = 0 if _LINK.match(match[0]) else _plain(match[0])
        total += max(URL_WEIGHT, own)
        end = match.end()
    return total + _plain(composed[end:])


def _plain(text: str) -> int:
    return sum(map(_sign, regex.findall(r"\X", text)))


def _sign(grapheme: str) -> int:
    if _EMOJI.search(grapheme):
        return EMOJI_WEIGHT
    return sum(1 if _is_light(ord(letter)) else HEAVY for letter in grapheme)


def _is_light(point: int) -> bool:
    return any(first <= point <= last for first, last in LIGHT)
