"""Summaries: where a publication stands and what comes next, in a sentence or two."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.speech import LANGUAGE, filled, messages, reason_text
from planner.publications import UNSENT, WAITING, Status
from store.tables import Publication
from store.waiting import Kind, Obstacle

ASIDE = frozenset({None, "approved", "retry", "send_again", "restored", "step_done"})
"""Reasons why it is scheduled that do not say why it waits: there it waits for its turn."""

KEPT_BACK = {"due": "kept-back", "scheduled": "kept-back-later"}
"""What is said of a state where something keeps it back, in place of that it goes out."""


def summary(row: Publication, obstacle: Obstacle | None, now: datetime) -> str:
    """Return where a publication stands and who or what it waits for, in the caller's language.

    Instants are wall-clock times of its channel, with the day where that is not today.
    """
    return " ".join(" ".join(_sentences(row, obstacle, now)).split())


def sentence(key: str, facts: Mapping[str, Any]) -> str:
    """Return a sentence of the table `[summary]` in the caller's language."""
    language = LANGUAGE.get()
    return filled(messages(language)["summary"][key], facts, language)


def time_text(row: Publication, at: datetime, now: datetime) -> str:
    """Return an instant on the wall clock of a publication's channel, with the zone's name."""
    zone = ZoneInfo(row.timezone)
    local = at.astimezone(zone)
    clock = "%H:%M:%S" if local.second else "%H:%M"
    day = "" if local.date() == now.astimezone(zone).date() else "%Y-%m-%d "
    return local.strftime(f"{day}{clock} %Z")


def _sentences(row: Publication, obstacle: Obstacle | None, now: datetime) -> Iterator[str]:
    key, moments = _where(row, now)
    if obstacle is not None:
        key = KEPT_BACK.get(key, key)
    facts = {name: time_text(row, at, now) for name, at in moments.items()}
    why = "paced" if key == "waits" and row.reason in ASIDE else row.reason
    yield sentence(key, {**facts, "why": reason_text(why) or ""})
    if obstacle is not None:
        told = obstacle.kind.value.replace("_", "-")
        if obstacle.kind is Kind.RESTS and not obstacle.tries:
            told = "rests-asked"
        until = time_text(row, obstacle.until, now) if obstacle.until else ""
        said = obstacle.held.reason if obstacle.held else None
        known = {"channel": obstacle.channel, "why": said or "", "tries": obstacle.tries}
        yield sentence(told, known | {"until": until})
    if row.unproved and row.status in {*WAITING, Status.CLAIMED}:
        yield sentence("unproved", {})
    if row.step and row.status not in {Status.PUBLISHED, Status.CANCELLED}:
        yield sentence("steps-live", {"done": row.step})


def _where(row: Publication, now: datetime) -> tuple[str, dict[str, datetime]]:
    """Return the key of the sentence for a state, and the instants that it may name."""
    status = Status(row.status)
    moments = {
        "due": row.due_at,
        "until": (row.poll_at if status is Status.PROCESSING else row.not_before) or now,
        "since": row.intent_at or row.updated_at,
        "at": (row.dismissed_at if status in UNSENT else row.published_at) or row.updated_at,
        "withdrawn": row.withdrawn_at or now,
    }
    key = status.value.replace("_", "-")
    if status in UNSENT and row.dismissed_at is not None:
        key = "dismissed"
    elif status is Status.PLANNED and row.due_at < now:
        key = "planned-late"
    elif status is Status.SCHEDULED and row.due_at <= now:
        key = "waits" if moments["until"] > now else "due"
    elif status is Status.PUBLISHED and row.withdrawn_at is not None:
        key = "withdrawn"
    return key, moments
