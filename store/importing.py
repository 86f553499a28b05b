"""Importing: the rows of a table become posts, history and publications, as one change."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select

from planner.cells import fold
from planner.errors import Conflict, Fault, Invalid, PilarError
from planner.imports import Defaults, Entry, Known, Place, default_name, default_places, entries
from planner.mix import DEFAULT_TYPES
from planner.posts import PostStatus
from planner.sheets import Layout, Sheet
from planner.slots import SlotTime, local_day, parse_zone
from store import admission, audit, campaigns, channels, mixes, pillars, placing, slots, writing
from store.admission import MixViolation
from store.audit import Actor
from store.db import Db
from store.judging import Judge
from store.placing import Recorded, When
from store.tables import Campaign, Channel, Pillar, Post, Workspace

LOOKED_UP_AT_ONCE = 500


class Outcome(StrEnum):
    """What became of a row."""

    RECORDED = "recorded"
    PLACED = "placed"
    DRAFT = "draft"
    IDEA = "idea"
    SKIPPED = "skipped"
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True)
class Asked:
    """What holds for rows that say nothing else, as the caller names it."""

    channels: Sequence[str] = ()
    type: str | None = None
    pillar: str | None = None
    timezone: str | None = None
    day_first: bool | None = None


@dataclass(slots=True)
class RowReport:
    """What became of a row, and why: `faults` by column, or the `problem` of placing it."""

    number: int
    outcome: Outcome
    external_id: str
    type: str = ""
    post: UUID | None = None
    publications: list[UUID] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    problem: PilarError | None = None
    problem_column: str = ""
    suggested: SlotTime | None = None
    suggest_on: Place | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A post of a dated row, the channels it is to go on, and what is reported of the row."""

    entry: Entry
    post: Post
    on: list[Channel]
    row: RowReport


@dataclass(slots=True)
class Report:
    """What became of a table; `applied` says that something of it was written."""

    layout: Layout
    rows: list[RowReport]
    applied: bool = False

    @property
    def totals(self) -> dict[str, int]:
        """Return how many rows came to what, and how many posts that makes."""
        counts = Counter(row.outcome for row in self.rows)
        drafts = counts[Outcome.DRAFT] + counts[Outcome.IDEA]
        return {
            "rows": len(self.rows),
            "posts": counts[Outcome.RECORDED] + counts[Outcome.PLACED] + drafts,
            "recorded": counts[Outcome.RECORDED],
            "placed": counts[Outcome.PLACED],
            "drafts": drafts,
            "skipped": counts[Outcome.SKIPPED],
            "faulty": counts[Outcome.FAULTY],
        }


async def run(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    sheet: Sheet,
    asked: Asked,
    now: datetime,
    *,
    owner_id: UUID | None,
    faults_refuse: bool,
    dry_run: bool,
) -> Report:
    """Write what the rows of a table ask for, and report on each.

    Rows that were imported before are skipped. A row that the calendar refuses stays a draft.
    With `faults_refuse` one faulty row is enough for nothing to be written; a dry run does all of
    it and undoes it. Raises `NoSuchName` and `NoSuchZone` for what holds for all rows.
    """
    known, on = await _known(db, workspace, now)
    zone = parse_zone(asked.timezone) if asked.timezone else None
    defaults = Defaults(
        default_places(asked.channels, known),
        default_name(asked.type, "/type", known.types),
        default_name(asked.pillar, "/pillar", known.pillars),
        zone,
        asked.day_first,
    )
    wanted = entries(sheet, known, defaults, now)
    there = await _there(db, workspace, wanted)
    before = set(there.values())
    report = Report(sheet.layout, [])
    async with db.begin_nested() as savepoint:
        waiting: list[Waiting] = []
        for entry in wanted:
            row, post = await _row(db, workspace, actor, entry, there, on, owner_id, now)
            report.rows.append(row)
            if post is not None:
                waiting.append(Waiting(entry, post, [on[place.id] for place in entry.places], row))
        await _place_all(db, workspace, actor, waiting, now)
        await _suggest(db, workspace, on, report.rows, now)
        totals = report.totals
        undone = dry_run or (faults_refuse and totals["faulty"] > 0)
        if undone:
            await savepoint.rollback()
        elif totals["posts"]:
            report.applied = True
            data = {"layout": sheet.layout.value, **totals}
            await audit.record(db, workspace, actor, "import", "workspace", workspace.id, now, data)
    if undone:
        await db.refresh(workspace)
        for row in report.rows:
            row.publications = []
            row.post = row.post if row.post in before else None
    return report


async def _known(db: Db, workspace: Workspace, now: datetime) -> tuple[Known, dict[UUID, Channel]]:
    """Return what rows may name, and the channels by id."""
    on = {row.id: row for row in await channels.all_of(db, workspace.id)}
    zone = parse_zone(workspace.timezone)
    versions = await mixes.history(db, workspace.id, None)
    present = mixes.in_force(versions, local_day(now, zone))
    types: dict[str, str] = {}
    for version in [present, *versions] if present else versions:
        for each in version.types:
            types[fold(each["key"])] = each["key"]
            types.setdefault(fold(each["name"]), each["key"])
    keys = set(types.values())
    for usual in DEFAULT_TYPES.values():
        for each_type in usual:
            if each_type.key in keys:
                types.setdefault(fold(each_type.name), each_type.key)
    every = channels.EVERY
    known = Known(
        [
            Place(row.id, row.platform, row.handle, channels.zone_of(row, workspace))
            for row in on.values()
        ],
        types,
        _by_name(await pillars.all_of(db, workspace.id, None, every)),
        _by_name(await campaigns.all_of(db, workspace.id, None, every)),
        zone,
    )
    return known, on


def _by_name(rows: Iterable[Pillar | Campaign]) -> dict[str, str]:
    names: dict[str, str] = {}
    for row in rows:
        names[str(row.id)] = str(row.id)
        names.setdefault(fold(row.name), str(row.id))
    return names


async def _there(db: Db, workspace: Workspace, wanted: Sequence[Entry]) -> dict[str | UUID, UUID]:
    """Return the posts that rows name and that are there, by external id and by id."""
    found: dict[str | UUID, UUID] = {}
    query = select(Post.external_id, Post.id).where(Post.workspace_id == workspace.id)
    for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
        some = wanted[start : start + LOOKED_UP_AT_ONCE]
        names = [entry.external_id for entry in some]
        rows = (await db.exec(query.where(col(Post.external_id).in_(names)))).all()
        found |= {name: post_id for name, post_id in rows if name}
        ids = [entry.given_id for entry in some if entry.given_id]
        rows = (await db.exec(query.where(col(Post.id).in_(ids)))).all()
        found |= {post_id: post_id for _, post_id in rows}
    return found


async def _row(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    entry: Entry,
    there: dict[str | UUID, UUID],
    on: Mapping[UUID, Channel],
    owner_id: UUID | None,
    now: datetime,
) -> tuple[RowReport, Post | None]:
    """Write what a row says; the post comes with it if it is to be placed."""
    row = RowReport(entry.number, Outcome.FAULTY, entry.external_id)
    found = there.get(entry.given_id or "") or there.get(entry.external_id)
    if found is not None and not entry.clashes:
        row.outcome, row.post = Outcome.SKIPPED, found
        return row, None
    row.faults = [*entry.faults, *entry.notes]
    if entry.faults:
        return row, None
    row.type = entry.words["type"]
    dated = entry.published or entry.at is not None or entry.local is not None
    columns = {
        "external_id": entry.external_id,
        "owner_id": owner_id,
        "status": PostStatus.DRAFT if dated else entry.status,
    }
    post, _ = await writing.add(db, workspace, actor, entry.words, columns, now)
    row.post = there[entry.external_id] = post.id
    if entry.published:
        row.outcome = Outcome.RECORDED
        for place in entry.places:
            at = entry.instant(place.zone)
            assert at is not None  # noqa: S101  # a row without a time is no history
            recorded = Recorded(at, entry.permalink)
            placed = await placing.record(db, workspace, actor, post, [on[place.id]], recorded, now)
            row.publications += [each.id for each in placed]
    elif not dated:
        row.outcome = Outcome(entry.status)
    elif entry.media:
        row.outcome, row.suggest_on = Outcome.DRAFT, entry.places[0]
    else:
        return row, post
    return row, None


async def _place_all(
    db: Db, workspace: Workspace, actor: Actor, waiting: Sequence[Waiting], now: datetime
) -> None:
    """Put the dated rows on the calendar: together if the mix allows it, else one by one.

    One by one in the order of the table, each stays a draft that the mix refuses after those
    before it. Source: design note "mix", section 1.2 (T5).
    """
    together = Judge(db, workspace, actor, now, offers_fixes=False)
    async with db.begin_nested() as savepoint:
        for each in waiting:
            await _place(each, together)
        refused = (await together.weigh()).verdict.blocked
        if refused:
            await savepoint.rollback()
    if not refused:
        return
    await db.refresh(workspace)
    for each in waiting:
        await db.refresh(each.post)
        await _place(each, Judge(db, workspace, actor, now, offers_fixes=False), alone=True)


async def _place(waiting: Waiting, judge: Judge, *, alone: bool = False) -> None:
    """Put a post on its channels, all of them or none; what is refused stays a draft."""
    db, workspace, entry, row = judge.db, judge.workspace, waiting.entry, waiting.row
    row.outcome, row.problem, row.suggest_on = Outcome.PLACED, None, None
    row.faults = [*entry.faults, *entry.notes]
    when = When(at=entry.at, local=entry.local)
    try:
        async with db.begin_nested():
            placed = await placing.place(
                db, workspace, judge.actor, waiting.post, waiting.on, when, judge.now, judge=judge
            )
            if alone:
                await admission.settle(judge)
        row.publications = [each.id for each in placed]
    except (Conflict, Invalid) as refusal:
        for changed in (workspace, waiting.post):
            await db.refresh(changed)
        if isinstance(refusal, MixViolation):
            waiting.post.refused_as = waiting.post.type
        row.outcome, row.suggest_on, row.publications = Outcome.DRAFT, entry.places[0], []
        if isinstance(refusal, Invalid):
            row.faults += [
                replace(fault, pointer=entry.column_of(fault.pointer)) for fault in refusal.faults
            ]
        else:
            row.problem, row.problem_column = refusal, entry.column_of("/channels")


async def _suggest(
    db: Db,
    workspace: Workspace,
    on: Mapping[UUID, Channel],
    rows: Sequence[RowReport],
    now: datetime,
) -> None:
    """Give rows that were refused the open slots of their channel, each another one."""
    waiting: dict[Place, list[RowReport]] = {}
    for row in rows:
        if row.suggest_on:
            waiting.setdefault(row.suggest_on, []).append(row)
    for place, refused in waiting.items():
        first = local_day(now, place.zone)
        until = first + timedelta(days=slots.HORIZON_DAYS)
        found, _ = await slots.open_of(db, workspace, [on[place.id]], first, until, now)
        for row in refused:
            fits = (each for each in found if each.types is None or row.type in each.types)
            if slot := next(fits, None):
                row.suggested = slot.time
                found.remove(slot)
