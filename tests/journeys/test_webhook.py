"""A post with a picture, from a key to a receiver that trusts nobody: all of it over HTTP."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks import Webhook

from tests.files import tiny_png
from tests.journeys.serving import ran, serving
from tests.schedulers.wires import SECRET, says, wire

INIT = ("init", "--workspace", "Biro", "--slug", "biro", "--timezone", "Asia/Jakarta", "--json")
EMAIL, PASSWORD = "ayu@biro.example", "kuda laut membaca naskah"
PICTURE = tiny_png(8, 5)


async def ask(
    http: httpx.AsyncClient, method: str, path: str, body: Any = None, match: int | None = None
) -> Any:
    """Ask, insist on success, and return the body."""
    headers = {} if match is None else {"If-Match": f'"{match}"'}
    answer = await http.request(method, path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def scheduled(http: httpx.AsyncClient, owner: httpx.AsyncClient, hook: str) -> str:
    """Put a post with a picture on a webhook, two seconds ahead; return the publication's id."""
    channel = await ask(
        http,
        "POST",
        "/channels",
        {"platform": "webhook", "handle": "situs", "name": "Situs", "settings": {"url": hook}},
    )
    path = f"/channels/{channel['id']}/credentials"
    await ask(http, "PUT", path, {"secret": SECRET}, channel["version"])
    uploaded = await http.post("/media", files={"file": ("kartu.png", PICTURE)})
    part = {"text": "Isi.", "media": [{"id": uploaded.json()["id"], "alt": "Sebuah kartu"}]}
    post = await ask(
        http, "POST", "/posts", {"title": "Naskah", "type": "informative", "parts": [part]}
    )
    path = f"/posts/{post['id']}"
    post = await ask(http, "POST", f"{path}/submit", None, post["version"])
    await ask(owner, "POST", f"{path}/approve", {}, post["version"])
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    body = {"post": post["id"], "channels": [channel["id"]], "when": {"at": soon}}
    placed = await ask(http, "POST", "/publications", body)
    publication: str = placed["publications"][0]["id"]
    return publication


async def ended(http: httpx.AsyncClient, publication: str) -> Any:
    """Wait until a publication is out, and return it."""
    for _ in range(300):
        row = await ask(http, "GET", f"/publications/{publication}")
        if row["status"] == "published":
            return row
        await asyncio.sleep(0.1)
    raise AssertionError(row)


async def test_a_receiver_verifies_what_it_gets_and_fetches_the_picture(tmp_path: Path) -> None:
    answer = says("200 OK", b'{"id": "42", "url": "https://situs.example/42"}')
    async with (
        wire(answer) as receiver,
        serving(tmp_path, PILAR_ALLOW_PRIVATE_HOSTS="127.0.0.1") as service,
    ):
        init = (*INIT, "--email", EMAIL, "--password-stdin")
        _, said, _ = await ran(tmp_path, *init, given=PASSWORD)
        bearer = {"Authorization": f"Bearer {json.loads(said)['api_key']}"}
        base = f"{service.url}/api/v1/workspaces/biro"
        async with (
            httpx.AsyncClient(base_url=base, headers=bearer) as http,
            httpx.AsyncClient(base_url=base) as owner,
        ):
            login = {"email": EMAIL, "password": PASSWORD}
            assert (await owner.post(f"{service.url}/api/v1/sessions", json=login)).is_success
            publication = await scheduled(http, owner, receiver.url())
            row = await ended(http, publication)
        (seen,) = receiver.seen
        event: Any = Webhook(SECRET).verify(seen.body, dict(seen.headers))
        (file,) = event["data"]["parts"][0]["media"]
        async with httpx.AsyncClient() as stranger:
            picture = await stranger.get(file["url"])

    assert (row["remote_id"], row["permalink"]) == ("42", "https://situs.example/42")
    assert (event["type"], event["data"]["title"]) == ("post.published", "Naskah")
    assert (file["alt"], picture.content) == ("Sebuah kartu", PICTURE)
