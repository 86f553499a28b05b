"""People who connect an account by OAuth 2: their browsers, and answers of a platform to them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from sqlmodel import select

from app.deps import House
from store import channels
from store.tables import Authorization, Channel
from tests.app.conftest import Office
from tests.app.pasar import SCOPES
from tests.app.writing import add_channel
from tests.conftest import RING, Client
from tests.schedulers.wires import Wire, says

CLIENT_SECRET = "klien-pasar-rahasia"
COOKIE = "pilar-oauth"
NOTHING = ("disconnected", "not_authorized", {"client_secret": CLIENT_SECRET})
"""How a channel stands that nobody has connected."""


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
