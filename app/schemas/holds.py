"""Holds as they are placed and answered, and the way through them."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.fields import Answer, Body, Moment, Text
from app.schemas.publications import PublicationOut
from planner.holds import Reach, Scope
from store.audit import CLI
from store.held import Backlog, InstanceStop
from store.tables import Hold, Publication

Named = Annotated[UUID | None, Field(description="With the scope of that name, and only there.")]


class HoldIn(Body):
    """What may not go out until it is released."""

    scope: Scope
    channel: Named = None
    campaign: Named = None
    type: Annotated[
        Text | None, Field(max_length=40, description="With the scope `type`, and only there.")
    ] = None
    reason: Annotated[Text, Field(min_length=1, max_length=2000)]

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        given = {"channel": self.channel, "campaign": self.campaign, "type": self.type}
        named = {name for name, value in given.items() if value is not None}
        if named != {self.scope.value} - {Scope.WORKSPACE.value}:
            raise PydanticCustomError("hold-scope", "what the scope names, and nothing else")
        return self

    def reach(self) -> Reach:
        """Return its reach as the store takes it."""
        return Reach(self.scope, self.channel, self.campaign, self.type)


class HoldOut(Answer):
    """A hold, with what was on the wire when it came, as that is now.

    The stop of the whole instance is one too; it has the scope `instance`, no id and no version,
    and ends by `pilar hold --release` alone.
    """

    id: UUID | None
    scope: Literal["workspace", "channel", "campaign", "type", "instance"]
    channel: UUID | None
    campaign: UUID | None
    type: str | None
    reason: str | None
    placed_by: str
    on_the_wire: list[PublicationOut]
    released_at: Moment | None
    released_by: str | None
    created_at: Moment
    updated_at: Moment
    version: int | None

    @classmethod
    def of(cls, hold: Hold, on_the_wire: Sequence[Publication]) -> Self:
        """Return a hold as it is answered."""
        named = {"channel": hold.channel_id, "campaign": hold.campaign_id}
        told = {"on_the_wire": [PublicationOut.of(row) for row in on_the_wire]}
        return cls.model_validate(hold.model_dump() | named | told)

    @classmethod
    def of_instance(cls, stop: InstanceStop) -> Self:
        """Return the stop of the whole instance as it is answered."""
        return cls(
            id=None,
            scope="instance",
            channel=None,
            campaign=None,
            type=None,
            reason=stop.reason,
            placed_by=str(CLI),
            on_the_wire=[PublicationOut.of(row) for row in stop.on_the_wire],
            released_at=None,
            released_by=None,
            created_at=stop.since,
            updated_at=stop.since,
            version=None,
        )


class HeldCount(Answer):
    """How many scheduled publications a hold reaches.

    `due` and `later` are kept back; `through_hold` go all the same.
    """

    due: int
    later: int
    through_hold: int


class HoldDetail(HoldOut):
    """A hold, with what was on the wire when it came and how much it keeps back."""

    id: UUID
    version: int
    held: HeldCount

    @classmethod
    def detailed(cls, hold: Hold, on_the_wire: Sequence[Publication], held: Backlog) -> Self:
        """Return a hold as it is answered, with what it keeps back."""
        known = HoldOut.of(hold, on_the_wire).model_dump()
        return cls.model_validate(known | {"held": HeldCount.model_validate(held)})


class HoldPage(Answer):
    """Some holds, and where the next page begins."""

    items: list[HoldOut]
    next: str | None
