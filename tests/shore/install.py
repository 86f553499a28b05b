"""The test platform among the others: what each of its classes allows, and its connector."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from planner.platforms import (
    FORMATS,
    PLATFORMS,
    FieldSpec,
    Idempotency,
    MediaLimits,
    Platform,
    TextLimit,
    Unit,
)
from schedulers.connector import Connector
from schedulers.connectors import CONNECTORS
from schedulers.outbound import Outbound
from tests.shore.connectors import (
    BlindConnector,
    HandleConnector,
    IdemConnector,
    SearchConnector,
)

WIRE_SECONDS = 4


def platform(kind: str, idempotency: Idempotency, settle_seconds: int = 1) -> Platform:
    """Return one class of the test platform; it is named `shore_<kind>`."""
    return Platform(
        name=f"shore_{kind}",
        title=f"Shore ({kind})",
        idempotency=idempotency,
        formats=FORMATS,
        text=TextLimit(Unit.CODE_POINTS, 5_000),
        parts_max=25,
        media=MediaLimits(count_max=10, total_max=10),
        settings=(
            FieldSpec("url", "url", required=True, max_length=2_000),
            FieldSpec("account", "string", required=True, max_length=60),
        ),
        credentials=tuple(
            FieldSpec(name, "string", max_length=200) for name in ("access_token", "refresh_token")
        ),
        idempotent_seconds=3_600 if idempotency is Idempotency.IDEMPOTENT else None,
        settle_seconds=settle_seconds,
        wire_seconds=WIRE_SECONDS,
    )


SHORE: dict[str, tuple[Platform, Callable[[Outbound], Connector]]] = {
    "idem": (platform("idem", Idempotency.IDEMPOTENT), IdemConnector),
    "handle": (platform("handle", Idempotency.RECONCILABLE), HandleConnector),
    "search": (platform("search", Idempotency.RECONCILABLE, 2), SearchConnector),
    "blind": (platform("blind", Idempotency.AMBIGUOUS), BlindConnector),
}
"""Every class of the test platform, by its kind."""


def install(*, naive: bool = False) -> None:
    """Let this process know the test platform, for as long as it lives.

    `naive` takes the protection away, for a canary: every class is said to be IDEMPOTENT, so what
    nobody knows is sent again.
    """
    for each, connector in SHORE.values():
        said = Idempotency.IDEMPOTENT if naive else each.idempotency
        PLATFORMS[each.name] = replace(each, idempotency=said)
        CONNECTORS[each.name] = connector


@contextmanager
def installed() -> Iterator[None]:
    """Let this process know the test platform for a while."""
    install()
    try:
        yield
    finally:
        for each, _ in SHORE.values():
            del PLATFORMS[each.name], CONNECTORS[each.name]
