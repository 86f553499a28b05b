"""A Bluesky server (PDS) on loopback, as strict as the real one, with an office's channel on it.

What it answers was seen at `@atproto/pds` 0.5.35; tests/platforms/ asks that one itself.
"""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from planner.fit import count_text
from planner.platforms import Unit
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import channels, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.tables import Channel, Media
from tests.chaos.mortal import DECIDED, LOOPBACK, Grave, Points
from tests.conftest import RING
from tests.files import tiny_png
from tests.schedulers.wires import served
from tests.world import World

POST = "app.bsky.feed.post"
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FIELDS = {"$type", "text", "createdAt", "langs", "facets", "embed", "reply"}
FEATURES = {"link": "uri", "mention": "did", "tag": "tag"}
IMAGE_BYTES_MAX = 2_000_000
ACCESS, REFRESH = timedelta(hours=2), timedelta(days=90)
ME, MY_DID, PASSWORD = "warisan.test", "did:plc:warisan", "abcd-efgh-ijkl-mnop"


class Error(Exception):
    """What the server refuses."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


@dataclass
class Pds:
    """Everything that the server knows; `orders` are errors that it was told to give, by call.

    An order with the status 0 does what is asked, and answers that with an error of 502.
    """

    now: Callable[[], datetime]
    handles: dict[str, str] = field(default_factory=lambda: {ME: MY_DID})
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    blobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, datetime] = field(default_factory=dict)
    renewals: dict[str, tuple[datetime, dict[str, Any] | None]] = field(default_factory=dict)
    orders: list[tuple[str, int, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=lambda: {"active": True})
    home: str = ""

    def app(self) -> Starlette:
        deeds: dict[str, tuple[str, Callable[[Request], Awaitable[dict[str, Any]]]]] = {
            "com.atproto.server.createSession": ("POST", self._create_session),
            "com.atproto.server.refreshSession": ("POST", self._refresh_session),
            "com.atproto.server.getSession": ("GET", self._get_session),
            "com.atproto.identity.resolveHandle": ("GET", self._resolve),
            "com.atproto.repo.uploadBlob": ("POST", self._upload),
            "com.atproto.repo.putRecord": ("POST", self._put),
            "com.atproto.repo.getRecord": ("GET", self._get),
            "com.atproto.repo.deleteRecord": ("POST", self._delete),
        }
        return Starlette(
            routes=[
                Route(f"/xrpc/{name}", self._route(name, deed), methods=[method])
                for name, (method, deed) in deeds.items()
            ]
        )

    def texts(self) -> list[str]:
        """Return what is public, in the order of their keys."""
        return [self.records[uri]["value"]["text"] for uri in sorted(self.records)]

    def values(self) -> list[dict[str, Any]]:
        return [self.records[uri]["value"] for uri in sorted(self.records)]

    def _route(
        self, name: str, deed: Callable[[Request], Awaitable[dict[str, Any]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            short = name.rpartition(".")[2]
            self.calls.append(short)
            ordered = next((each for each in self.orders if each[0] == short), None)
            try:
                if ordered:
                    self.orders.remove(ordered)
                if not (ordered and ordered[1]):
                    said = await deed(request)
                if ordered:
                    return self._refused(Error(ordered[2], "as ordered", ordered[1] or 502))
            except Error as error:
                return self._refused(error)
            return JSONResponse(said)

        return answer

    def _refused(self, error: Error) -> Response:
        told = {"error": error.code, "message": error.message}
        return JSONResponse(told, error.status, headers=self.headers)

    def _pair(self, number: int) -> dict[str, Any]:
        pair = {}
        for name, lasts in (("accessJwt", ACCESS), ("refreshJwt", REFRESH)):
            ends = self.now() + lasts
            claims = {"exp": int(ends.timestamp()), "jti": f"{name}-{number}"}
            middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            pair[name] = f"e30.{middle}.c2ln"
            if name == "accessJwt":
                self.access[pair[name]] = ends
            else:
                self.renewals[pair[name]] = (ends, None)
        document = {"service": [{"id": "#atproto_pds", "serviceEndpoint": self.home}]}
        who = {"did": MY_DID, "handle": ME, "didDoc": document}
        return {**pair, **who, **self.status}

    async def _create_session(self, request: Request) -> dict[str, Any]:
        body = await request.json()
        if set(body) != {"identifier", "password"}:
            raise Error("InvalidRequest", "Input/identifier")
        if (body["identifier"], body["password"]) != (ME, PASSWORD):
            raise Error("AuthenticationRequired", "Invalid identifier or password", 401)
        return self._pair(len(self.renewals))

    async def _refresh_session(self, request: Request) -> dict[str, Any]:
        token = _bearer(request)
        if token not in self.renewals:
            raise Error("InvalidToken", "Bad token scope")
        ends, following = self.renewals[token]
        if ends <= self.now():
            raise Error("ExpiredToken", "Token has expired")
        following = following or self._pair(len(self.renewals))  # the same for a lost answer
        self.renewals[token] = (ends, following)
        return following

    async def _get_session(self, request: Request) -> dict[str, Any]:
        self._allowed(request)
        return {"did": MY_DID, "handle": ME, **self.status}

    def _allowed(self, request: Request) -> None:
        token = _bearer(request)
        if token not in self.access:
            raise Error("InvalidToken", "Token could not be verified")
        if self.access[token] <= self.now():
            raise Error("ExpiredToken", "Token has expired")

    async def _resolve(self, request: Request) -> dict[str, Any]:
        did = self.handles.get(request.query_params["handle"])
        if did is None:
            raise Error("InvalidRequest", "Unable to resolve handle")
        return {"did": did}

    async def _upload(self, request: Request) -> dict[str, Any]:
        self._allowed(request)
        body, mime = await request.body(), request.headers["content-type"]
        cid = f"bafkrei{hashlib.sha256(body).hexdigest()}"
        link = {"$link": cid}
        blob = {"$type": "blob", "ref": link, "mimeType": mime, "size": len(body)}
        self.blobs[cid] = blob
        return {"blob": blob}

    async def _put(self, request: Request) -> dict[str, Any]:
        self._allowed(request)
        body = await request.json()
        if not set(body) <= {"repo", "collection", "rkey", "record", "swapRecord"}:
            raise Error("InvalidRequest", "unknown field")
        if (body["repo"], body["collection"]) != (MY_DID, POST):
            raise Error("InvalidRequest", "Could not find repo")
        if not TID.fullmatch(body["rkey"]):
            raise Error("InvalidRequest", "Invalid TID string")
        self._check(body["record"])
        uri = f"at://{MY_DID}/{POST}/{body['rkey']}"
        content = json.dumps(body["record"], sort_keys=True).encode()
        cid = f"bafyrei{hashlib.sha256(content).hexdigest()}"
        there = self.records.get(uri)
        if there and there["cid"] == cid:
            return {"uri": uri, "cid": cid, "validationStatus": "valid"}
        if there and "swapRecord" in body and body["swapRecord"] != there["cid"]:
            raise Error("InvalidSwap", f"Record was at {there['cid']}")
        self.records[uri] = {"uri": uri, "cid": cid, "value": body["record"]}
        return {"uri": uri, "cid": cid, "commit": {"cid": cid}, "validationStatus": "valid"}

    async def _get(self, request: Request) -> dict[str, Any]:
        where = request.query_params
        uri = f"at://{where['repo']}/{where['collection']}/{where['rkey']}"
        if uri not in self.records:
            raise Error("RecordNotFound", f"Could not locate record: {uri}")
        return self.records[uri]

    async def _delete(self, request: Request) -> dict[str, Any]:
        self._allowed(request)
        body = await request.json()
        self.records.pop(f"at://{body['repo']}/{body['collection']}/{body['rkey']}", None)
        return {}

    def _check(self, record: Mapping[str, Any]) -> None:
        """Refuse what the lexicon does not allow, and a time that has not come."""
        made, text = str(record.get("createdAt")), record["text"]
        valid = (
            (set(record) <= FIELDS, "fields"),
            (record["$type"] == POST, "$type"),
            (count_text(Unit.GRAPHEMES, text) <= 300, "grapheme too big (maximum 300)"),
            (len(text.encode()) <= 3_000, "string too big (maximum 3000)"),
            (INSTANT.fullmatch(made) is not None, "createdAt"),
            (datetime.fromisoformat(made) <= self.now(), "createdAt in the future"),
            (1 <= len(record["langs"]) <= 3, "langs"),
            (all(_fits(each, text) for each in record.get("facets", [])), "facets"),
        )
        for good, what in valid:
            if not good:
                raise Error("InvalidRequest", f"Invalid {POST} record: {what}")
        for ref in record.get("reply", {}).values():
            if self.records.get(ref["uri"], {}).get("cid") != ref["cid"]:
                raise Error("InvalidRequest", "reply")
        self._check_images(record.get("embed", {}).get("images", []))

    def _check_images(self, images: list[Any]) -> None:
        if len(images) > 4:
            raise Error("InvalidRequest", "array too big (maximum 4)")
        for each in images:
            if not isinstance(each["alt"], str) or not set(each) <= {"alt", "image", "aspectRatio"}:
                raise Error("InvalidRequest", "image")
            if self.blobs.get(each["image"]["ref"]["$link"]) != each["image"]:
                raise Error("BlobNotFound", "Could not find blob")
            if each["image"]["size"] > IMAGE_BYTES_MAX:
                raise Error("InvalidRequest", "blob too big (maximum 2000000)")


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if not header.startswith("Bearer "):
        raise Error("AuthMissing", "Authentication Required", 401)
    return header.removeprefix("Bearer ")


def _fits(facet: Mapping[str, Any], text: str) -> bool:
    start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
    kind = facet["features"][0]["$type"].partition("#")[2]
    whole = text.encode()
    whole[start:end].decode()  # between characters, or it is a bug
    return 0 <= start < end <= len(whole) and FEATURES[kind] in facet["features"][0]


@dataclass
class Berth:
    """The office, and its channel at a server."""

    world: World
    files: FolderBlobs
    channel: Channel
    folder: Path
    placed: int = 0

    async def due(self, *texts: str, images: int = 0, **options: Any) -> UUID:
        """Return a publication whose time has come; several texts are a thread."""
        shown = [{"id": str(await self.image()), "alt": "Naskah"} for _ in range(images)]
        parts: list[dict[str, Any]] = [
            {"text": each, "media": []} for each in texts or ("Naskah kuno",)
        ]
        parts[0]["media"] = shown
        words: dict[str, Any] = {"parts": parts, "format": "thread" if len(parts) > 1 else "post"}
        if options:
            chosen = {"options": {"platform": "bluesky", **options}}
            words["variants"] = {str(self.channel.id): chosen}
        row = await self.world.placed(await self.world.post(**words), self.channel)
        self.world.clock.forward(minutes=1)
        return row

    async def image(self) -> UUID:
        """Return the id of an image that nobody has sent yet."""
        self.placed += 1
        content = tiny_png(40 + self.placed, 30)
        sha256, now = hashlib.sha256(content).hexdigest(), self.world.clock()
        draft = self.folder / f"draft-{self.placed}"
        draft.write_bytes(content)
        await self.files.put(sha256, draft)
        async with self.world.store.transaction() as db:
            workspace = await workspaces.lock(db, self.world.slug)
            row = Media(
                workspace_id=workspace.id,
                sha256=sha256,
                mime="image/png",
                bytes=len(content),
                width=40 + self.placed,
                height=30,
                created_at=now,
                updated_at=now,
            )
            db.add(row)
            await db.flush()
            return row.id

    async def entered(self, **secrets: str) -> None:
        """Let a person enter the credentials, as they do for a new channel."""
        given = {"identifier": f"@{ME}", "app_password": PASSWORD, **secrets}
        async with self.world.store.transaction() as db:
            workspace = await workspaces.lock(db, self.world.slug)
            row = await channels.of(db, workspace.id, self.channel.id)
            await channels.set_secrets(db, workspace, CLI, row, given, RING, self.world.clock())

    async def connected(self) -> Channel:
        """Return the channel as it is now."""
        async with self.world.store.reading() as db:
            return await channels.of(db, self.channel.workspace_id, self.channel.id)


@dataclass
class Quay(Berth):
    """The same at the server of these tests, and what that one knows."""

    pds: Pds = field(kw_only=True)


@asynccontextmanager
async def quay(world: World, files: FolderBlobs, folder: Path) -> AsyncIterator[Quay]:
    """Open a server that goes by the world's clock, and enter an account of it for a channel."""
    pds = Pds(now=world.clock)
    async with served(pds.app()) as url:
        pds.home = url
        channel = await world.channel(ME, "bluesky", settings={"service": url})
        here = Quay(world, files, channel, folder, pds=pds)
        await here.entered()
        yield here


async def ended(there: Berth, row: Any, rounds: int = 8) -> Any:
    """Publish until it has ended, or so many rounds; return the row."""
    outbound = Outbound(LOOPBACK)
    publisher = there.world.publisher(connectors(outbound), there.files)
    for _ in range(rounds):
        await publish(publisher, row)
        if (await there.world.row(row)).status in DECIDED:
            break
        there.world.clock.forward(seconds=70)
    await outbound.aclose()
    return await there.world.row(row)


async def logged_in(there: Quay) -> None:
    """Let the channel have a session, and the server forget how it came by it."""
    await ended(there, await there.due("Pertama"))
    there.pds.records.clear()
    there.pds.calls.clear()


async def deaths(there: Berth, database_url: str, *texts: str, images: int = 0) -> list[str]:
    """Die at each point on the way of a post of its own; return how they ended."""
    grave, passed = Grave(there.world, database_url, there.files), Points()
    await grave.live(await there.due(*texts, images=images), passed)
    ends = []
    for point in range(len(passed.passed)):
        row = await there.due(*(f"{each} {point}" for each in texts), images=images)
        await grave.live(row, Points(point))
        await grave.inherit(row)
        ends.append((await there.world.row(row)).status)
    return ends
