"""Who may do what: every operation of the API, asked by every kind of caller.

`matrix/expected.toml` says what each operation needs; the operations come from the API's own
description, so that one that is new fails here until somebody has said who may use it.
"""

import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from app.deps import House, Viewer
from app.main import API, PUBLIC_ROUTERS, ROUTERS, create_app
from planner.access import SCOPES, Role
from store import keys, people, workspaces
from store.audit import CLI
from tests.app.conftest import Office, found_office
from tests.app.uploading import upload
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Client, app_of
from tests.described import api
from tests.files import tiny_png

pytestmark = pytest.mark.untraced

TABLE = tomllib.loads((Path(__file__).parent / "matrix" / "expected.toml").read_text("utf-8"))
NEEDS: Mapping[str, str] = TABLE["needs"]
ABILITIES: Mapping[str, list[str]] = TABLE["abilities"]

LOOPBACK = "http://127.0.0.1"  # where passwords may travel over plain http
NOBODY = {"anonymous", "expired key", "revoked key"}
ELSEWHERE = {"owner elsewhere", "key elsewhere"}
REFUSALS = {
    "/problems/login-needed": 401,
    "/problems/no-such-workspace": 404,
    "/problems/may-not": 403,
    "/problems/people-only": 403,
}
WITHOUT_WORKSPACE = {"anyone", "person", "founder"}
WRONG_WORDS = {"/problems/wrong-login", "/problems/wrong-password", "/problems/unsigned-hook"}
"""Refusals of what was said, not of who said it."""
LAST = "end_current_session"
DAYS = {"from": "2026-12-01", "to": "2026-12-08"}
OF_A_ROW = "_id}"


@dataclass(frozen=True)
class Operation:
    """One operation, with a body that its description shows."""

    name: str
    method: str
    path: str
    body: Any = None
    form: bool = False
    query: Mapping[str, str] = field(default_factory=dict)

    async def ask(self, client: Client, ids: Mapping[str, str], **headers: str) -> httpx.Response:
        path = self.path.format_map(ids)
        more: dict[str, Any] = {"headers": headers, "params": dict(self.query) or None}
        if self.form:
            more["files"] = {"file": ("a.png", tiny_png(4, 4))}
        return await client(self.method, f"/{path}", self.body, **more)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return every operation of a description; the one that logs the caller out comes last."""
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            body = content["application/json"]["example"] if "application/json" in content else None
            query = {
                each["name"]: DAYS.get(each["name"], "x")
                for each in said.get("parameters", ())
                if each.get("in") == "query" and (each.get("required") or each["name"] in DAYS)
            }
            form = "multipart/form-data" in content
            name, verb = said["operationId"], method.upper()
            found.append(Operation(name, verb, f"/{path[1:]}", body, form, query))
    return sorted(found, key=lambda each: each.name == LAST)


@cache
def known() -> list[Operation]:
    return operations(api())


@dataclass
class Scene:
    """Two offices with a row of every kind, and everybody who might ask."""

    callers: dict[str, Client]
    own: dict[str, str]
    foreign: dict[str, str]
    slug: str


async def _rows(house: House, office: Office) -> dict[str, str]:
    """Return the ids of one row of each kind in an office."""
    owner = office.owner

    async def first(path: str) -> str:
        return str((await owner.ok("GET", path))["items"][0]["id"])

    async def made(path: str, body: Any) -> str:
        return str((await owner.ok("POST", office.path(path), body))["id"])

    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        guest = await people.add(db, f"tamu@{office.slug}.example", "Tamu", "id", house.clock())
        member = await people.join(db, workspace, CLI, guest, Role.VIEWER, house.clock())
    channel = await add_channel(office)
    post = await approve_post(office, await write_post(office))
    (placed,) = await place(office, post, channel, when=at(house.clock().replace(hour=9)))
    media = await upload(office, tiny_png())
    day = {"kind": "note", "title": "Rapat"}
    await owner.ok("PUT", office.path("/days/2026-12-24"), day, headers={"If-None-Match": "*"})
    target = await made(
        "/alert-targets", {"name": "G", "medium": "email", "address": "a@b.example"}
    )
    return {
        "ws": office.slug,
        "workspace_id": str(workspace.id),
        "member_id": str(member.id),
        "invitation_id": await made(
            "/invitations", {"email": f"b@{office.slug}.example", "role": "viewer"}
        ),
        "key_id": await first(office.path("/api-keys")),
        "session_id": await first("/sessions"),
        "channel_id": str(channel["id"]),
        "media_id": str(media["id"]),
        "pillar_id": await made("/pillars", {"name": "Sejarah"}),
        "campaign_id": await made(
            "/campaigns", {"name": "Pekan", "starts_on": "2026-12-01", "ends_on": "2026-12-02"}
        ),
        "post_id": str(post["id"]),
        "publication_id": str(placed["id"]),
        "hold_id": await made("/holds", {"scope": "workspace", "reason": "Gempa"}),
        "target_id": target,
        "alert_id": await made(f"/alert-targets/{target}/test", None),
        "link_id": await made("/calendar-links", {"name": "Ponsel"}),
        "date": "2026-12-24",
        "month": "2026-12",
        "name": "feed",
        "platform": "tiktok",
        "handle": "berita",
        "key": "may-not",
        "until": "1800000000",
        "signature": "x" * 43,
    }


async def _key(house: House, office: Office, scopes: Iterable[str], *, until: Any = None) -> str:
    now = house.clock()
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        key, secret = await keys.add(
            db,
            house.ring,
            [workspace],
            CLI,
            name="matrix",
            scopes=set(scopes),
            created_by=office.people[Role.OWNER],
            expires_at=now if until == "now" else None,
            now=now,
        )
        if until == "revoked":
            await keys.revoke(db, [workspace], CLI, key, now)
    return secret


@pytest.fixture
async def scene(house: House) -> Any:
    house = replace(house, base_url=LOOPBACK, metrics_token=secrets.token_hex())
    house.hub.stop()  # whoever follows changes hears how things are, and no more
    transport = httpx.ASGITransport(app_of(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as http:
        yield await _scene(house, http)


async def _scene(house: House, http: httpx.AsyncClient) -> Scene:
    office = await found_office(house, http, "biro")
    other = await found_office(house, http, "lain")
    callers = {str(role): client for role, client in office.clients.items()}
    callers |= {"anonymous": Client(http), "owner elsewhere": other.owner}
    made = {f"key {scope}": await _key(house, office, {scope}) for scope in SCOPES}
    made["expired key"] = await _key(house, office, SCOPES, until="now")
    made["revoked key"] = await _key(house, office, SCOPES, until="revoked")
    for name, secret in made.items():
        callers[name] = Client(http, {"Authorization": f"Bearer {secret}"})
    callers["key elsewhere"] = other.key
    return Scene(callers, await _rows(house, office), await _rows(house, other), office.slug)


def refusal(need: str, caller: str) -> int | None:
    """Return the status that refuses a caller; None where they may."""
    if need in {"public", "guarded"}:
        return 403 if need == "guarded" else None
    if caller in NOBODY:
        return 401
    if need in WITHOUT_WORKSPACE:
        may = need == "anyone" or not caller.startswith("key ")
        if need == "founder":
            may = caller in {"owner", "owner elsewhere"}
        return None if may else 403
    if caller in ELSEWHERE:
        return 404
    return None if need in ABILITIES[caller] else 403


def refused(answer: httpx.Response) -> int | None:
    """Return the status of an answer that refuses the caller, whatever they ask; None: it is not.

    What is not there, not so any more, or not well said is no matter of access.
    """
    if answer.headers.get("content-type") != "application/problem+json":
        return None
    kind, status = answer.json()["type"], answer.status_code
    if kind in REFUSALS:
        assert status == REFUSALS[kind]
        return status
    return status if status in {401, 403} and kind not in WRONG_WORDS else None


async def wrong(scene: Scene, asked: Iterable[Operation], needs: Mapping[str, str]) -> list[str]:
    """Ask everything as everybody; return where the answer is not what the table says."""
    found = []
    for operation in asked:
        for name, client in scene.callers.items():
            answer = await operation.ask(client, scene.own)
            expected, given = refusal(needs[operation.name], name), refused(answer)
            if given != expected or answer.status_code >= 500:
                told = f"{answer.status_code} {answer.text[:80]}"
                found.append(f"{operation.name}: {name}: {expected or 'may'}, not {told}")
    return found


def unmatched(asked: Iterable[Operation], needs: Iterable[str]) -> list[str]:
    """Return the operations without a line and the lines without an operation."""
    return sorted({each.name for each in asked} ^ set(needs))


def hidden() -> Iterator[tuple[str, str]]:
    """Tell every method and path that is served and not described."""
    for prefix, routers in ((API, ROUTERS), ("", PUBLIC_ROUTERS)):
        for router in routers:
            for route in router.routes:
                path = prefix + str(getattr(route, "path", ""))
                for method in getattr(route, "methods", None) or {"?"}:
                    if not getattr(route, "include_in_schema", False):
                        yield method, path


def test_every_operation_has_a_line_and_every_line_an_operation() -> None:
    assert unmatched(known(), NEEDS) == []
    assert set(NEEDS.values()) <= {"public", "guarded", *WITHOUT_WORKSPACE, *ABILITIES["owner"]}


def test_what_is_served_and_not_described_is_the_head_of_what_is() -> None:
    described = {each.path for each in known() if each.method == "GET"}

    found = set(hidden())

    assert {method for method, _ in found} == {"HEAD"}
    assert {path for _, path in found} - described == set()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_everybody_may_what_the_table_says_and_nothing_else(scene: Scene) -> None:
    assert set(scene.callers) == set(ABILITIES) | NOBODY | ELSEWHERE
    asked = [each for each in known() if each.name in NEEDS]  # the first test finds the others

    assert await wrong(scene, asked, NEEDS) == []


async def test_the_owner_finds_a_row_behind_every_path(scene: Scene) -> None:
    """Or a missing row, and not a missing right, might be what the matrix sees."""
    answers = {
        each.name: (await each.ask(scene.callers["owner"], scene.own)).status_code
        for each in known()
        if each.method == "GET" and NEEDS.get(each.name) not in {None, "public", "guarded"}
    }

    assert {name: status for name, status in answers.items() if status != 200} == {}


async def open_doors(scene: Scene, asked: Iterable[Operation]) -> list[str]:
    """Ask the own workspace for rows of the other one; return where the answer is not 404."""
    found = []
    for each in asked:
        params = [name for name in scene.own if f"{{{name}}}" in each.path]
        for param in [name for name in params if name.endswith("_id")]:
            ids = scene.own | {param: scene.foreign[param]}
            answer = await each.ask(scene.callers["owner"], ids, **{"If-Match": "*"})
            kind = answer.json()["type"] if answer.status_code == 404 else ""
            if kind in {"", "/problems/no-such-path", "/problems/no-such-workspace"}:
                found.append(f"{each.name}: {param}: {answer.status_code} {answer.text[:80]}")
    return found


async def test_ids_of_another_workspace_are_nobodys(scene: Scene) -> None:
    before = [await _sequence(scene, name) for name in ("owner", "owner elsewhere")]
    asked = [each for each in known() if OF_A_ROW in each.path]

    found = await open_doors(scene, asked)

    assert found == []
    assert [await _sequence(scene, name) for name in ("owner", "owner elsewhere")] == before


async def _sequence(scene: Scene, caller: str) -> Any:
    """Return the newest audit row of the workspace that a caller owns."""
    slug = scene.own["ws"] if caller == "owner" else scene.foreign["ws"]
    page = await scene.callers[caller].ok("GET", f"/workspaces/{slug}/audit?limit=1")
    return page["items"][0]["seq"]


def planted(app: FastAPI) -> list[Operation]:
    """Plant three routes: one for everybody, one for too many, one that looks behind every wall."""

    @app.get("/api/v1/workspaces/{ws}/open", include_in_schema=False)
    async def open_to_all(ws: str) -> str:
        return ws

    @app.get("/api/v1/workspaces/{ws}/generous", include_in_schema=False)
    async def for_viewers(access: Viewer) -> str:
        return access.workspace.slug

    @app.get("/api/v1/workspaces/{ws}/loose/{pillar_id}", include_in_schema=False)
    async def for_any_id(access: Viewer, pillar_id: UUID) -> str:
        return f"{access.workspace.slug} {pillar_id}"

    place = "/api/v1/workspaces/{ws}"
    return [
        Operation("open_to_all", "GET", f"{place}/open"),
        Operation("for_viewers", "GET", f"{place}/generous"),
        Operation("for_any_id", "GET", f"{place}/loose/{{pillar_id}}"),
    ]


async def test_a_route_without_a_check_is_caught(scene: Scene, house: House) -> None:
    app = create_app(replace(house, base_url=LOOPBACK))
    asked = planted(app)
    needs = {"open_to_all": "read", "for_viewers": "write", "for_any_id": "read"}

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as http:
        callers = {name: replace(each, http=http) for name, each in scene.callers.items()}
        there = replace(scene, callers=callers)
        found = [each.split(": ")[:2] for each in await wrong(there, asked, needs)]
        doors = [each.split(": ")[:2] for each in await open_doors(there, asked)]

    nobody = [["open_to_all", name] for name in callers if name in NOBODY | ELSEWHERE]
    weak = [name for name in callers if "write" not in ABILITIES.get(name, ["write"])]
    assert found == nobody + [["for_viewers", name] for name in weak]
    assert doors == [["for_any_id", "pillar_id"]]
    assert unmatched(asked, needs) == []
    assert unmatched(asked, [*list(needs)[1:], "gone"]) == ["gone", "open_to_all"]
