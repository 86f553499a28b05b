"""Holds: what in an office may not go out for the time being."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a hold reaches."""

    WORKSPACE = "workspace"
    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Reach:
    """The scope of a hold, and what it names (nothing for a whole workspace)."""

    scope: Scope
    channel_id: UUID | None = None
    campaign_id: UUID | None = None
    type: str | None = None

    def covers(self, channel_id: UUID, campaign_id: UUID | None, type_: str) -> bool:
        """Say whether a publication on this channel, of this campaign and type, is held."""
        match self.scope:
            case Scope.WORKSPACE:
                return True
            case Scope.CHANNEL:
                return self.channel_id == channel_id
            case Scope.CAMPAIGN:
                return campaign_id is not None and self.campaign_id == campaign_id
            case Scope.TYPE:
                return self.type == type_


@dataclass(frozen=True, slots=True)
class Held:
    """What keeps a publication back, and why.

    `kind` is the scope of a hold, `instance` (all of this installation is stopped) or `restored`
    (it came from a backup, and nobody has said yet that it may publish).
    """

    kind: str
    reason: str | None
    hold_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stops:
    """All that keeps publications of a workspace back now, the holds oldest first."""

    restored: Held | None = None
    instance: Held | None = None
    holds: tuple[tuple[Reach, Held], ...] = ()

    def over(
        self, channel_id: UUID, campaign_id: UUID | None, type_: str, *, let_through: bool
    ) -> Held | None:
        """Return what holds a publication; None: it may go.

        What is `let_through` passes everything but that the instance was restored: then it may
        be live already, and nobody knows.
        """
        if self.restored is not None:
            return self.restored
        if let_through:
            return None
        if self.instance is not None:
            return self.instance
        over = (held for reach, held in self.holds if reach.covers(channel_id, campaign_id, type_))
        return next(over, None)
