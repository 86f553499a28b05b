"""What a post says: its canonical form, what each channel gets of it, and the hashes of both."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPTIONS_TAG = "platform"
"""The name under which options say whose they are."""


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A file of a part: its id and sha256 (hex), and the words for those who cannot see it."""

    id: str
    sha256: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a post: a caption with its media; a thread has several."""

    text: str
    media: tuple[MediaRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What one channel publishes: exactly what its hash covers.

    `options` are the platform's own settings (JSON values), its name among them; `hashtags` come
    from the campaign, begin with `#` and are appended to the first part's text.
    """

    title: str
    type: str
    pillar: str | None
    format: str
    parts: tuple[Part, ...]
    hashtags: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def caption(self, part: int = 0) -> str:
        """Return the text of a part as it is published; the first carries the hashtags."""
        text = self.parts[part].text
        if part == 0 and self.hashtags:
            tags = " ".join(self.hashtags)
            return f"{text}\n\n{tags}" if text else tags
        return text

    @property
    def media(self) -> tuple[MediaRef, ...]:
        """Every file of every part, in order."""
        return tuple(ref for part in self.parts for ref in part.media)


Content = Mapping[str, Any]
"""The canonical content of a post version, as JSON:

{"title", "type", "pillar" (id or null), "campaign" (id or null), "format", "hashtags": [...],
 "parts": [{"text", "media": [{"id", "sha256", "alt"}]}],
 "variants": {channel id: {"parts": [...] or null, "options": {"platform", ...} or {}}}}

Options of old contents lack their platform.
"""


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal bytes.

    Follows RFC 8785 for what a post holds (strings, integers, booleans, null, arrays, objects).
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of the canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def words_for(content: Content, channel_id: str) -> Words:
    """Return what a channel publishes: the variant where there is one, else the post itself."""
    variant = content.get("variants", {}).get(channel_id) or {}
    return Words(
        title=content["title"],
        type=content["type"],
        pillar=content["pillar"],
        format=content["format"],
        parts=_parts(variant.get("parts") or content["parts"]),
        hashtags=tuple(content["hashtags"]),
        options=variant.get("options") or {},
    )


def _parts(rows: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    return tuple(
        Part(
            text=row["text"],
            media=tuple(MediaRef(ref["id"], ref["sha256"], ref["alt"]) for ref in row["media"]),
        )
        for row in rows
    )


def words_json(words: Words) -> dict[str, Any]:
    """Return words as JSON values; the form that is hashed and stored as a snapshot."""
    return {
        "title": words.title,
        "type": words.type,
        "pillar": words.pillar,
        "format": words.format,
        "hashtags": list(words.hashtags),
        "options": dict(words.options),
        "parts": [
            {
                "text": part.text,
                "media": [{"id": m.id, "sha256": m.sha256, "alt": m.alt} for m in part.media],
            }
            for part in words.parts
        ],
    }


def words_from_json(value: Mapping[str, Any]) -> Words:
    """Return the words that `words_json` wrote."""
    return Words(
        title=value["title"],
        type=value["type"],
        pillar=value["pillar"],
        format=value["format"],
        parts=_parts(value["parts"]),
        hashtags=tuple(value["hashtags"]),
        options=value["options"],
    )


def said(words: Words) -> str | None:
    """Return the hash of what people get to see: captions and files; None where there is neither.

    Titles, types, options and the words for those who cannot see make no other post of it.
    """
    captions = [words.caption(part) for part in range(len(words.parts))]
    files = [ref.sha256 for ref in words.media]
    if not files and not any(caption.strip() for caption in captions):
        return None
    return fingerprint({"captions": captions, "media": files})


def channel_hash(content: Content, channel_id: str) -> str:
    """Return the content hash of a channel: what an approval of that channel covers.

    A channel without a variant has the post's own hash, so one that is added later without
    changes is approved with it.
    """
    return fingerprint(words_json(words_for(content, channel_id)))
