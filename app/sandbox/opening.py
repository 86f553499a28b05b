"""What every sandbox is opened with, and what it says when it is open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.types import ASGIApp

from schedulers.outbound import Outbound


@dataclass(frozen=True, slots=True)
class Wish:
    """How a sandbox is to be: where it is reached, and which addresses of Pilar it knows.

    `media_prefixes` are the beginnings of URLs that it may pull media from; `callback_url` is
    where it tells events, empty for nowhere.
    """

    base_url: str
    redirect_uris: Sequence[str]
    media_prefixes: Sequence[str]
    callback_url: str = ""
    audited: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A sandbox that is ready to serve, what to put into Pilar's settings, and what else helps."""

    app: ASGIApp
    settings: Mapping[str, str]
    hints: Sequence[str]


Opening = Callable[[Wish, Outbound, Callable[[], datetime]], Opened]
"""Opens a sandbox; raises `CannotOpen`."""
