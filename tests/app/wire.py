"""Requests as a server hands them over, byte for byte, so that no client tidies them up."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI
from sqlmodel import func, select

from app.deps import House
from store.db import Store
from store.tables import Workspace
from store.tables.rows import METADATA
from tests.app.conftest import Office
from tests.app.uploading import upload
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import app_of
from tests.files import tiny_png

Headers = Mapping[str, str | bytes]
JSON: Headers = {"Content-Type": "application/json"}


@dataclass
class Answer:
    """What the application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def kind(self) -> str:
        """The problem's type; empty for what is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        told = json.loads(self.body)
        assert told["status"] == self.status
        return str(told["type"]).removeprefix("/problems/")


@dataclass
class Wire:
    """Hands requests to the application, byte for byte."""

    app: FastAPI
    cookie: str
    bearer: str

    async def __call__(
        self, method: str, target: str, headers: Headers | None = None, body: bytes = b""
    ) -> Answer:
        path, _, query = target.partition("?")
        told = {"Host": "pilar.test", **({"Content-Length": str(len(body))} if body else {})}
        pairs = [
            (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in (told | dict(headers or {})).items()
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": pairs,
            "client": ("203.0.113.9", 5000),
            "server": ("pilar.test", 80),
        }
        answer, left = Answer(), [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if not left:
                await asyncio.Event().wait()  # the client stays until it has its answer
            return left.pop()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer

    async def as_owner(self, method: str, target: str, *more: Any, **headers: str) -> Answer:
        """Ask as somebody who may everything."""
        given, body = (*more, b"")[:2] if more else ({}, b"")
        return await self(method, target, {"Cookie": self.cookie} | dict(given) | headers, body)


async def open_wire(house: House, office: Office) -> Wire:
    """Give an office a feed, a post on it and a picture; return the wire to it."""
    channel = await add_channel(office)
    await upload(office, tiny_png())
    post = await approve_post(office, await write_post(office))
    await place(office, post, channel, when=at(house.clock().replace(hour=9)))
    cookie, key = office.owner.headers["Cookie"], office.key.headers["Authorization"]
    await office.owner.ok("GET", office.path())  # both were used now, which is written
    await office.key.ok("GET", office.path())
    return Wire(app_of(house), cookie, key)


async def written(store: Store) -> Mapping[str, Any]:
    """Return how many rows there are of everything, and how far the workspaces have come."""
    async with store.reading() as db:
        connection = await db.connection()
        counts: dict[str, Any] = {}
        for table in METADATA.sorted_tables:
            query = select(func.count()).select_from(table)
            counts[table.name] = (await connection.execute(query)).scalar_one()
        heads = select(Workspace.slug, Workspace.change_seq, Workspace.audit_seq)
        counts["heads"] = [tuple(each) for each in await db.exec(heads.order_by(Workspace.slug))]
    return counts
