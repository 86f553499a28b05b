"""What a platform tells by itself, and how a connector reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from schedulers.connector import Account, Evidence


@dataclass(frozen=True, slots=True)
class Heard:
    """What a platform told by itself: something became of a post, or an account is gone.

    `ask`: ask after the post of this handle. `finished`: a person has finished it; a `permalink`
    leads there. `revoked`: the consent ended, at `at`; `reason` is a snake_case key.
    """

    handle: str | None
    what: Literal["ask", "finished", "revoked"]
    remote_id: str | None = None
    reason: str | None = None
    permalink: str | None = None
    at: datetime | None = None
    evidence: Evidence = field(default_factory=dict)


class Hears(Protocol):
    """A connector whose platform tells by itself what happened; texts are bounded and plain."""

    def addressed(self, body: bytes) -> Mapping[str, str]:
        """Return the settings of the channels that a body is for; none where it is none of its."""
        ...

    def hear(
        self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[Heard, ...] | None:
        """Return what it tells a channel; None: this channel's app did not sign it just now.

        Names of headers are in lower case, the body is as it came.
        """
        ...
