"""Bluesky's rich text: where links, mentions and tags stand, counted in UTF-8 bytes.

Source: docs.bsky.app, "Links, mentions, and rich text", 2026-04; lexicon app.bsky.richtext.facet.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import regex  # type: ignore[import-untyped]

FACET = "app.bsky.richtext.facet"
TAG_GRAPHEMES_MAX = 64
TAG_BYTES_MAX = 640
MENTIONS_MAX = 10
"""So many handles are asked after for one part; the others stay plain text."""

_LINK = regex.compile(r"(?<![\p{L}\p{N}_])https?://[^\s/?#<>\"]+[^\s<>\"]*", regex.IGNORECASE)
_TRAILING = frozenset(".,;:!?'\u2019\u201d*_~")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_MENTION = regex.compile(
    r"(?<![^\s(])@((?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+"
    r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?![a-zA-Z0-9@])"
)
# Neither a number nor an emoji with U+FE0F after the sign is a tag.
_TAG = regex.compile(r"(?<!\S)[#\uff03](?!\ufe0f)([^\s\u00ad\u2060\u200b-\u200d\u20e2]+)")
_TAG_END = regex.compile(r"\p{P}+$")
_TAG_LETTER = regex.compile(r"[^\d\s\p{P}]")

Span = tuple[int, int, dict[str, Any]]


def mentioned(text: str) -> list[str]:
    """Return the handles that a text mentions, in lower case, each once."""
    found = (match[1].lower() for match in _MENTION.finditer(text))
    return list(dict.fromkeys(found))[:MENTIONS_MAX]


def facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the facets of a text in their order; none overlaps another.

    `dids` are the accounts by handle that there are; who is none of them is plain text.
    """
    found: list[dict[str, Any]] = []
    end = 0
    for first, last, feature in sorted(_spans(text, dids), key=lambda span: span[:2]):
        if first >= end:
            end = last
            index = {"byteStart": _bytes(text, first), "byteEnd": _bytes(text, last)}
            found.append({"index": index, "features": [feature]})
    return found


def _spans(text: str, dids: Mapping[str, str]) -> Iterator[Span]:
    for match in _LINK.finditer(text):
        uri = _trimmed(match[0])
        if uri.partition("://")[2]:
            feature = {"$type": f"{FACET}#link", "uri": uri}
            yield match.start(), match.start() + len(uri), feature
    for match in _MENTION.finditer(text):
        if did := dids.get(match[1].lower()):
            yield match.start(), match.end(), {"$type": f"{FACET}#mention", "did": did}
    for match in _TAG.finditer(text):
        tag = _TAG_END.sub("", match[1])
        if _is_tag(tag):
            feature = {"$type": f"{FACET}#tag", "tag": tag}
            yield match.start(), match.start() + 1 + len(tag), feature


def _trimmed(uri: str) -> str:
    """Return a link without what ends the sentence around it."""
    while uri and (uri[-1] in _TRAILING or _closes_another(uri)):
        uri = uri[:-1]
    return uri


def _closes_another(uri: str) -> bool:
    opening = _CLOSING.get(uri[-1])
    return opening is not None and uri.count(uri[-1]) > uri.count(opening)


def _is_tag(tag: str) -> bool:
    if not _TAG_LETTER.search(tag) or len(tag.encode()) > TAG_BYTES_MAX:
        return False
    return len(regex.findall(r"\X", tag)) <= TAG_GRAPHEMES_MAX


def _bytes(text: str, place: int) -> int:
    return len(text[:place].encode())
