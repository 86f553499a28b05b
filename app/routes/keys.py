"""API keys over HTTP: the machines of a workspace, managed by its owners only."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, Now, OwnerViewer, Reads, Slug, WritingCaller
from app.fields import Answer, Body, Line, Moment, Text
from app.idempotency import Remembered
from app.paging import Pages
from planner.access import Ability, check_ability
from planner.errors import Fault, Invalid
from store import callers, keys, workspaces
from store.callers import Caller
from store.db import Db as Transaction
from store.tables import ApiKey, Workspace

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/api-keys", tags=["api-keys"])

Scope = Literal["read", "write", "approve", "publish", "admin"]


class WrongReach(Invalid):
    """A key reaches the workspace where it is made, and others of which the caller is an owner."""


class ExpiryPassed(Invalid):
    """The key would be dead before it is used."""


class KeyIn(Body):
    """A machine's access."""

    name: Annotated[Line, Field(max_length=80, examples=["Dasbor kementerian"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=5, examples=[["read"]])]
    expires_at: Annotated[Moment | None, Field(description="Never, if null.")] = None
    workspaces: Annotated[
        list[Annotated[Text, Field(max_length=40)]] | None,
        Field(min_length=1, max_length=50, description="Slugs; this workspace's only, if null."),
    ] = None


class KeyChange(Body):
    """The key's name from now on."""

    name: Annotated[Line, Field(max_length=80)]


class KeyOut(Answer):
    """An API key; of the workspaces it reaches, those that the caller belongs to."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    workspaces: list[str]
    created_by: UUID
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None
    created_at: Moment
    updated_at: Moment
    version: int


class KeyMade(KeyOut):
    """A new API key; the key itself is shown this once."""

    key: str


class KeyPage(Answer):
    """Some API keys, and where the next page begins."""

    items: list[KeyOut]
    next: str | None


@router.get("")
async def list_keys(
    pages: Pages,
    db: Reads,
    access: OwnerViewer,
) -> KeyPage:
    """List the keys that reach the workspace, revoked ones too."""
    rows = await keys.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    seen = await keys.seen_by(db, callers.person_id(access.caller), [row.id for row in rows])
    return KeyPage(items=[_out(row, seen[row.id]) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_key(
    slug: Slug,
    body: KeyIn,
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    caller: WritingCaller,
    now: Now,
) -> KeyMade:
    """Make a key; the answer shows it, and nothing shows it again."""
    wanted = body.workspaces or [slug]
    held = await _hold(db, caller, slug, wanted)
    await _check_reach(db, caller, slug, wanted, held)
    if body.expires_at and body.expires_at <= now:
        raise ExpiryPassed(Fault("/expires_at", "expiry-passed"))
    key, secret = await keys.add(
        db,
        house.ring,
        list(held.values()),
        caller.actor,
        name=body.name,
        scopes=set(body.scopes),
        created_by=callers.person_id(caller),
        expires_at=body.expires_at,
        now=now,
    )
    response.headers["Location"] = f"{request.url.path}/{key.id}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, key)
    return KeyMade.model_validate(_out(key, held).model_dump() | {"key": secret})


@router.get("/{key_id}")
async def read_key(
    key_id: UUID, request: Request, response: Response, db: Reads, access: OwnerViewer
) -> KeyOut:
    """Read what is known of a key."""
    key = await keys.of(db, access.workspace.id, key_id)
    answer_if_new(request, response, etag_of(key))
    return await _seen(db, access.caller, key)


@router.patch("/{key_id}")
async def change_key(
    slug: Slug,
    key_id: UUID,
    body: KeyChange,
    response: Response,
    db: Db,
    caller: WritingCaller,
    now: Now,
    if_match: IfMatch = None,
) -> KeyOut:
    """Give a key another name."""
    key, reached = await _hold_reached(db, caller, slug, key_id)
    check_match(key, if_match)
    await keys.rename(db, reached, caller.actor, key, body.name, now)
    await db.flush()
    tag(response, key)
    return await _seen(db, caller, key)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(
    slug: Slug, key_id: UUID, db: Db, caller: WritingCaller, now: Now, if_match: IfMatch = None
) -> None:
    """Revoke a key: it is useless at once in every workspace it reaches, and stays on the list."""
    key, reached = await _hold_reached(db, caller, slug, key_id)
    check_match(key, if_match)
    await keys.revoke(db, reached, caller.actor, key, now)


def _out(key: ApiKey, slugs: Iterable[str]) -> KeyOut:
    return KeyOut.model_validate(key.model_dump() | {"workspaces": list(slugs)})


async def _seen(db: Transaction, caller: Caller, key: ApiKey) -> KeyOut:
    seen = await keys.seen_by(db, callers.person_id(caller), [key.id])
    return _out(key, seen[key.id])


async def _hold(
    db: Transaction, caller: Caller, slug: str, others: Iterable[str]
) -> dict[str, Workspace]:
    """Hold workspaces in the order of their slugs; the caller must own the one of the path.

    A slug of `others` that is nobody's is left out.
    """
    held = {}
    for each in sorted({slug, *others}):
        with suppress(workspaces.NoSuchWorkspace):
            held[each] = await workspaces.lock(db, each)
    abilities = await callers.abilities(db, caller, held[slug].id) if slug in held else None
    if not abilities:
        raise workspaces.NoSuchWorkspace(slug=slug)
    check_ability(abilities, Ability.OWN)
    return held


async def _hold_reached(
    db: Transaction, caller: Caller, slug: str, key_id: UUID
) -> tuple[ApiKey, list[Workspace]]:
    """Return a key and all workspaces it reaches, held: so whoever changes it waits for us."""
    reached = await keys.slugs_of(db, key_id)
    held = await _hold(db, caller, slug, reached if slug in reached else ())
    return await keys.of(db, held[slug].id, key_id), list(held.values())


async def _check_reach(
    db: Transaction, caller: Caller, slug: str, wanted: Sequence[str], held: dict[str, Workspace]
) -> None:
    faults = [] if slug in wanted else [Fault("/workspaces", "without-this", {"slug": slug})]
    for number, each in enumerate(wanted):
        known = await callers.abilities(db, caller, held[each].id) if each in held else ()
        if Ability.OWN not in known:
            faults.append(Fault(f"/workspaces/{number}", "not-owned", {"slug": each}))
    if faults:
        raise WrongReach(*faults)
