"""TikTok's API: one request, its envelope, and what each of its errors means for a post.

Source: TikTok for Developers, "Content Posting API" and "OAuth error handling", 2026-09 to -11.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from schedulers.connector import Account, Evidence, Refused, Revoked, TryLater
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound

API = "https://open.tiktokapis.com"
AUTHORIZE = "https://www.tiktok.com"
UPLOAD_SUFFIX = ".tiktokapis.com"
CALL_SECONDS = 20.0
ANSWER_BYTES_MAX = 256 * 1024
DETAIL_MAX = 300

MINUTE = 60.0
DAY = 24 * 3600.0

INTERNAL = "internal_error"
_INTERNAL = TryLater(INTERNAL, None, counts=True)

MEANINGS: Mapping[str, TryLater | Refused | Revoked] = {
    "access_token_invalid": TryLater("token_expired", None, counts=True),
    "internal": _INTERNAL,
    "video_pull_failed": _INTERNAL,
    "photo_pull_failed": TryLater("photos_not_fetched", None, counts=True),
    **{
        each.reason: each
        for each in (
            _INTERNAL,
            # How long it takes no more, TikTok does not say.
            TryLater("rate_limit_exceeded", MINUTE, counts=False),
            TryLater("spam_risk_too_many_posts", DAY, counts=False),
            TryLater("spam_risk_too_many_pending_share", DAY, counts=False),
            TryLater("reached_active_user_cap", DAY, counts=False),
            Revoked("scope_not_authorized"),
            Revoked("scope_permission_missed"),
            Revoked("auth_removed"),
            Refused("invalid_param", ""),
            Refused("invalid_params", ""),
            Refused("invalid_file_upload", ""),
            Refused("app_version_check_failed", ""),
            Refused("spam_risk_user_banned_from_posting", ""),
            Refused("spam_risk_text", ""),
            Refused("spam_risk", ""),
            Refused("unaudited_client_can_only_post_to_private_accounts", ""),
            Refused("url_ownership_unverified", ""),
            Refused("privacy_level_option_mismatch", ""),
            Refused("file_format_check_failed", ""),
            Refused("duration_check_failed", ""),
            Refused("frame_rate_check_failed", ""),
            Refused("picture_size_check_failed", ""),
            Refused("publish_cancelled", ""),
        )
    },
}
"""What each documented error code and `fail_reason` means for a post; others: `tiktok_refused`."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An error that TikTok documents, in its own words; `status` is of HTTP."""

    code: str
    message: str
    status: int

    @property
    def evidence(self) -> Evidence:
        """What a person may read of it."""
        return {"code": self.code, "message": self.message, "status": self.status}


class Api:
    """The JSON calls of one account; a sandbox's where the channel names one."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def call(
        self, account: Account, path: str, body: Mapping[str, Any] | None
    ) -> Mapping[str, Any] | Wrong | NotSent | NoAnswer:
        """Return the `data` of a call, or what came instead; nothing is raised.

        Without a body it is a GET.

        HTTP 200 alone proves nothing: only `error.code` = `ok` does.
        """
        token = account.secrets.get("access_token", "")
        try:
            answer = await self._outbound.request(
                "GET" if body is None else "POST",
                base_of(account) + path,
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json; charset=UTF-8",
                },
                content=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
                timeout_seconds=CALL_SECONDS,
                limit_bytes=ANSWER_BYTES_MAX,
            )
        except (NotSent, NoAnswer) as error:
            return error
        return _data(answer)


def base_of(account: Account) -> str:
    """Return where the API is: TikTok's, or the sandbox's that the channel names."""
    return str(account.settings.get("sandbox_url") or API).rstrip("/")


def is_upload_host(account: Account, url: str) -> bool:
    """Say whether an upload link leads to TikTok (or to the channel's sandbox)."""
    there, home = urlsplit(url), urlsplit(base_of(account))
    if account.settings.get("sandbox_url"):
        return (there.scheme, there.netloc) == (home.scheme, home.netloc)
    return there.scheme == "https" and (there.hostname or "").endswith(UPLOAD_SUFFIX)


def trouble_of(came: Wrong | NotSent | NoAnswer) -> TryLater | Refused | Revoked:
    """Return what an answer that is none means where the call publishes nothing by itself.

    So an answer that was lost proves that nothing is public.
    """
    if isinstance(came, NotSent | NoAnswer):
        return TryLater(came.reason, None, counts=True)
    return meaning_of(came.code, came.message, came.evidence)


def meaning_of(code: str, message: str, evidence: Evidence) -> TryLater | Refused | Revoked:
    """Return what an error code or a `fail_reason` means for the post."""
    match MEANINGS.get(code or "internal"):
        case TryLater() as later:
            return replace(later, evidence=evidence)
        case Revoked() as revoked:
            return replace(revoked, detail=message)
        case Refused() as refused:
            return replace(refused, detail=message or code, evidence=evidence)
        case _:
            return Refused("tiktok_refused", message or code, evidence)


def _data(answer: Answer) -> Mapping[str, Any] | Wrong | NoAnswer:
    said = answer.json()
    if not isinstance(said, dict) or not isinstance(said.get("error"), dict):
        if answer.status >= 500:
            return Wrong(INTERNAL, "", answer.status)
        return NoAnswer("answer_unreadable", answer.status)
    error = said["error"]
    code = str(error.get("code", ""))
    if code != "ok":
        if answer.status >= 500:
            code = INTERNAL
        return Wrong(code, str(error.get("message", ""))[:DETAIL_MAX], answer.status)
    data = said.get("data")
    return data if isinstance(data, dict) else {}
