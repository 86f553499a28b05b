"""A newcomer without an app: a TikTok on this machine, an account, a week of videos."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.files import tiny_mp4
from tests.journeys.serving import ran, serving, start
from tests.journeys.test_webhook import EMAIL, INIT, PASSWORD, ask
from tests.processes import ended, free_port

ME = "warisan.privat"
BY = {"account": ME, "scope": ["video.publish", "video.upload", "user.info.profile"]}
OUTCOMES = {
    "berita": ("published", None),
    "resep": ("failed", "file_format_check_failed"),
    "kuis": ("failed", "spam_risk_text"),
}


@asynccontextmanager
async def sandbox(folder: Path, back: str) -> AsyncIterator[str]:
    """Run `pilar sandbox tiktok`; gives where it listens."""
    process = await start(folder, "sandbox", "tiktok", "--port", "0", "--redirect-uri", back)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        found = re.search(r"http://\S+", line)
        assert found is not None, line + (folder / "log").read_text()
        yield found[0]
    finally:
        process.terminate()
        await ended(process, folder / "log")


async def weigh_nothing(http: httpx.AsyncClient) -> None:
    """Let no mix refuse what this is not about: how much of the month is left differs by day."""
    answer = await http.get("/mix")
    body = {"types": answer.json()["in_force"]["types"], "mode": "off"}
    headers = {"If-Match": answer.headers["ETag"]}
    assert (await http.put("/mix", json=body, headers=headers)).is_success


async def connected(http: httpx.AsyncClient, there: str) -> Any:
    """Add a channel and connect it as a person does in a browser; return the channel."""
    settings = {"client_key": "sandboxawkey", "mode": "direct", "sandbox_url": there}
    channel = await ask(
        http,
        "POST",
        "/channels",
        {"platform": "tiktok", "handle": ME, "name": "TikTok", "settings": settings},
    )
    path = f"/channels/{channel['id']}"
    secret = {"client_secret": "sandbox-client-secret"}
    await ask(http, "PUT", f"{path}/credentials", secret, channel["version"])
    begun = await ask(http, "POST", f"{path}/connect")
    async with httpx.AsyncClient() as browser:
        away = await browser.get(begun["url"])
        consent = await browser.post(away.headers["location"], data=BY | {"decision": "allow"})
        page = await browser.get(consent.headers["location"])
    assert page.status_code == 200, page.text
    assert (await ask(http, "POST", f"{path}/check"))["answers"]
    return await ask(http, "GET", path)


async def planned(
    http: httpx.AsyncClient, owner: httpx.AsyncClient, channel: str, title: str, **when: Any
) -> str:
    """Put a video on the channel; return the publication's id."""
    video = tiny_mp4(720, 1280, 3 + len(title) / 10)
    uploaded = await http.post("/media", files={"file": (f"{title}.mp4", video)})
    part = {"text": f"{title} #warisan", "media": [{"id": uploaded.json()["id"], "alt": ""}]}
    words: dict[str, Any] = {
        "title": title,
        "type": "informative",
        "format": "reel",
        "parts": [part],
    }
    options = {"platform": "tiktok", "privacy_level": "SELF_ONLY"}
    words["variants"] = {channel: {"options": options}}
    post = await ask(http, "POST", "/posts", words)
    path = f"/posts/{post['id']}"
    post = await ask(http, "POST", f"{path}/submit", None, post["version"])
    await ask(owner, "POST", f"{path}/approve", {}, post["version"])
    body = {"post": post["id"], "channels": [channel], "when": when}
    placed = await ask(http, "POST", "/publications", body)
    publication: str = placed["publications"][0]["id"]
    return publication


async def over(http: httpx.AsyncClient, publication: str) -> Any:
    """Wait until a publication has ended, and return it."""
    row: Any = None
    for _ in range(600):
        row = await ask(http, "GET", f"/publications/{publication}")
        if row["status"] in {"published", "failed", "needs_review", "missed"}:
            return row
        await asyncio.sleep(0.1)
    raise AssertionError(row)


async def test_a_week_of_videos_with_what_goes_wrong_explained(tmp_path: Path) -> None:
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    settings = {"PILAR_PUBLIC_URL": home, "PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1"}
    (tmp_path / "sandbox").mkdir()
    async with (
        sandbox(tmp_path / "sandbox", f"{home}/oauth/callback") as there,
        serving(tmp_path, "--port", str(port), **settings),
    ):
        _, said, _ = await ran(
            tmp_path, *INIT, "--email", EMAIL, "--password-stdin", given=PASSWORD
        )
        bearer = {"Authorization": f"Bearer {json.loads(said)['api_key']}"}
        base = f"{home}/api/v1/workspaces/biro"
        async with (
            httpx.AsyncClient(base_url=base, headers=bearer) as http,
            httpx.AsyncClient(base_url=base) as owner,
            httpx.AsyncClient(base_url=there) as tiktok,
        ):
            login = {"email": EMAIL, "password": PASSWORD}
            assert (await owner.post(f"{home}/api/v1/sessions", json=login)).is_success
            await weigh_nothing(http)
            channel = await connected(http, there)
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            week = [
                await planned(
                    http,
                    owner,
                    channel["id"],
                    f"hari {day}",
                    at=(tomorrow + timedelta(days=day)).isoformat(),
                )
                for day in range(4)
            ]
            fates = [{"fail_reason": reason or ""} for _, reason in OUTCOMES.values()]
            assert (await tiktok.post("/_sandbox/control", json={"next": fates})).is_success
            today = [
                await planned(http, owner, channel["id"], title, now=True) for title in OUTCOMES
            ]
            ends = await asyncio.gather(*(over(http, each) for each in today))
            rows = dict(zip(OUTCOMES, ends, strict=True))
            history = await ask(http, "GET", f"/publications/{rows['kuis']['id']}/attempts")
            coming = [await ask(http, "GET", f"/publications/{each}") for each in week]
            state = (await tiktok.get("/_sandbox/state")).json()

    assert {title: (row["status"], row["reason"]) for title, row in rows.items()} == OUTCOMES
    assert [each["status"] for each in coming] == ["scheduled"] * 4
    assert "spam" in json.dumps(history)
    assert state["refusals"] == []
