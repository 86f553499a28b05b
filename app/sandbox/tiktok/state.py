"""The sandbox's whole memory: one object that every deed of the platform works on."""

import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.tiktok.accounts import Account, Developer, people
from app.sandbox.tiktok.publications import Fate, Publication
from app.sandbox.tiktok.rules import Refused
from app.sandbox.tiktok.tricks import Mischief

REFUSALS_MAX = 1000


@dataclass(slots=True)
class Grant:
    """A person's consent; `alive` until it is withdrawn."""

    username: str
    scopes: tuple[str, ...]
    alive: bool = True


@dataclass(slots=True)
class Token:
    """An access token, a refresh token or a code: whose it is, how long, and whether it is used."""

    grant: Grant
    until: datetime
    used: bool = False
    redirect_uri: str = ""
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API: an account, by a consent."""

    account: Account
    grant: Grant


@dataclass(slots=True)
class Hook:
    """An event that the app is told; `due_at` is when it is sent (again), None when it is over."""

    event: str
    body: bytes
    created_at: datetime
    due_at: datetime | None
    forged: bool = False
    attempts: int = 0
    answers: list[int | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL answered when the platform pulled it; status None: nothing came back."""

    status: int | None
    mime: str = ""
    body: bytes = b""


Fetch = Callable[[str], Awaitable[Fetched]]
Send = Callable[[str, Mapping[str, str], bytes], Awaitable[int | None]]


@dataclass(slots=True)
class TikTok:
    """Everything that the sandbox knows; it ends with the process.

    `now` is the clock and `moved` what a person has moved it by. Times are aware, in UTC.
    """

    now: Callable[[], datetime]
    base_url: str = "http://127.0.0.1:8800"
    developer: Developer = field(default_factory=Developer)
    accounts: dict[str, Account] = field(default_factory=people)
    moved: timedelta = timedelta()
    grants: list[Grant] = field(default_factory=list)
    codes: dict[str, Token] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)
    asked_creator: dict[str, deque[datetime]] = field(default_factory=dict)
    calls: dict[tuple[str, str], deque[datetime]] = field(default_factory=dict)
    mischief: Mischief = field(default_factory=Mischief)
    fates: list[tuple[Fate, str]] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    refusals: list[dict[str, str]] = field(default_factory=list)
    pulled: list[dict[str, Any]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    serial: int = 0

    def clock(self) -> datetime:
        """Return what time it is here."""
        return self.now() + self.moved

    def after(self, seconds: float) -> datetime:
        """Return the time in so many seconds."""
        return self.clock() + timedelta(seconds=seconds)

    def number(self) -> int:
        """Return a number that was not given out before."""
        self.serial += 1
        return self.serial

    def log_id(self) -> str:
        """Return the id of one answer, as the platform writes it: the second, and hex digits."""
        return f"{self.clock():%Y%m%d%H%M%S}{self.number():012X}{secrets.token_hex(4).upper()}"

    def consents(self, username: str) -> bool:
        """Say whether an account's consent is alive."""
        return any(grant.alive for grant in self.grants if grant.username == username)

    def note(self, refused: Refused, endpoint: str) -> None:
        """Write down that a client broke a rule."""
        self.refusals.append(
            {
                "rule": refused.name,
                "section": refused.rule.section,
                "asks": refused.rule.asks,
                "why": refused.why.encode("utf-8", "replace").decode(),
                "endpoint": endpoint,
                "code": refused.rule.code,
                "at": self.clock().isoformat(),
            }
        )
        del self.refusals[:-REFUSALS_MAX]

    def fate_of(self, username: str) -> Fate:
        """Return, once, what was ordered for the next publication of an account."""
        for place, (fate, whose) in enumerate(self.fates):
            if whose in {"", username}:
                del self.fates[place]
                return fate
        return Fate()
