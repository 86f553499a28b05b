"""What a creator may do now: creator_info, caps, and the calls that are left this minute."""

from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from app.sandbox.tiktok.accounts import Account
from app.sandbox.tiktok.publications import FAILED, Publication
from app.sandbox.tiktok.rules import demand
from app.sandbox.tiktok.state import Caller, TikTok

DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)

_FIELDS = {
    "user.info.basic": ("open_id", "union_id", "avatar_url", "avatar_url_100", "display_name"),
    "user.info.profile": ("username", "bio_description", "is_verified", "profile_deep_link"),
    "user.info.stats": ("follower_count", "following_count", "likes_count", "video_count"),
}
SCOPE_OF_FIELD = {name: scope for scope, names in _FIELDS.items() for name in names}


def check_rate(tiktok: TikTok, endpoint: str, username: str) -> None:
    """Count a call of a user token; raises `Refused` where the last minute was full already."""
    now = tiktok.clock()
    times = tiktok.calls.setdefault((endpoint, username), deque())
    while times and now - times[0] >= MINUTE:
        times.popleft()
    most = tiktok.developer.rates[endpoint]
    demand(len(times) < most, "rate", f"More than {most} calls of {endpoint} in a minute.")
    times.append(now)


def check_scope(caller: Caller, *scopes: str) -> None:
    """Raise `Refused` unless the person agreed to one of the scopes."""
    agreed = any(scope in caller.grant.scopes for scope in scopes)
    demand(agreed, "consent", f"The person did not agree to {' or '.join(scopes)}.")


def creator_info(tiktok: TikTok, caller: Caller) -> dict[str, Any]:
    """Answer `/v2/post/publish/creator_info/query/`."""
    account = caller.account
    check_may_post(tiktok, account, ("creator-banned", "creator-posts", "creator-cap"))
    tiktok.asked_creator.setdefault(account.username, deque()).append(tiktok.clock())
    return {
        "creator_avatar_url": f"{tiktok.base_url}/picture/{account.username}.svg",
        "creator_username": account.username,
        "creator_nickname": account.nickname,
        "privacy_level_options": list(account.privacy_level_options),
        "comment_disabled": account.comment_disabled,
        "duet_disabled": account.duet_disabled,
        "stitch_disabled": account.stitch_disabled,
        "max_video_post_duration_sec": account.max_video_post_duration_sec,
    }


def check_may_post(
    tiktok: TikTok, account: Account, names: tuple[str, str, str] = ("banned", "posts", "cap")
) -> None:
    """Raise `Refused` where a direct post cannot be made now: banned, own cap, the app's cap."""
    banned, posts, cap = names
    demand(not account.banned, banned, "The account is banned from posting.")
    made = [each for each in direct_posts(tiktok) if each.username == account.username]
    demand(len(made) < account.posts_cap, posts, f"{len(made)} posts in the last 24 hours.")
    others = {each.username for each in direct_posts(tiktok)} - {account.username}
    room = len(others) < tiktok.developer.active_user_cap
    demand(room, cap, f"{len(others)} other creators posted in the last 24 hours.")


def check_asked(tiktok: TikTok, account: Account) -> None:
    """Raise `Refused` unless creator_info was asked lately, and once for each direct post."""
    asked = tiktok.asked_creator.setdefault(account.username, deque())
    known = timedelta(seconds=tiktok.developer.creator_info_seconds)
    while asked and tiktok.clock() - asked[0] > known:
        asked.popleft()
    lately = f"in the last {known.total_seconds():.0f} seconds and since the last direct post"
    demand(bool(asked), "creator-first", f"creator_info was not queried {lately}.")


def use_answer(tiktok: TikTok, account: Account) -> None:
    """Note that a direct post began on what creator_info said; the next one asks again."""
    tiktok.asked_creator[account.username].popleft()


def direct_posts(tiktok: TikTok) -> Iterable[Publication]:
    """Return what was posted directly in the last 24 hours, or is about to be."""
    since = tiktok.clock() - DAY
    for each in tiktok.publications.values():
        lately = each.committed_at is not None and each.committed_at > since
        if each.mode == "direct" and lately and each.status != FAILED:
            yield each


def check_pending(tiktok: TikTok, account: Account) -> None:
    """Raise `Refused` where too many shares of the last 24 hours wait in the person's inbox."""
    since = tiktok.clock() - DAY
    waiting = [
        each
        for each in tiktok.publications.values()
        if each.username == account.username and each.pending and each.begun_at > since
    ]
    room = len(waiting) < account.pending_cap
    demand(room, "pending", f"{len(waiting)} shares of the last 24 hours are pending.")


def user_info(tiktok: TikTok, caller: Caller, fields: str) -> dict[str, Any]:
    """Answer `/v2/user/info/`: the fields that are named, each under its scope."""
    names = [name for name in fields.split(",") if name]
    wrong = [name for name in names if name not in SCOPE_OF_FIELD]
    demand(bool(names) and not wrong, "fields", f"Not fields: {', '.join(wrong) or 'none sent'}.")
    for name in names:
        check_scope(caller, SCOPE_OF_FIELD[name])
    facts = _facts(tiktok, caller.account)
    return {"user": {name: facts[name] for name in names}}


def _facts(tiktok: TikTok, account: Account) -> dict[str, Any]:
    avatar = f"{tiktok.base_url}/picture/{account.username}.svg"
    mine = [each for each in tiktok.publications.values() if each.username == account.username]
    return {
        "open_id": account.open_id,
        "union_id": account.open_id.replace("open", "union"),
        "avatar_url": avatar,
        "avatar_url_100": avatar,
        "display_name": account.nickname,
        "username": account.username,
        "bio_description": "",
        "is_verified": False,
        "profile_deep_link": f"https://www.tiktok.com/@{account.username}",
        "follower_count": account.follower_count,
        "following_count": account.following_count,
        "likes_count": account.likes_count,
        "video_count": sum(len(each.posts) for each in mine),
    }
