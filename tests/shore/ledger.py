"""What the test platform knows: every change is an event in its journal, written before the answer.

Whoever reads the journal sees what was accepted, whatever was answered to whom.
"""

import json
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

Event = dict[str, Any]
"""`event` names what happened, `at` is when, in seconds since 1970."""


@dataclass
class Post:
    """A post that is live, or was until it was deleted."""

    id: str
    kind: str
    account: str
    key: str | None
    text: str
    reply_to: str | None
    at: float
    repeats: int = 0
    deleted: bool = False

    @property
    def place(self) -> str:
        """Whose post it is: `kind/account`."""
        return f"{self.kind}/{self.account}"

    def told(self) -> dict[str, Any]:
        """Return what the platform says of it."""
        named = {"id": self.id, "url": f"https://shore.example/{self.place}/{self.id}"}
        return named | {"text": self.text, "reply_to": self.reply_to, "at": self.at}


@dataclass
class Container:
    """Words that wait to be published, once, until they expire."""

    handle: str
    account: str
    text: str
    reply_to: str | None
    at: float
    post: str | None = None
    rejected: bool = False


@dataclass
class Grant:
    """Tokens of an account: one pair is good, each one before it must not come back."""

    access: str
    refresh: str
    at: float
    seconds: float
    used: set[str] = field(default_factory=set)
    revoked: bool = False

    @property
    def expires_at(self) -> float:
        """When the access token is not good any more."""
        return self.at + self.seconds


def events(journal: Path) -> Iterator[Event]:
    """Read a journal; a last line that is being written is left out."""
    if journal.exists():
        for line in journal.read_bytes().split(b"\n")[:-1]:
            yield json.loads(line)


@dataclass
class Ledger:
    """The platform's memory."""

    posts: dict[str, Post] = field(default_factory=dict)
    keys: dict[tuple[str, str], Post] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    by_place: dict[str, deque[Post]] = field(default_factory=dict)

    file: int | None = None

    @classmethod
    def read(cls, journal: Path) -> "Ledger":
        """Return what a journal says."""
        ledger = cls()
        for event in events(journal):
            ledger._apply(event)
        return ledger

    @classmethod
    def open(cls, journal: Path) -> "Ledger":
        """Return what a journal says already, and write into it what happens now."""
        ledger = cls.read(journal)
        ledger.file = os.open(journal, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        return ledger

    def note(self, event: str, at: float, **facts: Any) -> None:
        """Write down that something happened, then let it have happened."""
        assert self.file is not None
        line: Event = {"event": event, "at": at, **facts}
        os.write(self.file, json.dumps(line).encode() + b"\n")
        self._apply(line)

    def post(self, kind: str, account: str, at: float, **facts: Any) -> Post:
        """Accept a post."""
        id_ = uuid4().hex
        facts = {"key": None, "reply_to": None} | facts
        self.note("post", at, id=id_, kind=kind, account=account, **facts)
        return self.posts[id_]

    def _apply(self, line: Event) -> None:
        facts = {name: value for name, value in line.items() if name != "event"}
        match line["event"]:
            case "post":
                handle = facts.pop("handle", None)
                post = self.posts[line["id"]] = Post(**facts)
                self.by_place.setdefault(post.place, deque()).append(post)
                if post.key is not None:
                    self.keys[post.account, post.key] = post
                if handle is not None:
                    self.containers[handle].post = post.id
            case "repeat":
                self.posts[line["id"]].repeats += 1
            case "delete":
                self.posts[line["id"]].deleted = True
            case "container":
                self.containers[line["handle"]] = Container(**facts)
            case "rejected":
                self.containers[line["handle"]].rejected = True
            case "grant":
                self._grant(line)
            case "violation":
                self.grants[line["account"]].revoked = True

    def _grant(self, line: Event) -> None:
        old = self.grants.get(line["account"])
        used = old.used | {old.refresh} if old is not None else set()
        grant = Grant(line["access"], line["refresh"], line["at"], line["seconds"], used)
        self.grants[line["account"]] = grant
