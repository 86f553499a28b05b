"""Sheets: tables of posts as other tools write them, read into records with known fields."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from planner.errors import Fault, Invalid
from planner.exports import revealed

ROWS_MAX = 2000

DELIMITERS = (",", ";", "\t")


class Layout(StrEnum):
    """Whose columns a table has."""

    PILAR = "pilar"
    HOOTSUITE = "hootsuite"
    BUFFER = "buffer"
    PUBLER = "publer"


POST_COLUMNS = (
    "id",
    "external_id",
    "title",
    "text",
    "type",
    "pillar",
    "campaign",
    "channels",
    "date",
    "time",
    "at",
    "published_at",
    "permalink",
    "status",
    "format",
)
"""The columns of Pilar's own layout: what an export of posts has, and what an import reads."""

UNREAD = ""
"""The field of a column that is known and not read."""

FIELDS: Mapping[Layout, Mapping[str, str]] = {
    Layout.PILAR: {name: name for name in POST_COLUMNS},
    Layout.HOOTSUITE: {"date": "when", "message": "text", "link": "link"},
    Layout.BUFFER: {
        "text": "text",
        "image url": "media",
        "tags": UNREAD,
        "posting time": "when",
    },
    Layout.PUBLER: {
        "date": "when",
        "text": "text",
        "message": "text",
        "link": "link",
        "links": "link",
        "media url": "media",
        "media urls": "media",
        "title": "title",
        "label": UNREAD,
        "labels": UNREAD,
        "alt texts": UNREAD,
        "comments": UNREAD,
        "pin board, fb album, or google category": UNREAD,
        "post subtype": UNREAD,
        "cta": UNREAD,
        "reminder": UNREAD,
    },
}
"""The field that a column fills, by layout and by the folded name of the column."""

BARE = ("date", "message", "link")
"""Hootsuite's columns, which no header names."""

A_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\s+\d{1,2}[:.]\d{2}(:\d{2})?\s*")


class WrongSheet(Invalid):
    """The table as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its number from 1, its cells by field, and the column that each stands in.

    `unread` names filled columns that are known and not read; `excess` says that there were more
    cells than columns.
    """

    number: int
    cells: Mapping[str, str]
    columns: Mapping[str, str]
    unread: tuple[str, ...] = ()
    excess: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that was read."""

    layout: Layout
    records: tuple[Record, ...]


def read_csv(text: str, layout: Layout | None = None) -> Sheet:
    """Read CSV with commas, semicolons or tabs; without a layout, by its header.

    Blank rows are counted and passed over. Raises `WrongSheet`.
    """
    text = text.removeprefix("\ufeff")
    first = {each: _first_row(text, each) for each in DELIMITERS}
    found = max(DELIMITERS, key=lambda each: _likeness(first[each], layout))
    rows = _parsed(text, found)
    header = next((row for row in rows if any(cell.strip() for cell in row)), None)
    if header is None:
        raise WrongSheet(Fault("/text", "no-rows"))
    if _is_bare(header, layout):
        layout, header = Layout.HOOTSUITE, list(BARE)
    else:
        rows = rows[rows.index(header) + 1 :]
        layout = layout or _layout_of(header, "/text")
    fields = _fields(header, layout, "/text")
    _check_count(len(rows), "/text")
    records = []
    for number, row in enumerate(rows, 1):
        cells = [_tidy(cell) for cell in row]
        if layout is Layout.PILAR:
            cells = [revealed(cell) for cell in cells]
        if any(cells):
            excess = any(cells[len(header) :])
            records.append(_record(number, header, fields, cells, excess=excess))
    return _sheet(layout, records, "/text")


def read_rows(rows: Sequence[Mapping[str, Any]], layout: Layout | None = None) -> Sheet:
    """Read rows that name their columns; a list stands for words with `;` between.

    Raises `WrongSheet`.
    """
    _check_count(len(rows), "/rows")
    header = list(dict.fromkeys(name for row in rows for name in row))
    if not header:
        raise WrongSheet(Fault("/rows", "no-rows"))
    layout = layout or _layout_of(header, "/rows")
    fields = _fields(header, layout, "/rows")
    records = []
    for number, row in enumerate(rows, 1):
        cells = [_tidy(_written(row.get(name))) for name in header]
        if any(cells):
            records.append(_record(number, header, fields, cells, excess=False))
    return _sheet(layout, records, "/rows")


def _sheet(layout: Layout, records: list[Record], pointer: str) -> Sheet:
    if not records:
        raise WrongSheet(Fault(pointer, "no-rows"))
    return Sheet(layout, tuple(records))


def _check_count(count: int, pointer: str) -> None:
    if count > ROWS_MAX:
        facts = {"count": count, "limit": ROWS_MAX}
        raise WrongSheet(Fault(pointer, "too-many-rows", facts))


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(value)
    return value or ""


def _tidy(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip(" \n")


def _record(
    number: int, header: Sequence[str], fields: Sequence[str], cells: Sequence[str], *, excess: bool
) -> Record:
    filled = [each for each in zip(header, fields, cells, strict=False) if each[2]]
    return Record(
        number,
        cells={field: cell for _, field, cell in filled if field != UNREAD},
        columns={field: name for name, field in zip(header, fields, strict=True)},
        unread=tuple(name for name, field, _ in filled if field == UNREAD),
        excess=excess,
    )


def _parsed(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader)
    except csv.Error:
        raise WrongSheet(Fault("/text", "broken-csv", {"line": reader.line_num})) from None


def _first_row(text: str, delimiter: str) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return next((row for row in reader if any(cell.strip() for cell in row)), [])
    except csv.Error:
        return []


def _likeness(row: Sequence[str], layout: Layout | None) -> tuple[bool, int]:
    """Say how much a first row looks like one of ours: the right delimiter knows most columns."""
    layouts = [layout] if layout else list(Layout)
    known = max(sum(_fold(name) in FIELDS[each] for name in row) for each in layouts)
    bare = layout in {None, Layout.HOOTSUITE} and _begins_with_a_date(row)
    return bare and len(row) > 1, known


def _is_bare(row: Sequence[str], layout: Layout | None) -> bool:
    if layout is Layout.HOOTSUITE:
        return not row or _fold(row[0]) not in FIELDS[layout]
    return layout is None and _begins_with_a_date(row)


def _begins_with_a_date(row: Sequence[str]) -> bool:
    return bool(row) and A_DATE.fullmatch(row[0]) is not None


def _fold(name: str) -> str:
    """Return a column's name without case, and without the explanation that Publer adds to it."""
    plain = name.strip().casefold().replace("(s)", "s")
    return re.split(r"\s+-\s", plain)[0]


def _layout_of(header: Sequence[str], pointer: str) -> Layout:
    """Return the layout that knows most of the columns; of equals, the first of `Layout`."""
    names = [_fold(name) for name in header]
    best = max(Layout, key=lambda each: sum(name in FIELDS[each] for name in names))
    if not any(name in FIELDS[best] for name in names):
        raise WrongSheet(Fault(pointer, "no-layout", {"known": ", ".join(POST_COLUMNS)}))
    return best


def _fields(header: Sequence[str], layout: Layout, pointer: str) -> list[str]:
    known = FIELDS[layout]
    names = [_fold(name) for name in header]
    facts = {"known": ", ".join(known)}
    faults = [
        Fault(pointer, "unknown-column", {"column": name[:80], **facts})
        for name, folded in zip(header, names, strict=True)
        if folded not in known and folded  # spreadsheets end rows with nothing
    ]
    fields = [known.get(name, UNREAD) for name in names]
    faults += [
        Fault(pointer, "column-twice", {"column": name[:80]})
        for index, (name, field) in enumerate(zip(header, fields, strict=True))
        if field != UNREAD and field in fields[:index]
    ]
    if faults:
        raise WrongSheet(*faults)
    return fields
