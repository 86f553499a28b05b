"""Reports as they are answered: the month, its counts, its mix and its publications."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.fields import Answer, Moment
from app.printing import month_text, word
from app.speech import LANGUAGE, reason_text
from planner.compliance import Entry, MixStatus, TypeLine, rounded
from planner.mix import MixMode
from planner.publications import Status
from planner.reports import Line, Section, Tally
from store.reports import Report
from store.tables import Workspace

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}")
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def _month(value: Any) -> Any:
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise PydanticCustomError("not-a-month", "a month is written YYYY-MM")
    year, month = (int(part) for part in value.split("-"))
    if not 1 <= month <= 12:
        raise PydanticCustomError("not-a-month", "there is no such month")
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise PydanticCustomError("month-out-of-range", "a month lies between 2000 and 2100")
    return date(year, month, 1)


Month = Annotated[
    date,
    BeforeValidator(_month),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(20[0-9]{2}|2100)-(0[1-9]|1[0-2])$",
            "examples": ["2026-12"],
        }
    ),
]
"""A month; its first day."""

Day = Annotated[str, Field(examples=["2026-12-01"])]

Points = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "examples": [-2.5]}),
]
"""Percentages and percentage points, or posts, with up to two decimals."""


def _points(value: Fraction | int | None) -> Decimal | None:
    """Return basis points as percent."""
    return None if value is None else rounded(Fraction(value, 100), 2)


class ReportOffice(Answer):
    """Whose report it is."""

    slug: str
    name: str
    timezone: str


class ReportFigures(Answer):
    """How many publications the month has, and what became of them: lengths of `lists`.

    Each is published, waiting, missed, failed or to be checked; `counted` and `exempt` are those
    of the published ones that do and do not count in the mix, `recorded` those of them that went
    out outside Pilar.
    """

    publications: int
    published: int
    counted: int
    exempt: int
    recorded: int
    waiting: int
    missed: int
    failed: int
    needs_review: int
    overrides: int
    withdrawn: int
    retyped: int

    @classmethod
    def of(cls, report: Report) -> Self:
        """Return the lengths of a report's lists."""
        lists = report.sections
        published, unsent = lists[Section.PUBLISHED], lists[Section.UNSENT]
        exempt = sum(line.exempt is not None for line in published)
        missed = sum(line.status is Status.MISSED for line in unsent)
        return cls(
            publications=len(report.lines),
            published=len(published),
            counted=len(published) - exempt,
            exempt=exempt,
            recorded=sum(line.recorded for line in published),
            waiting=len(lists[Section.WAITING]),
            missed=missed,
            failed=len(unsent) - missed,
            needs_review=len(lists[Section.NEEDS_REVIEW]),
            overrides=len(lists[Section.OVERRIDES]),
            withdrawn=len(lists[Section.WITHDRAWN]),
            retyped=len(lists[Section.RETYPED]),
        )


class ReportTally(Answer):
    """How many were published: those that count in the mix, and the exempt ones beside."""

    name: str
    counted: int
    exempt: int


class TypeTally(ReportTally):
    """How many of a type were published."""

    type: str


class PillarTally(ReportTally):
    """How many of a pillar were published; null: without one."""

    pillar: UUID | None


class ChannelTally(ReportTally):
    """How many were published on a channel."""

    channel: UUID


def _tally(each: Tally, key: str) -> dict[str, Any]:
    name = word("no-pillar") if each.name is None else each.name
    return {key: each.key, "name": name, "counted": each.published, "exempt": each.exempt}


class ReportType(Answer):
    """A type in a mix: posts, and shares in percent (null where posts are too few for them)."""

    type: str
    name: str
    count: int
    count_with_exempt: int
    share: Points | None
    share_with_exempt: Points | None
    target: Points | None
    lower: int | None
    upper: int | None
    best: int | None
    deviation_posts: Points | None
    deviation: Annotated[Points | None, Field(description="In percentage points.")]
    needed: int | None
    room: int | None
    forecast: int | None

    @classmethod
    def of(cls, line: TypeLine) -> Self:
        """Return a type of a mix as it is answered."""
        posts = line.deviation_posts
        return cls(
            type=line.key,
            share=_points(line.share_bp),
            share_with_exempt=_points(line.share_with_exempt_bp),
            target=_points(line.target_bp),
            deviation_posts=None if posts is None else rounded(posts, 2),
            deviation=_points(line.deviation_bp),
            **{name: getattr(line, name) for name in _SAME_OF_TYPE},
        )


_SAME_OF_TYPE = (
    *("name", "count", "count_with_exempt", "lower", "upper"),
    *("best", "needed", "room", "forecast"),
)


class ReportPiece(Answer):
    """The mix of some local days, the first and the last included, and how it was kept.

    `total` is how many it has in the end: placed, open, and expected where there are no slots;
    `without_mix` are those that count on days without a mix, where other days have one.
    """

    first_day: Day
    last_day: Day
    closed: bool
    mode: MixMode | None
    status: MixStatus
    status_text: str
    tolerance: Points | None
    one_post: Annotated[Points | None, Field(description="One post in percentage points.")]
    slots: int
    placed: int
    open: int
    lost: int
    expected: int
    total: int
    exempt: int
    overrides: int
    retyped: int
    without_mix: int
    types: list[ReportType]


class ReportMix(ReportPiece):
    """The mix of the month: of the workspace (channel null) or of a channel.

    Where another version began or ended within the month, `pieces` are judged one by one.
    """

    channel: UUID | None
    name: str
    pieces: list[ReportPiece]

    @classmethod
    def of(cls, entry: Entry, name: str) -> Self:
        """Return an entry of compliance as a report shows it."""
        pieces = [ReportPiece.model_validate(_piece(each)) for each in entry.pieces]
        return cls(**_piece(entry), channel=entry.channel_id, name=name, pieces=pieces)


def _piece(entry: Entry) -> dict[str, Any]:
    return {
        "first_day": entry.first.isoformat(),
        "last_day": last_day(entry.until).isoformat(),
        "mode": entry.mode,
        "status": entry.status,
        "status_text": word(f"mix-{entry.status}"),
        "tolerance": _points(entry.tolerance_bp),
        "one_post": _points(entry.grain_bp),
        "types": [ReportType.of(line) for line in entry.types],
        **{name: getattr(entry, name) for name in _SAME_OF_PIECE},
    }


_SAME_OF_PIECE = (
    *("closed", "slots", "placed", "open", "lost", "expected", "total"),
    *("exempt", "overrides", "retyped", "without_mix"),
)


def last_day(until: date) -> date:
    """Return the day before one."""
    return date.fromordinal(until.toordinal() - 1)


class ReportLine(Answer):
    """A publication of the month.

    `local`, `timezone` and `day` are what was meant, `published_local` is when it went out in that
    zone; `counts` says whether it counts in the mix.
    """

    id: UUID
    post: UUID
    title: str
    channel: UUID
    channel_name: str
    platform: str
    handle: str
    type: str
    type_name: str
    pillar: UUID | None
    pillar_name: str | None
    status: Status
    status_text: str
    reason: str | None
    reason_text: str | None
    day: str
    local: str
    timezone: str
    due_at: Moment
    published_local: str | None
    published_at: Moment | None
    counts: bool
    recorded: bool
    exempt: str | None
    exempt_text: str | None
    exempt_note: str | None
    override: str | None
    retyped_at: Moment | None
    withdrawn_at: Moment | None
    dismissed_at: Moment | None
    permalink: str | None

    @classmethod
    def of(cls, line: Line) -> Self:
        """Return a publication with its facts in words."""
        went = line.published_local
        return cls.model_validate(
            {name: getattr(line, name) for name in _SAME_OF_LINE}
            | {
                "post": line.post_id,
                "channel": line.channel_id,
                "channel_name": line.channel,
                "pillar": line.pillar_id,
                "pillar_name": line.pillar,
                "status_text": word(f"status-{line.status}"),
                "reason_text": reason_text(line.reason),
                "day": line.day.isoformat(),
                "published_local": went and went.replace(tzinfo=None).isoformat(timespec="seconds"),
                "counts": line.holds_seat,
                "exempt_text": line.exempt and word(f"exempt-{line.exempt}"),
            }
        )


_SAME_OF_LINE = (
    *("id", "title", "platform", "handle", "type", "type_name", "status", "reason", "local"),
    *("timezone", "due_at", "published_at", "recorded", "exempt", "exempt_note", "override"),
    *("retyped_at", "withdrawn_at", "dismissed_at", "permalink"),
)


class ReportLists(Answer):
    """Ids of publications, by time; each is in exactly one of the first four lists."""

    published: list[UUID]
    waiting: list[UUID]
    unsent: list[UUID]
    needs_review: list[UUID]
    exempt: list[UUID]
    overrides: list[UUID]
    withdrawn: list[UUID]
    retyped: list[UUID]


class ReportOut(Answer):
    """A month of a workspace, to be accounted for; days and months are those of each channel."""

    workspace: ReportOffice
    month: Annotated[str, Field(examples=["2026-12"])]
    month_name: Annotated[str, Field(examples=["December 2026"])]
    first_day: Day
    last_day: Day
    language: Annotated[str, Field(examples=["en"])]
    as_of: Moment
    over: bool
    figures: ReportFigures
    by_type: list[TypeTally]
    by_pillar: list[PillarTally]
    by_channel: list[ChannelTally]
    mix: ReportMix
    channel_mixes: list[ReportMix]
    publications: list[ReportLine]
    lists: ReportLists

    @classmethod
    def of(cls, report: Report, workspace: Workspace, now: Any) -> Self:
        """Return a report in the language of the request."""
        return cls(
            workspace=ReportOffice.model_validate(workspace),
            month=f"{report.first:%Y-%m}",
            month_name=month_text(report.first),
            first_day=report.first.isoformat(),
            last_day=last_day(report.until).isoformat(),
            language=LANGUAGE.get(),
            as_of=now,
            over=report.over,
            figures=ReportFigures.of(report),
            by_type=[TypeTally(**_tally(each, "type")) for each in report.by_type],
            by_pillar=[PillarTally(**_tally(each, "pillar")) for each in report.by_pillar],
            by_channel=[ChannelTally(**_tally(each, "channel")) for each in report.by_channel],
            mix=ReportMix.of(report.mix, workspace.name),
            channel_mixes=[ReportMix.of(each, each.channel_name or "") for each in report.mixes],
            publications=[ReportLine.of(line) for line in report.lines],
            lists=ReportLists.model_validate(
                {section: [line.id for line in found] for section, found in report.sections.items()}
            ),
        )
