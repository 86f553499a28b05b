"""The platform that tests publish on: a process of its own, of every class, misbehaving as told.

Run as `python -m tests.shore.server JOURNAL PORT SEED`. `POST /_control` tells it how to behave:
`{"place": "search/berita", "on": "publish", "chances": {"lost": 0.05}, "next": ["late"]}`,
`{"place": "idem/berita", "terms": {"idem_seconds": 60}}`, or `{"grant": "berita", "seconds": 60}`.
The place `*` is every account. The operations are publish, prepare, read, delete and refresh.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from tests.shore.ledger import Container, Ledger, Post
from tests.shore.mischief import WAYS, Exchange, Mischief, Reply, framed

LISTED_MAX = 1000
KINDS = frozenset({"idem", "handle", "search", "blind"})

Act = Callable[[], Reply]


@dataclass(frozen=True)
class Terms:
    """What an account's platform promises, in seconds."""

    idem_seconds: float = 3600
    """How long a key is remembered."""
    index_seconds: float = 0
    """How long a post is not found yet."""
    processing_seconds: float = 0
    """How long a container takes to be published."""
    container_seconds: float = 3600
    """How long a container waits."""
    rejects: bool = False
    """Whether what is published is refused while it is processed."""


@dataclass(frozen=True)
class Request:
    """One request; names of headers in lower case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Shore:
    """Every account of the platform."""

    ledger: Ledger
    mischief: Mischief
    terms: dict[str, Terms] = field(default_factory=dict)

    def terms_of(self, place: str) -> Terms:
        return self.terms.get(place) or self.terms.get("*") or Terms()

    def route(self, it: Request) -> tuple[str, str, Act]:  # noqa: PLR0911  # one for each operation
        """Return the place, the operation, and what is to be done."""
        match it.method, *it.path:
            case "PUT", "idem", account, "posts", key:
                return f"idem/{account}", "publish", partial(self._put, it, account, key)
            case "POST", ("search" | "blind") as kind, account, "posts":
                return f"{kind}/{account}", "publish", partial(self._post, it, kind, account)
            case "POST", "handle", account, "containers":
                return f"handle/{account}", "prepare", partial(self._contain, it, account)
            case "POST", "handle", account, "publish":
                return f"handle/{account}", "publish", partial(self._publish, it, account)
            case "GET", "handle", account, "containers", handle:
                return f"handle/{account}", "read", partial(self._status, it, account, handle)
            case "GET", "search", account, "posts":
                return f"search/{account}", "read", partial(self._list, it, account)
            case "DELETE", kind, account, "posts", id_ if kind in KINDS:
                return f"{kind}/{account}", "delete", partial(self._delete, it, account, id_)
            case "POST", "tokens", account, "refresh":
                return f"tokens/{account}", "refresh", partial(self._refresh, it, account)
            case "POST", "_control":
                return "", "", partial(self._control, it)
        return "", "", lambda: Reply(404, {"error": "nowhere"})

    def _control(self, it: Request) -> Reply:
        told = dict(it.body)
        if account := told.pop("grant", None):
            self._give(account, told["seconds"])
            grant = self.ledger.grants[account]
            return Reply(200, {"access_token": grant.access, "refresh_token": grant.refresh})
        place = told.pop("place")
        if terms := told.pop("terms", None):
            known = {each.name for each in fields(Terms)}
            if set(terms) - known:
                return Reply(400, {"error": "terms", "known": sorted(known)})
            self.terms[place] = replace(self.terms_of(place), **terms)
        if on := told.pop("on", None):
            chances, queue = told.pop("chances", {}), told.pop("next", [])
            self.mischief.tell(place, on, chances, queue, told.pop("seconds", {}))
        return Reply(400, {"error": "unknown", "told": sorted(told)}) if told else Reply(200, {})

    def _stranger(self, it: Request, account: str) -> Reply | None:
        """Return the refusal of a token that is not good; an account without a grant needs none."""
        grant = self.ledger.grants.get(account)
        if grant is None:
            return None
        good = it.headers.get("authorization") == f"Bearer {grant.access}"
        if good and not grant.revoked and time.time() < grant.expires_at:
            return None
        return Reply(401, {"error": "revoked" if grant.revoked else "token_expired"})

    def _put(self, it: Request, account: str, key: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        post, now = self.ledger.keys.get((account, key)), time.time()
        if post is not None and now < post.at + self.terms_of(post.place).idem_seconds:
            self.ledger.note("repeat", now, id=post.id)
            return Reply(200, post.told())
        return Reply(201, self.ledger.post("idem", account, now, key=key, **_words(it)).told())

    def _post(self, it: Request, kind: str, account: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        return Reply(201, self.ledger.post(kind, account, time.time(), **_words(it)).told())

    def _contain(self, it: Request, account: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        handle = uuid4().hex
        facts = {"handle": handle, "account": account, "reply_to": None, **_words(it)}
        self.ledger.note("container", time.time(), **facts)
        return Reply(201, {"handle": handle})

    def _publish(self, it: Request, account: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        held, now = self._container(account, str(it.body["handle"])), time.time()
        if held is None:
            return Reply(404, {"error": "unknown_handle"})
        if held.post is not None:
            self.ledger.note("repeat", now, id=held.post)
        elif self._expired(held, now):
            return Reply(410, {"error": "expired"})
        elif self.terms_of(f"handle/{account}").rejects:
            self.ledger.note("rejected", now, handle=held.handle)
        else:
            words = {"text": held.text, "reply_to": held.reply_to}
            self.ledger.post("handle", account, now, handle=held.handle, **words)
        return Reply(200, self._state(held, now))

    def _status(self, it: Request, account: str, handle: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        held = self._container(account, handle)
        if held is None:
            return Reply(404, {"error": "unknown_handle"})
        return Reply(200, self._state(held, time.time()))

    def _container(self, account: str, handle: str) -> Container | None:
        held = self.ledger.containers.get(handle)
        return held if held is not None and held.account == account else None

    def _expired(self, held: Container, now: float) -> bool:
        lives = self.terms_of(f"handle/{held.account}").container_seconds
        return held.post is None and now >= held.at + lives

    def _state(self, held: Container, now: float) -> dict[str, Any]:
        if held.rejected:
            return {"status": "error", "error": "rejected"}
        if held.post is None:
            return {"status": "expired" if self._expired(held, now) else "ready"}
        post = self.ledger.posts[held.post]
        if now < post.at + self.terms_of(post.place).processing_seconds:
            return {"status": "in_progress"}
        return {"status": "published", **post.told()}

    def _list(self, it: Request, account: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        found = list(islice(self._found(it, account), LISTED_MAX + 1))
        items = [post.told() for post in found[:LISTED_MAX]]
        return Reply(200, {"items": items, "more": len(found) > LISTED_MAX})

    def _found(self, it: Request, account: str) -> Iterator[Post]:
        """Return what a search finds, the newest first."""
        place = f"search/{account}"
        until = time.time() - self.terms_of(place).index_seconds
        since = float(it.query.get("since", "0"))
        for post in reversed(self.ledger.by_place.get(place, ())):
            if post.at < since:
                return
            if post.at <= until and not post.deleted:
                yield post

    def _delete(self, it: Request, account: str, id_: str) -> Reply:
        if stranger := self._stranger(it, account):
            return stranger
        post = self.ledger.posts.get(id_)
        if post is None or post.deleted or post.place != "/".join(it.path[:2]):
            return Reply(404, {"error": "unknown_post"})
        self.ledger.note("delete", time.time(), id=id_)
        return Reply(204)

    def _refresh(self, it: Request, account: str) -> Reply:
        grant, token = self.ledger.grants.get(account), str(it.body["refresh_token"])
        if grant is not None and token in grant.used:
            self.ledger.note("violation", time.time(), account=account, what="refresh_again")
        if grant is None or grant.revoked or token != grant.refresh:
            return Reply(400, {"error": "invalid_grant"})
        seconds = grant.seconds
        self._give(account, seconds)
        grant = self.ledger.grants[account]
        pair = {"access_token": grant.access, "refresh_token": grant.refresh}
        return Reply(200, pair | {"expires_in": seconds})

    def _give(self, account: str, seconds: float) -> None:
        pair = {"access": uuid4().hex, "refresh": uuid4().hex, "seconds": seconds}
        self.ledger.note("grant", time.time(), account=account, **pair)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over one connection."""
        try:
            stays = True
            while stays and (it := await _read(reader)) is not None:
                stays = await self._answer(it, reader, writer)
                stays = stays and it.headers.get("connection") != "close"
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self, it: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        place, on, act = self.route(it)
        way, seconds = self.mischief.pick(place, on) if on else ("well", 0.0)
        try:
            return await WAYS[way](Exchange(reader, writer, act, seconds))
        except (KeyError, TypeError, ValueError) as error:
            writer.write(framed(400, "text/plain", repr(error).encode()))
            await writer.drain()
            return True


def _words(it: Request) -> dict[str, Any]:
    return {"text": str(it.body["text"]), "reply_to": it.body.get("reply_to")}


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    method, target, _ = head[0].split(" ", 2)
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    path = tuple(unquote(part) for part in url.path.strip("/").split("/"))
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    return Request(method, path, query, headers, json.loads(content) if content else {})


async def main(journal: Path, port: int, seed: int) -> None:
    """Serve for ever."""
    shore = Shore(Ledger.open(journal), Mischief(random.Random(seed)))
    server = await asyncio.start_server(shore.serve, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
