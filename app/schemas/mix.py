"""What the mix says of a change: windows, what they rely on, and ways out of a refusal."""

from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from app.fields import Answer, Body, Moment, Text
from planner.access import Ability, check_ability
from planner.periods import WindowName
from planner.publications import Exemption
from planner.windows import Verdict
from store.fixing import Fix, FixKind
from store.judging import Held, Judgement, Outcome, Relies
from store.placing import Exempt

Reason = Annotated[Text, Field(min_length=1, max_length=2000)]


class OverrideBody(Body):
    """A deliberate breach of the mix: it counts, and it is audited."""

    reason: Reason


Override = Annotated[
    OverrideBody | None,
    Field(description="For approvers and above: keep the change although the mix refuses it."),
]


class ExemptBody(Body):
    """Why a publication is no editorial choice; it neither counts nor uses a slot."""

    reason: Exemption
    note: Reason

    def exempt(self) -> Exempt:
        """Return it as the store takes it."""
        return Exempt(self.reason, self.note)


ExemptIn = Annotated[
    ExemptBody | None,
    Field(description="For approvers and above: must-cover posts that do not count in the mix."),
]


class WindowType(Answer):
    """Posts of a type in a window, and how few and how many it may have at its end."""

    type: str
    posts: int
    lower: int
    upper: int


class MixWindow(Answer):
    """A window that a change touches: what stands in it afterwards.

    `slots` are its posts and its open slots. `repair_number` says how many posts must get another
    type before it can be met, `was` how many before the change (null: there was no such window).
    """

    window: WindowName
    channel: UUID
    first: Annotated[date, Field(serialization_alias="from")]
    until: Annotated[date, Field(serialization_alias="to", description="The day after its last.")]
    slots: int
    types: list[WindowType]
    repair_number: int
    was: int | None

    @classmethod
    def of(cls, held: Held) -> Self:
        """Return a window as it is answered."""
        after, keys = held.after, held.standing.keys
        bounds = zip(keys, after.placed, after.lower, after.upper, strict=True)
        return cls(
            window=held.period.name,
            channel=held.period.channel_id,
            first=held.period.first,
            until=held.period.until,
            slots=after.slots,
            types=[
                WindowType(type=key, posts=posts, lower=least, upper=most)
                for key, posts, least, most in bounds
            ],
            repair_number=after.repair,
            was=held.before.repair if held.before else None,
        )


class ReliesOn(Answer):
    """Posts of a type that must still come on a channel, and the last local day for them."""

    channel: UUID
    type: str
    posts: int
    by: date

    @classmethod
    def of(cls, relies: Relies) -> Self:
        """Return what a window needs as it is answered."""
        return cls(channel=relies.channel_id, type=relies.type, posts=relies.posts, by=relies.by)


class MixAnswer(Answer):
    """The mix that a change leads to.

    `warn`: it was kept and makes a window worse that is only watched, or takes something off that
    another one needs. `overridden`: it was kept as a deliberate breach.
    """

    outcome: Outcome
    relies_on: list[ReliesOn]
    windows: list[MixWindow]

    @classmethod
    def of(cls, judgement: Judgement | None) -> Self:
        """Return what a judge found as it is answered; nothing was judged where it is None."""
        found = judgement or Judgement(Outcome.OK)
        return cls(
            outcome=found.outcome,
            relies_on=[ReliesOn.of(each) for each in found.relies_on],
            windows=[MixWindow.of(each) for each in found.held],
        )


class ChangesNeeded(Answer):
    """How many posts at least must get another type before the mix can be met."""

    before: int
    after: int

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Return a verdict's numbers."""
        return cls(before=verdict.before, after=verdict.after)


class MixFix(Answer):
    """A way out of a refusal: tried, and accepted if nothing else changes before it is taken.

    `operations` go to `publications/batch` as they are. `exempt` and `override` are fields of the
    same request, for approvers.
    """

    kind: FixKind
    text: str
    channel: UUID | None
    at: Moment | None
    local: str | None
    post: UUID | None
    title: str | None
    type: str | None
    operations: list[dict[str, Any]]

    @classmethod
    def of(cls, fix: Fix, text: str) -> Self:
        """Return a fix as it is answered, with its sentence."""
        return cls(
            kind=fix.kind,
            text=text,
            channel=fix.channel_id,
            at=fix.at,
            local=fix.local.isoformat(timespec="minutes") if fix.local else None,
            post=fix.post_id,
            title=fix.title or None,
            type=fix.type or None,
            operations=list(fix.operations),
        )


def reason_of(override: OverrideBody | None, abilities: frozenset[Ability]) -> str | None:
    """Return the reason of an override, for those who may; raises `MayNot`."""
    if override is None:
        return None
    check_ability(abilities, Ability.APPROVE)
    return override.reason


def exemption_of(exempt: ExemptBody | None, abilities: frozenset[Ability]) -> Exempt | None:
    """Return an exemption, for those who may set one; raises `MayNot`."""
    if exempt is None:
        return None
    check_ability(abilities, Ability.APPROVE)
    return exempt.exempt()
