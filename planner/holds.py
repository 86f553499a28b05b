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
