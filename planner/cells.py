"""Cells: what one field of a table's row means, and what is wrong with it."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from urllib.parse import urlsplit
from uuid import UUID

from planner.errors import Fault
from planner.sheets import Record

PUBLISHED = "published"
LONGEST = {"title": 200, "text": 100_000, "external_id": 120, "permalink": 2000}
"""Characters that a field may have."""

DATED = ("at", "when", "date", "published_at")
"""Fields that say when."""

NOON = time(12)
"""When something went out of which only the day is known."""

_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?::\d{2})?"
_CLOCK = re.compile(_TIME)
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?:[T ]\s*{_TIME})?")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}})(?:[T ]\s*{_TIME})?")
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}:\d{2})"
)


def fold(name: str) -> str:
    """Return a name as it is looked up: without case, and with single spaces."""
    return " ".join(name.split()).casefold()


def is_no_address(link: str) -> bool:
    """Say whether a text is no web address."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return True
    return parts.scheme not in {"http", "https"} or not parts.hostname or " " in link


def is_day_first(dates: Iterable[str]) -> bool | None:
    """Say how a file writes days such as 03/04/2026; None if all of it leaves that open.

    One number over 12 decides it, unless another one decides otherwise.
    """
    pairs = [(int(found[1]), int(found[2])) for found in map(_YEAR_LAST.fullmatch, dates) if found]
    by_first = any(first > 12 for first, _ in pairs)
    by_second = any(second > 12 for _, second in pairs)
    return None if by_first == by_second else by_first


class Row:
    """One record, whose cells are read and found fault with."""

    def __init__(self, record: Record, faults: list[Fault]) -> None:
        self.record = record
        self.faults = faults
        self.wrong: set[str] = set()

    def get(self, name: str) -> str:
        """Return a cell; nothing where it was found wrong."""
        return "" if name in self.wrong else self.record.cells.get(name, "")

    def column(self, name: str) -> str:
        """Return how the table calls the column of a field."""
        return self.record.columns.get(name, name)

    def fault(self, name: str, fault: Fault) -> None:
        """Keep what is wrong with a field; one that was wrong already is not judged again."""
        if name not in self.wrong:
            self.wrong.add(name)
            self.faults.append(fault)

    def check_cells(self) -> None:
        """Find what no cell may hold; an external id that is wrong is not read."""
        if self.record.excess:
            self.faults.append(Fault("", "too-many-cells"))
        for name, cell in self.record.cells.items():
            if fault := self._cell_fault(name, cell):
                self.faults.append(fault)
                self.wrong |= {name} & {"external_id"}

    def _cell_fault(self, name: str, cell: str) -> Fault | None:
        kinds = {unicodedata.category(each) for each in set(cell) - {"\n", "\t"}}
        if kinds & {"Cc", "Cs"}:
            return Fault(self.column(name), "control-character")
        limit = LONGEST.get(name, LONGEST["text"])
        if len(cell) > limit:
            facts = {"field": name, "count": len(cell), "limit": limit}
            return Fault(self.column(name), "field-too-long", facts)
        if name == "external_id" and set(cell) & {"\n", "\t"}:
            return Fault(self.column(name), "not-one-line")
        return None

    def uuid(self, name: str) -> UUID | None:
        """Return the id that a field holds, if it holds one."""
        if not self.get(name):
            return None
        try:
            return UUID(self.get(name))
        except ValueError:
            self.fault(name, Fault(self.column(name), "uuid-parsing"))
            return None

    def moment(self, name: str, day_first: bool | None) -> datetime | None:
        """Return what a field means: an instant (aware) or a wall-clock time (naive)."""
        try:
            moment = self._read(name, day_first)
        except (ValueError, OverflowError):
            self._wrong_time(name, code="no-such-time")
            return None
        if moment is not None and not 1970 <= moment.year < 2100:
            self.fault(name, Fault(self.column(name), "year-out-of-range"))
            return None
        return moment.replace(microsecond=0) if moment else None

    def _read(self, name: str, day_first: bool | None) -> datetime | None:
        text = self.get(name)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        found = _YEAR_FIRST.fullmatch(text) or _YEAR_LAST.fullmatch(text)
        if found is None or name == "at":
            self._wrong_time(name, code="not-an-instant" if name == "at" else "not-a-time")
            return None
        if found.re is _YEAR_LAST and day_first is None and found[1] != found[2]:
            self._wrong_time(name, code="ambiguous-date")
            return None
        return self._on_day(_day(found, day_first), found, name)

    def _on_day(self, day: date, found: re.Match[str], name: str) -> datetime | None:
        clock: re.Match[str] | None = found
        if name == "date" and found["hour"] is None and self.get("time"):
            clock = _CLOCK.fullmatch(self.get("time"))
        if clock is None:
            self.fault("time", Fault(self.column("time"), "not-a-clock-time"))
            return None
        if clock["hour"] is not None:
            return datetime.combine(day, time(int(clock["hour"]), int(clock["minute"])))
        if name == "published_at" or fold(self.get("status")) == PUBLISHED:
            return datetime.combine(day, NOON)
        self.fault("time", Fault(self.column("time" if name == "date" else name), "time-missing"))
        return None

    def _wrong_time(self, name: str, code: str) -> None:
        self.fault(name, Fault(self.column(name), code, {"text": self.get(name)[:60]}))


def _day(found: re.Match[str], day_first: bool | None) -> date:
    if found.re is _YEAR_FIRST:
        return date(int(found[1]), int(found[2]), int(found[3]))
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    return date(year, second, first) if day_first is not False else date(year, first, second)
