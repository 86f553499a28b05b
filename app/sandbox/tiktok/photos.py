"""Beginning a photo post: what `content/init` asks of a body (section 2.3.7)."""

from collections.abc import Mapping
from typing import Any

from app.sandbox.tiktok import fields
from app.sandbox.tiktok.accounts import Account
from app.sandbox.tiktok.creators import check_pending, check_scope, use_answer
from app.sandbox.tiktok.publications import Publication
from app.sandbox.tiktok.pulls import check_url
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Caller, TikTok
from app.sandbox.tiktok.videos import BRANDS, check_direct, publish_id, start

TITLE_MAX_UNITS = 90
DESCRIPTION_MAX_UNITS = 4000
PHOTOS_MAX = 35

_TEXTS = ("title", "description")
_DIRECT = ("privacy_level", "disable_comment", "auto_add_music", *BRANDS)
_SCOPES = {"DIRECT_POST": "video.publish", "MEDIA_UPLOAD": "video.upload"}


def init(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/post/publish/content/init/`: a pull of photos begins."""
    mode = fields.text(body, "post_mode")
    demand(mode in _SCOPES, "post-mode", f"post_mode is {mode!r}.")
    check_scope(caller, _SCOPES[mode])
    names = ("post_mode", "media_type", "post_info", "source_info", "is_aigc")
    fields.only(body, names, "the body")
    kind = body.get("media_type")
    demand(kind == "PHOTO", "media-type", f"media_type is {kind!r}.")
    fields.switches(body, "is_aigc")
    info = _info(tiktok, caller.account, body, mode)
    urls, cover = _source(tiktok, fields.part(body, "source_info"))
    info |= {"photo_cover_index": cover, "is_aigc": body.get("is_aigc", False)}
    direct = mode == "DIRECT_POST"
    name = caller.account.username
    made = Publication(
        publish_id(tiktok, "p_pub_url" if direct else "p_inbox_url"),
        name,
        "direct" if direct else "inbox",
        "photo",
        tiktok.clock(),
        info,
        tiktok.fate_of(name),
        urls=urls,
    )
    start(tiktok, made)
    if direct:
        use_answer(tiktok, caller.account)
    return {"publish_id": made.publish_id}


def _info(tiktok: TikTok, account: Account, body: Mapping[str, Any], mode: str) -> dict[str, Any]:
    info = fields.part(body, "post_info")
    fields.only(info, (*_TEXTS, *_DIRECT), "post_info")
    title, description = (fields.units(fields.text(info, name)) for name in _TEXTS)
    demand(title <= TITLE_MAX_UNITS, "photo-title", f"The title has {title} UTF-16 units.")
    short = description <= DESCRIPTION_MAX_UNITS
    demand(short, "photo-description", f"The description has {description} UTF-16 units.")
    if mode == "DIRECT_POST":
        fields.switches(info, "disable_comment", "auto_add_music")
        check_direct(tiktok, account, info)
        forced = {"disable_comment": True} if account.comment_disabled else {}
        return dict(info) | forced
    extra = sorted(set(info) & set(_DIRECT))
    demand(not extra, "photo-direct", f"Not for MEDIA_UPLOAD: {', '.join(extra)}.")
    demand(not account.banned, "banned", "The account is banned from posting.")
    demand(not account.old_app, "app-version", "The person's TikTok app is older than 31.8.")
    check_pending(tiktok, account)
    return dict(info)


def _source(tiktok: TikTok, source: Mapping[str, Any]) -> tuple[list[str], int]:
    kind = source.get("source")
    demand(kind == "PULL_FROM_URL", "photo-source", f"source is {kind!r}.")
    fields.only(source, ("source", "photo_cover_index", "photo_images"), "source_info")
    urls = source.get("photo_images")
    if not isinstance(urls, list) or not all(map(fields.is_text, urls)):
        raise Refused("type", "photo_images is not a list of strings.")
    demand(1 <= len(urls) <= PHOTOS_MAX, "photo-count", f"There are {len(urls)} photos.")
    cover = source.get("photo_cover_index")
    if not fields.is_whole(cover) or not 0 <= cover < len(urls):
        raise Refused("photo-cover", f"photo_cover_index is {cover!r} of {len(urls)} photos.")
    for url in urls:
        check_url(tiktok, url)
    return urls, cover
