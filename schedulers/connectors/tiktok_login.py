"""TikTok's Login Kit: a person connects an account, and its tokens are changed for new ones.

Source: TikTok for Developers, "Login Kit for Web", "Login Kit for Desktop" and "Manage user access
tokens with OAuth v2", 2026-11.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from schedulers.connector import (
    Account,
    Denied,
    Disconnected,
    Granted,
    Refreshed,
    Revoked,
    TryLater,
    Unknown,
)
from schedulers.connectors.tiktok_api import AUTHORIZE, base_of
from schedulers.oauth import OAuthError, expires_at, token_request
from schedulers.outbound import Outbound

TOKEN = "/v2/oauth/token/"  # noqa: S105  # a path
REVOKE = "/v2/oauth/revoke/"
SCOPES = {
    "inbox": "user.info.basic,user.info.profile,video.upload",
    "direct": "user.info.basic,user.info.profile,video.publish,video.upload",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
APP_NOT_APPROVED = frozenset({"invalid_client", "unauthorized_client", "invalid_scope"})


class TikTokLogin:
    """Connects accounts; refresh tokens rotate strictly: each one is taken once."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def authorize_url(
        self, account: Account, *, state: str, verifier: str, redirect_uri: str
    ) -> str:
        """Return the consent page; on this machine with PKCE, whose challenge is hex here."""
        query = {
            "client_key": str(account.settings.get("client_key", "")),
            "response_type": "code",
            "scope": SCOPES[mode_of(account)],
            "redirect_uri": redirect_uri,
            "state": state,
        }
        if _is_desktop(redirect_uri):
            query |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
        home = base_of(account) if account.settings.get("sandbox_url") else AUTHORIZE
        return f"{home}/v2/auth/authorize/?{urlencode(query)}"

    def issuer(self, account: Account) -> str | None:  # noqa: ARG002
        """Return None: TikTok names no issuer."""
        return None

    async def exchange(
        self, account: Account, *, code: str, verifier: str, redirect_uri: str, now: datetime
    ) -> Granted | Denied | TryLater | Unknown:
        """Change a code for the first pair of tokens."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if _is_desktop(redirect_uri):
            form["code_verifier"] = verifier
        said = await self._ask(account, TOKEN, form, now)
        if isinstance(said, OAuthError):
            reason = "app_not_approved" if said.error in APP_NOT_APPROVED else "code_refused"
            return Denied(reason, f"{said.error}: {said.description}")
        if not isinstance(said, Mapping):
            return said
        secrets = _secrets(account, said)
        if secrets is None:
            return Unknown("answer_unreadable")
        return Granted(secrets, expires_at(now, said), {"scopes": secrets["scope"].split(",")})

    async def refresh(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        """Change the pair for the next one; the former refresh token is worthless afterwards."""
        token = account.secrets.get("refresh_token", "")
        form = {"grant_type": "refresh_token", "refresh_token": token}
        said = await self._ask(account, TOKEN, form, now)
        if isinstance(said, OAuthError):
            if said.error in APP_NOT_APPROVED:
                return Revoked("app_not_approved", said.error)
            return Revoked("credentials_revoked", f"{said.error}: {said.description}")
        if not isinstance(said, Mapping):
            return said
        secrets = _secrets(account, said)
        if secrets is None:
            return Unknown("answer_unreadable")
        return Refreshed(secrets, expires_at(now, said))

    async def revoke(self, account: Account, now: datetime) -> Disconnected | TryLater | Unknown:
        """End the consent; one that has ended is fine."""
        form = {"token": account.secrets.get("access_token", "")}
        said = await self._ask(account, REVOKE, form, now)
        if isinstance(said, OAuthError):
            return Disconnected({"error": said.error})
        return Disconnected() if isinstance(said, Mapping) else said

    async def _ask(
        self, account: Account, path: str, form: Mapping[str, str], now: datetime
    ) -> Mapping[str, Any] | OAuthError | TryLater | Unknown:
        keys = {
            "client_key": str(account.settings.get("client_key", "")),
            "client_secret": account.secrets.get("client_secret", ""),
        }
        return await token_request(self._outbound, base_of(account) + path, {**keys, **form}, now)


def mode_of(account: Account) -> str:
    """Return how a channel publishes: `inbox`, unless it says `direct`."""
    return "direct" if account.settings.get("mode") == "direct" else "inbox"


def challenge(verifier: str) -> str:
    """Return TikTok's code challenge: SHA-256 in lowercase hex, not base64url as in RFC 7636."""
    return hashlib.sha256(verifier.encode("ascii")).hexdigest()


def _is_desktop(redirect_uri: str) -> bool:
    return urlsplit(redirect_uri).hostname in LOOPBACK


def _secrets(account: Account, said: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the whole credentials; a token that is not in the answer is never emptied."""
    fresh = {
        name: str(said.get(name) or account.secrets.get(name, ""))
        for name in ("refresh_token", "open_id", "scope")
    }
    access = said.get("access_token")
    if not isinstance(access, str) or not access or not all(fresh.values()):
        return None
    return {**account.secrets, **fresh, "access_token": access}
