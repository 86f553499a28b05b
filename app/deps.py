"""All that a route may ask for: the database, the time, and who is calling."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response

from app import idempotency
from app.auth import identify
from app.conditions import answer_if_new
from app.following import Hub
from app.limits import Limits, TooManyRequests
from app.speech import LANGUAGE
from app.throttle import Throttle
from planner.access import Ability, check_ability
from schedulers.alerting import Alerter
from schedulers.connector import Connector
from store import admission, callers, workspaces
from store.admission import MixViolation
from store.audit import Actor
from store.blobs import Blobs
from store.callers import Caller
from store.db import Db as Session
from store.db import Store
from store.judging import Judge
from store.settings import StoreSettings
from store.tables import Workspace
from store.vault import KeyRing


def read_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    """What the service is made of; `create_app` puts it on the application."""

    store: Store
    ring: KeyRing
    blobs: Blobs
    connectors: Mapping[str, Connector]
    settings: StoreSettings
    base_url: str
    clock: Callable[[], datetime] = read_clock
    logins: Throttle = field(default_factory=Throttle)
    limits: Limits = field(default_factory=Limits)
    hub: Hub = field(default_factory=Hub)
    metrics_token: str = field(default="", repr=False)
    alerter: Alerter | None = None

    def __post_init__(self) -> None:
        """Let those who follow changes hear of each commit."""
        self.store.on_commit(self.hub.wake)


def the_house(request: Request) -> House:
    """Return the house that serves this request."""
    house: House = request.app.state.house
    return house


Here = Annotated[House, Depends(the_house)]


async def open_transaction(house: Here) -> AsyncIterator[Session]:
    """Give a route its writing transaction; committed before the answer goes out."""
    try:
        async with house.store.transaction() as db:
            yield db
    except MixViolation as violation:
        async with house.store.transaction() as db:
            await admission.remember(db, violation)
        raise


async def open_reading(house: Here) -> AsyncIterator[Session]:
    """Give a route one consistent view of the database."""
    async with house.store.reading() as db:
        yield db


def read_now(house: Here) -> datetime:
    """Return the instant that a request goes by."""
    return house.clock()


# Always with this scope: a request-scoped dependency would commit after the answer has gone out.
Db = Annotated[Session, Depends(open_transaction, scope="function")]
Reads = Annotated[Session, Depends(open_reading, scope="function")]
Now = Annotated[datetime, Depends(read_now)]


async def _identified(request: Request, house: House, db: Session, now: datetime) -> Caller:
    """Return who is calling, and count it; what is left is told with whatever is answered."""
    caller = await identify(request, db, house.ring, house.base_url, now)
    workspace = request.path_params.get("ws", "")
    told, wait = await house.limits.take(str(caller.actor), workspace)
    request.state.told = told
    if wait:
        raise TooManyRequests(retry_after_seconds=wait)
    return caller


async def caller_for_reading(request: Request, house: Here, db: Reads, now: Now) -> Caller:
    """Return who is calling; the last use is written in a transaction of its own."""
    caller = await _identified(request, house, db, now)
    if caller.stale:
        async with house.store.transaction() as writing:
            await callers.touch(writing, caller, now)
    return caller


async def caller_for_writing(
    request: Request, house: Here, db: Db, now: Now
) -> AsyncIterator[Caller]:
    """Give a route its caller, in the transaction that writes; a repeated POST ends here.

    What is answered to an `Idempotency-Key` is kept before that transaction commits.
    """
    caller = await _identified(request, house, db, now)
    if caller.stale:
        await callers.touch(db, caller, now)
    kept = await idempotency.claim(request, db, caller.actor, now)
    yield caller
    if kept is not None:
        await idempotency.keep(request, db, kept)


ReadingCaller = Annotated[Caller, Depends(caller_for_reading)]
WritingCaller = Annotated[Caller, Depends(caller_for_writing, scope="function")]


@dataclass(frozen=True, slots=True)
class Access:
    """A caller inside a workspace they belong to."""

    workspace: Workspace
    caller: Caller
    abilities: frozenset[Ability]

    @property
    def actor(self) -> Actor:
        """Who acts, as audit rows name them."""
        return self.caller.actor

    def judge(self, db: Session, now: datetime, override: str | None = None) -> Judge:
        """Return a judge of what this caller changes; who may approve may breach the mix."""
        return Judge(
            db,
            self.workspace,
            self.actor,
            now,
            override=override,
            may_except=Ability.APPROVE in self.abilities,
        )


Slug = Annotated[
    str,
    Path(alias="ws", pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", description="Its slug."),
]


async def _enter(db: Session, caller: Caller, workspace: Workspace, needed: Ability) -> Access:
    abilities = await callers.abilities(db, caller, workspace.id)
    if not abilities:
        raise workspaces.NoSuchWorkspace(slug=workspace.slug)
    check_ability(abilities, needed)
    return Access(workspace, caller, abilities)


LISTS = frozenset(
    {
        "list_campaigns",
        "list_channels",
        "list_comments",
        "list_media",
        "list_pillars",
        "list_posts",
        "list_publications",
        "list_versions",
        "list_audit",
    }
)
"""Lists that say nothing but what a change of the workspace's sequence would announce.

Others also tell when a key was last used, or what a person calls themselves now.
"""


def _reading(needed: Ability) -> Any:
    async def enter(
        slug: Slug, request: Request, response: Response, db: Reads, caller: ReadingCaller
    ) -> Access:
        access = await _enter(db, caller, await workspaces.by_slug(db, slug), needed)
        if request.scope["route"].name in LISTS:  # 304 before any row is read
            etag = f'"{access.workspace.change_seq}-{LANGUAGE.get()}"'
            answer_if_new(request, response, etag)
        return access

    return Depends(enter)


def _writing(needed: Ability) -> Any:
    async def enter(slug: Slug, db: Db, caller: WritingCaller) -> Access:
        return await _enter(db, caller, await workspaces.lock(db, slug), needed)

    return Depends(enter)


# For GET: goes with `Reads`.
Viewer = Annotated[Access, _reading(Ability.READ)]
ManagerViewer = Annotated[Access, _reading(Ability.ADMIN)]
OwnerViewer = Annotated[Access, _reading(Ability.OWN)]
# For everything that writes: goes with `Db` and holds the workspace's row.
Member = Annotated[Access, _writing(Ability.READ)]
Editor = Annotated[Access, _writing(Ability.WRITE)]
Approver = Annotated[Access, _writing(Ability.APPROVE)]
Publisher = Annotated[Access, _writing(Ability.PUBLISH)]
Manager = Annotated[Access, _writing(Ability.ADMIN)]
Owner = Annotated[Access, _writing(Ability.OWN)]
