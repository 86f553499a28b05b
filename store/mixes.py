"""Mix versions: which shares are in force on which local day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.errors import Conflict, Fault, Invalid
from planner.mix import ContentType, MixMode, MixSource, check_known_types
from planner.periods import Piece, Shares
from store import audit
from store.audit import Actor
from store.db import Db
from store.tables import Channel, MixVersion, Publication, Workspace


class NoSuchType(Invalid):
    """The workspace's mix has no such type."""


class TypeHoldsSeats(Conflict):
    """Publications that count hold seats of types that the new version would not have."""


async def history(db: Db, workspace_id: UUID, channel_id: UUID | None) -> Sequence[MixVersion]:
    """Return all versions of the workspace's mix or of a channel's, newest first."""
    query = select(MixVersion).where(MixVersion.workspace_id == workspace_id)
    if channel_id is None:
        query = query.where(col(MixVersion.channel_id).is_(None))
    else:
        query = query.where(MixVersion.channel_id == channel_id)
    order = (col(MixVersion.effective_from).desc(), col(MixVersion.id).desc())
    return (await db.exec(query.order_by(*order))).all()


def in_force(versions: Sequence[MixVersion], day: date) -> MixVersion | None:
    """Return the version that governs a local day: of those that cover it, the newest.

    `versions` come newest first by their first day, then by when they were made. A version with
    an end gives way to the one before it when it is over.
    """
    for version in versions:
        begun = version.effective_from <= day
        over = version.effective_until is not None and version.effective_until <= day
        if begun and not over:
            return version
    return None


def governing(
    workspace_versions: Sequence[MixVersion], channel_versions: Sequence[MixVersion], day: date
) -> MixVersion | None:
    """Return the version whose shares a channel goes by on a local day; None where it has none.

    A channel without a version of its own on that day inherits the workspace's. Both lists come
    as `history` returns them.
    """
    own = in_force(channel_versions, day)
    if own is None or own.source == MixSource.INHERIT:
        return in_force(workspace_versions, day)
    return own if own.source == MixSource.OWN else None


async def by_channel(
    db: Db, workspace_id: UUID, channel_id: UUID | None = None
) -> dict[UUID | None, list[MixVersion]]:
    """Return all versions as `history` does, the workspace's under None, and each channel's."""
    query = select(MixVersion).where(MixVersion.workspace_id == workspace_id)
    if channel_id is not None:
        own = col(MixVersion.channel_id) == channel_id
        query = query.where(own | col(MixVersion.channel_id).is_(None))
    order = (col(MixVersion.effective_from).desc(), col(MixVersion.id).desc())
    found: dict[UUID | None, list[MixVersion]] = {None: []}
    for version in (await db.exec(query.order_by(*order))).all():
        found.setdefault(version.channel_id, []).append(version)
    return found


def pieces(
    workspace_versions: Sequence[MixVersion],
    channel_versions: Sequence[MixVersion],
    first: date,
    until: date,
) -> list[Piece]:
    """Return the local days of [first, until), cut where another version begins to govern.

    Days without a mix are left out. Both lists come as `history` returns them.
    """
    edges = {first}
    for version in [*workspace_versions, *channel_versions]:
        for edge in (version.effective_from, version.effective_until):
            if edge is not None and first < edge < until:
                edges.add(edge)
    found: list[Piece] = []
    days = sorted(edges)
    for begins, ends in zip(days, [*days[1:], until], strict=True):
        governs = governing(workspace_versions, channel_versions, begins)
        if governs is None:
            continue
        shares = _shares(governs)
        goes_on = found and found[-1].until == begins and found[-1].shares == shares
        found.append(Piece(found.pop().first if goes_on else begins, ends, shares))
    return found


def _shares(version: MixVersion) -> Shares:
    return Shares(
        version.id,
        tuple(each["key"] for each in version.types),
        tuple(each["share_bp"] for each in version.types),
        version.tolerance_bp,
        MixMode(version.mode),
        tuple(each["name"] for each in version.types),
    )


async def add(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel | None,
    fields: dict[str, Any],
    now: datetime,
) -> MixVersion:
    """Put a new version of the workspace's mix, or of a channel's, into force.

    Raises `WrongMix` where a channel has a type that no version of the workspace's mix knows, and
    `TypeHoldsSeats`: a version keeps a share (0 will do) for every type that holds a seat on a
    day that it governs.
    """
    version = MixVersion(
        **fields,
        workspace_id=workspace.id,
        channel_id=channel.id if channel else None,
        created_at=now,
        updated_at=now,
    )
    base = await history(db, workspace.id, None)
    own = await history(db, workspace.id, channel.id) if channel else base
    if channel:
        check_known_types(_content_types(version), _keys(base))
    await _check_seats(db, version, own, base)
    db.add(version)
    await db.flush()
    data = {name: audit.plain(value) for name, value in fields.items()}
    data["channel"] = str(channel.id) if channel else None
    await audit.record(db, workspace, actor, "add", "mix", version.id, now, data)
    return version


async def check_type(db: Db, workspace_id: UUID, key: str) -> None:
    """Refuse a type that no version of the workspace's mix knows; raises `NoSuchType`."""
    known = _keys(await history(db, workspace_id, None))
    if key not in known:
        words = ", ".join(known)
        fault = Fault("/type", "no-such-type", {"type": key, "known": words})
        raise NoSuchType(fault, known=words)


def _keys(versions: Sequence[MixVersion]) -> dict[str, None]:
    return {each["key"]: None for version in versions for each in version.types}


def _content_types(version: MixVersion) -> list[ContentType]:
    return [ContentType(each["key"], each["name"], each["share_bp"]) for each in version.types]


async def _check_seats(
    db: Db, version: MixVersion, before: Sequence[MixVersion], base: Sequence[MixVersion]
) -> None:
    """Compare the seats of each day that the version governs with the types it has there."""
    if version.source == MixSource.NONE:
        return
    after = sorted(
        [version, *before], key=lambda each: (each.effective_from, each.id), reverse=True
    )
    lost: Counter[str] = Counter()
    for day, key, count in await _seats(db, version):
        if in_force(after, day) is version:
            shares = in_force(base, day) if version.source == MixSource.INHERIT else version
            if shares is not None and key not in _keys([shares]):
                lost[key] += count
    if lost:
        types = ", ".join(f"{key} ({count})" for key, count in sorted(lost.items()))
        raise TypeHoldsSeats(types=types)


async def _seats(db: Db, version: MixVersion) -> Sequence[tuple[date, str, int]]:
    """Count the seats in a version's span by day and type; the workspace's has all of them."""
    query = (
        select(col(Publication.day), col(Publication.type), func.count())
        .where(
            Publication.workspace_id == version.workspace_id,
            col(Publication.holds_seat),
            Publication.day >= version.effective_from,
        )
        .group_by(col(Publication.day), col(Publication.type))
    )
    if version.effective_until is not None:
        query = query.where(Publication.day < version.effective_until)
    if version.channel_id is not None:
        query = query.where(Publication.channel_id == version.channel_id)
    return (await db.exec(query)).all()
