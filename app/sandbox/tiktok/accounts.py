"""Who takes part: the developer's app, and the people whose accounts it may post to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

SCOPES = (
    "user.info.basic",
    "user.info.profile",
    "user.info.stats",
    "video.upload",
    "video.publish",
    "video.list",
)
PUBLIC = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
PRIVATE = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
RATES = {
    "creator_info": 20,
    "video_init": 6,
    "inbox_init": 6,
    "content_init": 6,
    "status": 30,
    "cancel": 30,
    "user_info": 600,
    "video_list": 600,
    "video_query": 600,
}
"""Calls a minute of one user token."""


@dataclass(slots=True)
class Developer:
    """The app as its developer registered it: keys, addresses, limits and lifetimes.

    Lifetimes and times are in seconds. `url_prefixes` and `url_domains` are verified for pulls;
    `allow_loopback` lets a verified prefix be plain http on this machine, which the real one
    never does. `look_at_files` fails uploads that do not begin as a video does.
    """

    client_key: str = "sandboxawkey"
    client_secret: str = "sandbox-client-secret"  # noqa: S105, everybody may know it
    redirect_uris: Sequence[str] = ("http://127.0.0.1:8000/oauth/callback",)
    scopes: Sequence[str] = SCOPES
    audited: bool = False
    callback_url: str = ""
    url_prefixes: Sequence[str] = ()
    url_domains: Sequence[str] = ()
    allow_loopback: bool = False
    look_at_files: bool = False
    code_seconds: float = 300
    access_seconds: float = 7200
    refresh_seconds: float = 180 * 86400
    upload_seconds: float = 3600
    pull_seconds: float = 3600
    processing_seconds: float = 2
    moderation_seconds: float = 1
    creator_info_seconds: float = 600
    active_user_cap: int = 5
    resent_chunk_status: int = 416
    oauth_error_status: int = 400
    log_id_name: str = "log_id"
    rates: dict[str, int] = field(default_factory=lambda: dict(RATES))


@dataclass(slots=True)
class Account:
    """A person on TikTok, and what the platform thinks of them."""

    username: str
    nickname: str
    open_id: str
    private: bool = True
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    max_video_post_duration_sec: int = 600
    banned: bool = False
    old_app: bool = False
    posts_cap: int = 15
    pending_cap: int = 5
    follower_count: int = 1200
    following_count: int = 80
    likes_count: int = 35000

    @property
    def privacy_level_options(self) -> Sequence[str]:
        """What the person may choose from now."""
        return PRIVATE if self.private else PUBLIC


def people() -> dict[str, Account]:
    """Return the accounts that every sandbox opens with, by user name."""
    accounts = (
        Account("warisan.privat", "Warisan (privat)", "-000sandbox-open-id-privat"),
        Account("warisan.publik", "Warisan (publik)", "-000sandbox-open-id-publik", private=False),
        Account(
            "warisan.ketat",
            "Warisan (ketat)",
            "-000sandbox-open-id-ketat",
            comment_disabled=True,
            duet_disabled=True,
            stitch_disabled=True,
            max_video_post_duration_sec=60,
        ),
    )
    return {account.username: account for account in accounts}
