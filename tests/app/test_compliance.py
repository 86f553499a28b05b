"""Compliance over HTTP equals a recomputation from all rows, and holds until something changes."""

import csv
import io
import math
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.deps import House
from app.schemas import compliance as schemas
from planner import tallies
from planner.access import Role
from planner.compliance import DayCount, Part
from store import people, workspaces
from store.audit import CLI
from tests.app.accounting import Books, rows_of
from tests.app.conftest import Office
from tests.app.offices import DAYS, FIRST, fill
from tests.app.writing import add_channel, place, write_post
from tests.conftest import Client, Clock

GRAINS = ("week", "month", "quarter")
SEEDS = range(3)


def asked(seed: int, books: Books) -> list[dict[str, Any]]:
    """Return what to ask for: each grain and scope, some days, with and without details."""
    draw = random.Random(-seed)
    found = []
    for grain in GRAINS:
        for scope in ("workspace", "channel"):
            first = FIRST + timedelta(days=draw.randrange(DAYS))
            until = first + timedelta(days=draw.randrange(1, 45))
            channel = draw.choice([None, str(draw.choice(books.channels).id)])
            full = draw.random() < 0.6
            more: dict[str, Any] = {"channel": channel if scope == "channel" else None}
            more |= {"grain": grain, "scope": scope, "full": full}
            found.append(more | {"first": first, "until": until})
    return found


def path(wanted: dict[str, Any]) -> str:
    query = f"grain={wanted['grain']}&scope={wanted['scope']}"
    query += f"&from={wanted['first']}&to={wanted['until']}"
    query += f"&channel={wanted['channel']}" if wanted["channel"] else ""
    return f"/mix/compliance?{query}" + ("&detail=full" if wanted["full"] else "")


async def differing(
    house: House, office: Office, now: datetime, seed: int, requests: int = 6
) -> list[str]:
    """Return where the answers differ from the recomputation: request, window, field."""
    books = Books(await rows_of(house.store), office.slug, now)
    found = []
    for wanted in asked(seed, books)[:requests]:
        answer = await office.key.ok("GET", office.path(path(wanted)))
        told, expected = answer["entries"], books.answer(**wanted)
        if len(told) != len(expected):
            found.append(f"{path(wanted)}: {len(told)} entries, not {len(expected)}")
        for one, other in zip(told, expected, strict=False):
            found += [
                f"{path(wanted)} {one['from']} {one['channel_name']} {name}: "
                f"{one.get(name)} not {other.get(name)}"
                for name in sorted({*one, *other})
                if one.get(name) != other.get(name)
            ]
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.untraced
async def test_compliance_equals_a_recomputation_from_all_rows(
    house: House, office: Office, clock: Clock, seed: int
) -> None:
    clock.forward(days=random.Random(seed).randrange(40), hours=seed * 5)
    await fill(house.store, office.slug, clock.now, seed)

    assert await differing(house, office, clock.now, seed) == []


@pytest.mark.untraced
async def test_a_wrong_reckoning_is_caught(
    wrong: None, house: House, office: Office, clock: Clock
) -> None:
    clock.forward(days=20)
    await fill(house.store, office.slug, clock.now, 3, publications=60)

    assert await differing(house, office, clock.now, 3, requests=2) != []


def _exempt_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    posts = Part.posts
    more = property(lambda part: posts.fget(part) + sum(part.exempt.values()))  # type: ignore[attr-defined]
    monkeypatch.setattr(Part, "posts", more)


def _band_of_what_is_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies._Sums, "total", property(lambda sums: sums.posts))


def _slots_taken_by_exact_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DayCount, "open", property(lambda day: day.slots_ahead))


def _rounding_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(value: Fraction, places: int) -> float:
        return float(math.floor(value * 10**places) / 10**places)

    monkeypatch.setattr(schemas, "rounded", down)


WRONG = (_exempt_counts, _band_of_what_is_placed, _slots_taken_by_exact_match, _rounding_down)


@pytest.fixture(params=WRONG, ids=lambda each: each.__name__.strip("_"))
def wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    request.param(monkeypatch)


@pytest.fixture
async def slotted(office: Office) -> Any:
    """A channel with a slot at nine on workdays; the mix warns."""
    await relax(office)
    channel = await add_channel(office)
    slots = [{"weekday": day, "time": "09:00"} for day in range(5)]
    body = {"slots": slots, "effective_from": "2026-03-02"}
    channel_path = office.path(f"/channels/{channel['id']}/slots")
    await office.manager.ok("PUT", channel_path, body, match=channel["version"])
    return channel


async def relax(office: Office) -> None:
    """Let the mix warn instead of refusing."""
    mix = await office.viewer("GET", office.path("/mix"))
    types = mix.json()["in_force"]["types"]
    body = {"types": types, "mode": "warn"}
    await office.manager.ok("PUT", office.path("/mix"), body, match=mix.headers["ETag"])


MONTH = "/mix/compliance?from=2026-03-01&to=2026-04-01"


async def test_without_days_the_present_window_is_answered(
    office: Office, slotted: Any, clock: Clock
) -> None:
    told = await office.viewer.ok("GET", office.path("/mix/compliance"))

    (entry,) = told["entries"]
    assert (told["as_of"], told["grain"], told["scope"]) == (
        "2026-03-02T01:00:00Z",
        "month",
        "workspace",
    )
    assert (entry["from"], entry["to"], entry["closed"]) == ("2026-03-01", "2026-04-01", False)
    assert (entry["slots"], entry["open"], entry["channel"], entry["detail"]) == (
        22,
        22,
        None,
        None,
    )
    assert len(entry["trend"]) == 6


async def test_an_answer_holds_until_a_write(office: Office, slotted: Any) -> None:
    answer = await office.viewer("GET", office.path(MONTH))
    tag = {"If-None-Match": answer.headers["ETag"]}

    again = await office.viewer("GET", office.path(MONTH), headers=tag)
    await place(office, await write_post(office), slotted, when={"local": "2026-03-03T09:00"})
    after = await office.viewer("GET", office.path(MONTH), headers=tag)

    assert (again.status_code, again.headers["ETag"]) == (304, answer.headers["ETag"])
    assert (after.status_code, after.json()["entries"][0]["placed"]) == (200, 1)


async def test_an_answer_holds_until_a_slot_passes_and_until_midnight(
    office: Office, slotted: Any, clock: Clock
) -> None:
    async def ask(tag: str) -> httpx.Response:
        return await office.viewer("GET", office.path(MONTH), headers={"If-None-Match": tag})

    told = [await ask("")]
    statuses = []
    for minutes in (59, 1, 14 * 60 + 59, 1):  # it is 08:00; the slot is at 09:00
        clock.forward(minutes=minutes)
        statuses.append((await ask(told[-1].headers["ETag"])).status_code)
        told.append(await ask(""))

    assert statuses == [304, 200, 304, 200]
    assert [each.json()["entries"][0]["lost"] for each in told] == [0, 0, 1, 1, 1]


async def test_an_answer_for_one_language_is_none_for_another(office: Office) -> None:
    answer = await office.viewer("GET", office.path(MONTH))

    headers = {"If-None-Match": answer.headers["ETag"], "Accept-Language": "id"}
    other = await office.viewer("GET", office.path(MONTH), headers=headers)

    assert other.status_code == 200


async def test_counts_come_before_percentages(office: Office, slotted: Any) -> None:
    for day in (3, 4, 5, 6):
        post = await write_post(office, type="interactive" if day == 3 else "informative")
        await place(office, post, slotted, when={"local": f"2026-03-0{day}T09:00"})

    (entry,) = (await office.viewer.ok("GET", office.path(MONTH)))["entries"]

    shown = ("count", "share", "target", "band", "best", "deviation_posts", "deviation_points")
    assert (entry["placed"], entry["grain"], entry["status"]) == (4, 25.0, "at_risk")
    assert [[each[name] for name in shown] for each in entry["types"]] == [
        [3, None, 60.0, {"lower": 13, "upper": 14}, 13, 0.6, None],
        [1, None, 20.0, {"lower": 4, "upper": 5}, 5, 0.2, None],
        [0, None, 20.0, {"lower": 4, "upper": 5}, 4, -0.8, None],
    ]


async def test_csv_has_a_row_for_each_window_and_type(office: Office, slotted: Any) -> None:
    post = await write_post(office)
    await place(office, post, slotted, when={"local": "2026-03-03T09:00"})
    channel_path = office.path(f"/channels/{slotted['id']}")
    channel = await office.viewer("GET", channel_path)
    await office.manager.ok("PATCH", channel_path, {"name": "=1+1"}, match=channel.headers["ETag"])
    query = "/mix/compliance?from=2026-02-01&to=2026-04-01&scope=channel"

    told = await office.viewer.ok("GET", office.path(query))
    answer = await office.viewer("GET", office.path(f"{query}&format=csv"))

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    march = told["entries"][1]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["ETag"].startswith('"')
    assert [(row["from"], row["type"]) for row in rows] == [
        (entry["from"], each["key"]) for entry in told["entries"] for each in entry["types"]
    ]
    assert {row["channel_name"] for row in rows} == {"'=1+1"}
    assert {name: rows[3][name] for name in ("workspace", "slots", "closed", "as_of")} == {
        "workspace": "biro",
        "slots": str(march["slots"]),
        "closed": "false",
        "as_of": told["as_of"],
    }
    for row, each in zip(rows[3:], march["types"], strict=True):
        assert float(row["deviation_posts"]) == each["deviation_posts"]  # no apostrophe before it
        assert int(row["lower"]) == each["band"]["lower"]


WRONG_QUERIES = {
    "from=2026-03-01": ("/query/to", "missing"),
    "to=2026-03-01": ("/query/from", "missing"),
    "from=2026-03-02&to=2026-03-02": ("/query/to", "wrong-range"),
    "from=2026-03-02&to=2028-03-02": ("/query/to", "wrong-range"),
    f"channel={UUID(int=1)}": ("/query/channel", "channel-without-scope"),
    "grain=day": ("/query/grain", "enum"),
    "detail=some": ("/query/detail", "literal-error"),
    "chanel=x": ("/query/chanel", "unknown-parameter"),
}


async def test_what_cannot_be_meant_is_refused(office: Office) -> None:
    found = {}
    for query in WRONG_QUERIES:
        answer = await office.viewer("GET", office.path(f"/mix/compliance?{query}"))
        (error,) = answer.json()["errors"]
        found[query] = (error["pointer"], error["code"])

    unknown = f"/mix/compliance?scope=channel&channel={UUID(int=1)}"
    assert found == WRONG_QUERIES
    assert (await office.viewer("GET", office.path(unknown))).status_code == 404


async def test_all_workspaces_are_those_that_the_caller_sees(
    house: House, office: Office, other_office: Office, clock: Clock
) -> None:
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, other_office.slug)
        person = await people.by_email(db, "viewer@biro.example")
        assert person is not None
        await people.join(db, workspace, CLI, person, Role.VIEWER, clock.now)

    both = await office.viewer.ok("GET", "/compliance")
    one = await other_office.viewer.ok("GET", "/compliance?scope=channel")
    single = await office.viewer.ok("GET", office.path("/mix/compliance"))

    assert [(each["slug"], each["name"]) for each in both["workspaces"]] == [
        ("biro", "Biro"),
        ("lain", "Lain"),
    ]
    assert both["workspaces"][0]["entries"] == single["entries"]
    assert one["workspaces"] == [{"slug": "lain", "name": "Lain", "entries": []}]
    assert [each["slug"] for each in (await office.key.ok("GET", "/compliance"))["workspaces"]] == [
        "biro"
    ]
    assert (await office.viewer("GET", "/compliance?channel=x")).status_code == 422
    assert (await Client(office.key.http)("GET", "/compliance")).status_code == 401


async def test_one_tag_is_for_all_workspaces(
    house: House, office: Office, other_office: Office, slotted: Any, clock: Clock
) -> None:
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, other_office.slug)
        person = await people.by_email(db, "viewer@biro.example")
        assert person is not None
        joined = await people.join(db, workspace, CLI, person, Role.VIEWER, clock.now)
    statuses: list[int] = []
    tag = (await office.viewer("GET", "/compliance")).headers["ETag"]

    async def again() -> None:
        nonlocal tag
        headers = {"If-None-Match": f'"nonsense", {tag}'}
        answer = await office.viewer("GET", "/compliance", headers=headers)
        tag = answer.headers["ETag"]
        statuses.append(answer.status_code)

    await again()
    await write_post(other_office)
    await again()
    clock.forward(hours=1)  # the slot of the first office passes
    await again()
    await again()
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, other_office.slug)
        await people.remove(db, workspace, CLI, joined, clock.now)
    await again()

    assert statuses == [304, 200, 200, 304, 200]


async def test_all_workspaces_are_told_as_csv(office: Office, other_office: Office) -> None:
    answer = await office.key("GET", "/compliance?format=csv")

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["workspace"], row["type"]) for row in rows] == [
        ("biro", key) for key in ("informative", "interactive", "edutainment")
    ]


async def test_gauges_tell_of_the_present_months(
    house: House, office: Office, slotted: Any, http: httpx.AsyncClient, clock: Clock
) -> None:
    for day in (3, 4, 5):
        post = await write_post(office)
        await place(office, post, slotted, when={"local": f"2026-03-0{day}T09:00"})
    before = (await http.get("/metrics")).text
    clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    after = (await http.get("/metrics")).text

    assert mix_lines(before) == [
        'pilar_mix_deviation_posts{channel="feed:berita",type="edutainment",workspace="biro"} -0.6',
        'pilar_mix_deviation_posts{channel="feed:berita",type="informative",workspace="biro"} 1.2',
        'pilar_mix_deviation_posts{channel="feed:berita",type="interactive",workspace="biro"} -0.6',
        'pilar_mix_needed_posts{channel="feed:berita",type="edutainment",workspace="biro"} 4.0',
        'pilar_mix_needed_posts{channel="feed:berita",type="informative",workspace="biro"} 10.0',
        'pilar_mix_needed_posts{channel="feed:berita",type="interactive",workspace="biro"} 4.0',
        'pilar_mix_posts{channel="feed:berita",type="edutainment",workspace="biro"} 0.0',
        'pilar_mix_posts{channel="feed:berita",type="informative",workspace="biro"} 3.0',
        'pilar_mix_posts{channel="feed:berita",type="interactive",workspace="biro"} 0.0',
        'pilar_mix_repairs{channel="feed:berita",workspace="biro"} 0.0',
        'pilar_mix_status{channel="feed:berita",status="at_risk",workspace="biro"} 1.0',
    ]
    posts = [line for line in mix_lines(after) if line.startswith("pilar_mix_posts")]
    assert [line.rpartition(" ")[2] for line in posts] == ["0.0"] * 3


def mix_lines(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith("pilar_mix"))
