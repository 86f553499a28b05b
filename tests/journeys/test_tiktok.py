"""A newcomer without an app: a TikTok on this machine, an account, a week of videos and photos."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.files import tiny_jpeg, tiny_mp4
from tests.journeys.serving import ran, serving, start
from tests.journeys.test_webhook import EMAIL, INIT, PASSWORD, ask
from tests.processes import ended, free_port

SCOPES = ["video.publish", "video.upload", "user.info.profile"]
SCHEDULED = "scheduled"


@dataclass(frozen=True)
class Told:
    """A post that goes out now: on which account, what it is, and how it should end."""

    account: str
    title: str
    status: str
    reason: str | None = None
    privacy: str | None = "SELF_ONLY"
    photos: int = 0


TODAY = (
    Told("warisan.privat", "berita", "published"),
    Told("warisan.privat", "resep", "failed", "file_format_check_failed"),
    Told("warisan.privat", "kuis", "failed", "spam_risk_text"),
    Told("warisan.ketat", "pameran", "published", photos=3),
    Told("warisan.ketat", "arsip", "needs_review", "photos_fetched", photos=2),
    Told("warisan.ketat", "umum", "failed", "privacy_level_option_mismatch", "PUBLIC_TO_EVERYONE"),
    Told(
        "warisan.publik",
        "terbuka",
        "failed",
        "unaudited_client_can_only_post_to_private_accounts",
        "PUBLIC_TO_EVERYONE",
    ),
    Told("warisan.kotak", "draf", "handed_over", privacy=None),
    Told("warisan.kotak", "album", "handed_over", privacy=None, photos=2),
    Told("warisan.penuh", "ramai", SCHEDULED, "spam_risk_too_many_posts"),
    Told("warisan.pergi", "pamit", SCHEDULED, "auth_removed"),
)
ORDERS = {
    "accounts": {"warisan.kotak": {}, "warisan.penuh": {"posts_cap": 0}, "warisan.pergi": {}},
    "next": [
        {"account": "warisan.privat"},
        {"account": "warisan.privat", "fail_reason": "file_format_check_failed"},
        {"account": "warisan.privat", "fail_reason": "spam_risk_text"},
        {"account": "warisan.pergi", "fail_reason": "auth_removed"},
    ],
    # The second post of photos: TikTok takes it, and the answer is lost.
    "mischief": [{"endpoint": "content_init", "do": "lose", "skip": 1}],
}


@asynccontextmanager
async def sandbox(folder: Path, *more: str) -> AsyncIterator[str]:
    """Run `pilar sandbox tiktok`; gives where it listens."""
    process = await start(folder, "sandbox", "tiktok", "--port", "0", *more)
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


async def added(http: httpx.AsyncClient, there: str, account: str) -> str:
    """Add a channel and connect it; return its id."""
    mode = "inbox" if account == "warisan.kotak" else "direct"
    settings = {"client_key": "sandboxawkey", "mode": mode, "sandbox_url": there}
    body = {"platform": "tiktok", "handle": account, "name": account, "settings": settings}
    channel = await ask(http, "POST", "/channels", body)
    path = f"/channels/{channel['id']}"
    secret = {"client_secret": "sandbox-client-secret"}
    await ask(http, "PUT", f"{path}/credentials", secret, channel["version"])
    await connect(http, path, account)
    identity: str = channel["id"]
    return identity


async def connect(http: httpx.AsyncClient, path: str, account: str) -> None:
    """Connect a channel as a person does in a browser."""
    begun = await ask(http, "POST", f"{path}/connect")
    agreed = {"account": account, "scope": SCOPES, "decision": "allow"}
    async with httpx.AsyncClient() as browser:
        away = await browser.get(begun["url"])
        consent = await browser.post(away.headers["location"], data=agreed)
        page = await browser.get(consent.headers["location"])
    assert page.status_code == 200, page.text
    assert (await ask(http, "POST", f"{path}/check"))["answers"]


@dataclass
class Desk:
    """Who plans, with a key, and who approves, as a person."""

    http: httpx.AsyncClient
    owner: httpx.AsyncClient

    async def plan(
        self, channel: str, title: str, *, photos: int, privacy: str | None, when: dict[str, Any]
    ) -> str:
        """Put a video or some photos on a channel; return the publication's id."""
        options = {"platform": "tiktok", "privacy_level": privacy} if privacy else None
        words = {
            "title": title,
            "type": "informative",
            "format": "carousel" if photos else "reel",
            "parts": [{"text": f"{title} #warisan", "media": await self.upload(title, photos)}],
            "variants": {channel: {"options": options}} if options else {},
        }
        post = await ask(self.http, "POST", "/posts", words)
        path = f"/posts/{post['id']}"
        post = await ask(self.http, "POST", f"{path}/submit", None, post["version"])
        await ask(self.owner, "POST", f"{path}/approve", {}, post["version"])
        body = {"post": post["id"], "channels": [channel], "when": when}
        placed = await ask(self.http, "POST", "/publications", body)
        publication: str = placed["publications"][0]["id"]
        return publication

    async def upload(self, title: str, photos: int) -> list[dict[str, str]]:
        """Upload a video, or so many photos, that nobody has seen yet."""
        size = 3 + len(title) + sum(map(ord, title))
        files = [(f"{title}-{n}.jpg", tiny_jpeg(1080 + n, size)) for n in range(photos)]
        found = []
        for name, content in files or [(f"{title}.mp4", tiny_mp4(720, 1280, 3 + size / 1000))]:
            uploaded = await self.http.post("/media", files={"file": (name, content)})
            found.append({"id": uploaded.json()["id"], "alt": ""})
        return found

    async def until(self, publication: str, status: str, reason: str | None) -> Any:
        """Wait until a publication stands so, and return it."""
        row: Any = None
        for _ in range(600):
            row = await ask(self.http, "GET", f"/publications/{publication}")
            if (row["status"], row["reason"]) == (status, reason):
                return row
            await asyncio.sleep(0.1)
        raise AssertionError(row)


async def explained(desk: Desk, publication: str) -> list[str]:
    """Return what the history of a publication says in words."""
    history = await ask(desk.http, "GET", f"/publications/{publication}/attempts")
    return [each["reason_text"] for each in history["transitions"] if each["reason"]]


@pytest.mark.platforms
async def test_a_week_of_videos_and_photos_with_what_goes_wrong_explained(tmp_path: Path) -> None:
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    settings = {"PILAR_PUBLIC_URL": home, "PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1"}
    ours = ("--redirect-uri", f"{home}/oauth/callback", "--media-prefix", f"{home}/pull/")
    (tmp_path / "sandbox").mkdir()
    async with (
        sandbox(tmp_path / "sandbox", *ours) as there,
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
            assert (await tiktok.post("/_sandbox/control", json=ORDERS)).is_success
            desk = Desk(http, owner)
            names = {each.account: None for each in TODAY}
            channels = {name: await added(http, there, name) for name in names}
            week = await a_week(desk, channels["warisan.privat"])
            rows = {
                each: await desk.plan(
                    channels[each.account],
                    each.title,
                    photos=each.photos,
                    privacy=each.privacy,
                    when={"now": True},
                )
                for each in TODAY
            }
            # Each comes to the end that it should, and says why.
            await asyncio.gather(
                *(desk.until(row, each.status, each.reason) for each, row in rows.items())
            )
            words = {each.title: await explained(desk, row) for each, row in rows.items()}
            queue = await ask(http, "GET", "/queue")
            coming = [await ask(http, "GET", f"/publications/{each}") for each in week]
            await come_back(desk, channels["warisan.pergi"], rows)
            state = (await tiktok.get("/_sandbox/state")).json()

    silent = [each.title for each in TODAY if each.reason and not any(words[each.title])]
    assert silent == []
    assert [each["status"] for each in coming] == [SCHEDULED] * 7
    assert {each["reason"] for each in queue["needs_review"]} == {"photos_fetched"}
    assert len(queue["handed_over"]) == 2
    due = {each["reason"] for each in queue["due"]}
    assert due == {"spam_risk_too_many_posts", "auth_removed"}
    rules = sorted(each["rule"] for each in state["refusals"])
    assert rules == ["creator-posts", "unaudited"]


async def a_week(desk: Desk, channel: str) -> list[str]:
    """Plan a video or two photos for each day of the next week."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return [
        await desk.plan(
            channel,
            f"hari {day}",
            photos=2 * (day % 2),
            privacy="SELF_ONLY",
            when={"at": (tomorrow + timedelta(days=day)).isoformat()},
        )
        for day in range(7)
    ]


async def come_back(desk: Desk, channel: str, rows: dict[Told, str]) -> None:
    """Connect the account again whose owner had left; its post then goes out."""
    found = await ask(desk.http, "GET", f"/channels/{channel}")
    assert (found["connection"], found["connection_reason"]) == ("needs_reauth", "auth_removed")
    await connect(desk.http, f"/channels/{channel}", "warisan.pergi")
    (row,) = (row for each, row in rows.items() if each.account == "warisan.pergi")
    await desk.until(row, "published", None)
