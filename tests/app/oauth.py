"""A platform that people connect by OAuth 2: its connector, and servers that answer for it.

The connector is as plain as the standards allow: PKCE with S256, a client with a secret. Its paths
are those of `oidc-provider`, which judges it in `tests/platforms`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from sqlmodel import select

from app.deps import House
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
from store import channels
from store.tables import Authorization, Channel
from tests.app.conftest import Office
from tests.app.writing import add_channel
from tests.conftest import RING, Client
from tests.schedulers.wires import Wire, says

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
CLIENT_SECRET = "klien-pasar-rahasia"
SCOPES = "openid offline_access"
COOKIE = "pilar-oauth"
NOTHING = ("disconnected", "not_authorized", {"client_secret": CLIENT_SECRET})
"""How a channel stands that nobody has connected."""


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


def answers(body: Mapping[str, Any], status: str = "200 OK", **headers: str) -> bytes:
    """Return the bytes of an answer with a JSON body."""
    return says(status, json.dumps(body).encode(), Content_Type="application/json", **headers)


def tokens(name: str = "satu", **more: Any) -> dict[str, Any]:
    """Return what a token endpoint grants."""
    granted = {"access_token": f"akses-{name}-rahasia", "refresh_token": f"segar-{name}-rahasia"}
    return granted | {"expires_in": 3600, "token_type": "Bearer", "scope": SCOPES} | more


@dataclass
class Browser:
    """A browser: it keeps cookies by name, and goes where it is told to."""

    http: httpx.AsyncClient
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    @classmethod
    def of(cls, person: Client) -> "Browser":
        """Return the browser in which somebody is logged in."""
        name, _, token = person.headers["Cookie"].partition("=")
        return cls(person.http, {name: token})

    async def open(self, url: str) -> httpx.Response:
        """Go to an address, and remember the cookies that come from there."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        told = {"Cookie": cookie, "Accept-Language": self.language}
        sent = {name: value for name, value in told.items() if value}
        answer = await self.http.get(url, headers=sent)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer


async def pasar_channel(office: Office, server: str, *, entered: bool = True, **more: Any) -> str:
    """Return the path of a channel that nobody has connected yet."""
    settings: dict[str, Any] = {"server": server, "client_id": "pilar"} | more
    channel = await add_channel(office, "toko", "pasar", settings=settings)
    path = office.path(f"/channels/{channel['id']}")
    if entered:
        secret = {"client_secret": CLIENT_SECRET}
        await office.manager.ok("PUT", f"{path}/credentials", secret, match=1)
    return path


async def set_out(browser: Browser, person: Client, path: str) -> dict[str, str]:
    """Begin to connect, and go as far as the platform; return what the browser carries there."""
    begun = await person.ok("POST", f"{path}/connect")
    answer = await browser.open(begun["url"])
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def back(**query: str) -> str:
    """Return the address at which a browser comes back."""
    return f"/oauth/callback?{urlencode(query)}"


async def stored(house: House) -> tuple[str, str | None, dict[str, str]]:
    """Return how the channel stands, and its credentials in clear."""
    async with house.store.reading() as db:
        row = (await db.exec(select(Channel).where(Channel.platform == "pasar"))).one()
    return row.connection, row.connection_reason, channels.open_secrets(row, RING)


async def on_the_way(house: House) -> int:
    async with house.store.reading() as db:
        return len((await db.exec(select(Authorization))).all())


def title_of(page: httpx.Response) -> str:
    found = re.search("<h1>(.*)</h1>", page.text)
    assert found, page.text
    return found[1]


def form_of(platform: Wire) -> dict[str, str]:
    """Return the form of the only request that a platform got."""
    (seen,) = platform.seen
    return dict(parse_qsl(seen.body.decode()))
