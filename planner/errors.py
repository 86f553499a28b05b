"""The kinds of things that can be wrong.

PilarError
├── NotFound          there is no such thing (for this caller)
├── Conflict          the state of things does not allow it
├── Invalid           the request can never be right; carries faults by pointer
├── Forbidden         the caller may not
├── Unauthenticated   the caller is unknown
├── Stale             the caller saw an older version
└── Unavailable       not now; try again later

A concrete error lives beside the function that raises it. Its class name is the problem's key
(`SlugTaken` → `slug-taken`); its sentences live in `app/messages/{en,id}.toml`.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a body: where (JSON pointer), which rule, and its numbers.

    `code` is a key of the table `[faults]` in `app/messages/*.toml`; `facts` fill its sentence.
    """

    pointer: str
    code: str
    facts: dict[str, Any] = field(default_factory=dict)


class PilarError(Exception):
    """Something is the case that the caller must know; `facts` fill the sentences."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(type(self).__name__, facts)
        self.facts = facts


class NotFound(PilarError):
    """There is no such thing, or none that this caller may know of."""


class Conflict(PilarError):
    """The present state of things does not allow it."""


class Invalid(PilarError):
    """The request can never be right as it is."""

    def __init__(self, *faults: Fault, **facts: Any) -> None:
        super().__init__(**facts)
        self.faults = faults


class Forbidden(PilarError):
    """The caller is known and may not."""


class Unauthenticated(PilarError):
    """The caller is not known."""


class Stale(PilarError):
    """The caller saw an older version; `facts["current"]` is the present one."""


class Unavailable(PilarError):
    """Not now; `facts["retry_after_seconds"]` says when to ask again."""
