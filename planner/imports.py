"""Imports: what each row of a table asks for, decided before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from planner.cells import DATED, PUBLISHED, Row, fold, is_day_first, is_no_address
from planner.content import fingerprint
from planner.errors import Fault, Invalid
from planner.platforms import FORMATS
from planner.posts import PostStatus
from planner.sheets import Record, Sheet
from planner.slots import resolve_local

STATUSES = (*(each.value for each in PostStatus), PUBLISHED)


class NoSuchName(Invalid):
    """What rows go by that name none is nothing that the workspace has."""


@dataclass(frozen=True, slots=True)
class Place:
    """A channel as rows may name it."""

    id: UUID
    platform: str
    handle: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Known:
    """What rows may name: channels; types, pillars and campaigns by folded name or id."""

    places: Sequence[Place]
    types: Mapping[str, str]
    pillars: Mapping[str, str]
    campaigns: Mapping[str, str]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that say nothing else; `zone` is the wall clock of every row."""

    places: tuple[Place, ...] = ()
    type: str | None = None
    pillar: str | None = None
    zone: ZoneInfo | None = None
    day_first: bool | None = None


@dataclass(slots=True)
class Entry:
    """What a row asks for: a post, perhaps on channels at a time, perhaps one that went out.

    `at` is an instant, `local` a wall-clock time of each channel; a row has one of them or none.
    `faults` are why it cannot be taken, `notes` what of it is left out. `clashes` says that an
    earlier row has the same external id and says something else.
    """

    number: int
    external_id: str
    columns: Mapping[str, str]
    given_id: UUID | None = None
    words: dict[str, Any] = field(default_factory=dict)
    status: PostStatus = PostStatus.DRAFT
    places: tuple[Place, ...] = ()
    at: datetime | None = None
    local: datetime | None = None
    time_column: str = ""
    published: bool = False
    permalink: str | None = None
    media: bool = False
    clashes: bool = False
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)

    def instant(self, zone: ZoneInfo) -> datetime | None:
        """Return when a row means on the wall clock of a zone."""
        return resolve_local(self.local, zone) if self.local else self.at

    def column_of(self, pointer: str) -> str:
        """Return the column that says what a place in a post's or publication's body says."""
        step = pointer.strip("/").partition("/")[0]
        if step == "when":
            return self.time_column
        name = step if step in {"title", "format"} else "channels"
        name = "text" if "/parts" in pointer else name
        return self.columns.get(name, name)


def default_places(names: Sequence[str], known: Known) -> tuple[Place, ...]:
    """Return the channels of rows that name none; raises `NoSuchName`."""
    faults: list[Fault] = []
    found = []
    for index, name in enumerate(names):
        found += _places([name], f"/channels/{index}", known, faults)
    if faults:
        raise NoSuchName(*faults)
    return tuple(dict.fromkeys(found))


def default_name(name: str | None, pointer: str, names: Mapping[str, str]) -> str | None:
    """Return what rows that name nothing go by; raises `NoSuchName`."""
    faults: list[Fault] = []
    found = _named(name, pointer, names, faults) if name else None
    if faults:
        raise NoSuchName(*faults)
    return found


def entries(sheet: Sheet, known: Known, defaults: Defaults, now: datetime) -> list[Entry]:
    """Return what the rows of a table ask for; nothing is refused, faults stand with the rows."""
    day_first = defaults.day_first
    if day_first is None:
        cells = (record.cells.get(name, "") for record in sheet.records for name in DATED)
        day_first = is_day_first(cells)
    found = [_entry(record, known, defaults, day_first, now) for record in sheet.records]
    asked: dict[str, tuple[int, str]] = {}
    for entry, record in zip(found, sheet.records, strict=True):
        number, same = asked.setdefault(entry.external_id, (entry.number, derived_id(record)))
        if same != derived_id(record):
            entry.clashes = True
            column = record.columns.get("external_id", "external_id")
            entry.faults.append(Fault(column, "external-id-twice", {"row": number}))
    return found


def derived_id(record: Record) -> str:
    """Return the external id of a row that has none: the same for the same cells."""
    cells = {name: cell for name, cell in record.cells.items() if name not in {"id", "external_id"}}
    return f"import:{fingerprint([cells, list(record.unread)])[:32]}"


def _entry(
    record: Record, known: Known, defaults: Defaults, day_first: bool | None, now: datetime
) -> Entry:
    entry = Entry(record.number, derived_id(record), record.columns)
    row = Row(record, entry.faults)
    row.check_cells()
    entry.given_id = row.uuid("id")
    if given := row.get("external_id"):
        entry.external_id = given
    elif entry.given_id:
        entry.external_id = f"pilar:{entry.given_id}"
    _read_words(entry, row, known, defaults)
    names = [name for name in row.get("channels").split(";") if name.strip()]
    there = _places(names, row.column("channels"), known, entry.faults)
    entry.places = tuple(dict.fromkeys(there)) if names else defaults.places
    _read_time(entry, row, known, defaults, day_first, now)
    link = row.get("permalink")
    if link and is_no_address(link):
        row.fault("permalink", Fault(row.column("permalink"), "url-scheme"))
    entry.permalink = link or None
    if link and not entry.published:
        entry.notes.append(Fault(row.column("permalink"), "column-not-read"))
    if row.get("media"):
        entry.media = True
        entry.notes.append(Fault(row.column("media"), "media-not-fetched"))
    entry.notes += [Fault(name, "column-not-read") for name in record.unread]
    return entry


def _read_words(entry: Entry, row: Row, known: Known, defaults: Defaults) -> None:
    text = "\n\n".join(each for each in (row.get("text"), row.get("link")) if each)
    title = row.get("title").strip() or (row.get("text") or text).split("\n")[0][:80].strip()
    if not title:
        row.fault("title", Fault(row.column("title"), "no-title-nor-text"))
    if "\n" in title or "\t" in title:
        row.fault("title", Fault(row.column("title"), "not-one-line"))
    wanted = {"type": defaults.type, "pillar": defaults.pillar, "campaign": None}
    names = {"type": known.types, "pillar": known.pillars, "campaign": known.campaigns}
    for name, known_names in names.items():
        if given := row.get(name):
            wanted[name] = _named(given, row.column(name), known_names, entry.faults)
    if not row.get("type") and defaults.type is None:
        row.fault("type", Fault(row.column("type"), "missing"))
    kind = fold(row.get("format")) or "post"
    if kind not in FORMATS:
        facts = {"field": "format", "choices": ", ".join(sorted(FORMATS))}
        row.fault("format", Fault(row.column("format"), "field-choice", facts))
    status = fold(row.get("status")).replace(" ", "_")
    if status and status not in STATUSES:
        facts = {"field": "status", "choices": ", ".join(STATUSES)}
        row.fault("status", Fault(row.column("status"), "field-choice", facts))
    entry.published = status == PUBLISHED or bool(row.get("published_at"))
    if status == PostStatus.IDEA or not (status or text):
        entry.status = PostStatus.IDEA
    entry.words = {
        "title": title,
        **wanted,
        "format": kind,
        "parts": [{"text": text, "media": []}],
    }


def _read_time(
    entry: Entry,
    row: Row,
    known: Known,
    defaults: Defaults,
    day_first: bool | None,
    now: datetime,
) -> None:
    """Read when a row means, and refuse what cannot be then."""
    given = [name for name in DATED if row.get(name)]
    if row.get("time") and "date" not in given:
        row.fault("time", Fault(row.column("date"), "missing"))
    if not given:
        if entry.published:
            row.fault("published_at", Fault(row.column("published_at"), "missing"))
        return
    if "published_at" in given:
        given = ["published_at"]  # what it was planned for matters no more
    entry.time_column = row.column(given[0])
    if len(given) > 1:
        row.fault(given[1], Fault(row.column(given[1]), "two-times"))
        return
    moment = row.moment(given[0], day_first)
    if moment is None:
        return
    if moment.tzinfo is not None:
        entry.at = moment
    elif defaults.zone is not None:
        entry.at = resolve_local(moment, defaults.zone)
    else:
        entry.local = moment
    if not entry.places and not row.get("channels"):
        row.fault("channels", Fault(row.column("channels"), "missing"))
    _check_time(entry, known, now)


def _check_time(entry: Entry, known: Known, now: datetime) -> None:
    zones = [place.zone for place in entry.places] or [known.zone]
    meant = [moment for moment in map(entry.instant, zones) if moment]
    if entry.published and any(moment > now for moment in meant):
        entry.faults.append(Fault(entry.time_column, "future-history"))
    if not entry.published and any(moment < now.replace(microsecond=0) for moment in meant):
        entry.faults.append(Fault(entry.time_column, "past-not-published"))


def _named(name: str, pointer: str, names: Mapping[str, str], faults: list[Fault]) -> str | None:
    found = names.get(fold(name))
    if found is None:
        faults.append(Fault(pointer, "unknown-name", {"name": name[:80]}))
    return found


def _places(names: Sequence[str], pointer: str, known: Known, faults: list[Fault]) -> list[Place]:
    """Return channels by id, handle or `platform:handle`."""
    found = []
    for name in names:
        wanted = fold(name)
        platform, colon, handle = wanted.partition(":")
        handle = (handle if colon else wanted).strip().removeprefix("@")
        fits = [
            place
            for place in known.places
            if str(place.id) == wanted
            or (
                place.handle.casefold() == handle
                and (not colon or place.platform == platform.strip())
            )
        ]
        if len(fits) == 1:
            found += fits
        elif fits:
            choices = ", ".join(f"{place.platform}:{place.handle}" for place in fits)
            facts = {"name": name.strip()[:80], "choices": choices}
            faults.append(Fault(pointer, "ambiguous-channel", facts))
        else:
            faults.append(Fault(pointer, "unknown-name", {"name": name.strip()[:80]}))
    return found
