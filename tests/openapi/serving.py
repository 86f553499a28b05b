"""Pilar on loopback for schemathesis, with something in every state, and with planted faults.

Run as a module: `python -m tests.openapi.serving FOLDER [FAULT]`. Into the folder it writes what
there is (`world.json`), who may log in (`auth.json`) and its address (`url`); then it serves.
"""

import asyncio
import json
import logging
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import structlog
import uvicorn

from app.deps import House
from app.main import create_app
from app.throttle import Throttle
from schedulers.connector import HandedOver, Outcome, Published, Refused, Unknown
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store import links, media, migrating, pulls, sessions, workspaces
from store.blobs import FolderBlobs
from store.db import Store
from store.liveness import Alone
from store.people import by_email
from store.settings import StoreSettings
from tests.app.conftest import Office, found_office
from tests.app.logins import PASSWORD, give_password
from tests.app.uploading import upload
from tests.app.writing import SECRET, add_channel, approve_post, at, place, write_post
from tests.conftest import RING, Clock
from tests.files import tiny_png
from tests.openapi.faults import FAULTS, Spoiled
from tests.world import Scripted

OWNERS = ("owner@biro.example", "owner@lain.example")
"""Two people who own a workspace each, and must not see what is the other's."""


class Patient(Throttle):
    """Lets everybody guess, or schemathesis would lock itself out."""

    def take(self, address: str, email: str, now: Any) -> None:
        """Count nothing."""


def make_house(folder: Path, base_url: str) -> tuple[House, Clock]:
    clock = Clock()
    house = House(
        store=Store(f"sqlite+aiosqlite:///{folder / 'pilar.db'}"),
        ring=RING,
        blobs=FolderBlobs(folder / "media"),
        connectors=connectors(Outbound()),
        settings=StoreSettings(data_dir=folder, _env_file=None),  # type: ignore[call-arg]
        base_url=base_url,
        clock=clock,
        logins=Patient(),
    )
    return house, clock


class Furnisher:
    """Fills a workspace: each act finds something that is in the state it is for."""

    def __init__(self, house: House, clock: Clock, office: Office) -> None:
        self.house, self.clock, self.office = house, clock, office
        self.written = count(1)

    def words(self) -> str:
        """Return what no other post says."""
        return f"Isi konten yang ke-{next(self.written)}."

    async def sent(self, outcome: Outcome, platform: str = "manual") -> Any:
        """Return a publication that was sent once with this outcome."""
        office = self.office
        handle = f"h{self.clock.now:%H%M}"
        channel = await add_channel(office, handle, platform)
        post = await approve_post(office, await write_post(office, self.words()))
        due = self.clock.now + timedelta(minutes=1)
        (row,) = await place(office, post, channel, when=at(due))
        self.clock.forward(minutes=1)
        await self.send(row["id"], {platform: Scripted([outcome])})
        return row["id"]

    async def send(self, row_id: str, how: Any) -> None:
        house = self.house
        publisher = Publisher(
            house.store, house.ring, house.blobs, how, house.base_url, Alone("w1"), 120, house.clock
        )
        await publish(publisher, UUID(row_id))

    async def waiting(self, channel: Any, hours: int) -> Any:
        """Return a publication that waits for its time."""
        post = await approve_post(self.office, await write_post(self.office, self.words()))
        when = at(self.clock.now + timedelta(hours=hours))
        (row,) = await place(self.office, post, channel, when=when)
        return row["id"]

    async def in_review(self) -> Any:
        post = await write_post(self.office, self.words())
        path = self.office.path(f"/posts/{post['id']}/submit")
        return (await self.office.editor.ok("POST", path, match=post["version"]))["id"]

    async def drafted(self) -> Any:
        return (await write_post(self.office, self.words()))["id"]

    async def aired(self, channel: Any) -> tuple[Any, Any]:
        """Return a publication on a feed, and the picture that it shows."""
        file = await upload(self.office, tiny_png(6, 4))
        parts = [{"text": self.words(), "media": [{"id": file["id"]}]}]
        post = await approve_post(self.office, await write_post(self.office, parts=parts))
        due = self.clock.now + timedelta(minutes=1)
        (row,) = await place(self.office, post, channel, when=at(due))
        self.clock.forward(minutes=1)
        await self.send(row["id"], self.house.connectors)
        return row["id"], file["id"]


async def furnish(house: House, clock: Clock, office: Office) -> dict[str, Any]:
    """Return where things are: by parameter, and for those operations that need a thing alone."""
    make = Furnisher(house, clock, office)
    owner, place_of = office.owner, office.path
    mix = await owner.ok("GET", place_of("/mix"))
    types = mix["in_force"]["types"]
    pillar = await owner.ok("POST", place_of("/pillars"), {"name": "Naskah"})
    unused = await owner.ok("POST", place_of("/pillars"), {"name": "Arsip"})
    days = {"starts_on": "2026-04-01", "ends_on": "2026-04-08"}
    campaign = await owner.ok("POST", place_of("/campaigns"), {"name": "Pekan", **days})
    spare = await owner.ok("POST", place_of("/campaigns"), {"name": "Bulan", **days})
    channel = await add_channel(office)
    hook = await add_channel(office, "kait", "webhook")
    empty = await add_channel(office, "kosong")
    published, shown = await make.aired(channel)
    post = await approve_post(office, await write_post(office, make.words()))
    files = [await upload(office, tiny_png(size, 4)) for size in (7, 8)]
    key = await owner.ok("POST", place_of("/api-keys"), {"name": "k", "scopes": ["read"]})
    doomed = await owner.ok("POST", place_of("/api-keys"), {"name": "d", "scopes": ["read"]})
    made = [
        await owner.ok(
            "POST", place_of("/invitations"), {"email": f"{who}@new.example", "role": who}
        )
        for who in ("viewer", "editor", "approver")
    ]
    for day in ("2026-04-05", "2026-04-06"):
        await owner.ok("PUT", place_of(f"/days/{day}"), {"kind": "note", "title": "Rapat"})
    link = await owner.ok("POST", place_of("/calendar-links"), {"name": "Kalender"})
    members = await owner.ok("GET", place_of("/members"))
    by_role = {each["role"]: each["id"] for each in members["items"]}
    async with house.store.transaction() as db:
        person = await by_email(db, OWNERS[0])
        assert person is not None
        others = [(await sessions.add(db, house.ring, person, "x", clock.now))[0] for _ in "12"]
        workspace = await workspaces.lock(db, office.slug)
        row = await media.of(db, workspace.id, UUID(shown))
        linked = links.media_path(house.ring, row, clock.now + timedelta(days=1)).split("/")
    doubtful = UUID(await make.sent(Unknown("reset"), "webhook"))
    ends = clock.now + timedelta(hours=2)
    pulled = pulls.pull_path(house.ring, doubtful, "pull-satu", UUID(shown), ends).split("/")
    return {
        "ws": office.slug,
        "password": PASSWORD,
        "owner": OWNERS[0],
        "invitation": made[0]["token"],
        "secret": SECRET,
        "types": types,
        "unplaced": await make.drafted(),
        "calendar_token": link["url"].rpartition("=")[2],
        "places": {
            "pillar_id": pillar["id"],
            "campaign_id": campaign["id"],
            "channel_id": channel["id"],
            "media_id": files[0]["id"],
            "post_id": post["id"],
            "publication_id": await make.waiting(channel, 24),
            "key_id": key["id"],
            "invitation_id": made[1]["id"],
            "link_id": link["id"],
            "member_id": by_role["viewer"],
            "session_id": str(others[0].id),
            "date": "2026-04-05",
            "day": "2026-04-05",
            "name": "feed",
            "key": "login-needed",
            "handle": "berita",
            "platform": "tiktok",
        },
        "alone": {
            "approve_post": {"post_id": await make.in_review()},
            "reject_post": {"post_id": await make.in_review()},
            "submit_post": {"post_id": await make.drafted()},
            "archive_post": {"post_id": await make.drafted()},
            "change_post": {"post_id": await make.drafted()},
            "remove_post": {"post_id": await make.drafted()},
            "remove_pillar": {"pillar_id": unused["id"]},
            "remove_campaign": {"campaign_id": spare["id"]},
            "remove_channel": {"channel_id": empty["id"]},
            "set_credentials": {"channel_id": hook["id"]},
            "check_channel": {"channel_id": hook["id"]},
            "remove_day": {"date": "2026-04-06"},
            "remove_media": {"media_id": files[1]["id"]},
            "read_media_content": {"media_id": shown},
            "move_publication": {"publication_id": await make.waiting(channel, 30)},
            "remove_publication": {"publication_id": await make.waiting(channel, 36)},
            "publish_now": {"publication_id": await make.waiting(channel, 48)},
            "retry_publication": {"publication_id": await make.sent(Refused("rejected", "no"))},
            "dismiss_publication": {"publication_id": await make.sent(Refused("rejected", "no"))},
            "confirm_publication": {"publication_id": await make.sent(HandedOver({}))},
            "resolve_publication": {"publication_id": await make.sent(Unknown("reset"), "webhook")},
            "withdraw_publication": {"publication_id": await make.sent(Published("r1", None))},
            "revoke_key": {"key_id": doomed["id"]},
            "remove_invitation": {"invitation_id": made[2]["id"]},
            "remove_member": {"member_id": by_role["editor"]},
            "end_session": {"session_id": str(others[1].id)},
            "read_feed_entry": {"publication_id": published},
            "read_feed_media": {"media_id": shown},
            "read_linked_media": dict(
                zip(("workspace_id", "media_id", "until", "signature"), linked[2:], strict=True)
            ),
            "pull_media": dict(
                zip(
                    ("publication_id", "handle", "media_id", "until", "signature"),
                    pulled[2:],
                    strict=True,
                )
            ),
        },
    }


def auth_of(email: str) -> dict[str, Any]:
    """Return how schemathesis logs in, again whenever it was logged out."""
    login = {
        "verb": "POST",
        "endpoint": "/api/v1/sessions",
        "contentType": "application/json",
        "payloadRaw": json.dumps({"email": email, "password": PASSWORD}),
        "expectCookies": True,
    }
    return {"name": email, "loginEndpointAuth": login}


async def serve(folder: Path, fault: str | None) -> None:
    socket = uvicorn.Config("x", port=0).bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    house, clock = make_house(folder, url)
    await migrating.upgrade(house.store)
    app = create_app(house)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=url) as http:
        offices = [await found_office(house, http, slug) for slug in ("biro", "lain")]
        for email in OWNERS:
            await give_password(house, email)
        world = await furnish(house, clock, offices[0])
    (folder / "world.json").write_text(json.dumps(world))
    (folder / "auth.json").write_text(json.dumps({"auth": [auth_of(each) for each in OWNERS]}))
    served: Any = app
    if fault:
        served = Spoiled(app, FAULTS[fault], offices[0].owner.headers["Cookie"])
    server = uvicorn.Server(uvicorn.Config(served, log_level="warning", access_log=False))
    (folder / "url").write_text(url)
    await server.serve([socket])


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
