"""A platform that people connect by OAuth 2, and its connector.

It is as plain as the standards allow: PKCE with S256, a client with a secret. Its paths are those
of `oidc-provider`, which judges it in `tests/platforms`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from planner.platforms import (
    FORMATS,
    PLATFORMS,
    FieldSpec,
    Idempotency,
    MediaLimits,
    Platform,
    TextLimit,
    Unit,
)
from schedulers.connector import (
    Account,
    Checked,
    Denied,
    Disconnected,
    Granted,
    Outcome,
    Outgoing,
    Published,
    Refreshed,
    Revoked,
    TryLater,
    Unknown,
)
from schedulers.connectors import CONNECTORS
from schedulers.oauth import OAuthError, challenge_s256, expires_at, token_request
from schedulers.outbound import Outbound

PASAR = Platform(
    name="pasar",
    title="Pasar",
    idempotency=Idempotency.IDEMPOTENT,
    formats=FORMATS,
    text=TextLimit(Unit.CODE_POINTS, 5_000),
    parts_max=25,
    media=MediaLimits(count_max=10, total_max=10),
    settings=(
        FieldSpec("server", "url", required=True, max_length=200),
        FieldSpec("client_id", "string", required=True, max_length=80),
        FieldSpec("issuer", "string", max_length=200),
    ),
    credentials=(
        FieldSpec("client_secret", "string", required=True, max_length=200),
        FieldSpec("access_token", "string", required=True, granted=True),
        FieldSpec("refresh_token", "string", granted=True),
    ),
)
SCOPES = "openid offline_access"


class PasarConnector:
    """Connects, refreshes, checks and revokes by the standards; publishes nothing."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        return Published(outgoing.key, None)

    def authorize_url(
        self, account: Account, *, state: str, verifier: str, redirect_uri: str
    ) -> str:
        asked = {
            "response_type": "code",
            "client_id": account.settings["client_id"],
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "prompt": "consent",
            "state": state,
            "code_challenge": challenge_s256(verifier),
            "code_challenge_method": "S256",
        }
        return f"{account.settings['server']}/auth?{urlencode(asked)}"

    def issuer(self, account: Account) -> str | None:
        return account.settings.get("issuer")

    async def exchange(
        self, account: Account, *, code: str, verifier: str, redirect_uri: str, now: datetime
    ) -> Granted | Denied | TryLater | Unknown:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        said = await self._ask(account, "token", form, now)
        match said:
            case OAuthError(error=error, description=description):
                return Denied("not_agreed", f"{error} {description}")
            case TryLater() | Unknown():
                return said
        evidence = {"scopes": str(said.get("scope", "")).split()}
        return Granted(self._tokens(account, said), expires_at(now, said), evidence)

    async def refresh(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        token = account.secrets["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        said = await self._ask(account, "token", form, now)
        match said:
            case OAuthError(error=error):
                return Revoked("credentials_revoked", error)
            case TryLater() | Unknown():
                return said
        return Refreshed(self._tokens(account, said), expires_at(now, said))

    async def revoke(self, account: Account, now: datetime) -> Disconnected | TryLater | Unknown:
        form = {"token": account.secrets.get("refresh_token", account.secrets["access_token"])}
        said = await self._ask(account, "token/revocation", form, now)
        match said:
            case OAuthError(error=error):
                return Unknown("not_agreed", {"error": error})
            case TryLater() | Unknown():
                return said
        return Disconnected()

    async def check(self, account: Account, now: datetime) -> Checked:
        bearer = {"Authorization": f"Bearer {account.secrets['access_token']}"}
        url = f"{account.settings['server']}/me"
        answer = await self._outbound.request("GET", url, headers=bearer)
        good = answer.status == 200
        scopes = tuple(SCOPES.split()) if good else ()
        return Checked(good, None if good else "rejected", f"HTTP {answer.status}", scopes)

    def _tokens(self, account: Account, said: Mapping[str, Any]) -> dict[str, str]:
        names = ("access_token", "refresh_token")
        return dict(account.secrets) | {name: said[name] for name in names if said.get(name)}

    async def _ask(
        self, account: Account, path: str, form: Mapping[str, str], now: datetime
    ) -> Mapping[str, Any] | OAuthError | TryLater | Unknown:
        client = {
            "client_id": account.settings["client_id"],
            "client_secret": account.secrets["client_secret"],
        }
        url = f"{account.settings['server']}/{path}"
        return await token_request(self._outbound, url, {**client, **form}, now)


@contextmanager
def pasar() -> Iterator[None]:
    """Let this process know the platform for a while."""
    PLATFORMS[PASAR.name], CONNECTORS[PASAR.name] = PASAR, PasarConnector
    try:
        yield
    finally:
        del PLATFORMS[PASAR.name], CONNECTORS[PASAR.name]
