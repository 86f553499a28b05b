"""TikTok's photos: it fetches them itself, and the call that asks it to publishes.

Source: TikTok for Developers, "Photo post" and "Media transfer guide", 2026-09.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from schedulers.connector import (
    Absent,
    Accepted,
    CannotTell,
    Outcome,
    Outgoing,
    Prepared,
    Refused,
    TryLater,
    Unknown,
)
from schedulers.connectors.tiktok_api import INTERNAL, Api, Wrong, meaning_of
from schedulers.outbound import NoAnswer, NotSent

PHOTOS = "/v2/post/publish/content/init/"
FORMAT = "carousel"
MARK = "pull-"
"""How a handle begins that is ours: the links of an attempt of which TikTok has told nothing."""

POLL_SECONDS = 5


def is_photos(outgoing: Outgoing) -> bool:
    """Say whether a post is one of photos."""
    return outgoing.words.format == FORMAT


def is_unanswered(handle: str | None) -> bool:
    """Say whether TikTok has not told its own handle."""
    return handle is not None and handle.startswith(MARK)


def prepared(outgoing: Outgoing) -> Prepared | Refused:
    """Name the links of the next attempt; nobody else knows them."""
    is_real = not outgoing.account.settings.get("sandbox_url")
    if is_real and not outgoing.public_url.startswith("https://"):
        return Refused("photos_need_https", outgoing.public_url)
    return Prepared(MARK + secrets.token_urlsafe(16))


async def post(api: Api, outgoing: Outgoing, *, direct: bool) -> Outcome:
    """Ask TikTok to fetch the photos: the call that publishes."""
    data = await api.call(outgoing.account, PHOTOS, _body(outgoing, direct=direct))
    match data:
        case NotSent():
            return TryLater(data.reason, None, counts=True)
        case NoAnswer():
            return Unknown(data.reason)
        case Wrong(code=code) if code == INTERNAL:
            return Unknown(code, data.evidence)
        case Wrong():
            return meaning_of(data.code, data.message, data.evidence)
    handle = str(data.get("publish_id", ""))
    if not handle:
        return Unknown("answer_unreadable")
    return Accepted(handle, POLL_SECONDS, {"publish_id": handle})


async def recalled(outgoing: Outgoing) -> Absent | CannotTell:
    """Call off the links of an attempt of which no answer came.

    If nobody has fetched one, TikTok finds nothing there any more, whether it was asked or not.
    Otherwise it has begun to publish, and names no way to find out what became of it.
    """
    fetched_at = await outgoing.recall(outgoing.handle or "")
    if fetched_at is None:
        return Absent({"photos": "never_fetched"})
    told = {"fetched_at": fetched_at.isoformat()}
    return CannotTell("photos_fetched", told, lasting=True)


def _body(outgoing: Outgoing, *, direct: bool) -> Mapping[str, Any]:
    options, handle = outgoing.words.options, outgoing.handle or ""
    texts = {"title": options.get("photo_title"), "description": outgoing.words.caption(0)}
    info = {name: text for name, text in texts.items() if text}
    body: dict[str, Any] = {
        "post_mode": "DIRECT_POST" if direct else "MEDIA_UPLOAD",
        "media_type": "PHOTO",
        "post_info": info,
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_cover_index": 0,
            "photo_images": [file.pulled(handle) for file in outgoing.files_of(0)],
        },
    }
    if direct:
        body["post_info"] = info | _chosen(options)
        body["is_aigc"] = bool(options.get("ai_generated"))
    return body


def _chosen(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "privacy_level": options["privacy_level"],
        "disable_comment": not options.get("allow_comment"),
        "auto_add_music": bool(options.get("auto_add_music")),
        "brand_content_toggle": bool(options.get("branded_content")),
        "brand_organic_toggle": bool(options.get("brand_organic")),
    }
