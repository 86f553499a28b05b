"""Sessions of Bluesky: an app password opens one, and its tokens are changed for new ones.

Source: docs.bsky.app and the lexicons com.atproto.server.*, 2026-08.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schedulers.connector import Account, Checked, Refreshed, Refused, Revoked, TryLater, Unknown
from schedulers.connectors.bluesky_api import Api, Came, Wrong, is_home, trouble_of
from schedulers.outbound import Outbound

CREATE = "com.atproto.server.createSession"
RENEW = "com.atproto.server.refreshSession"
SHOW = "com.atproto.server.getSession"
SESSION = ("access_jwt", "refresh_jwt", "did", "known_as", "pds")
"""What a session adds to the secrets that a person entered; new credentials end it."""

LASTS = timedelta(hours=1)
"""How long an access token is taken for good that does not say so itself; two hours are usual."""

OVER = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})


class BlueskyLogin:
    """Opens sessions, keeps them open, and says whether the account answers."""

    def __init__(self, outbound: Outbound) -> None:
        self._api = Api(outbound)

    async def refresh(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        """Renew the session, or open one by the app password where there is none any more.

        A renewal whose answer was lost may be repeated: the server gives the same pair again.
        """
        if token := account.secrets.get("refresh_jwt"):
            came = await self._api.log_in(account, RENEW, token, None, now)
            if not (isinstance(came, Wrong) and came.code in OVER):
                return _refreshed(account, came, now)
        return await self.opened(account, now)

    async def opened(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        """Open a session by the app password."""
        body = {
            "identifier": account.secrets.get("identifier", "").strip().removeprefix("@"),
            "password": account.secrets.get("app_password", "").strip(),
        }
        came = await self._api.log_in(account, CREATE, None, body, now)
        if isinstance(came, Wrong):
            if came.code == "AuthFactorTokenRequired":
                return Revoked("app_password_wanted", came.message)
            if came.code in OVER:
                return Revoked("password_refused", came.message)
        return _refreshed(account, came, now)

    async def check(self, account: Account, now: datetime) -> Checked:
        """Ask whose account it is, by the session or, where that is over, by the app password."""
        if token := account.secrets.get("access_jwt"):
            came = await self._api.ask(account, SHOW, now, token=token)
            if isinstance(came, Mapping):
                return Checked(answers=True, reason=None, detail=str(came.get("handle", "")))
            if not (isinstance(came, Wrong) and came.code in OVER):
                return Checked(answers=False, reason=trouble_of(came).reason, detail="getSession")
        found = await self.opened(account, now)
        if isinstance(found, Refreshed):
            return Checked(answers=True, reason=None, detail=found.secrets.get("known_as", ""))
        return Checked(answers=False, reason=found.reason, detail="createSession")


def with_session(account: Account, found: Refreshed) -> Account:
    """Return the account as it is with a session that was opened just now."""
    return replace(account, secrets=found.secrets)


def _refreshed(
    account: Account, came: Came, now: datetime
) -> Refreshed | Revoked | TryLater | Unknown:
    if not isinstance(came, Mapping):
        trouble = trouble_of(came)
        if isinstance(trouble, Refused):
            return Unknown(trouble.reason, trouble.evidence)
        return trouble
    session = _session_of(account, came)
    if not all(session.get(name) for name in ("access_jwt", "refresh_jwt", "did")):
        return Unknown("answer_unreadable")
    if came.get("active") is False:
        taken_down = came.get("status") in {"takendown", "suspended"}
        return Revoked("account_taken_down") if taken_down else Revoked("account_deactivated")
    entered = {name: each for name, each in account.secrets.items() if name not in SESSION}
    secrets = entered | {name: each for name, each in session.items() if each}
    return Refreshed(secrets, _ends(session["access_jwt"]) or now + LASTS)


def _session_of(account: Account, came: Mapping[str, Any]) -> dict[str, str]:
    named = {"access_jwt": "accessJwt", "refresh_jwt": "refreshJwt", "did": "did"}
    session = {name: str(came.get(key) or "") for name, key in named.items()}
    handle = str(came.get("handle") or "")
    home = _home(came.get("didDoc")) or account.secrets.get("pds", "")
    session["known_as"] = "" if handle == "handle.invalid" else handle
    session["pds"] = home if home and is_home(account, home) else ""
    return session


def _home(document: object) -> str:
    """Return the server that a DID document names (`#atproto_pds`); empty if it names none."""
    services = document.get("service") if isinstance(document, dict) else None
    for each in services if isinstance(services, list) else ():
        if isinstance(each, dict) and str(each.get("id", "")).endswith("#atproto_pds"):
            return str(each.get("serviceEndpoint") or "").rstrip("/")
    return ""


def _ends(token: str) -> datetime | None:
    """Return when a token (a JWT of RFC 7519) says that it ends; it is not ours to verify."""
    said: object = None
    with suppress(IndexError, binascii.Error, ValueError):
        part = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    ends = said.get("exp") if isinstance(said, dict) else None
    if not isinstance(ends, int):
        return None
    with suppress(OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(ends, UTC)
    return None
