"""Alerts: what a person should hear of without looking, how often it is tried, and when to look."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from planner.channels import is_signing_secret
from planner.errors import Fault, Invalid
from planner.fit import check_fields
from planner.platforms import FieldSpec
from planner.publications import Status


class AlertKind(StrEnum):
    """What happened, or is about to (design note "publishing", section 6)."""

    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    MISSED = "missed"
    HANDED_OVER = "handed_over"
    UNCONFIRMED = "unconfirmed"  # handed over two hours ago, and nobody said that it is live
    NEEDS_REAUTH = "needs_reauth"  # a channel must be connected again
    UNAPPROVED = "unapproved"  # due in less than two hours, and not approved
    PREFLIGHT = "preflight"  # a channel with posts to come does not answer
    TEST = "test"  # somebody tries whether a target hears
    RESTING = "resting"  # a platform takes no more on a channel for an hour or longer


class Medium(StrEnum):
    """By what an alert travels."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class WrongTarget(Invalid):
    """Alerts cannot go to this address, or not with this secret."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentences of an alert speak of; None where there is no such thing, or no more.

    `title` is a post's, `channel` and `target` are names, `local` is the channel's wall clock.
    """

    kind: AlertKind
    reason: str | None = None
    title: str | None = None
    channel: str | None = None
    target: str | None = None
    local: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """What an alert says: one line that says what it is about, and the whole of it."""

    title: str
    text: str


KIND_OF: Mapping[Status, AlertKind] = {
    Status.FAILED: AlertKind.FAILED,
    Status.NEEDS_REVIEW: AlertKind.NEEDS_REVIEW,
    Status.MISSED: AlertKind.MISSED,
    Status.HANDED_OVER: AlertKind.HANDED_OVER,
}
"""The steps of a publication that somebody should hear of."""

SOON = timedelta(hours=2)
"""So long before it is due, what is not approved is told, and its channel looked at."""
UNCONFIRMED_AFTER = timedelta(hours=2)
"""How long a person has for what was handed over before being reminded."""
KEPT = timedelta(days=90)

WAITS_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""What lies between two tries (specification of Standard Webhooks, "Retry schedule"): ten tries
in three days."""
JITTER = 0.2
ASKED = "asked"
"""An entry in the log of tries that is none: somebody asked for another delivery."""

Jitter = Callable[[float, float], float]


def wait_seconds(tries: int, jitter: Jitter) -> float | None:
    """Return how long to wait after so many tries, give or take a fifth; None: give up."""
    if tries > len(WAITS_SECONDS):
        return None
    wait = WAITS_SECONDS[tries - 1]
    return wait * jitter(1 - JITTER, 1 + JITTER)


def tries_since_asked(outcomes: Iterable[str]) -> int:
    """Return how many tries a log holds since somebody last asked for a delivery."""
    count = 0
    for outcome in outcomes:
        count = 0 if outcome == ASKED else count + 1
    return count


# What browsers take in a field for an e-mail address (HTML standard, "valid e-mail address"):
# no quotes, no comments, no line breaks, ASCII only.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_URL = (FieldSpec("address", "url", required=True, max_length=2000),)
EMAIL_MAX = 254


def is_email(text: str) -> bool:
    """Say whether a text is a plain e-mail address, without a name around it."""
    return len(text) <= EMAIL_MAX and _EMAIL.fullmatch(text) is not None


def check_target(medium: Medium, address: str, secret: str | None) -> None:
    """Refuse an address or a secret that the medium does not take; raises `WrongTarget`.

    No fault repeats what was given.
    """
    faults = []
    if medium is Medium.WEBHOOK:
        faults += check_fields(_URL, {"address": address}, "")
        if secret is not None and not is_signing_secret(secret):
            faults.append(Fault("/secret", "webhook-secret"))
    else:
        if not is_email(address):
            faults.append(Fault("/address", "email-address"))
        if secret is not None:
            faults.append(Fault("/secret", "secret-without-use"))
    if faults:
        raise WrongTarget(*faults)


AFTERNOON = time(15)
FRESH = timedelta(hours=1)
HORIZON = timedelta(hours=34)
"""From an afternoon at three to the end of the next day, be it the longest of the year."""


def preflight_wanted(
    days: Mapping[date, datetime], zone: ZoneInfo, last: datetime | None, now: datetime
) -> bool:
    """Say whether a channel should be looked at now.

    `days` maps its local days with something to come to the first instant when it is due, all of
    them after `now`; `last` is when it was looked at. That is wanted in the afternoon before each
    day (15:00 in its zone), and two hours ahead of what is due next; an hour before is as good.
    """
    moments = [
        datetime.combine(day - timedelta(days=1), AFTERNOON, zone).astimezone(UTC) for day in days
    ]
    moments += [due_at - SOON for due_at in sorted(days.values())[:1]]
    return any(moment <= now and (last is None or last < moment - FRESH) for moment in moments)
