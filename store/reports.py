"""Reports: a month of a workspace as people account for it, with names, counts and its mix."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from planner.compliance import Entry, Grain, Scope
from planner.periods import month_of
from planner.publications import Status
from planner.reports import Line, Section, Tally, sections, tallies
from planner.slots import local_day, resolve_local
from store import channels, compliance, mixes, pillars, posts, publications
from store.db import Db
from store.tables import Channel, MixVersion, Pillar, Post, Publication, Workspace


@dataclass(frozen=True, slots=True)
class Report:
    """A month, the local days [first, until): its publications by time, and what they add up to.

    It is `over` when the month has ended in the workspace's zone and in every channel's. `mix` is
    that of the workspace, `mixes` those of its channels.
    """

    first: date
    until: date
    over: bool
    lines: list[Line]
    sections: dict[Section, list[Line]]
    by_type: list[Tally]
    by_pillar: list[Tally]
    by_channel: list[Tally]
    mix: Entry
    mixes: list[Entry]


async def month(
    db: Db, workspace: Workspace, day: date, now: datetime
) -> tuple[Report, list[datetime]]:
    """Return the report of the month around a day, and the instants that change it by passing."""
    first, until = month_of(day)
    on = sorted(await channels.all_of(db, workspace.id), key=lambda each: (each.name, each.id))
    themes = await pillars.all_of(db, workspace.id, None, channels.EVERY)
    versions = await mixes.by_channel(db, workspace.id)
    names = _type_names(versions, until)
    rows = await publications.in_days(db, workspace.id, first, until, filters={})
    written = await posts.by_ids(db, {row.post_id for row in rows})
    known = _Known({each.id: each for each in on}, {each.id: each.name for each in themes}, names)
    lines = [_line(row, written[row.post_id], known) for row in rows]
    sorted_lines = sections(lines)
    published = sorted_lines[Section.PUBLISHED]
    whole, parts, coming = await _mixes(db, workspace, first, until, now)
    zones = {ZoneInfo(workspace.timezone), *(channels.zone_of(each, workspace) for each in on)}
    report = Report(
        first=first,
        until=until,
        over=all(local_day(now, zone) >= until for zone in zones),
        lines=lines,
        sections=sorted_lines,
        by_type=_by_type(published, [each.key for each in whole.types], names),
        by_pillar=_by_pillar(published, themes, _begun(themes, workspace, until)),
        by_channel=_by_channel(published, on, _begun(on, workspace, until)),
        mix=whole,
        mixes=parts,
    )
    ends = [resolve_local(datetime.combine(until, time()), zone) for zone in zones]
    return report, [*coming, *ends]


@dataclass(frozen=True, slots=True)
class _Known:
    channels: Mapping[UUID, Channel]
    pillars: Mapping[UUID, str]
    types: Mapping[str, str]


async def _mixes(
    db: Db, workspace: Workspace, first: date, until: date, now: datetime
) -> tuple[Entry, list[Entry], list[datetime]]:
    wanted: dict[str, Any] = {"grain": Grain.MONTH, "first": first, "until": until, "now": now}
    wanted["trend"] = False
    (whole,), coming = await compliance.entries(db, workspace, scope=Scope.WORKSPACE, **wanted)
    parts, more = await compliance.entries(db, workspace, scope=Scope.CHANNEL, **wanted)
    by_name = sorted(parts, key=lambda each: (each.channel_name, each.channel_id))
    return whole, by_name, [*coming, *more]


def _type_names(
    versions: Mapping[UUID | None, Sequence[MixVersion]], until: date
) -> dict[str, str]:
    """Return what each type is called: as in the workspace's mix of that month, else the newest."""
    own = versions[None]
    then = [each for each in own if each.effective_from < until]
    others = [each for of_channel in versions.values() for each in of_channel]
    names: dict[str, str] = {}
    for version in (*then, *own, *others):
        for each in version.types:
            names.setdefault(each["key"], each["name"])
    return names


def _begun(rows: Iterable[Channel | Pillar], workspace: Workspace, until: date) -> set[UUID]:
    """Return the ids of what was there before a day."""
    zone = ZoneInfo(workspace.timezone)
    return {row.id for row in rows if local_day(row.created_at, zone) < until}


def _line(row: Publication, post: Post, known: _Known) -> Line:
    on = known.channels[row.channel_id]
    return Line(
        id=row.id,
        post_id=row.post_id,
        title=row.snapshot["title"] if row.snapshot else post.title,
        channel_id=row.channel_id,
        channel=on.name,
        platform=on.platform,
        handle=on.handle,
        type=row.type,
        type_name=known.types.get(row.type, row.type),
        pillar_id=row.pillar_id,
        pillar=known.pillars[row.pillar_id] if row.pillar_id else None,
        status=Status(row.status),
        reason=row.reason,
        day=row.day,
        local=row.local,
        timezone=row.timezone,
        due_at=row.due_at,
        published_at=row.published_at,
        holds_seat=row.holds_seat,
        recorded=row.recorded,
        exempt=row.exempt,
        exempt_note=row.exempt_note,
        override=row.override,
        retyped_at=row.retyped_at,
        withdrawn_at=row.withdrawn_at,
        dismissed_at=row.dismissed_at,
        permalink=row.permalink,
    )


def _by_type(
    published: Sequence[Line], wanted: Sequence[str], names: Mapping[str, str]
) -> list[Tally]:
    """Return a tally for each type of the mix, in its order, and for others that there were."""
    keys = dict.fromkeys([*wanted, *sorted({line.type for line in published})])
    return tallies(published, lambda line: line.type, {key: names.get(key, key) for key in keys})


def _by_pillar(
    published: Sequence[Line], themes: Sequence[Pillar], begun: set[UUID]
) -> list[Tally]:
    used = {line.pillar_id for line in published}
    ordered = sorted(themes, key=lambda each: (each.name, each.id))
    names: dict[Hashable, str | None] = {
        each.id: each.name for each in ordered if each.id in begun | used
    }
    if None in used:
        names[None] = None
    return tallies(published, lambda line: line.pillar_id, names)


def _by_channel(published: Sequence[Line], on: Sequence[Channel], begun: set[UUID]) -> list[Tally]:
    used = {line.channel_id for line in published}
    names: dict[Hashable, str | None] = {
        each.id: each.name for each in on if each.id in begun | used
    }
    return tallies(published, lambda line: line.channel_id, names)
