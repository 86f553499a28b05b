"""Compliance: how the mix stands in the windows of a workspace and of its channels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from planner.compliance import (
    TREND_WINDOWS,
    Backdrop,
    Entry,
    Grain,
    Part,
    Scope,
    Trend,
    go_back,
    stretches,
    window_of,
    windows_of,
)
from planner.slots import local_day
from planner.tallies import entry
from store import campaigns, channels, holdings, mixes, pillars
from store.db import Db
from store.holdings import Holdings
from store.tables import Channel, Workspace


async def entries(
    db: Db,
    workspace: Workspace,
    *,
    grain: Grain,
    scope: Scope,
    first: date,
    until: date,
    now: datetime,
    channel_id: UUID | None = None,
    full: bool = False,
    trend: bool = True,
) -> tuple[list[Entry], list[datetime]]:
    """Return how the windows that meet [first, until) stand, by window, then channel.

    With them come the instants that may change the answer by passing. `channel_id` leaves out the
    other channels; `full` adds the details; with `trend` the newest window of each channel, or of
    the workspace, tells of the last closed ones before it. Raises `NoSuchChannel`.
    """
    if channel_id is None:
        on = await channels.all_of(db, workspace.id)
    else:
        on = [await channels.of(db, workspace.id, channel_id)]
    wanted = windows_of(grain, first, until)
    today = _today(workspace, on, now)
    begins = wanted[0][0]
    if trend:
        newest = min(wanted[-1][0], window_of(grain, today)[0])
        begins = min(begins, go_back(grain, newest, TREND_WINDOWS))
    held = await holdings.of(db, workspace, on, (begins, wanted[-1][1]), now, full=full)
    backdrop = await _backdrop(db, workspace, today, wanted[-1][1], held, full=full)
    of: list[Channel | None] = [None] if scope is Scope.WORKSPACE else [*on]
    lines = {
        each.id if each else None: _lines(
            held, each, windows_of(grain, begins, wanted[-1][1]), today, backdrop
        )
        for each in of
    }
    if trend:
        for each in lines.values():
            each[-1] = replace(each[-1], trend=_trend(each))
    found = [line for row in zip(*lines.values(), strict=True) for line in row]
    return [line for line in found if line.until > wanted[0][0]], held.coming


@dataclass(frozen=True, slots=True)
class Months:
    """How the present month of each channel of a workspace stands.

    `channels` names them as `platform:handle`. It is right while the workspace's change sequence
    is `seq`, and before `until`.
    """

    slug: str
    channels: Mapping[UUID, str]
    entries: Sequence[Entry]
    seq: int
    until: datetime


async def present(db: Db, known: Mapping[UUID, Months], now: datetime) -> dict[UUID, Months]:
    """Return how every workspace stands, by its id; what is known and still right is kept."""
    found = {}
    for workspace in (await db.exec(select(Workspace).order_by(col(Workspace.slug)))).all():
        before = known.get(workspace.id)
        if before and before.seq == workspace.change_seq and now < before.until:
            found[workspace.id] = before
        else:
            found[workspace.id] = await _months(db, workspace, now)
    return found


async def _months(db: Db, workspace: Workspace, now: datetime) -> Months:
    first, until = window_of(Grain.MONTH, local_day(now, ZoneInfo(workspace.timezone)))
    wanted: dict[str, Any] = {"grain": Grain.MONTH, "scope": Scope.CHANNEL, "trend": False}
    lines, coming = await entries(db, workspace, first=first, until=until, now=now, **wanted)
    on = await channels.all_of(db, workspace.id)
    names = {each.id: f"{each.platform}:{each.handle}" for each in on}
    ends = min(each for each in coming if each > now)  # at the next midnight at the latest
    return Months(workspace.slug, names, lines, workspace.change_seq, ends)


def _today(workspace: Workspace, on: Sequence[Channel], now: datetime) -> date:
    """Return the earliest day that it is anywhere in the workspace."""
    zones = {channels.zone_of(each, workspace) for each in on} or {ZoneInfo(workspace.timezone)}
    return min(local_day(now, zone) for zone in zones)


async def _backdrop(
    db: Db,
    workspace: Workspace,
    today: date,
    until: date,
    held: Holdings,
    *,
    full: bool,
) -> Backdrop:
    """Return what all lines have behind them; of the days since a type, the fewest anywhere."""
    base = held.versions[None]
    now_valid = mixes.in_force(base, today)
    named = [now_valid, *base] if now_valid else base
    names = {each["key"]: each["name"] for version in reversed(named) for each in version.types}
    ready = await holdings.ready(db, workspace) if until > today else {}
    if not full:
        return Backdrop(names, ready)
    pillars_of = await pillars.all_of(db, workspace.id, None, channels.EVERY)
    campaigns_of = await campaigns.all_of(db, workspace.id, None, channels.EVERY)
    return Backdrop(
        names,
        ready,
        full=True,
        pillars={each.id: (each.name, each.share_bp) for each in pillars_of},
        campaigns={each.id: each.name for each in campaigns_of},
    )


def _lines(
    held: Holdings,
    of: Channel | None,
    windows: Sequence[tuple[date, date]],
    today: date,
    backdrop: Backdrop,
) -> list[Entry]:
    """Return the lines of one channel, or of the workspace, in the order of the windows."""
    on = [of] if of else held.on
    since: dict[str, int] = {}
    for channel in on:
        for kind, number in held.days_since.get(channel.id, {}).items():
            since[kind] = min(number, since.get(kind, number))
    backdrop = replace(backdrop, days_since=since)
    name = (of.id, of.name) if of else None
    today = held.today[of.id] if of else today
    found = []
    for first, until in windows:
        parts = [part for channel in on for part in _parts(held, channel.id, first, until)]
        if not held.on:
            parts = _bare_parts(held, first, until)
        line = entry(name, first, until, parts, backdrop, closed=until <= today)
        if of and len(parts) > 1:
            line = replace(
                line,
                pieces=tuple(
                    entry(
                        name, each.first, each.until, [each], backdrop, closed=each.until <= today
                    )
                    for each in parts
                ),
            )
        found.append(line)
    return found


def _parts(held: Holdings, channel_id: UUID, first: date, until: date) -> list[Part]:
    base, own = held.versions[None], held.versions.get(channel_id, [])
    pieces = mixes.pieces(base, own, first, until)
    return [holdings.part(held, channel_id, *each) for each in stretches(pieces, first, until)]


def _bare_parts(held: Holdings, first: date, until: date) -> list[Part]:
    """Return what a workspace without channels goes by."""
    pieces = mixes.pieces(held.versions[None], [], first, until)
    return [Part(*each) for each in stretches(pieces, first, until)]


def _trend(lines: Iterable[Entry]) -> tuple[Trend, ...]:
    """Return how far the last closed windows before the newest were from their targets."""
    *before, _ = lines
    closed = [each for each in before if each.closed][-TREND_WINDOWS:]
    return tuple(
        Trend(each.first, each.until, {line.key: line.deviation_bp for line in each.types})
        for each in closed
    )
