"""Cases of beginning a post: creator_info, videos, photos, URLs (sections 2.3 to 2.6)."""

from collections.abc import Mapping

import httpx

from tests.sandbox.cases import (
    CREATOR,
    INBOX,
    MIB5,
    PHOTO,
    SMALL,
    VIDEO,
    Case,
    Deed,
    calling,
    draft_body,
    file,
    photo_body,
    photo_source,
    photos,
    posting,
    pulled,
    raw,
    video,
    video_body,
    without,
)
from tests.sandbox.platform import MEDIA, POST_INFO, PRIVATE, PUBLIC, Stage, source

FINE = video()
PHOTOS = photos()
INBOX_BODY = {"source_info": source(SMALL)}
AUDITED = {"developer": {"audited": True}}
EVERYONE = {"privacy_level": "PUBLIC_TO_EVERYONE"}
PARAM = "invalid_param"
MISMATCH = "privacy_level_option_mismatch"
ALONE = "unaudited_client_can_only_post_to_private_accounts"
BANNED = {"accounts": {PRIVATE: {"banned": True}}}
FULL = {"accounts": {PRIVATE: {"posts_cap": 0}}}
NOBODY = {"developer": {"active_user_cap": 0}}
OLD_APP = {"accounts": {PRIVATE: {"old_app": True}}}
HEART = "\N{GREEN HEART}"  # two UTF-16 units


def asking(**order: object) -> Deed:
    async def ask(s: Stage) -> httpx.Response:
        token = await s.token()
        await s.control(**order)
        return await s.call(CREATOR, token)

    return ask


def hasty(*, queries: int = 1, seconds: float = 0, posts: int = 1) -> Deed:
    """Ask creator_info, wait, and begin several posts without asking again."""

    async def begin(s: Stage) -> httpx.Response:
        token = await s.token()
        for _ in range(queries):
            await s.call(CREATOR, token)
        s.wait(seconds)
        for _ in range(posts - 1):
            await s.call(VIDEO, token, video_body())
        return await s.call(VIDEO, token, video_body())

    return begin


def drafts(count: int, pause: float = 0) -> Deed:
    async def begin(s: Stage) -> httpx.Response:
        token = await s.token()
        for _ in range(count - 1):
            await s.call(INBOX, token, INBOX_BODY)
        s.wait(pause)
        return await s.call(INBOX, await s.token(), INBOX_BODY)

    return begin


def at_url(url: str) -> Deed:
    return video(told=pulled(url))


def switched(**order: object) -> Deed:
    """Begin a post that everybody may see, after an order."""
    return posting(VIDEO, video_body(EVERYONE), dict(order), PUBLIC)


def privately(level: str) -> Deed:
    return posting(VIDEO, video_body({"privacy_level": level}), AUDITED)


def drafting(body: object, order: Mapping[str, object] | None = None) -> Deed:
    return posting(PHOTO, body, order)


WITHOUT_PRIVACY = {"post_info": without(POST_INFO, "privacy_level"), "source_info": source(SMALL)}
WITHOUT_BRANDS = {
    "post_info": without(POST_INFO, "brand_content_toggle"),
    "source_info": source(SMALL),
}

CASES = [
    Case("creator-posts", "2.3.2", 200, "spam_risk_too_many_posts", asking(**FULL), asking()),
    Case(
        "creator-banned",
        "2.3.2",
        200,
        "spam_risk_user_banned_from_posting",
        asking(**BANNED),
        asking(),
    ),
    Case("creator-cap", "2.3.2", 200, "reached_active_user_cap", asking(**NOBODY), asking()),
    Case("creator-first", "2.3.2", 400, PARAM, hasty(queries=0), hasty()),
    Case("creator-first", "2.3.2", 400, PARAM, hasty(posts=2), hasty()),
    Case("creator-first", "2.3.2", 400, PARAM, hasty(seconds=601), hasty(seconds=600)),
    Case(
        "creator-first", "2.3.2", 400, PARAM, hasty(posts=3, queries=2), hasty(posts=2, queries=2)
    ),
    Case("json", "2.3.1", 400, PARAM, raw(INBOX, b"a=b"), calling(INBOX, INBOX_BODY)),
    Case(
        "json",
        "2.3.1",
        400,
        PARAM,
        raw(INBOX, b"{}", "application/json"),
        calling(INBOX, INBOX_BODY),
    ),
    Case("json", "2.3.1", 400, PARAM, raw(INBOX, b'"\xff"'), calling(INBOX, INBOX_BODY)),
    Case("unknown-field", "2.3.3", 400, PARAM, video({"hashtags": "#a"}), FINE),
    Case("unknown-field", "2.3.3", 400, PARAM, photos({"disable_duet": True}), PHOTOS),
    Case("unknown-field", "2.3.3", 400, PARAM, calling(CREATOR, {"a": 1}), calling(CREATOR)),
    Case("type", "2.3.3", 400, PARAM, video({"disable_comment": "true"}), FINE),
    Case("type", "2.3.3", 400, PARAM, video(told=source(SMALL) | {"video_size": "9"}), FINE),
    Case("privacy-missing", "2.3.3", 400, PARAM, posting(VIDEO, WITHOUT_PRIVACY), FINE),
    Case(
        "privacy-missing",
        "2.3.3",
        400,
        PARAM,
        drafting(photo_body() | {"post_info": without(POST_INFO, "privacy_level")}),
        PHOTOS,
    ),
    Case(
        "privacy",
        "2.3.3",
        403,
        MISMATCH,
        privately("PUBLIC_TO_EVERYONE"),
        privately("FOLLOWER_OF_CREATOR"),
    ),
    Case(
        "title", "2.3.3", 400, PARAM, video({"title": HEART * 1101}), video({"title": HEART * 1100})
    ),
    Case("brand", "2.3.3", 400, PARAM, posting(VIDEO, WITHOUT_BRANDS), FINE),
    Case("source", "2.3.3", 400, PARAM, video(told={"source": "BASE64"}), FINE),
    Case("size", "2.4", 400, PARAM, file((1 << 32) + 1, 64_000_000), file(1 << 32, 64_000_000)),
    Case(
        "chunk-count",
        "2.3.4 rule 1",
        400,
        PARAM,
        file(50_000_123, 10_000_000, 6),
        file(50_000_123, 10_000_000, 5),
    ),
    Case("chunk-many", "2.3.4 rule 1", 400, PARAM, file(1 << 32, MIB5, 1001), file(1 << 32, MIB5)),
    Case("chunk-many", "2.3.4 rule 1", 400, PARAM, file(SMALL, SMALL, 0), FINE),
    Case(
        "chunk-size",
        "2.3.4 rule 2",
        400,
        PARAM,
        file(20_000_000, 4_000_000),
        file(20_000_000, MIB5),
    ),
    Case(
        "chunk-size",
        "2.3.4 rule 2",
        400,
        PARAM,
        file(200_000_000, 65_000_000),
        file(200_000_000, 64_000_000),
    ),
    Case("chunk-small", "2.3.4 rule 3", 400, PARAM, file(SMALL, 500), FINE),
    Case(
        "chunk-large",
        "2.3.4 rule 3",
        400,
        PARAM,
        file(64_000_001, 64_000_000),
        file(64_000_001, 32_000_000),
    ),
    Case(
        "inbox-info", "2.3.6", 400, PARAM, calling(INBOX, video_body()), calling(INBOX, INBOX_BODY)
    ),
    Case("unaudited", "2.5.1", 403, ALONE, switched(), switched(**AUDITED)),
    Case("unaudited", "2.5.1", 403, ALONE, posting(VIDEO, video_body(), who=PUBLIC), FINE),
    Case("posts", "2.6", 403, "spam_risk_too_many_posts", posting(VIDEO, video_body(), FULL), FINE),
    Case(
        "banned",
        "2.5.1",
        403,
        "spam_risk_user_banned_from_posting",
        posting(VIDEO, video_body(), BANNED),
        FINE,
    ),
    Case("cap", "2.6", 403, "reached_active_user_cap", posting(VIDEO, video_body(), NOBODY), FINE),
    Case("pending", "2.3.6", 403, "spam_risk_too_many_pending_share", drafts(6), drafts(5)),
    Case(
        "pending",
        "2.3.6",
        403,
        "spam_risk_too_many_pending_share",
        drafts(6, 86399),
        drafts(6, 86400),
    ),
    Case("url-https", "2.3.5", 400, PARAM, at_url("http://media.pilar.example/m/a"), at_url(MEDIA)),
    Case("url-domain", "2.3.5", 400, PARAM, at_url("https://203.0.113.7/m/a"), at_url(MEDIA)),
    Case("url-domain", "2.3.5", 400, PARAM, at_url("https://[2001:db8::1]/a"), at_url(MEDIA)),
    Case(
        "url-owned",
        "2.3.5",
        403,
        "url_ownership_unverified",
        at_url("https://media.pilar.example/other/a.mp4"),
        at_url(f"{MEDIA}a.mp4?token=1"),
    ),
    Case("media-type", "2.3.7", 400, PARAM, photos(media_type="VIDEO"), PHOTOS),
    Case("post-mode", "2.3.7", 400, PARAM, photos(post_mode="DIRECT POST"), PHOTOS),
    Case(
        "photo-title",
        "2.3.7",
        400,
        PARAM,
        photos({"title": HEART * 46}),
        photos({"title": HEART * 45}),
    ),
    Case(
        "photo-description",
        "2.3.7",
        400,
        PARAM,
        photos({"description": HEART * 2001}),
        photos({"description": HEART * 2000}),
    ),
    Case(
        "photo-direct",
        "2.3.7",
        400,
        PARAM,
        drafting(draft_body({"privacy_level": "SELF_ONLY"})),
        drafting(draft_body()),
    ),
    Case("photo-source", "2.3.1", 400, PARAM, photos(source_info=source(SMALL)), PHOTOS),
    Case(
        "photo-count",
        "2.3.7",
        400,
        PARAM,
        photos(source_info=photo_source(photo_images=[f"{MEDIA}a.jpg"] * 36)),
        photos(source_info=photo_source(photo_images=[f"{MEDIA}a.jpg"] * 35)),
    ),
    Case(
        "photo-count",
        "2.3.7",
        400,
        PARAM,
        photos(source_info=photo_source(photo_images=[])),
        PHOTOS,
    ),
    Case(
        "photo-cover",
        "2.3.7",
        400,
        PARAM,
        photos(source_info=photo_source(photo_cover_index=3)),
        photos(source_info=photo_source(photo_cover_index=2)),
    ),
    Case(
        "photo-cover",
        "2.3.7",
        400,
        PARAM,
        photos(source_info=without(photo_source(), "photo_cover_index")),
        PHOTOS,
    ),
    Case(
        "app-version",
        "2.5.1",
        400,
        "app_version_check_failed",
        drafting(draft_body(), OLD_APP),
        drafting(draft_body()),
    ),
]
