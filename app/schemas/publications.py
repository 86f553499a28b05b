"""Publications as they are placed and answered."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, HttpUrl, model_validator
from pydantic_core import PydanticCustomError

from app.fields import Answer, Body, LocalTime, Moment, Text
from app.schemas.mix import ExemptIn, MixAnswer, Override, Reason
from app.speech import reason_text
from planner.access import Ability, check_ability
from planner.publications import Status
from planner.slots import SlotTime
from store import placing
from store.judging import Judge
from store.slots import OpenSlot
from store.tables import Publication, Transition

Permalink = Annotated[HttpUrl, Field(max_length=2000)]
AllowDuplicate = Annotated[
    Annotated[Text, Field(min_length=1, max_length=2000)] | None,
    Field(description="Why the channel may get the same twice within two weeks."),
]


class ThroughHoldBody(Body):
    """Why it goes out although something holds it."""

    reason: Reason


ThroughHoldIn = Annotated[
    ThroughHoldBody | None,
    Field(description="For approvers and above: what goes out through every hold."),
]


class WhenBody(Body):
    """When it goes out: exactly one of the four."""

    at: Annotated[Moment | None, Field(description="An instant.")] = None
    local: Annotated[
        LocalTime | None, Field(description="A wall-clock time in the channel's zone.")
    ] = None
    slot: Literal["next"] | None = None
    now: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [value for value in (self.at, self.local, self.slot, self.now) if value]
        if len(given) != 1:
            raise PydanticCustomError("when-one", "exactly one of at, local, slot, now")
        return self

    def when(self) -> placing.When:
        """Return it as the store takes it."""
        return placing.When(self.at, self.local, self.slot == "next", self.now is True)


class RecordedBody(Body):
    """What went out by hand or before Pilar."""

    published_at: Moment
    permalink: Permalink | None = None


class PublicationIn(Body):
    """A post on one or several channels, as one change."""

    post: UUID
    channels: Annotated[list[UUID], Field(min_length=1, max_length=50)]
    when: WhenBody | None = None
    recorded: RecordedBody | None = None
    publish_until: Annotated[
        Moment | None, Field(description="After this it does not go out any more.")
    ] = None
    allow_duplicate: AllowDuplicate = None
    exempt: ExemptIn = None
    override: Override = None
    through_hold: ThroughHoldIn = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.when is None) == (self.recorded is None):
            raise PydanticCustomError("when-or-recorded", "either when or recorded")
        return self


class PublicationChange(Body):
    """Another time, whether it counts in the mix, or whether holds let it through.

    `exempt` with null lets it count, `through_hold` with null lets it be held like others.
    """

    when: WhenBody | None = None
    allow_duplicate: AllowDuplicate = None
    exempt: ExemptIn = None
    override: Override = None
    through_hold: ThroughHoldIn = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.when is None and not {"exempt", "through_hold"} & self.model_fields_set:
            raise PydanticCustomError("when-or-exempt", "when, exempt or through_hold")
        return self


class PublicationOut(Answer):
    """A post on a channel at an instant."""

    id: UUID
    post: UUID
    channel: UUID
    status: Status
    reason: str | None
    reason_text: str | None
    type: str
    pillar: UUID | None
    due_at: Moment
    local: str
    timezone: str
    day: str
    holds_seat: bool
    exempt: str | None
    exempt_note: str | None
    override: str | None
    recorded: bool
    allow_duplicate: str | None
    publish_until: Moment | None
    through_hold: str | None
    not_before: Moment | None
    attempts: int
    remote_id: str | None
    permalink: str | None
    published_at: Moment | None
    withdrawn_at: Moment | None
    dismissed_at: Moment | None
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, row: Publication) -> Self:
        """Return a row as it is answered."""
        named = {
            "post": row.post_id,
            "channel": row.channel_id,
            "pillar": row.pillar_id,
            "reason_text": reason_text(row.reason),
            "allow_duplicate": row.said_again,
        }
        return cls.model_validate(row.model_dump() | named | {"day": row.day.isoformat()})


class PublicationPage(Answer):
    """Some publications, and where the next page begins."""

    items: list[PublicationOut]
    next: str | None


class Placed(Answer):
    """What one change put on the calendar or moved there, and the mix that it leads to."""

    publications: list[PublicationOut]
    mix: MixAnswer


class Moved(PublicationOut):
    """A publication after a change, and the mix that it leads to."""

    mix: MixAnswer

    @classmethod
    def with_mix(cls, row: Publication, judge: Judge) -> Self:
        """Return a row and what the judge found as they are answered."""
        known = PublicationOut.of(row).model_dump()
        return cls(**known, mix=MixAnswer.of(judge.judgement))


class ConfirmIn(Body):
    """Where it is live."""

    permalink: Permalink | None = None
    published_at: Moment | None = None


class ResolveIn(Body):
    """What a person saw: `live` (with the link), `send_again`, or `failed`."""

    outcome: Literal["live", "send_again", "failed"]
    permalink: Permalink | None = None
    published_at: Moment | None = None


class TransitionOut(Answer):
    """One step in a publication's life."""

    before: Status | None
    after: Status
    reason: str | None
    reason_text: str | None
    actor: str
    attempt: int | None
    detail: dict[str, Any]
    at: Moment

    @classmethod
    def of(cls, row: Transition) -> Self:
        """Return a row as it is answered."""
        return cls.model_validate(row.model_dump() | {"reason_text": reason_text(row.reason)})


class SlotOut(Answer):
    """A time of a channel's slots."""

    slot: UUID
    channel: UUID
    at: Moment
    local: str
    day: str

    @classmethod
    def of(cls, free: SlotTime) -> Self:
        """Return an open slot as it is answered."""
        return cls(
            slot=free.slot_id,
            channel=free.channel_id,
            at=free.at,
            local=free.local.isoformat(timespec="minutes"),
            day=free.day.isoformat(),
        )


class OpenSlotOut(SlotOut):
    """A slot that nothing stands on, and what the mix lets it have.

    `types` are the types that a post there may have (null: the channel has no mix); `forced` is
    the only one, if it is only one.
    """

    types: list[str] | None
    forced: str | None

    @classmethod
    def open(cls, free: OpenSlot) -> Self:
        """Return an open slot as it is answered."""
        types = None if free.types is None else list(free.types)
        known = SlotOut.of(free.time).model_dump()
        return cls(**known, types=types, forced=free.forced)


def through_hold_of(
    through_hold: ThroughHoldBody | None, abilities: frozenset[Ability]
) -> str | None:
    """Return why a publication goes through holds, for those who may say so; raises `MayNot`."""
    if through_hold is None:
        return None
    check_ability(abilities, Ability.APPROVE)
    return through_hold.reason
