"""One who changes a small office's calendar at will, and holds each verdict against enumeration."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

import httpx

from app.deps import House
from planner.access import SCOPES
from store import channels, keys, people, workspaces, writing
from store.audit import CLI
from store.tables import Post
from tests.app.mixing import Calendar, Standing, read_calendar
from tests.conftest import RING, Client, Clock

TYPES = ("informative", "interactive", "edutainment")
ELSE = {"past-time", "no-fitting-slot"}
WAYS = ["slot", "swap", "draft", "exempt", "override"]
BEGINS = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
NUMBERS = count(1)
EXEMPT = {"reason": "crisis", "note": "Banjir"}
OVERRIDE = {"reason": "Perintah menteri"}

Send = Callable[..., Any]


@dataclass
class Place:
    """Where machines run: a house in this process, and what they came across."""

    runner: asyncio.Runner
    house: House
    http: httpx.AsyncClient
    clock: Clock
    met: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Step:
    """Some operations, the calendar that they lead to, and whether the mix may refuse them."""

    after: Calendar
    operations: tuple[dict[str, Any], ...] = ()
    wishes: int = 0
    reshapes: bool = False
    extra: Standing | None = None

    @property
    def binds(self) -> bool:
        """Whether the mix may refuse it: what only takes posts off always passes."""
        return self.wishes > 0 or self.reshapes

    def then(self, operation: dict[str, Any], wishes: int, **rows: Standing | None) -> "Step":
        """Return the steps so far with one more, that asks for so many seats."""
        after = self.after.with_rows(**rows)
        wished = self.wishes + wishes
        return Step(after, (*self.operations, operation), wished, extra=self.extra)

    @property
    def known(self) -> list[tuple[str, Standing]]:
        """The rows that were there before, in an order that ids have no part in."""
        rows = [each for each in self.after.rows.items() if not each[0].startswith("new")]
        return sorted(rows, key=lambda each: (each[1].local, each[1].type, each[1].counts))


class Hand:
    """A manager's hand: operations as they are sent, and what they come to by definition."""

    place: Place
    slug: str
    on: list[str]
    calendar: Calendar
    seen: dict[str, int]
    posts: dict[str, Post]

    def open_office(self, slots: Any) -> None:
        """Found an office with posts of every type and two channels with these weekly times."""
        self.place.clock.now = BEGINS
        self.slug = f"biro-{next(NUMBERS)}"
        self.run(self._found(slots))
        self.read()

    async def _found(self, slots: Any) -> None:
        now = BEGINS
        async with self.place.house.store.transaction() as db:
            person = await people.add(db, f"{self.slug}@example.id", "Sari", "id", now)
            fields = {"slug": self.slug, "name": "B", "timezone": "Asia/Jakarta", "locale": "id"}
            office = await workspaces.add(db, CLI, person.id, fields, now)
            self.on = []
            for handle, times in zip("ab", slots, strict=True):
                about = {"platform": "feed", "handle": handle, "name": handle, "settings": {}}
                channel = await channels.add(db, office, CLI, about, now)
                await channels.set_slots(db, office, CLI, channel, times, BEGINS.date(), now)
                self.on.append(str(channel.id))
            for number in range(28):
                part = {"text": f"Isi {next(NUMBERS)}", "media": []}
                words = {"title": "K", "type": TYPES[number % 4 % 3], "parts": [part]}
                await writing.add(db, office, CLI, words, {}, now)
            _, secret = await keys.add(
                db,
                RING,
                [office],
                CLI,
                name="machine",
                scopes=SCOPES,
                created_by=person.id,
                expires_at=None,
                now=now,
            )
        self.client = Client(self.place.http, {"Authorization": f"Bearer {secret}"})

    def run(self, work: Any) -> Any:
        return self.place.runner.run(work)

    def ask(self, method: str, path: str, body: Any = None, match: Any = None) -> Any:
        return self.run(self.client(method, f"/workspaces/{self.slug}{path}", body, match=match))

    def read(self) -> Calendar:
        found = self.run(read_calendar(self.place.house, self.slug))
        self.calendar, self.seen, self.posts = found
        return self.calendar

    @property
    def start(self) -> Step:
        return Step(self.calendar)

    # Operations: each makes a step longer, or (None) cannot be made there.

    def operate(self, step: Step, kind: str, number: int, day: int) -> Step | None:
        """Add an operation of a kind; the numbers choose what and when."""
        known = step.known
        if kind == "add":
            local = self.local(day, ("09:00", "10:07", "19:00")[number % 3])
            return self.add(step, TYPES[number % 4 % 3], number % 2, local)
        if not known:
            return None
        key, row = known[number % len(known)]
        if kind == "swap":
            return self.swap(step, key, known[day % len(known)][0])
        if kind == "retype":
            return self.retype(step, row.post, TYPES[day % 3])
        local = self.local(day, ("09:00", "16:20")[number % 2])
        return self.change(step, kind, key, local)

    def change(self, step: Step, kind: str, key: str, local: datetime) -> Step:
        """Move a row to a time, remove it, or turn around whether it counts."""
        row, me = step.after.rows[key], self.named(key)
        if kind == "move":
            operation = {"op": "move", **me, "when": {"local": local.isoformat()}}
            return step.then(operation, int(row.counts), **{key: replace(row, local=local)})
        if kind == "remove":
            return step.then({"op": "remove", **me}, 0, **{key: None})
        operation = {"op": "exempt", **me, "exempt": EXEMPT if row.counts else None}
        turned = {key: replace(row, counts=not row.counts)}
        return step.then(operation, int(not row.counts), **turned)

    def swap(self, step: Step, key: str, other: str) -> Step | None:
        if other == key:
            return None
        here, there = step.after.rows[key], step.after.rows[other]
        operation = {"op": "swap", "first": self.named(key), "second": self.named(other)}
        rows = {key: replace(here, local=there.local), other: replace(there, local=here.local)}
        return step.then(operation, here.counts + there.counts, **rows)

    def named(self, key: str) -> dict[str, Any]:
        return {"id": key, "version": self.seen[key]}

    def add(self, step: Step, type_: str, on: int, local: datetime) -> Step | None:
        channel = self.on[on]
        taken = {row.post for row in step.after.rows.values() if row.channel == channel}
        free = (key for key, post in self.posts.items() if key not in taken and post.type == type_)
        post = next(free, None)
        if post is None:
            return None
        return self.put(step, post, type_, channel, local)

    def put(self, step: Step, post: str, type_: str, channel: str, local: datetime) -> Step:
        when = {"local": local.isoformat()}
        operation = {"op": "add", "post": post, "channel": channel, "when": when}
        row = Standing(post, channel, local, type_)
        longer = step.then(operation, 1, **{f"new {next(NUMBERS)}": row})
        return replace(longer, extra=row)

    def retype(self, step: Step, post: str, type_: str) -> Step | None:
        again = any(each.get("op") == "retype" for each in step.operations)
        rows = {key: row for key, row in step.after.rows.items() if row.post == post}
        if again or all(row.type == type_ for row in rows.values()):
            return None
        operation = {
            "op": "retype",
            "post": post,
            "version": self.posts[post].version,
            "type": type_,
        }
        changed = {key: replace(row, type=type_) for key, row in rows.items()}
        return step.then(operation, sum(row.counts for row in rows.values()), **changed)

    def local(self, day: int, clock: str) -> datetime:
        return datetime.combine(
            self.calendar.today + timedelta(days=day), time.fromisoformat(clock)
        )

    def send(self, method: str, path: str, body: Any, match: Any = None) -> Send:
        """Return what sends a request, with more fields in its body if it is told to."""

        def sent(**more: Any) -> Any:
            return self.ask(method, path, body if body is None else body | more, match)

        return sent

    def make(self, step: Step, send: Send, turn: int) -> None:
        """Make a step, and hold what it is answered against the definition.

        `turn` chooses among what is offered where it is refused, and that is taken.
        """
        before = self.calendar
        refusable = step.binds and bool(self.harm(step.after)) and not self._least_evil(step)
        checked = self.check(*step.operations) if step.operations else None
        answer = send()
        after, code = self.read(), problem(answer)
        if code in ELSE:
            assert after == before
            assert checked is None or problem(checked) == code
            return
        assert refusable == (code == "mix-violation"), (
            f"may refuse: {refusable} {step} {answer.text}"
        )
        assert checked is None or (checked.json()["verdict"] == "blocked") == refusable
        self.place.met["refused" if refusable else "kept"] += 1
        if refusable:
            assert after == before
            self._take_a_way(step, answer.json()["fixes"], send, turn)
        else:
            assert answer.is_success, answer.text
            assert self._same(after, step.after)

    def _least_evil(self, step: Step) -> bool:
        """Say whether all that binds is one post more, and any type would do as much harm."""
        if not step.extra or step.wishes != 1:
            return False
        row, before = step.extra, self.calendar
        each = {key: replace(row, type=key) for key in TYPES}
        harmless = {key for key in TYPES if not self.harm(before.with_rows(new=each[key]))}
        if harmless or before.open(row.channel, row.local.date()):
            return row.type in harmless
        needs = {key: self._needs(each[key]) for key in TYPES}
        return needs[row.type] == min(needs.values())

    def _needs(self, row: Standing) -> int:
        """Return how many changes the days around one more post would need."""
        day = row.local.date()
        pieces = self.calendar.with_rows(new=row).pieces(row.channel, day.replace(day=1))
        return next(each for each in reversed(pieces) if each.first <= day).changes_needed()

    def _take_a_way(self, step: Step, fixes: list[Any], send: Send, turn: int) -> None:
        """Try every way out that is offered, and take one."""
        ways = [each["kind"] for each in fixes]
        assert ways[-1] == "override", ways
        assert len(step.operations) > 1 or ways == sorted(ways, key=WAYS.index), ways
        for fix in fixes:
            if fix["operations"]:
                checked = self.check(*fix["operations"])
                assert checked.is_success, (step, fix, checked.text)
                assert checked.json()["verdict"] != "blocked", (step, fix, checked.text)
        taken, before = fixes[turn % len(fixes)], self.calendar
        self.place.met.update(f"offered {each}" for each in set(ways))
        self.place.met[taken["kind"]] += 1
        if taken["operations"]:
            operations = {"operations": taken["operations"]}
            answer = self.ask("POST", "/publications/batch", operations)
        elif taken["kind"] == "override":
            answer = send(override=OVERRIDE)
        else:
            answer = self._exempted(step)
        assert answer.is_success, (step, taken, answer.text)
        self.read()
        assert not taken["operations"] or not self.harm(self.calendar, before), (step, taken)
        if taken["kind"] == "override" and not step.operations:
            assert self._same(self.calendar, step.after)

    def _exempted(self, step: Step) -> Any:
        """Send the operations with what they place and move let out of the mix."""
        counted = {key for key, row in self.calendar.rows.items() if row.counts}
        operations: list[Any] = []
        for each in step.operations:
            for key in self._touched_by(each) & counted:
                counted.remove(key)
                operations.append({"op": "exempt", **self.named(key), "exempt": EXEMPT})
            if each["op"] != "exempt":
                operations.append(each | ({"exempt": EXEMPT} if each["op"] == "add" else {}))
        return self.ask("POST", "/publications/batch", {"operations": operations})

    def _touched_by(self, operation: dict[str, Any]) -> set[str]:
        if operation["op"] == "retype":
            rows = self.calendar.rows.items()
            return {key for key, row in rows if row.post == operation["post"]}
        named = [operation, operation.get("first", {}), operation.get("second", {})]
        return {each["id"] for each in named if "id" in each}

    def check(self, *operations: Any) -> Any:
        return self.ask("POST", "/mix/check", {"operations": operations})

    def harm(self, after: Calendar, before: Calendar | None = None) -> list[Any]:
        before = before or self.calendar
        return before.harmed_by(after, self.on, self._months(before, after))

    def _same(self, found: Calendar, wanted: Calendar) -> bool:
        rows = Counter(found.rows.values()) == Counter(wanted.rows.values())
        return rows and all(
            found.pieces(channel, month) == wanted.pieces(channel, month)
            for channel in self.on
            for month in self._months(found, wanted)
        )

    def _months(self, *calendars: Calendar) -> list[date]:
        return sorted(
            {row.local.date().replace(day=1) for each in calendars for row in each.rows.values()}
        )


def problem(answer: Any) -> str | None:
    """Return the name of the problem that a request is answered with, if it is one."""
    return None if answer.is_success else answer.json()["type"].rsplit("/", 1)[-1]
