"""Offices full of chance: channels, versions, slots, days and publications of every kind."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from planner.publications import Status, holds_seat
from store import workspaces
from store.db import Db, Store
from store.tables import (
    Campaign,
    Channel,
    Day,
    MixVersion,
    Pillar,
    Post,
    Publication,
    Slot,
    Workspace,
)

FIRST, DAYS = date(2026, 1, 5), 110
KEYS = ("informative", "interactive", "edutainment")
FOUR = (*KEYS, "promotion")
ZONES = (None, "America/New_York", "Asia/Makassar", None, "Pacific/Auckland")
STATUSES = ("planned", "scheduled", "published", "published", "failed", "missed", "cancelled")
EXEMPTIONS = (None,) * 7 + ("crisis", "protocol")


def version(channel_id: UUID | None, first: date, **more: Any) -> dict[str, Any]:
    """Return a version of a mix, of three types unless said otherwise."""
    shares = more.pop("shares", (6000, 2000, 2000))
    keys = FOUR[: len(shares)]
    types = [
        {"key": k, "name": k.title(), "share_bp": s} for k, s in zip(keys, shares, strict=True)
    ]
    fields = {"source": "own", "types": types, "tolerance_bp": 500, "mode": "enforce"}
    return fields | {"channel_id": channel_id, "effective_from": first} | more


@dataclass
class Chance:
    """Fills one workspace with rows that are drawn; nothing is judged."""

    db: Db
    workspace: Workspace
    now: datetime
    draw: random.Random

    def add(self, table: type[Any], **fields: Any) -> Any:
        row = table(
            workspace_id=self.workspace.id, created_at=self.now, updated_at=self.now, **fields
        )
        self.db.add(row)
        return row

    def day(self) -> date:
        return FIRST + timedelta(days=self.draw.randrange(DAYS))

    def fill(self, publications: int) -> None:
        """Fill the workspace: five channels, the last but one without slots."""
        named = [self.add(Pillar, name=name, share_bp=share) for name, share in PILLARS]
        pillars = [None, *(each.id for each in named)]
        span = {"starts_on": FIRST, "ends_on": FIRST + timedelta(days=40), "hashtags": []}
        made = [self.add(Campaign, name=name, **span) for name in ("Pekan", "Bulan")]
        campaigns = [None, None, *(each.id for each in made)]
        channels = [
            self.add(
                Channel,
                platform="feed",
                handle=f"h{number}",
                name=f"=Saluran {number}",
                timezone=zone,
                settings={},
                secrets={},
            )
            for number, zone in enumerate(ZONES)
        ]
        self.mixes(channels)
        for number, channel in enumerate(channels):
            if number != 3:
                self.slots(channel)
        for day in sorted({self.day() for _ in range(8)}):
            kind = self.draw.choice(("none", "extra", "kept"))
            extra = ["07:15", "09:00"] if kind == "extra" else []
            day_fields = {"title": "Libur", "slots": kind, "extra_times": extra}
            self.add(Day, date=day, kind="note", **day_fields)
        for _ in range(publications):
            self.publication(self.draw.choice(channels), pillars, campaigns)
        for _ in range(self.draw.randrange(25)):
            status = self.draw.choice(("idea", "draft", "in_review", "approved", "archived"))
            self.post(self.draw.choice(KEYS), status, None, None)

    def mixes(self, channels: list[Any]) -> None:
        """Give the workspace a second version and a campaign's, and each channel what is drawn."""
        shares = self.draw.choice(
            [(5000, 3000, 2000), (4000, 3000, 2000, 1000), (6025, 1975, 2000)]
        )
        tolerance, mode = self.draw.choice((0, 500, 1000)), self.draw.choice(("enforce", "warn"))
        later = {"shares": shares, "tolerance_bp": tolerance, "mode": mode}
        own: dict[str, Any] = {"shares": self.draw.choice([(2000, 2000, 6000), (3000, 3000, 4000)])}
        none: dict[str, Any] = {"source": "none", "types": [], "mode": "off"}
        inherit = none | {"source": "inherit"}
        weeks = [self.day() for _ in range(6)]
        campaign = {"effective_until": weeks[0] + timedelta(days=self.draw.randrange(1, 30))}
        versions = [
            version(None, weeks[1], **later),
            version(None, weeks[2], effective_until=weeks[2] + timedelta(days=9)),
            version(channels[1].id, weeks[0], **own, **campaign),
            version(channels[2].id, weeks[3], **self.draw.choice([none, {"mode": "off"}, own])),
            version(channels[2].id, weeks[4], **inherit),
            version(channels[4].id, date.min, **self.draw.choice([none, {"mode": "off"}])),
        ]
        for fields in versions:
            self.add(MixVersion, **fields)

    def slots(self, channel: Any) -> None:
        for weekday in range(7):
            for hour in self.draw.sample(("02:30", "03:30", "09:00", "18:45"), 2):
                if self.draw.random() < 0.7 or (weekday, hour) == (6, "02:30"):
                    until = self.draw.choice([None, None, None, self.day()])
                    valid = {"valid_from": FIRST, "valid_until": until and max(until, FIRST)}
                    self.add(Slot, channel_id=channel.id, weekday=weekday, time=hour, **valid)

    def post(self, kind: str, status: str, pillar_id: UUID | None, campaign_id: UUID | None) -> Any:
        return self.add(
            Post,
            title="Naskah",
            type=kind,
            pillar_id=pillar_id,
            campaign_id=campaign_id,
            assignees=[],
            format="post",
            status=status,
        )

    def publication(self, channel: Any, pillars: list[Any], campaigns: list[Any]) -> None:
        draw, zone = self.draw, ZoneInfo(channel.timezone or self.workspace.timezone)
        weights = draw.choice([(6, 2, 2, 0), (6, 2, 2, 1)])
        kind = draw.choices(FOUR, weights)[0]
        clock = draw.choice((time(9), time(2, 30), time(18, 45), time(draw.randrange(24), 7)))
        local = datetime.combine(self.day(), clock)
        due_at = local.replace(tzinfo=zone).astimezone(UTC)
        status = draw.choice(STATUSES if due_at <= self.now else ("planned", "scheduled"))
        exempt = draw.choice(EXEMPTIONS)
        dismissed = self.now if status == "failed" and draw.random() < 0.3 else None
        pillar_id = draw.choice(pillars)
        post = self.post(kind, "approved", pillar_id, draw.choice(campaigns))
        post.placed_at = None if status == "cancelled" else self.now
        today = self.now.astimezone(zone).date()
        seat = holds_seat(
            Status(status),
            exempt=exempt is not None,
            dismissed=dismissed is not None,
            day=local.date(),
            today=today,
        )
        self.add(
            Publication,
            id=uuid7(),
            post_id=post.id,
            channel_id=channel.id,
            type=kind,
            pillar_id=pillar_id,
            status=status,
            due_at=due_at,
            local=local.isoformat(),
            timezone=zone.key,
            day=local.date(),
            holds_seat=seat,
            exempt=exempt,
            override="Perlu." if draw.random() < 0.05 else None,
            retyped_at=self.now if draw.random() < 0.05 else None,
            dismissed_at=dismissed,
        )


PILLARS = (("Naskah", 4000), ("Arsip", None), ("Kosong", 1000))


async def fill(store: Store, slug: str, now: datetime, seed: int, publications: int = 170) -> None:
    """Fill a workspace with what a seed draws."""
    async with store.transaction() as db:
        workspace = await workspaces.lock(db, slug)
        Chance(db, workspace, now, random.Random(seed)).fill(publications)
        workspace.change_seq += 1
