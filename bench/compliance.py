"""Compliance and scheduling among 1,000,000 publications of 40 workspaces and 3 years.

The SQL of a year of compliance by month stands beside the 5 ms that it may take; scheduling a
post among all rows stands beside scheduling one among the first 10,000.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from bench.grounds import Ground, Ratio, median_of, now, recorded, replay
from planner.compliance import Grain, Scope, go_back
from planner.sequence import tijdeman
from store import approving, channels, compliance, people, placing, workspaces, writing
from store.audit import CLI
from store.db import Db
from store.placing import When
from store.tables import Post
from store.types import sqlite_text

ROWS, FEW = 1_000_000, 10_000
WORKSPACES, CHANNELS, DAYS = 40, 5, 1095
SLUG = "kantor-0"
ORDINARY, WHALE = 12_500, 510_000
CHUNK = 20_000
TIMES = 50
MAY_TAKE_SECONDS = 0.005
ZONE = ZoneInfo("Asia/Jakarta")
KEYS = ("informative", "interactive", "edutainment")
ORDER = tijdeman((6, 2, 2), 60)
CLOCKS = (time(9), time(15))

POST = {"title": "Naskah", "assignees": "[]", "format": "post", "status": "approved", "current": 1}
POST |= {"second_approval_due": False, "version": 1}
PUBLICATION: dict[str, Any] = {"status": "published", "timezone": ZONE.key, "holds_seat": True}
PUBLICATION |= dict.fromkeys(("fence", "attempts", "failures", "crashes", "step"), 0)
PUBLICATION |= {"recorded": True, "unproved": False, "version": 1}


@dataclass(frozen=True, slots=True)
class Office:
    """A workspace that is filled: its id, its channels, and how many rows it has of all."""

    id: UUID
    channels: list[UUID]
    rows: int


async def measure(ground: Ground) -> list[Ratio]:
    """Fill the database in two steps; schedule at both, and read a year at the end."""
    offices = [await _found(ground, number) for number in range(WORKSPACES)]
    draw = random.Random(4)
    numbers = count()
    _fill(ground, offices, draw, part=FEW / ROWS)
    few = await _schedule(ground, numbers)
    _fill(ground, offices, draw, part=1 - FEW / ROWS)
    many = await _schedule(ground, numbers)
    ratios = [Ratio(f"a post, at {ROWS:,} and {FEW:,}", ground.database, many, few)]
    month = go_back(Grain.MONTH, now().date(), 11)
    spans = {"with today": month, "closed": go_back(Grain.MONTH, month, 1)}
    for scope in Scope:
        for name, first in spans.items():
            took = await _read(ground, scope, first)
            what = f"year by month, {scope}, {name}"
            ratios.append(Ratio(what, ground.database, took, MAY_TAKE_SECONDS))
    return ratios


async def _found(ground: Ground, number: int) -> Office:
    """Found a workspace; the first is the ordinary one that is measured, the second a whale."""
    slots = [(day, f"{clock:%H:%M}") for day in range(7) for clock in CLOCKS]
    rest = (ROWS - ORDINARY - WHALE) // (WORKSPACES - 2)
    async with ground.store.transaction() as db:
        fields = {"name": "Kantor", "timezone": ZONE.key, "locale": "id"}
        fields |= {"slug": f"kantor-{number}", "approval_policy": "none"}
        workspace = await workspaces.add(db, CLI, await _owner(db), fields, now())
        ids = []
        for each in range(CHANNELS):
            named = {"platform": "feed", "handle": f"k{each}", "name": "Kanal", "settings": {}}
            channel = await channels.add(db, workspace, CLI, named, now())
            first = now().date() - timedelta(days=DAYS)
            await channels.set_slots(db, workspace, CLI, channel, slots, first, now())
            ids.append(channel.id)
    return Office(workspace.id, ids, {0: ORDINARY, 1: WHALE}.get(number, rest))


async def _owner(db: Db) -> UUID:
    person = await people.by_email(db, "ayu@biro.example")
    assert person is not None
    return person.id


def _fill(ground: Ground, offices: Sequence[Office], draw: random.Random, part: float) -> None:
    """Write history by the plain driver: a post on two channels at a time."""
    with closing(ground.raw()) as raw:
        raw.execute("BEGIN")
        if isinstance(raw, sqlite3.Connection):
            raw.execute("COMMIT")
            raw.execute("PRAGMA foreign_keys=OFF")
            raw.execute("BEGIN")
        else:
            raw.execute("SET session_replication_role = replica")
        for office in offices:
            posts: list[dict[str, Any]] = []
            rows: list[dict[str, Any]] = []
            for post, on in _history(office, draw, round(office.rows * part)):
                posts.append(post)
                rows += on
                if len(rows) >= CHUNK:
                    _write(raw, posts, rows)
            _write(raw, posts, rows)
        raw.execute("COMMIT")
        raw.execute("VACUUM ANALYZE" if ground.server else "ANALYZE")


def _history(
    office: Office, draw: random.Random, rows: int
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    today = now().date()
    stamps = {"workspace_id": office.id, "created_at": now(), "updated_at": now()}
    for _ in range(0, rows, 2):
        day = today - timedelta(days=1 + draw.randrange(DAYS))
        due_at = datetime.combine(day, time(draw.randrange(24), draw.randrange(60)), tzinfo=ZONE)
        kind = draw.choices(KEYS, (6, 2, 2))[0]
        post = {"id": uuid7(), "type": kind, "placed_at": now()} | stamps | POST
        when = {"day": day, "due_at": due_at.astimezone(UTC), "published_at": due_at}
        when["local"] = due_at.replace(tzinfo=None).isoformat()  # type: ignore[assignment]
        told = {"post_id": post["id"], "type": kind} | when | stamps | PUBLICATION
        on = draw.sample(office.channels, 2)
        yield post, [{"id": uuid7(), "channel_id": each, "occurrence": 1} | told for each in on]


def _write(raw: Any, posts: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    for table, made in (("post", posts), ("publication", rows)):
        if not made:
            continue
        names = ", ".join(made[0])
        if isinstance(raw, sqlite3.Connection):
            marks = ", ".join("?" * len(made[0]))
            lines = ([_plain(each) for each in row.values()] for row in made)
            raw.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", lines)  # noqa: S608
        else:
            with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in made:
                    copy.write_row(list(row.values()))
        made.clear()


def _plain(value: Any) -> Any:
    """Return a value as Pilar keeps it on SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return sqlite_text(value.astimezone(UTC))
    return value.isoformat() if isinstance(value, date) else value


async def _schedule(ground: Ground, numbers: Iterator[int]) -> float:
    """Put posts into next month's slots, each in a transaction that judges it."""
    first = (now().date().replace(day=1) + timedelta(days=32)).replace(day=1)
    posts = iter([await _post(ground, number) for number in _some(numbers)])

    async def place() -> None:
        number, post_id = next(posts)
        turn, channel = divmod(number, CHANNELS)
        local = datetime.combine(first + timedelta(days=turn // 2), CLOCKS[turn % 2])
        async with ground.store.transaction() as db:
            workspace = await workspaces.lock(db, SLUG)
            on = (await channels.all_of(db, workspace.id))[channel]
            post = await db.get_one(Post, post_id)
            await placing.place(db, workspace, CLI, post, [on], When(local=local), now())

    return await median_of(TIMES, place)


def _some(numbers: Iterator[int]) -> list[int]:
    return [next(numbers) for _ in range(TIMES + 3)]


async def _post(ground: Ground, number: int) -> tuple[int, UUID]:
    """Add an approved post of the type whose turn it is on its channel."""
    kind = KEYS[ORDER[number // CHANNELS]]
    words: dict[str, Any] = {"title": "Naskah", "type": kind}
    words["parts"] = [{"text": uuid4().hex, "media": []}]
    async with ground.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        post, _ = await writing.add(db, workspace, CLI, words, {}, now())
        await approving.submit(db, workspace, CLI, post, now())
        return number, post.id


async def _read(ground: Ground, scope: Scope, first: date) -> float:
    """Ask for twelve months, and run the queries of that alone."""
    until = go_back(Grain.MONTH, first + timedelta(days=366), 0)

    async def read() -> None:
        async with ground.store.reading() as db:
            workspace = await workspaces.by_slug(db, SLUG)
            wanted: dict[str, Any] = {"grain": Grain.MONTH, "scope": scope, "now": now()}
            found, _ = await compliance.entries(db, workspace, first=first, until=until, **wanted)
        assert len(found) == 12 * (CHANNELS if scope is Scope.CHANNEL else 1)

    with recorded("SELECT") as script:
        await read()
    queries = [each for transaction in script.transactions for each in transaction]
    with closing(ground.raw()) as raw:
        return await median_of(TIMES, lambda: replay(raw, queries))
