"""How tests fill a month for reports, and read what such a report is about."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import select

from app.deps import House
from planner.publications import Status, holds_seat
from store import workspaces
from store.tables import Post, Publication, Workspace
from tests.app.conftest import Office
from tests.app.writing import add_channel, write_post
from tests.conftest import Clock

MONTH = "2026-03"
SCRIPT = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example";"Rapat")'
AFTERWARDS = datetime(2026, 4, 20, 3, 0, tzinfo=UTC)
ZONES = {"Berita": "Asia/Jakarta", "Timur": "Asia/Jayapura"}
STATUSES = tuple(each for each in Status if each not in {Status.CLAIMED, Status.SUBMITTING})
"""A channel sends one at a time."""
TYPES = ("informative", "interactive", "edutainment")


async def seeded(house: House, office: Office, clock: Clock, rows: int = 60) -> list[Any]:
    """Fill two channels around March 2026 with rows of every kind; return the channels."""
    on = [
        await add_channel(office, name.lower(), timezone=zone, name=name)
        for name, zone in ZONES.items()
    ]
    await add_channel(office, "kosong", name="Kosong & sepi")
    slots = {"slots": [{"weekday": day, "time": "09:00"} for day in range(7)]}
    path = office.path(f"/channels/{on[0]['id']}/slots")
    await office.manager.ok("PUT", path, slots | {"effective_from": "2026-03-03"}, match=1)
    for name in ("Naskah", "Tradisi"):
        await office.manager.ok("POST", office.path("/pillars"), {"name": name})
    pillars = (await office.viewer.ok("GET", office.path("/pillars")))["items"]
    posts = [
        await write_post(office, title=title) for title in (SCRIPT, FORMULA, "Kuis", "Museum buka")
    ]
    clock.now = AFTERWARDS
    draw = random.Random(20260302)
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, office.slug)
        for number in range(rows):
            channel, post, pillar = draw.choice(on), draw.choice(posts), draw.choice(pillars)
            status = draw.choice([*STATUSES, *[Status.PUBLISHED] * 12])
            if number < len(STATUSES):  # each at least once
                status = STATUSES[number]
            due = datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=draw.randrange(35 * 1440))
            db.add(_row(draw, workspace, channel, post, pillar, status, due, number))
    return on


def _row(
    draw: random.Random,
    workspace: Workspace,
    channel: Any,
    post: Any,
    pillar: Any,
    status: Status,
    due: datetime,
    number: int,
) -> Publication:
    local = due.astimezone(ZoneInfo(channel["timezone"]))
    out = status is Status.PUBLISHED
    exempt = draw.choice([None, None, None, "crisis", "protocol"])
    dismissed = AFTERWARDS if status is Status.MISSED and draw.random() < 0.5 else None
    return Publication(
        workspace_id=workspace.id,
        post_id=UUID(post["id"]),
        channel_id=UUID(channel["id"]),
        occurrence=number + 1,
        type=draw.choice(TYPES),
        pillar_id=draw.choice([None, UUID(pillar["id"])]),
        status=status,
        due_at=due,
        local=local.replace(tzinfo=None).isoformat(timespec="seconds"),
        timezone=channel["timezone"],
        day=local.date(),
        holds_seat=holds_seat(
            status,
            exempt=exempt is not None,
            dismissed=dismissed is not None,
            day=local.date(),
            today=date(2026, 4, 20),
        ),
        exempt=exempt,
        exempt_note="Menteri <b>hadir</b>." if exempt else None,
        override=draw.choice([None, None, None, "Perintah pimpinan."]),
        retyped_at=draw.choice([None, None, None, due]),
        recorded=out and draw.random() < 0.3,
        published_at=due + timedelta(minutes=draw.randrange(180)) if out else None,
        withdrawn_at=AFTERWARDS if out and draw.random() < 0.2 else None,
        dismissed_at=dismissed,
        permalink=draw.choice(["https://social.example/p/1?a=1&b=2", "javascript:alert(1)", None])
        if out
        else None,
        reason={Status.MISSED: "outage", Status.FAILED: "rejected"}.get(status),
        snapshot={"title": f"{post['title']} #{number}"} if out and number % 2 else None,
        created_at=due,
        updated_at=due,
    )


async def rows_of_march(house: House) -> list[tuple[Publication, str]]:
    """Return what a report of March is about, by time, with the title; read the plainest way."""
    async with house.store.reading() as db:
        titles = {row.id: row.title for row in (await db.exec(select(Post))).all()}
        every = (await db.exec(select(Publication))).all()
    found = []
    for row in every:
        if row.local[:7] == MONTH and row.status != "cancelled":
            title = row.snapshot["title"] if row.snapshot else titles[row.post_id]
            found.append((row, title))
    return sorted(found, key=lambda each: (each[0].due_at, each[0].id))
