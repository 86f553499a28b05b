"""Beginning a video: what `video/init` and `inbox/video/init` ask of a body (2.3.3 to 2.3.6)."""

import secrets
from collections.abc import Mapping
from typing import Any

from app.sandbox.tiktok import fields
from app.sandbox.tiktok.accounts import Account
from app.sandbox.tiktok.creators import check_asked, check_may_post, check_pending, use_answer
from app.sandbox.tiktok.publications import DOWNLOADING, Mode, Publication, Upload
from app.sandbox.tiktok.pulls import check_url
from app.sandbox.tiktok.rules import demand
from app.sandbox.tiktok.state import Caller, TikTok

TITLE_MAX_UNITS = 2200
SIZE_MAX_BYTES = 1 << 32
CHUNK_MIN_BYTES = 5 << 20  # "5 MB" and "64 MB": each in the reading that allows less
CHUNK_MAX_BYTES = 64_000_000
CHUNKS_MAX = 1000

_SWITCHES = ("disable_duet", "disable_stitch", "disable_comment", "is_aigc")
BRANDS = ("brand_content_toggle", "brand_organic_toggle")
_INFO = ("privacy_level", "title", "video_cover_timestamp_ms", *_SWITCHES, *BRANDS)


def direct(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/post/publish/video/init/`."""
    fields.only(body, ("post_info", "source_info"), "the body")
    info = fields.part(body, "post_info")
    fields.only(info, _INFO, "post_info")
    fields.switches(info, *_SWITCHES)
    title_units = fields.units(fields.text(info, "title"))
    demand(title_units <= TITLE_MAX_UNITS, "title", f"The title has {title_units} UTF-16 units.")
    if "video_cover_timestamp_ms" in info:
        fields.whole(info, "video_cover_timestamp_ms")
    check_direct(tiktok, caller.account, info)
    _force(caller.account, info)
    made = _begin(tiktok, caller.account, "direct", info, fields.part(body, "source_info"))
    use_answer(tiktok, caller.account)
    return made


def inbox(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/post/publish/inbox/video/init/`."""
    demand("post_info" not in body, "inbox-info", "Caption and privacy are chosen by the person.")
    fields.only(body, ("source_info",), "the body")
    demand(not caller.account.banned, "banned", "The account is banned from posting.")
    source = fields.part(body, "source_info")
    check_pending(tiktok, caller.account)
    return _begin(tiktok, caller.account, "inbox", {}, source)


def check_direct(tiktok: TikTok, account: Account, info: Mapping[str, Any]) -> None:
    """Check what every direct post must have: brands, privacy, an app and a creator that may."""
    missing = [name for name in BRANDS if name not in info]
    demand(not missing, "brand", f"Missing: {', '.join(missing)}.")
    fields.switches(info, *BRANDS)
    privacy = fields.text(info, "privacy_level")
    demand(bool(privacy), "privacy-missing", "There is no privacy_level.")
    check_asked(tiktok, account)
    check_may_post(tiktok, account)
    options = account.privacy_level_options
    demand(privacy in options, "privacy", f"{privacy} is not one of {', '.join(options)}.")
    if not tiktok.developer.audited:
        alone = privacy == "SELF_ONLY" and account.private
        demand(alone, "unaudited", f"{privacy}, account private: {account.private}.")


def _force(account: Account, info: dict[str, Any]) -> None:
    """Switch off what the account forbids, whatever was sent."""
    for name in ("comment", "duet", "stitch"):
        if getattr(account, f"{name}_disabled"):
            info[f"disable_{name}"] = True


def start(tiktok: TikTok, publication: Publication) -> None:
    """Keep a publication that was begun; a pull begins at once."""
    if publication.urls:
        publication.status = DOWNLOADING
        publication.committed_at = publication.begun_at
    tiktok.publications[publication.publish_id] = publication


def publish_id(tiktok: TikTok, prefix: str) -> str:
    """Return a new publish_id, in the shape that the platform's have."""
    return f"{prefix}~v2-1.{7_400_000_000_000_000_000 + tiktok.number()}"


def _begin(
    tiktok: TikTok, account: Account, mode: Mode, info: dict[str, Any], source: dict[str, Any]
) -> dict[str, Any]:
    kind = source.get("source")
    short = "pub" if mode == "direct" else "inbox"
    if kind == "FILE_UPLOAD":
        names = ("source", "video_size", "chunk_size", "total_chunk_count")
        fields.only(source, names, "source_info")
        upload = plan(*(fields.whole(source, name) for name in names[1:]))
        made = _made(tiktok, account, mode, info, f"v_{short}_file")
        made.upload = upload
        start(tiktok, made)
        url = f"{tiktok.base_url}/video/?upload_id={made.publish_id.split('.')[-1]}"
        return {
            "publish_id": made.publish_id,
            "upload_url": f"{url}&upload_token={upload.token}",
        }
    demand(kind == "PULL_FROM_URL", "source", f"source is {kind!r}.")
    fields.only(source, ("source", "video_url"), "source_info")
    url = fields.text(source, "video_url")
    check_url(tiktok, url)
    made = _made(tiktok, account, mode, info, f"v_{short}_url")
    made.urls = [url]
    start(tiktok, made)
    return {"publish_id": made.publish_id}


def _made(
    tiktok: TikTok, account: Account, mode: Mode, info: dict[str, Any], prefix: str
) -> Publication:
    name = account.username
    return Publication(
        publish_id(tiktok, prefix), name, mode, "video", tiktok.clock(), info, tiktok.fate_of(name)
    )


def plan(size: int, chunk: int, count: int) -> Upload:
    """Return an upload task of so many bytes, if its chunks are cut by the rules (2.3.4)."""
    demand(0 < size <= SIZE_MAX_BYTES, "size", f"video_size is {size}.")
    demand(chunk > 0, "chunk-size", f"chunk_size is {chunk}.")
    demand(1 <= count <= CHUNKS_MAX, "chunk-many", f"total_chunk_count is {count}.")
    if size < CHUNK_MIN_BYTES:
        alone = chunk == size and count == 1
        demand(alone, "chunk-small", f"{size} bytes as {count} of {chunk}.")
    else:
        fits = CHUNK_MIN_BYTES <= chunk <= CHUNK_MAX_BYTES
        demand(fits, "chunk-size", f"chunk_size is {chunk}.")
    several = size <= CHUNK_MAX_BYTES or count > 1
    demand(several, "chunk-large", f"{size} bytes in one chunk.")
    floor = size // chunk
    demand(count == floor, "chunk-count", f"floor({size} / {chunk}) is {floor}, not {count}.")
    # The last chunk is shorter than two, so that its own limit of 128 MB is kept as well.
    return Upload(secrets.token_hex(24), size, chunk, count)
