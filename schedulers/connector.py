"""The contract between the scheduler and a platform: what goes out, and what may come of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from planner.content import Words

Evidence = Mapping[str, Any]
"""JSON values that a person can read and that never hold a secret (no signed link, no token)."""


Read = Callable[[int, int], AsyncIterator[bytes]]
"""Reads the bytes from the first to the last (inclusive) in small chunks."""

Pulled = Callable[[str], str]
"""Returns the link by which a platform fetches a file for the attempt of this handle."""

Recall = Callable[[str], Awaitable[datetime | None]]
"""Calls off the links of a handle; returns since when that is too late, None: it was not."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a post, with a signed and expiring link under the service's public URL.

    `pulled` is for platforms that publish what they fetch: its links can be called off.
    """

    id: UUID
    sha256: str
    mime: str
    bytes: int
    width: int | None
    height: int | None
    duration_ms: int | None
    alt: str
    url: str = field(repr=False)
    read: Read = field(repr=False)
    pulled: Pulled = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """The channel that publishes: `workspace` is a slug, `secrets` are in clear."""

    channel_id: UUID
    workspace: str
    platform: str
    handle: str
    name: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """An earlier step of the same publication, which is live."""

    step: int
    remote_id: str
    permalink: str | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One step of one publication on its way to a platform.

    `files` holds every file of every part; `key` is the idempotency key, identical on every
    attempt of this step; `handle` is what was stored of the platform's own for this step, and
    `ticket` what goes with it and is a secret; `done` are the steps before it; `first_tried_at`
    is when this step may have gone out first, and `again` says that it may have. `recall` calls
    off the links that files were `pulled` by.
    """

    publication_id: UUID
    account: Account
    words: Words
    files: tuple[File, ...]
    due_at: datetime
    step: int
    key: str
    handle: str | None
    public_url: str
    locale: str
    recall: Recall = field(repr=False)
    done: tuple[Done, ...] = ()
    first_tried_at: datetime | None = None
    again: bool = False
    ticket: str | None = field(default=None, repr=False)

    def files_of(self, part: int) -> tuple[File, ...]:
        """Return the files of one part, in its order, described as it was approved."""
        known = {str(file.id): file for file in self.files}
        media = self.words.parts[part].media
        return tuple(replace(known[ref.id], alt=ref.alt) for ref in media)


@dataclass(frozen=True, slots=True)
class Published:
    """It is live."""

    remote_id: str
    permalink: str | None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform works on it; ask again by the handle."""

    handle: str
    poll_after_seconds: int
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A person finishes it."""

    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A documented refusal that lasts: it did not go out. `reason` is a snake_case key."""

    reason: str
    detail: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TryLater:
    """Proved to have had no effect; `counts` is False for a rate limit, which is no attempt.

    `anew`: what was prepared is of no use any more.
    """

    reason: str
    retry_after_seconds: float | None
    counts: bool
    evidence: Evidence = field(default_factory=dict)
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it is live; where repeating is safe, wait so long before."""

    reason: str
    evidence: Evidence = field(default_factory=dict)
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """The platform takes these credentials no more: a person must connect the channel again.

    As an answer to a post it proves that this one had no effect; it waits for the person.
    """

    reason: str
    detail: str = ""


Outcome = Published | Accepted | HandedOver | Refused | TryLater | Revoked | Unknown
"""What may come of an attempt (design note "publishing", section 3)."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The platform was asked: the post is not there."""

    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The platform was asked and its answer proves nothing; `lasting`: nor will a later one."""

    reason: str
    evidence: Evidence = field(default_factory=dict)
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is needed to publish is on the platform, and nothing of it is public.

    `ticket` goes with the handle and is a secret: it is sealed where it is kept.
    """

    handle: str
    ticket: str | None = field(default=None, repr=False)
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """It is not on the platform any more."""

    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """New secrets, whole: the former ones may not open anything any more."""

    secrets: Mapping[str, str] = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a channel answers; `reason` is a snake_case key, `detail` a fact such as a status.

    `scopes` are what the platform says that the account may do, by its own names.
    """

    answers: bool
    reason: str | None
    detail: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """An account was connected: its credentials, whole, with those that were there before.

    `evidence` says which permissions the platform gave, and the account's name there.
    """

    secrets: Mapping[str, str] = field(repr=False)
    expires_at: datetime | None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Denied:
    """No account was connected, and asking again with this code does not help.

    The code is not good, the app is not approved, or a person said no. `reason` is a snake_case
    key, `detail` the platform's own words.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The platform takes the credentials no more, since it was asked to."""

    evidence: Evidence = field(default_factory=dict)


class Connector(Protocol):
    """Publishes on one platform and says what came of it; raises only for bugs.

    What else a platform can do is in the protocols below; a connector has the methods of those
    that it fulfils.
    """

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Make one step public: the only call that does."""
        ...


class Prepares(Protocol):
    """A connector that uploads or drafts before it publishes, which may be repeated."""

    async def prepare(
        self, outgoing: Outgoing, now: datetime
    ) -> Prepared | Refused | TryLater | Revoked:
        """Do all that is not public yet; the handle is stored with the intent, then published.

        `outgoing.handle` is what an earlier call made: the same one is returned as long as it
        may be published.
        """
        ...


class Threads(Protocol):
    """A connector that needs several steps for some posts."""

    def steps(self, words: Words) -> int:
        """Return how many steps a post takes here, at least 1."""
        ...


class Polls(Protocol):
    """A connector whose platform works on a post after it has taken it."""

    async def poll(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | HandedOver | Refused | TryLater | Unknown:
        """Ask by `outgoing.handle` what became of it.

        `TryLater`: it came to nothing; `Unknown`: the question was not answered.
        """
        ...


class Reconciles(Protocol):
    """A connector that can ask, by reading only, whether a step took effect."""

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        """Say whether the step is live; never sends anything."""
        ...


class Withdraws(Protocol):
    """A connector that can delete what it published."""

    async def withdraw(
        self, account: Account, done: tuple[Done, ...], now: datetime
    ) -> Withdrawn | Refused | TryLater | Unknown:
        """Delete the steps of a publication, the last first; deleting twice is fine."""
        ...


class Checks(Protocol):
    """A connector that can ask whether a channel works, without publishing."""

    async def check(self, account: Account, now: datetime) -> Checked:
        """Say whether the channel answers."""
        ...


class Refreshes(Protocol):
    """A connector whose credentials expire and are changed for new ones."""

    async def refresh(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        """Change the credentials for new ones; the engine sees to it that one asks at a time."""
        ...


class Authorizes(Protocol):
    """A connector whose accounts a person connects at the platform (OAuth 2, RFC 6749)."""

    def authorize_url(
        self, account: Account, *, state: str, verifier: str, redirect_uri: str
    ) -> str:
        """Return where a person agrees; asks nobody.

        `verifier` has 64 characters of the alphabet of RFC 7636; each connector derives from it
        the challenge that its platform wants.
        """
        ...

    def issuer(self, account: Account) -> str | None:
        """Return the `iss` with which the platform sends people back (RFC 9207).

        None: it sends none, and one that comes is refused. Otherwise it must come.
        """
        ...

    async def exchange(
        self, account: Account, *, code: str, verifier: str, redirect_uri: str, now: datetime
    ) -> Granted | Denied | TryLater | Unknown:
        """Change the code, which is good once, for credentials."""
        ...


class Revokes(Protocol):
    """A connector that can tell the platform to take an account's credentials no more."""

    async def revoke(self, account: Account, now: datetime) -> Disconnected | TryLater | Unknown:
        """Make the credentials useless; doing it twice is fine."""
        ...
