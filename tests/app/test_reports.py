"""Monthly reports over HTTP: every figure is a count of rows, in JSON, CSV and print."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.deps import House
from app.schemas import reports as schemas
from planner import reports as planned
from planner.compliance import Grain, Scope
from planner.publications import Status
from planner.reports import Section
from store import compliance, workspaces
from store.tables import Publication
from tests.app.conftest import Office
from tests.app.reporting import AFTERWARDS, MONTH, rows_of_march, seeded
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock


def figures_of(rows: list[Publication]) -> dict[str, int]:
    """Count rows the plainest way."""
    figures = dict.fromkeys(schemas.ReportFigures.model_fields, 0)
    for row in rows:
        figures["publications"] += 1
        if row.status == "published":
            figures["published"] += 1
            figures["exempt" if row.exempt else "counted"] += 1
            figures["recorded"] += row.recorded
        elif row.status in {"missed", "failed", "needs_review"}:
            figures[row.status] += 1
        else:
            figures["waiting"] += 1
        figures["overrides"] += row.override is not None
        figures["withdrawn"] += row.withdrawn_at is not None
        figures["retyped"] += row.retyped_at is not None
    return figures


def told(rows: list[Publication], column: str, value: Any) -> tuple[int, int]:
    """Count the published rows with a value: those that count, and the exempt ones."""
    here = [row for row in rows if row.status == "published" and getattr(row, column) == value]
    exempt = [row for row in here if row.exempt]
    return len(here) - len(exempt), len(exempt)


def wrong_figures(report: Any, rows: list[Publication]) -> list[str]:
    """Return which figures of a report are not those of the rows."""
    wanted: dict[str, Any] = {"figures": figures_of(rows)}
    given: dict[str, Any] = {"figures": report["figures"]}
    for noun, column in (("type", "type"), ("pillar", "pillar_id"), ("channel", "channel_id")):
        tallies = report[f"by_{noun}"]
        for each in tallies:
            key = each[noun] if noun == "type" or each[noun] is None else UUID(each[noun])
            given[f"{noun} {key}"] = (each["counted"], each["exempt"])
            wanted[f"{noun} {key}"] = told(rows, column, key)
        given[f"all by {noun}"] = sum(each["counted"] + each["exempt"] for each in tallies)
        wanted[f"all by {noun}"] = wanted["figures"]["published"]
    return [name for name in wanted if wanted[name] != given[name]]


async def test_every_figure_is_a_count_of_rows(house: House, office: Office, clock: Clock) -> None:
    await seeded(house, office, clock)
    rows = [row for row, _ in await rows_of_march(house)]

    report = await office.key.ok("GET", office.path(f"/reports/{MONTH}"))

    assert wrong_figures(report, rows) == []
    assert min(report["figures"].values()) > 0
    assert [each["name"] for each in report["by_channel"]] == ["Berita", "Kosong & sepi", "Timur"]
    assert [each["name"] for each in report["by_pillar"]] == [
        *("Naskah", "Tradisi"),
        "Without a pillar",
    ]


async def test_every_publication_of_the_month_is_told_with_its_facts(
    house: House, office: Office, clock: Clock
) -> None:
    await seeded(house, office, clock)
    rows = await rows_of_march(house)

    report = await office.key.ok("GET", office.path(f"/reports/{MONTH}?lang=id"))

    same = ("id", "type", "status", "reason", "local", "timezone", "recorded", "exempt")
    lines = report["publications"]
    assert [
        ({name: line[name] for name in same}, line["title"], line["counts"], line["permalink"])
        for line in lines
    ] == [
        (
            {name: getattr(row, name) for name in same} | {"id": str(row.id)},
            title,
            row.holds_seat,
            row.permalink,
        )
        for row, title in rows
    ]
    for line, (row, _) in zip(lines, rows, strict=True):
        went = row.published_at and row.published_at.astimezone(ZoneInfo(row.timezone))
        assert line["published_local"] == (went and f"{went:%Y-%m-%dT%H:%M:%S}")
    belongs: dict[str, Callable[[Publication], bool]] = {
        "published": lambda row: row.status == "published",
        "needs_review": lambda row: row.status == "needs_review",
        "unsent": lambda row: row.status in {"missed", "failed"},
        "exempt": lambda row: row.exempt is not None,
        "overrides": lambda row: row.override is not None,
        "withdrawn": lambda row: row.withdrawn_at is not None,
        "retyped": lambda row: row.retyped_at is not None,
    }
    for name, holds in belongs.items():
        assert report["lists"][name] == [str(row.id) for row, _ in rows if holds(row)]
    fates = [report["lists"][name] for name in ("published", "waiting", "unsent", "needs_review")]
    assert sorted(chain(*fates)) == sorted(str(row.id) for row, _ in rows)


async def test_the_mix_is_that_of_compliance_and_its_counts_are_those_of_the_list(
    house: House, office: Office, clock: Clock
) -> None:
    on = await seeded(house, office, clock)
    halves = [{"key": key, "name": key, "share": share} for key, share in _HALVES.items()]
    path = office.path(f"/channels/{on[1]['id']}/mix")
    clock.now = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
    tag = (await office.manager("GET", path)).headers["ETag"]
    await office.manager.ok("PUT", path, {"types": halves, "mode": "warn"}, match=tag)
    clock.now = AFTERWARDS

    report = await office.key.ok("GET", office.path(f"/reports/{MONTH}"))

    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, office.slug)
        known = {
            each.channel_id: each
            for scope in Scope
            for each in (
                await compliance.entries(
                    db,
                    workspace,
                    grain=Grain.MONTH,
                    scope=scope,
                    first=date(2026, 3, 1),
                    until=date(2026, 4, 1),
                    now=clock.now,
                )
            )[0]
        }
    mixes = [report["mix"], *report["channel_mixes"]]
    assert [each["name"] for each in mixes] == ["Biro", "Berita", "Kosong & sepi", "Timur"]
    assert [len(each["pieces"]) for each in mixes] == [0, 0, 0, 2]
    for told in mixes:
        entry = known[told["channel"] and UUID(told["channel"])]
        pairs = [(told, entry), *zip(told["pieces"], entry.pieces, strict=True)]
        for shown, kept in pairs:
            first, last = (date.fromisoformat(shown[each]) for each in ("first_day", "last_day"))
            assert (first, last + timedelta(days=1)) == (kept.first, kept.until)
            assert {name: shown[name] for name in _PLAIN} == {
                name: getattr(kept, name) for name in _PLAIN
            }
            for each, line in zip(shown["types"], kept.types, strict=True):
                lines = [
                    row
                    for row in report["publications"]
                    if row["type"] == line.key
                    and first.isoformat() <= row["day"] <= last.isoformat()
                    and told["channel"] in {None, row["channel"]}
                ]
                assert each["count"] == line.count == sum(row["counts"] for row in lines)
                assert each["count_with_exempt"] == line.count_with_exempt
                for name in ("share", "target"):
                    exact = getattr(line, f"{name}_bp")
                    assert (each[name] is None) == (exact is None)
                    assert exact is None or abs(each[name] - float(exact) / 100) <= 0.005


_HALVES = {"informative": 50, "interactive": 25, "edutainment": 25}
_PLAIN = ("closed", "status", "slots", "placed", "open", "lost", "total", "exempt", "overrides")


async def test_an_empty_month_is_a_report_too(office: Office) -> None:
    forms = ("json", "csv", "html")
    path = office.path("/reports/2027-02?lang=id&format=")

    answers = {form: await office.key("GET", f"{path}{form}") for form in forms}

    report = answers["json"].json()
    assert set(report["figures"].values()) == {0}
    assert (report["month_name"], report["first_day"], report["last_day"], report["over"]) == (
        *("Februari 2027", "2027-02-01", "2027-02-28"),
        False,
    )
    assert [each["counted"] for each in report["by_type"]] == [0, 0, 0]
    assert answers["csv"].text == ",".join(schemas.ReportLine.model_fields) + "\r\n"
    assert answers["html"].text.count("<p>Tidak ada.</p>") == 7


async def test_a_month_is_over_when_it_is_over_everywhere(office: Office, clock: Clock) -> None:
    await add_channel(office, "hawaii", timezone="Pacific/Honolulu")
    path = office.path(f"/reports/{MONTH}")
    ends = datetime(2026, 4, 1, 10, 0, tzinfo=UTC)
    clock.now = ends - timedelta(seconds=1)
    before = await office.key("GET", path)
    known = {"If-None-Match": before.headers["ETag"]}
    same = await office.key("GET", path, headers=known)
    other = await office.key("GET", f"{path}?lang=id", headers=known)

    clock.now = ends
    after = await office.key("GET", path, headers=known)

    assert [each.status_code for each in (before, same, other, after)] == [200, 304, 200, 200]
    assert [each.json()["over"] for each in (before, other, after)] == [False, False, True]


async def test_who_has_it_is_told_so_until_something_changes(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    paths = [office.path(f"/reports/{MONTH}?format={form}") for form in ("json", "csv", "html")]
    known = {
        path: {"If-None-Match": (await office.key("GET", path)).headers["ETag"]} for path in paths
    }

    same = [await office.key("GET", path, headers=known[path]) for path in paths]
    post = await approve_post(office, await write_post(office))
    await place(office, post, channel, when=at(clock.now + timedelta(days=3)))
    changed = [await office.key("GET", path, headers=known[path]) for path in paths]

    assert [each.status_code for each in (*same, *changed)] == [304] * 3 + [200] * 3


async def test_what_is_no_month_is_refused_clearly(office: Office) -> None:
    arabic = "".join(chr(0x660 + int(each)) if each.isdigit() else each for each in MONTH)
    nonsense = ["maret", "2026-13", "2026-00", "2026-3", "2026-03-01", arabic]
    far = ["1999-12", "2101-01"]

    answers = [await office.key("GET", office.path(f"/reports/{each}")) for each in nonsense + far]

    faults = [(each.status_code, *each.json()["errors"]) for each in answers]
    assert [(status, fault["pointer"], fault["code"]) for status, fault in faults] == [
        *[(422, "/path/month", "not-a-month")] * len(nonsense),
        *[(422, "/path/month", "month-out-of-range")] * len(far),
    ]


async def test_the_first_and_the_last_month_there_are(office: Office) -> None:
    first = await office.key.ok("GET", office.path("/reports/2000-01"))
    last = await office.key.ok("GET", office.path("/reports/2100-12"))

    assert [each["last_day"] for each in (first, last)] == ["2000-01-31", "2100-12-31"]


async def test_a_report_is_for_members(office: Office, other_office: Office) -> None:
    answer = await other_office.owner("GET", office.path(f"/reports/{MONTH}?format=html"))

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-workspace")


def _deaf(line: planned.Line) -> Section:
    return Section.PUBLISHED if line.status is not Status.MISSED else Section.UNSENT


async def test_a_report_that_counts_what_was_not_published_is_caught(
    house: House, office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seeded(house, office, clock)
    rows = [row for row, _ in await rows_of_march(house)]
    monkeypatch.setattr(planned.Line, "fate", property(_deaf))

    report = await office.key.ok("GET", office.path(f"/reports/{MONTH}"))

    assert "figures" in wrong_figures(report, rows)
    assert "all by type" in wrong_figures(report, rows)
