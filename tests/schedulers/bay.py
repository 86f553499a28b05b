"""A platform in memory, of every class, that keeps each post it accepts and never forgets one."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from planner.content import Words
from planner.platforms import (
    FORMATS,
    PLATFORMS,
    Idempotency,
    MediaLimits,
    Platform,
    TextLimit,
    Unit,
)
from schedulers.connector import (
    Absent,
    Accepted,
    CannotTell,
    Connector,
    HandedOver,
    Outcome,
    Outgoing,
    Prepared,
    Published,
    Refused,
    TryLater,
    Unknown,
)
from tests.shore.connectors import text_of

KINDS = ("idem", "handle", "search", "blind")

PROMISED_SECONDS = 3_600
KEPT_SECONDS = 3 * PROMISED_SECONDS + 60
"""How long a key truly names one post: a clock that goes an hour wrong both ways is forgiven."""

SETTLE_SECONDS = 60
LATE_SECONDS = 15
INDEX_SECONDS = 20
"""How long a post truly takes until it is found; late and slow together still settle in time."""

WORK_SECONDS = 40


class Weather(StrEnum):
    """What happens to one call."""

    FINE = "fine"
    LOST = "lost"  # accepted, and the answer does not arrive
    LATE = "late"  # accepted after the caller gave up
    CUT = "cut"  # not accepted, and nobody can know
    DOWN = "down"  # said not to have been processed
    CROWDED = "crowded"  # too many
    REFUSED = "refused"
    WORKS = "works"  # taken, and worked on for a while
    INBOX = "inbox"  # a person finishes it


class Caller(Protocol):
    """Who calls: a worker process, seen from the wire."""

    async def pass_by(self, name: str) -> None:
        """Come past a point where the process may stop or end."""
        ...

    def weather(self) -> Weather:
        """Return what happens to the call that is made now."""
        ...

    def leaves(self, outgoing: Outgoing) -> None:
        """Note that the call that publishes leaves now."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """What is public; `key` is known to the record only, unless the class is IDEMPOTENT."""

    id: str
    key: str
    account: str
    text: str
    at: float  # true seconds


@dataclass
class Container:
    """What was uploaded and may be made public, once."""

    text: str
    state: Weather | None = None  # at work on it, or with a person
    post: Post | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """What will happen at a (true) time, although nobody does anything."""

    at: float
    key: str
    deed: Callable[[], Any]


@dataclass
class Bay:
    """Everything that the platforms know, and the true time there."""

    time: Callable[[], float]
    posts: list[Post] = field(default_factory=list)
    containers: dict[str, Container] = field(default_factory=dict)
    coming: list[Coming] = field(default_factory=list)
    moment: float | None = None  # when what is made happen now was to happen

    def live(self, key: str) -> int:
        """Return how many posts of a step are live, or will be although nobody does anything."""
        coming = sum(each.key == key for each in self.coming)
        return self.counts()[key] or min(1, coming)

    def counts(self) -> Counter[str]:
        self.settle(self.time())
        return Counter(post.key for post in self.posts)

    def later(self, seconds: float, key: str, deed: Callable[[], Any]) -> None:
        self.coming.append(Coming(self.time() + seconds, key, deed))

    def settle(self, until: float) -> None:
        """Let happen what was on its way."""
        ripe = [each for each in self.coming if each.at <= until]
        self.coming = [each for each in self.coming if each.at > until]
        for each in sorted(ripe, key=lambda each: each.at):
            self.moment = each.at
            each.deed()
        self.moment = None

    def add(self, outgoing: Outgoing, text: str) -> Post:
        id_ = f"r{len(self.posts) + 1}"
        at = self.time() if self.moment is None else self.moment
        post = Post(id_, outgoing.key, outgoing.account.handle, text, at)
        self.posts.append(post)
        return post

    def put(self, outgoing: Outgoing, text: str) -> Post:
        """Return the post that a key names, for as long as keys are kept."""
        since = self.time() - KEPT_SECONDS
        named = [each for each in self.posts if each.key == outgoing.key and each.at >= since]
        return named[0] if named else self.add(outgoing, text)

    def find(self, account: str, text: str) -> Post | None:
        """Return the last post of an account that says this, once it is found at all."""
        self.settle(self.time())
        until = self.time() - INDEX_SECONDS
        found = [each for each in self.posts if (each.account, each.text) == (account, text)]
        return next((each for each in reversed(found) if each.at <= until), None)

    def open(self, outgoing: Outgoing) -> Post:
        """Make a container public, once."""
        container = self.containers[outgoing.handle or ""]
        container.post = container.post or self.add(outgoing, container.text)
        return container.post


@dataclass
class _Line:
    """What every class shares: a call leaves, something happens, and an answer may come."""

    bay: Bay
    caller: Caller

    def steps(self, words: Words) -> int:
        return len(words.parts) if words.format == "thread" else 1

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Make the call that publishes."""
        await self.caller.pass_by("before publishing")
        weather = self.caller.weather()
        self.caller.leaves(outgoing)
        match weather:
            case Weather.DOWN:
                return TryLater("unavailable", None, counts=True)
            case Weather.CROWDED:
                return TryLater("rate_limited", 90, counts=False)
            case Weather.REFUSED:
                return Refused("rejected", "by the harbour master")
            case Weather.CUT:
                return Unknown("reset")
            case Weather.LATE:
                self.bay.later(
                    LATE_SECONDS, outgoing.key, lambda: self.accept(outgoing, Weather.FINE)
                )
                return Unknown("answer_timeout")
        said = self.accept(outgoing, weather)
        await self.caller.pass_by("after publishing")
        return Unknown("reset") if weather is Weather.LOST else said

    def accept(self, outgoing: Outgoing, weather: Weather) -> Outcome:
        """Take what was sent, and say so."""
        return Published(self.bay.add(outgoing, _text(outgoing)).id, None)

    async def hears(self) -> bool:
        """Ask something, which changes nothing; return whether there is an answer."""
        await self.caller.pass_by("before asking")
        return self.caller.weather() not in {
            Weather.LOST,
            Weather.LATE,
            Weather.CUT,
            Weather.DOWN,
        }


class IdemLine(_Line):
    """IDEMPOTENT: the key names the post, for a while."""

    def accept(self, outgoing: Outgoing, weather: Weather) -> Outcome:
        return Published(self.bay.put(outgoing, _text(outgoing)).id, None)


class BlindLine(_Line):
    """AMBIGUOUS: there is nothing to ask."""


class SearchLine(_Line):
    """RECONCILABLE by search: own posts are found by their words, some seconds later."""

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        if not await self.hears():
            return CannotTell("no_answer")
        found = self.bay.find(outgoing.account.handle, _text(outgoing))
        return Published(found.id, None) if found else Absent({"seen": len(self.bay.posts)})


class HandleLine(_Line):
    """RECONCILABLE by handle: a container is made first and published once."""

    async def prepare(self, outgoing: Outgoing, now: datetime) -> Prepared | TryLater:
        if outgoing.handle is not None:
            return Prepared(outgoing.handle)
        await self.caller.pass_by("before preparing")
        if self.caller.weather() is Weather.DOWN:
            return TryLater("unavailable", None, counts=True)
        handle = f"c{len(self.bay.containers) + 1}"
        self.bay.containers[handle] = Container(_text(outgoing))
        await self.caller.pass_by("after preparing")
        return Prepared(handle)

    def accept(self, outgoing: Outgoing, weather: Weather) -> Outcome:
        container = self.bay.containers[outgoing.handle or ""]
        if container.state is None and weather in {Weather.WORKS, Weather.INBOX}:
            container.state = weather
            if weather is Weather.WORKS:
                self.bay.later(WORK_SECONDS, outgoing.key, lambda: self.bay.open(outgoing))
        elif container.state is None:
            self.bay.open(outgoing)
        return self._told(outgoing) or Unknown("unreadable")

    async def poll(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | HandedOver | Refused | Unknown:
        told = self._told(outgoing) if await self.hears() else None
        return told or Unknown("answer_timeout")

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        if outgoing.handle is None or not await self.hears():
            return CannotTell("no_answer")
        told = self._told(outgoing)
        if isinstance(told, HandedOver):  # which asking for it will tell
            return Accepted(outgoing.handle, 10)
        return told or Absent({"container": "ready"})

    def _told(self, outgoing: Outgoing) -> Published | Accepted | HandedOver | None:
        self.bay.settle(self.bay.time())
        container = self.bay.containers[outgoing.handle or ""]
        if container.post is not None:
            return Published(container.post.id, None)
        if container.state is Weather.INBOX:
            return HandedOver({"inbox": outgoing.handle})
        return Accepted(outgoing.handle or "", 10) if container.state else None


LINES: Mapping[str, type[_Line]] = {
    "idem": IdemLine,
    "handle": HandleLine,
    "search": SearchLine,
    "blind": BlindLine,
}
CLASSES = {
    "idem": Idempotency.IDEMPOTENT,
    "handle": Idempotency.RECONCILABLE,
    "search": Idempotency.RECONCILABLE,
    "blind": Idempotency.AMBIGUOUS,
}


def lines(bay: Bay, caller: Caller) -> Mapping[str, Connector]:
    """Return the connectors of one process, by platform."""
    return {name(kind): line(bay, caller) for kind, line in LINES.items()}


def name(kind: str) -> str:
    return f"bay_{kind}"


def platform(kind: str) -> Platform:
    """Return what one class of the platform allows."""
    idempotent = CLASSES[kind] is Idempotency.IDEMPOTENT
    return Platform(
        name=name(kind),
        title=f"Bay ({kind})",
        idempotency=CLASSES[kind],
        formats=FORMATS,
        text=TextLimit(Unit.CODE_POINTS, 5_000),
        parts_max=25,
        media=MediaLimits(count_max=10, total_max=10),
        idempotent_seconds=PROMISED_SECONDS if idempotent else None,
        settle_seconds=SETTLE_SECONDS,
    )


@contextmanager
def installed() -> Iterator[None]:
    """Let this process know the platform for a while."""
    PLATFORMS.update({name(kind): platform(kind) for kind in KINDS})
    try:
        yield
    finally:
        for kind in KINDS:
            del PLATFORMS[name(kind)]


def _text(outgoing: Outgoing) -> str:
    return text_of(outgoing.words, outgoing.step)
