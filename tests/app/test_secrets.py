"""No secret is found again: not in logs, problems, the audit, kept answers, or anywhere else.

Twenty-odd secrets go through real requests, those that succeed, those that fail and one that
crashes; then everything that was written or refused is searched for each of them, in plain and in
the encodings in which it might hide.
"""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from app import logs
from app.deps import House
from app.main import create_app
from planner.access import Role
from store import audit, media, people, workspaces
from store.audit import CLI
from store.db import Store
from store.links import media_path
from store.settings import StoreSettings
from store.vault import KeyRing
from tests.app.conftest import found_office
from tests.app.logins import HTTPS, dump, give_password, log_in
from tests.app.uploading import upload
from tests.conftest import Client
from tests.files import tiny_png
from tests.planted import everything_written, found, fresh

KEYS = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


@dataclass
class Stage:
    """Where secrets are planted, and everything that was answered as a problem."""

    store: Store
    http: httpx.AsyncClient
    planted: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def plant(self, name: str, secret: str | None = None) -> str:
        self.planted[name] = secret or fresh("rahasia")
        return self.planted[name]

    async def heard(self, answer: httpx.Response) -> None:
        self.statuses.append(answer.status_code)
        if answer.headers.get("content-type") == "application/problem+json":
            await answer.aread()
            self.problems.append(f"{answer.headers!r} {answer.text}")


def add_crash(app: FastAPI) -> None:
    """Add a route that crashes with secrets in its hands."""

    @app.post("/api/v1/crash", include_in_schema=False)
    async def crash(request: Request) -> None:
        body = await request.json()
        authorization = request.headers["Authorization"]
        said = f"{body['url']} refused Authorization: {authorization} with {body['key']}"
        raise ConnectionError(said, request.app.state.house)


async def play(house: House, stage: Stage) -> None:
    """Let everybody use their secrets, rightly and wrongly."""
    office = await found_office(house, stage.http, "biro")
    await _log_in(house, stage)
    for client in office.clients.values():
        client.headers["Cookie"] = "__Host-" + client.headers["Cookie"]
    owner = office.owner
    stage.plant("session cookie", owner.headers["Cookie"].partition("=")[2])
    stage.plant("api key of the office", office.key.headers["Authorization"].split()[1])

    # What is shown once, and asked for again with the key of the first request.
    again: Any = {"headers": {"Idempotency-Key": "sekali-saja"}}
    new_key = {"name": "mesin", "scopes": ["read"]}
    made = await owner.ok("POST", office.path("/api-keys"), new_key, **again)
    stage.plant("api key", made["key"])
    assert (await owner("POST", office.path("/api-keys"), new_key, **again)).status_code == 409
    guest = {"email": "tamu@biro.example", "role": "editor"}
    invited = await owner.ok("POST", office.path("/invitations"), guest, **again)
    stage.plant("invitation", invited["token"])
    link = await owner.ok("POST", office.path("/calendar-links"), {"name": "Ponsel"}, **again)
    token = stage.plant("calendar link", parse_qs(urlsplit(link["url"]).query)["token"][0])
    await owner.http.get(f"/api/v1{office.path('/calendar.ics')}?token={token}")
    wrong = stage.plant("calendar link that is none")
    await owner.http.get(f"/api/v1{office.path('/calendar.ics')}?token={wrong}")

    await _join(stage, invited["token"])
    await _webhook(stage, office.manager, office.path("/channels"))
    await _bot(stage, office.manager, office.path("/channels"))
    await _headers(stage, office.path())
    await _words(stage, owner, office.path())
    await _signed(house, stage, await upload(office, tiny_png()))
    await _crash(stage)


async def _log_in(house: House, stage: Stage) -> None:
    """Log in rightly, wrongly and with too much; then take another password."""
    email = f"{Role.VIEWER}@biro.example"
    password = stage.plant("password")
    await give_password(house, email, password)
    browser = Client(stage.http)
    begun = await log_in(browser, email, password)
    cookie = stage.plant("session cookie of a browser", begun.cookies["__Host-pilar"])
    stage.http.cookies.clear()
    await log_in(browser, email, stage.plant("wrong password"))
    await log_in(browser, "no address", stage.plant("password of nobody"))
    much = {"email": email, "password": [stage.plant("password in a list")]}
    await browser("POST", "/sessions", much)
    signed_in = {"Cookie": f"__Host-pilar={cookie}"}
    body = {"current": stage.plant("former password, wrong"), "new": stage.plant("new password")}
    await browser("PUT", "/me/password", body, headers=signed_in)
    body = {"current": password, "new": stage.planted["new password"]}
    changed = await browser("PUT", "/me/password", body, headers=signed_in)
    assert changed.status_code == 204, changed.text


async def _join(stage: Stage, token: str) -> None:
    body = {"token": token, "name": "Tamu", "password": stage.plant("password of a guest")}
    joined = await Client(stage.http)("POST", "/invitations/accept", body)
    assert joined.status_code == 201, joined.text
    body = {"token": stage.plant("invitation that is none"), "name": "", "password": "x"}
    await Client(stage.http)("POST", "/invitations/accept", body)
    await Client(stage.http)("POST", "/invitations/accept", body | {"name": "T"})


async def _webhook(stage: Stage, manager: Client, path: str) -> None:
    """Give a webhook its secret: a good one, a bad one, and one under another name."""
    settings = {"url": "https://receiver.example/hook"}
    channel = {"platform": "webhook", "handle": "kait", "name": "Kait", "settings": settings}
    made = await manager.ok("POST", path, channel)
    place = f"{path}/{made['id']}/credentials"
    good = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    stage.plant("webhook secret", good.removeprefix("whsec_"))
    answer = await manager("PUT", place, {"secret": good}, match="*")
    assert answer.status_code == 204, answer.text
    await manager("PUT", place, {"secret": stage.plant("webhook secret, malformed")}, match="*")
    await manager("PUT", place, {"tokens": stage.plant("secret of another name")}, match="*")
    await manager("PUT", place, {"secret": {"x": stage.plant("secret in an object")}}, match="*")
    inside = f"https://ayu:{stage.plant('password in a URL')}@receiver.example/hook"
    refused = await manager("POST", path, channel | {"handle": "b", "settings": {"url": inside}})
    assert refused.status_code == 422, refused.text


async def _bot(stage: Stage, manager: Client, path: str) -> None:
    """Give a bot its token, which would stand in a URL: a good one, a bad one, and have it used."""
    settings = {"chat": "@biro", "api_url": "http://127.0.0.1:1"}
    channel = {"platform": "telegram", "handle": "bot", "name": "Bot", "settings": settings}
    made = await manager.ok("POST", path, channel)
    place = f"{path}/{made['id']}"
    for token in (
        "7012345678:" + stage.plant("bot token", secrets.token_hex(18)),
        stage.plant("bot token, malformed") + "/..",
    ):
        taken = await manager("PUT", f"{place}/credentials", {"bot_token": token}, match="*")
        assert taken.status_code == 204, taken.text
        checked = await manager.ok("POST", f"{place}/check")
        assert not checked["answers"]


async def _headers(stage: Stage, path: str) -> None:
    """Send secrets in headers, good and bad ones."""
    where = f"/api/v1{path}"
    for name in ("bearer that is none", "bearer in a bad request"):
        bearer = {"Authorization": f"Bearer {stage.plant(name)}"}
        await stage.http.get(where, headers=bearer)
        await stage.http.post(f"{where}/pillars", headers=bearer, content=b"{")
    await stage.http.get(where, headers={"Authorization": f"Bearer {stage.planted['api key']}"})
    basic = base64.b64encode(f"ayu:{stage.plant('basic password')}".encode()).decode()
    await stage.http.get(where, headers={"Authorization": f"Basic {basic}"})
    await stage.http.get(where, headers={"X-Api-Key": stage.plant("key in another header")})
    await stage.http.get(where, headers={"Cookie": f"__Host-pilar={stage.plant('false cookie')}"})
    await stage.http.get(where, headers={"X-Request-ID": f"{stage.plant('false id')} x"})


async def _words(stage: Stage, owner: Client, path: str) -> None:
    """Put secrets where none belongs: into queries, unknown fields, fields of another kind."""
    asked = f"?api_key={stage.plant('secret in a query')}&limit={stage.plant('secret as a number')}"
    await owner("GET", f"{path}/posts{asked}")
    await owner("GET", f"{path}/posts?after={stage.plant('secret as a cursor')}")
    unknown = {"name": "Sejarah", "password": stage.plant("secret in an unknown field")}
    await owner("POST", f"{path}/pillars", unknown)
    await owner("POST", f"{path}/pillars", {"name": {"x": stage.plant("secret in an object 2")}})
    broken = f'{{"password": "{stage.plant("secret in broken JSON")}"'.encode()
    head = owner.headers | {"Content-Type": "application/json"}
    await stage.http.post(f"/api/v1{path}/pillars", headers=head, content=broken)
    form = f"password={stage.plant('secret in a form')}".encode()
    head = owner.headers | {"Content-Type": "application/x-www-form-urlencoded"}
    await stage.http.post(f"/api/v1{path}/pillars", headers=head, content=form)


async def _signed(house: House, stage: Stage, file: Any) -> None:
    """Fetch a file by its signed link: whoever has that may fetch it too."""
    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, "biro")
        row = await media.of(db, workspace.id, UUID(file["id"]))
    path = media_path(house.ring, row, house.clock() + timedelta(hours=1))
    stage.plant("signature of a link", path.rpartition("/")[2])
    assert (await stage.http.get(path)).status_code == 200


async def _crash(stage: Stage) -> None:
    key = stage.planted["api key"]
    url = f"https://ayu:{stage.plant('password in a crash')}@receiver.example/"
    head = {"Authorization": f"Bearer {stage.plant('bearer in a crash')}"}
    body = {"url": url, "key": key, "password": stage.plant("secret in a crashed body")}
    answer = await stage.http.post("/api/v1/crash", json=body, headers=head)
    assert answer.status_code == 500


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[tuple[House, Stage]]:
    """Open a house with keys of its own, reached over https, with a route that crashes."""
    settings = StoreSettings(secret_keys=f"k9:{KEYS}", data_dir=house.settings.data_dir)
    house = replace(house, base_url=HTTPS, ring=KeyRing.parse(f"k9:{KEYS}"), settings=settings)
    house = replace(house, metrics_token=fresh("metrik"))
    app = create_app(house)
    add_crash(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HTTPS) as http:
        stage = Stage(house.store, http)
        http.event_hooks["response"].append(stage.heard)
        stage.plant("PILAR_SECRET_KEYS", KEYS)
        stage.plant("PILAR_METRICS_TOKEN", house.metrics_token)
        yield house, stage


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_secret_is_found_again(
    house: House, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", form)

    async with opened(house) as (there, stage):
        await play(there, stage)
        bearer = {"Authorization": f"Bearer {there.metrics_token}"}
        openapi = (await stage.http.get("/openapi.json")).text
        metrics = (await stage.http.get("/metrics", headers=bearer)).text

    log = capsys.readouterr().err
    places = {
        "the log": log,
        "a problem": "\n".join(stage.problems),
        "the database": await dump(house.store),  # the audit and kept answers, and all else
        "its files": everything_written(house.store),
        "a metric": metrics,
        "OpenAPI": openapi,
    }
    assert found(stage.planted, places) == []
    assert len(stage.planted) >= 20
    assert (log.count("request crashed"), "Traceback" in log) == (1, True)
    assert {401, 403, 404, 409, 415, 422, 500} <= set(stage.statuses)
    assert all(len(text) > 1000 for text in places.values())


@pytest.mark.usefixtures("data_folder")
async def test_a_secret_that_is_said_is_found(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")
    secret = fresh('ra"hasia')
    raw = secret.encode()

    async with house.store.transaction() as db:
        owner = await people.add(db, "ayu@biro.example", "Ayu", "id", house.clock())
        fields = {"slug": "biro", "name": "Biro", "timezone": "Asia/Jakarta", "locale": "id"}
        row = await workspaces.add(db, CLI, owner.id, fields, house.clock())
        data = {"said": base64.b64encode(b"user:" + raw).decode()}
        await audit.record(db, row, CLI, "look", "workspace", row.id, house.clock(), data)
    structlog.get_logger().info("seen", plain=secret, url=f"/x?y={quote(secret, safe='')}")

    places = {"the log": capsys.readouterr().err, "the database": await dump(house.store)}
    places |= {"a problem": f"<{raw.hex().upper()}>", "OpenAPI": f"<{secret[1:]}>"}
    places |= {"its files": everything_written(house.store), "a metric": f"<{secret[::-1]}>"}
    assert found({"it": secret}, places) == [
        "it in a metric as backwards",
        "it in a problem as hex",
        "it in its files as base64",
        "it in the database as base64",
        "it in the log as json",
        "it in the log as url",
    ]


@given(secret=st.text(min_size=12), before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_base64_is_seen_through_wherever_a_secret_begins(
    secret: str, before: bytes, after: bytes
) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()

    assert found({"it": secret}, {"a text": text}) != []
