"""Monthly reports as CSV and for printing: the figures of the JSON, and nothing that runs."""

import base64
import csv
import hashlib
import io
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from app.deps import House
from app.printing import NOTHING, number_text, zone_text
from app.speech import LANGUAGE, messages
from planner.publications import Status
from tests.app.conftest import Office
from tests.app.reporting import MONTH, seeded
from tests.conftest import Clock
from tests.sources import ROOT


async def test_the_csv_has_a_row_for_each_publication_and_no_formula(
    house: House, office: Office, clock: Clock
) -> None:
    await seeded(house, office, clock)
    report = await office.key.ok("GET", office.path(f"/reports/{MONTH}?lang=id"))

    answer = await office.key("GET", office.path(f"/reports/{MONTH}?lang=id&format=csv"))

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    wanted = [
        {
            name: "" if value is None else str(value).lower() if value in (True, False) else value
            for name, value in line.items()
        }
        for line in report["publications"]
    ]
    titles = {row["title"] for row in rows}
    assert [row | {"title": row["title"].removeprefix("'")} for row in rows] == wanted
    assert any(title.startswith("'=HYPERLINK") for title in titles)
    assert [answer.headers[name] for name in ("Content-Type", "Content-Disposition")] == [
        "text/csv; charset=utf-8",
        'attachment; filename="biro-report-2026-03.csv"',
    ]


class Reader(HTMLParser):
    """Reads a page as a browser does, by and large: its tables, and what it would run or fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[str] = []
        self.links: list[str] = []
        self.unscoped = 0
        self._caption: list[str] = []
        self._rows: list[list[str]] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.unscoped += tag == "th" and "scope" not in told
        if tag == "table":
            self._caption, self._rows = [], []
        if tag == "tr":
            self._rows.append([])
        if tag in {"td", "th"}:
            self._rows[-1].append("")
        if tag in {"td", "th", "caption"}:
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""
        if tag == "table":
            self.tables["".join(self._caption)] = self._rows

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self._caption.append(data)
        elif self._in:
            self._rows[-1][-1] += data


@pytest.mark.parametrize(
    ("language", "words", "share"),
    [
        ("id", ("Tayang menurut jenis", "Porsi konten: seluruh kanal", "Daftar tayangan"), ","),
        ("en", ("Published, by type", "Mix: all channels", "Published"), "."),
    ],
)
async def test_the_page_shows_the_figures_in_the_language_and_runs_nothing(
    house: House, office: Office, clock: Clock, language: str, words: tuple[str, ...], share: str
) -> None:
    await seeded(house, office, clock)
    accepted = {"Accept-Language": language}
    path = office.path(f"/reports/{MONTH}")
    report = await office.key.ok("GET", path, headers=accepted)

    answer = await office.key("GET", f"{path}?format=html", headers=accepted)

    page = Reader(answer.text)
    by_type, mix, published = words
    month = {"id": "Maret 2026", "en": "March 2026"}[language]
    sums = [sum(each[name] for each in report["by_type"]) for name in ("counted", "exempt")]
    assert page.tables[by_type][1:-1] == [
        [
            each["name"],
            *map(str, (each["counted"], each["exempt"], each["counted"] + each["exempt"])),
        ]
        for each in report["by_type"]
    ]
    assert page.tables[by_type][-1][1:] == [*map(str, sums), str(report["figures"]["published"])]
    assert [row[:3] for row in page.tables[mix][2:-1]] == [
        [each["name"], str(each["count"]), f"{each['share']:g}%".replace(".", share)]
        for each in report["mix"]["types"]
    ]
    shown = page.tables[f"{published}, {month}"][1:]
    wanted = [each for each in report["publications"] if each["status"] == "published"]
    assert len(shown) == len(wanted)
    for row, line in zip(shown, wanted, strict=True):
        assert row[4].startswith(line["title"])
        assert row[1:3] == [line["channel_name"], line["type_name"]]
        assert row[5] == (line["permalink"] or NOTHING)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert set(page.links) == {"https://social.example/p/1?a=1&b=2"}
    assert page.unscoped == 0
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["Content-Language"] == language


async def test_the_page_may_do_nothing_but_look_as_it_does(office: Office) -> None:
    answer = await office.key("GET", office.path(f"/reports/{MONTH}?format=html"))

    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert "style=" not in answer.text.replace(style, "")


@pytest.mark.parametrize(
    ("value", "signed", "english", "indonesian"),
    [
        (None, False, "\u2013", "\u2013"),
        (0, True, "0", "0"),
        (100, False, "100", "100"),
        (Fraction(1, 3), True, "+0.33", "+0,33"),
        (Fraction(-5, 4), False, "\u22121.25", "\u22121,25"),
        (Fraction(-1, 1000), True, "0", "0"),
        (Decimal("12345.60"), False, "12,345.6", "12.345,6"),
    ],
)
def test_figures_are_written_as_in_the_language(
    value: Fraction | Decimal | int | None, signed: bool, english: str, indonesian: str
) -> None:
    written = {}
    for language in ("en", "id"):
        token = LANGUAGE.set(language)
        written[language] = number_text(value, signed=signed)
        LANGUAGE.reset(token)

    assert written == {"en": english, "id": indonesian}


@pytest.mark.parametrize(
    ("zone", "named"),
    [("Asia/Makassar", "WITA"), ("Asia/Singapore", "UTC+08:00"), ("Etc/UTC", "UTC")],
)
def test_a_zone_has_its_name_or_its_distance(zone: str, named: str) -> None:
    assert zone_text(datetime(2026, 3, 2, tzinfo=ZoneInfo(zone))) == named


def test_every_text_of_a_report_is_used_and_there() -> None:
    known = set(messages("id")["report"])
    template = (ROOT / "app" / "templates" / "report.html").read_text("utf-8")
    code = "".join(
        (ROOT / "app" / name).read_text("utf-8") for name in ("schemas/reports.py", "printing.py")
    )

    used = set(re.findall(r'word\(\s*f?"([a-z_-]+)"', template + code))
    stems = {"month-", "mix-", "status-", "exempt-", "mark-"}
    built = {each for each in known if any(each.startswith(stem) for stem in stems)}
    assert used - stems - known == set()
    assert known - built - used == set()
    assert {f"status-{each}" for each in Status if each is not Status.CANCELLED} <= known


async def test_a_page_that_escapes_nothing_is_caught(
    house: House, office: Office, clock: Clock
) -> None:
    await seeded(house, office, clock)
    answer = await office.key("GET", office.path(f"/reports/{MONTH}?format=html"))
    raw = answer.text.replace("&lt;", "<").replace("&gt;", ">")

    assert "script" in Reader(raw).tags
