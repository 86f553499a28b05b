"""Imports: tables and their cells, read without guessing."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.cells import is_day_first
from planner.imports import Defaults, Entry, Known, Place, entries
from planner.sheets import Layout, WrongSheet, read_csv, read_rows

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")
BERITA = Place(UUID(int=1), "feed", "Berita", JAKARTA)
KNOWN = Known([BERITA], {"informative": "informative"}, {}, {}, JAKARTA)


FUTURE = ("published_at", "future-history")


def read(text: str, *, day_first: bool | None = None, **more: Any) -> list[Entry]:
    defaults = Defaults((BERITA,), "informative", day_first=day_first, **more)
    return entries(read_csv(text), KNOWN, defaults, NOW)


def faults(found: list[Entry]) -> list[list[tuple[str, str]]]:
    return [[(each.pointer, each.code) for each in entry.faults] for entry in found]


def locals_of(found: list[Entry]) -> list[str | None]:
    return [entry.local.isoformat(" ", "minutes") if entry.local else None for entry in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_is_read_whatever_separates_its_cells(
    delimiter: str, newline: str, mark: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
    writer.writerows([["Title", "TEXT"], ["a; b, c", f"satu{newline}dua\tdan"], [], ["d", ""]])

    sheet = read_csv(mark + out.getvalue())

    assert [(each.number, each.cells) for each in sheet.records] == [
        (1, {"title": "a; b, c", "text": "satu\ndua\tdan"}),
        (3, {"title": "d"}),
    ]
    assert (sheet.layout, sheet.records[0].columns) == (
        Layout.PILAR,
        {"title": "Title", "text": "TEXT"},
    )


CELL = st.text(st.sampled_from("ab;,\t\"\n'=-é "), min_size=1).map(str.strip).filter(bool)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_every_cell_comes_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([("message", "date"), *rows])

    sheet = read_csv(out.getvalue(), Layout.HOOTSUITE)

    assert [(each.cells["text"], each.cells["when"]) for each in sheet.records] == rows


@pytest.mark.parametrize(
    ("first", "layout"),
    [
        ("id,title,text,at", Layout.PILAR),
        ("Text,Image URL,Tags,Posting Time", Layout.BUFFER),
        ("Date - Intl. format or prompt,Text,Link(s),Media URL(s),CTA - For links", Layout.PUBLER),
        ("2026/03/05 10:00,Halo,https://kantor.example", Layout.HOOTSUITE),
        ("5/3/2026 10:00;Halo, apa kabar", Layout.HOOTSUITE),
    ],
)
def test_a_layout_is_known_by_its_first_row(first: str, layout: Layout) -> None:
    assert read_csv(f"{first}\nx,x\n").layout is layout


@pytest.mark.parametrize(
    ("text", "code", "facts"),
    [
        ("title,foo\nx,x", "unknown-column", {"column": "foo"}),
        ("title,Title\nx,x", "column-twice", {"column": "Title"}),
        ('title\nx\n"y" z\n', "broken-csv", {"line": 3}),
        ("title\n" + "x\n" * 2001, "too-many-rows", {"count": 2001, "limit": 2000}),
        ("\n \n", "no-rows", {}),
    ],
)
def test_a_table_is_refused_as_a_whole(text: str, code: str, facts: dict[str, Any]) -> None:
    with pytest.raises(WrongSheet) as refused:
        read_csv(text)

    (fault,) = refused.value.faults
    assert (fault.code, {name: fault.facts[name] for name in facts}) == (code, facts)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["03/04/2026", "13/04/2026"], True),
        (["03/04/2026", "04/13/2026 10:00"], False),
        (["03/04/2026"], None),
        (["13/04/2026", "04/13/2026"], None),
        (["2026-04-13"], None),
    ],
)
def test_the_whole_file_says_how_its_days_are_written(
    dates: list[str], expected: bool | None
) -> None:
    assert is_day_first(dates) is expected


def test_a_day_that_can_be_two_is_never_guessed() -> None:
    text = "03/04/2026 10:00,a\n05/05/2026 10:00,b\n"

    open_, day, month = (read(text, day_first=first) for first in (None, True, False))

    assert faults(open_) == [[("date", "ambiguous-date")], []]
    assert locals_of(open_) == [None, "2026-05-05 10:00"]
    assert locals_of(day) == ["2026-04-03 10:00", "2026-05-05 10:00"]
    assert locals_of(month) == ["2026-03-04 10:00", "2026-05-05 10:00"]


def test_one_row_decides_for_all_and_two_that_differ_for_none() -> None:
    decided = read("03/04/2026 10:00,a\n25/04/2026 10:00,b\n")
    at_odds = read("03/04/2026 10:00,a\n25/04/2026 10:00,b\n04/25/2026 10:00,c\n")

    assert locals_of(decided) == ["2026-04-03 10:00", "2026-04-25 10:00"]
    assert faults(at_odds) == [[("date", "ambiguous-date")]] * 3


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("date,time", "2026-03-05,09.30", ("2026-03-05 09:30", [])),
        ("date", "2026-03-05 09:30", ("2026-03-05 09:30", [])),
        ("date", "2026-03-05", (None, [("time", "time-missing")])),
        ("date,time", "2026-03-05,pagi", (None, [("time", "not-a-clock-time")])),
        ("date,time", "2026-02-30,10:00", (None, [("date", "no-such-time")])),
        ("date,time", "2026-03-05,25:00", (None, [("date", "no-such-time")])),
        ("date", "besok", (None, [("date", "not-a-time")])),
        ("date", "2101-03-05 09:30", (None, [("date", "year-out-of-range")])),
        ("date", "2026-03-01 09:30", ("2026-03-01 09:30", [("date", "past-not-published")])),
        ("time", "09:30", (None, [("date", "missing")])),
        ("at", "2026-03-05 09:30", (None, [("at", "not-an-instant")])),
        ("at,date", "2026-03-05T09:30:00Z,2026-03-05 10:00", (None, [("date", "two-times")])),
        ("status", "published", (None, [("published_at", "missing")])),
        ("status,date", "published,2025-03-05", ("2025-03-05 12:00", [])),
        (
            "published_at",
            "2026-03-05 09:30",
            ("2026-03-05 09:30", [("published_at", "future-history")]),
        ),
        ("type", "iklan", (None, [("type", "unknown-name")])),
        ("format", "film", (None, [("format", "field-choice")])),
        ("status", "selesai", (None, [("status", "field-choice")])),
        ("permalink", "ftp://a.example", (None, [("permalink", "url-scheme")])),
        ("channels", "lain", (None, [("channels", "unknown-name")])),
        ("id", "5", (None, [("id", "uuid-parsing")])),
        ("text", "a\x07b", (None, [("text", "control-character")])),
        ("text", "a,b", (None, [("", "too-many-cells")])),
    ],
)
def test_what_a_cell_means_or_why_it_means_nothing(
    header: str, row: str, expected: tuple[str | None, list[tuple[str, str]]]
) -> None:
    found = read(f"title,{header}\nJudul,{row}\n")

    assert (locals_of(found)[0], faults(found)[0]) == expected


def test_a_row_without_a_channel_can_have_no_time() -> None:
    sheet = read_rows([{"title": "a", "at": "2026-03-05T09:30:00Z"}, {"title": "b"}])

    found = entries(sheet, KNOWN, Defaults((), "informative"), NOW)

    assert faults(found) == [[("channels", "missing")], []]


def test_a_zone_of_the_request_is_the_wall_clock_of_every_row() -> None:
    found = read("date,text\n2026-03-05 09:30,a", zone=ZoneInfo("Asia/Tokyo"))

    assert (found[0].at, found[0].local) == (datetime(2026, 3, 5, 0, 30, tzinfo=UTC), None)


def test_a_row_has_the_same_id_wherever_it_stands() -> None:
    one, two = read("title,text\na,b\nc,d"), read("text;title\nd;c\nb;a\nb;z\n")

    ids = [entry.external_id for entry in one]
    assert [entry.external_id for entry in two][:2] == ids[::-1]
    assert two[2].external_id not in ids
    assert all(len(each) == len("import:") + 32 for each in ids)


def test_a_title_comes_from_the_text_and_without_text_a_row_is_an_idea() -> None:
    found = read("title,text,status\n,Baris satu\\nlagi,\nJudul,,\nJudul,,draft\n,isi,idea\n")

    assert [(entry.words["title"], entry.status.value) for entry in found] == [
        ("Baris satu\\nlagi", "draft"),
        ("Judul", "idea"),
        ("Judul", "draft"),
        ("isi", "idea"),
    ]
