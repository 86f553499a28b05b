"""What an account shows to everybody: `video/list` and `video/query` (section 2.9)."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.sandbox.tiktok import fields, statuses
from app.sandbox.tiktok.publications import Post, Publication
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Caller, TikTok

MOST = 20
USUAL = 10
FIELDS = (
    "id",
    "create_time",
    "cover_image_url",
    "share_url",
    "video_description",
    "duration",
    "height",
    "width",
    "title",
    "embed_html",
    "embed_link",
    "like_count",
    "comment_count",
    "share_count",
    "view_count",
)


def listed(tiktok: TikTok, caller: Caller, wanted: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/video/list/`: public posts, the newest first, before `cursor` (ms)."""
    names = _names(wanted)
    count, cursor = body.get("max_count", USUAL), body.get("cursor", 0)
    fine = fields.is_whole(count) and 1 <= count <= MOST
    demand(fine, "max-count", f"max_count is {count!r}.")
    demand(fields.is_whole(cursor), "max-count", f"cursor is {cursor!r}.")
    older = [each for each in _shown(tiktok, caller) if not cursor or each[0] < cursor]
    page = older[:count]
    return {
        "videos": [_video(tiktok, caller, names, *each[1:]) for each in page],
        "cursor": page[-1][0] if page else cursor,
        "has_more": len(older) > len(page),
    }


def queried(tiktok: TikTok, caller: Caller, wanted: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/video/query/`: those of the ids that are the caller's and public."""
    names = _names(wanted)
    filters = body.get("filters")
    ids = filters.get("video_ids") if isinstance(filters, dict) else None
    if not isinstance(ids, list) or not all(map(fields.is_text, ids)):
        raise Refused("video-ids", "filters.video_ids is not a list of strings.")
    demand(1 <= len(ids) <= MOST, "video-ids", f"There are {len(ids)} ids.")
    shown = [each for each in _shown(tiktok, caller) if str(each[2].post_id) in ids]
    return {"videos": [_video(tiktok, caller, names, *each[1:]) for each in shown]}


def _names(wanted: str) -> list[str]:
    names = [name for name in wanted.split(",") if name]
    wrong = [name for name in names if name not in FIELDS]
    demand(bool(names) and not wrong, "fields", f"Not fields: {', '.join(wrong) or 'none sent'}.")
    return names


def _shown(tiktok: TikTok, caller: Caller) -> list[tuple[int, Publication, Post]]:
    statuses.settle(tiktok)
    shown = sorted(_public(tiktok, caller), key=lambda each: each[2].post_id, reverse=True)
    return _apart(shown)


def _apart(
    shown: list[tuple[int, Publication, Post]],
) -> list[tuple[int, Publication, Post]]:
    """Give posts of one millisecond times of their own, or a cursor would skip some."""
    apart: list[tuple[int, Publication, Post]] = []
    for at, publication, post in shown:
        apart.append((min(at, apart[-1][0] - 1) if apart else at, publication, post))
    return apart


def _public(tiktok: TikTok, caller: Caller) -> Iterator[tuple[int, Publication, Post]]:
    for publication in tiktok.publications.values():
        if publication.username == caller.account.username:
            ids = statuses.public_ids(tiktok, publication)
            for post in publication.posts:
                if post.post_id in ids:
                    yield int(post.posted_at.timestamp() * 1000), publication, post


def _video(
    tiktok: TikTok, caller: Caller, names: list[str], publication: Publication, post: Post
) -> dict[str, Any]:
    link = f"https://www.tiktok.com/@{caller.account.username}/{publication.kind}/{post.post_id}"
    info = publication.info
    facts: dict[str, Any] = {
        "id": str(post.post_id),
        "create_time": int(post.posted_at.timestamp()),
        "cover_image_url": f"{tiktok.base_url}/picture/{post.post_id}.svg",
        "share_url": link,
        "video_description": info.get("description") or info.get("title", ""),
        "duration": 0 if publication.kind == "photo" else 15,
        "height": 1920,
        "width": 1080,
        "title": info.get("title", ""),
        "embed_html": f'<blockquote cite="{link}"></blockquote>',
        "embed_link": f"https://www.tiktok.com/embed/v2/{post.post_id}",
        "like_count": 0,
        "comment_count": 0,
        "share_count": 0,
        "view_count": 0,
    }
    return {name: facts[name] for name in names}
