"""Compliance as it is answered: rounded at the very end, as JSON and as rows of a table."""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from app.fields import Answer, Moment
from planner.compliance import (
    Detail,
    Entry,
    Grain,
    Group,
    MixStatus,
    Scope,
    Trend,
    TypeLine,
    rounded,
)
from planner.mix import MixMode

First = Annotated[date, Field(serialization_alias="from")]
Until = Annotated[date, Field(serialization_alias="to", description="The day after its last.")]
Share = Annotated[
    float | None, Field(description="Percent; null where there are too few posts for percentages.")
]
Points = Annotated[
    float | None,
    Field(description="Percentage points; null where there are too few posts for percentages."),
]


def number(value: Fraction | None, places: int) -> float | None:
    """Return a number rounded to so many decimals, halves away from zero."""
    return None if value is None else float(rounded(value, places))


def percent(basis_points: Fraction | int | None, places: int = 1) -> float | None:
    """Return basis points as percent (or percentage points), rounded."""
    return None if basis_points is None else number(Fraction(basis_points) / 100, places)


class ComplianceBand(Answer):
    """The fewest and the most posts of a type that keep the window in the mix."""

    lower: int
    upper: int


class ComplianceType(Answer):
    """One type in a window, counts first.

    Without a mix there is no target, no band, and nothing that follows from them. `best` is the
    best attainable split of all the posts that the window will have, `forecast` the count at its
    end.
    """

    key: str
    name: str
    count: int
    share: Share
    count_with_exempt: int
    share_with_exempt: Share
    target: Annotated[float | None, Field(description="Percent.")]
    band: ComplianceBand | None
    best: int | None
    deviation_posts: Annotated[float | None, Field(description="Posts more than the target has.")]
    deviation_points: Points
    needed: int | None
    room: Annotated[int | None, Field(description="Negative where there are too many.")]
    forecast: int | None

    @classmethod
    def of(cls, line: TypeLine) -> Self:
        """Return a type as it is answered."""
        band = None
        if line.lower is not None and line.upper is not None:
            band = ComplianceBand(lower=line.lower, upper=line.upper)
        return cls(
            key=line.key,
            name=line.name,
            count=line.count,
            share=percent(line.share_bp),
            count_with_exempt=line.count_with_exempt,
            share_with_exempt=percent(line.share_with_exempt_bp),
            target=percent(line.target_bp, 2),
            band=band,
            best=line.best,
            deviation_posts=number(line.deviation_posts, 2),
            deviation_points=percent(line.deviation_bp),
            needed=line.needed,
            room=line.room,
            forecast=line.forecast,
        )


class ComplianceStreak(Answer):
    """The longest run of one type."""

    type: str
    posts: int


class ComplianceGroup(Answer):
    """The posts of a pillar; null is none."""

    id: UUID | None
    name: str | None
    count: int
    share: Share
    target: Annotated[float | None, Field(description="Percent; null where it has no share.")]

    @classmethod
    def of(cls, group: Group) -> Self:
        """Return a pillar as it is answered."""
        return cls(
            id=group.id,
            name=group.name,
            count=group.count,
            share=percent(group.share_bp),
            target=percent(group.target_bp, 2),
        )


class ComplianceCampaign(Answer):
    """The posts of a campaign."""

    id: UUID
    name: str
    count: int


class ComplianceDetail(Answer):
    """More about a window, with `detail=full`.

    The order of posts, and what follows from it, is that of one channel; for the workspace it is
    null. `days_since_last` counts from the channel's today, as far back as 366 days.
    """

    repair_number: Annotated[
        int | None, Field(description="How many posts must get another type to be in the mix.")
    ]
    slack: Annotated[int | None, Field(description="How many of the open slots may have any type.")]
    worst_prefix_deviation: Annotated[
        float | None, Field(description="How many posts a type was ever off its share.")
    ]
    longest_streak: ComplianceStreak | None
    days_since_last: dict[str, int | None]
    pillars: list[ComplianceGroup]
    campaigns: list[ComplianceCampaign]

    @classmethod
    def of(cls, detail: Detail, repairs: int | None) -> Self:
        """Return details as they are answered."""
        streak = detail.longest_streak
        return cls(
            repair_number=repairs,
            slack=detail.slack,
            worst_prefix_deviation=number(detail.worst_prefix_deviation, 2),
            longest_streak=ComplianceStreak.model_validate(streak) if streak else None,
            days_since_last=dict(detail.days_since_last),
            pillars=[ComplianceGroup.of(each) for each in detail.pillars],
            campaigns=[ComplianceCampaign.model_validate(each) for each in detail.campaigns],
        )


class ComplianceTrend(Answer):
    """How far each type was from its target in an earlier window."""

    first: First
    until: Until
    deviation_points: dict[str, float | None]

    @classmethod
    def of(cls, trend: Trend) -> Self:
        """Return an earlier window as it is answered."""
        points = {key: percent(each) for key, each in trend.deviations.items()}
        return cls(first=trend.first, until=trend.until, deviation_points=points)


class CompliancePiece(Answer):
    """Local days of a channel, or of all: what is planned, what stands there, how it stands.

    `total` is how many posts there will be: `placed`, `open` slots, and `expected` ones where a
    channel has no slots. `lost` slots passed and were left empty. `without_mix` are posts on days
    without a mix. `grain` says how many percentage points one post is. `mode` and `tolerance` are
    null where the parts differ. Exempt posts are in no count but those that say so.
    """

    first: First
    until: Until
    closed: bool
    channel: UUID | None
    channel_name: str | None
    mode: MixMode | None
    tolerance: Annotated[float | None, Field(description="Percentage points.")]
    slots: int
    placed: int
    open: int
    lost: int
    expected: int
    total: int
    exempt: int
    overrides: int
    retyped_after_refusal: int
    without_mix: int
    grain: Annotated[
        float | None, Field(description="One post in percentage points; null without posts.")
    ]
    status: MixStatus
    types: list[ComplianceType]
    detail: ComplianceDetail | None

    @classmethod
    def told(cls, entry: Entry) -> dict[str, Any]:
        """Return the fields that a window and a piece of one have in common."""
        return {
            "first": entry.first,
            "until": entry.until,
            "closed": entry.closed,
            "channel": entry.channel_id,
            "channel_name": entry.channel_name,
            "mode": entry.mode,
            "tolerance": percent(entry.tolerance_bp, 2),
            "slots": entry.slots,
            "placed": entry.placed,
            "open": entry.open,
            "lost": entry.lost,
            "expected": entry.expected,
            "total": entry.total,
            "exempt": entry.exempt,
            "overrides": entry.overrides,
            "retyped_after_refusal": entry.retyped,
            "without_mix": entry.without_mix,
            "grain": percent(entry.grain_bp),
            "status": entry.status,
            "types": [ComplianceType.of(each) for each in entry.types],
            "detail": ComplianceDetail.of(entry.detail, entry.repair_number)
            if entry.detail
            else None,
        }


class ComplianceEntry(CompliancePiece):
    """A window of a channel, or of the workspace (`channel` null).

    Where versions of the mix change inside a channel's window, `pieces` tells of each, and the
    window is their sum. The newest window tells of the last closed ones before it.
    """

    pieces: list[CompliancePiece]
    trend: list[ComplianceTrend] | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return a window as it is answered."""
        return cls(
            **cls.told(entry),
            pieces=[CompliancePiece(**CompliancePiece.told(each)) for each in entry.pieces],
            trend=None
            if entry.trend is None
            else [ComplianceTrend.of(each) for each in entry.trend],
        )


class Compliance(Answer):
    """How the windows of a workspace stand, by time, then channel."""

    as_of: Moment
    grain: Grain
    scope: Scope
    entries: list[ComplianceEntry]


class WorkspaceCompliance(Answer):
    """A workspace, and how its windows stand."""

    slug: str
    name: str
    entries: list[ComplianceEntry]


class ComplianceOverview(Answer):
    """How the windows of every workspace that the caller sees stand."""

    as_of: Moment
    grain: Grain
    scope: Scope
    workspaces: list[WorkspaceCompliance]


OF_WINDOW = (
    "from",
    "to",
    "closed",
    "channel",
    "channel_name",
    "mode",
    "tolerance",
    "status",
    "slots",
    "placed",
    "open",
    "lost",
    "expected",
    "total",
    "exempt",
    "overrides",
    "retyped_after_refusal",
    "without_mix",
    "grain",
)
OF_TYPE = (
    "count",
    "share",
    "count_with_exempt",
    "share_with_exempt",
    "target",
    "lower",
    "upper",
    "best",
    "deviation_posts",
    "deviation_points",
    "needed",
    "room",
    "forecast",
)
COLUMNS = ("workspace", *OF_WINDOW, "type", "type_name", *OF_TYPE, "as_of")


def rows(slug: str, entries: Iterable[ComplianceEntry], as_of: str) -> Iterator[list[Any]]:
    """Yield a row of `COLUMNS` for each window and type."""
    for entry in entries:
        window = entry.model_dump(mode="json", by_alias=True)
        before = [slug, *(window[name] for name in OF_WINDOW)]
        for each in window["types"]:
            told = each | (each["band"] or {"lower": None, "upper": None})
            yield [*before, each["key"], each["name"], *(told[name] for name in OF_TYPE), as_of]
