"""The demonstration: an office that looks lived in, and keeps the rules it shows."""

import io
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app import house as composition
from app.cli_demo import build
from app.demo.cards import cards
from app.demo.founding import Office
from app.demo.script import items
from app.demo.story import Deed, story
from app.main import create_app
from planner.mix import DEFAULT_TYPES
from store import audit, channels, posts, publications, workspaces
from store.db import Store
from store.tables import Channel, Post, Publication
from tests.app.commands import pilar
from tests.grounds import Ground, Rows

pytestmark = pytest.mark.untraced

JAKARTA = ZoneInfo("Asia/Jakarta")
EVERYTHING = 10_000

A_TUESDAY = datetime(2026, 11, 24, 8, tzinfo=UTC)
THE_FIRST_ON_A_SATURDAY = datetime(2026, 8, 1, 5, tzinfo=UTC)


async def everything(
    store: Store, slug: str
) -> tuple[list[Post], list[Publication], dict[str, Channel]]:
    async with store.reading() as db:
        workspace = await workspaces.by_slug(db, slug)
        written = await posts.page_of(
            db, workspace.id, {}, channel_id=None, q=None, after=None, limit=EVERYTHING
        )
        seats = await publications.in_days(db, workspace.id, date.min, date.max, filters={})
        known = {each.handle: each for each in await channels.all_of(db, workspace.id)}
    return list(written), list(seats), known


BUILT: dict[tuple[type, datetime], tuple[Office, Rows]] = {}


async def lived_in(ground: Ground, now: datetime) -> Office:
    """Build a demonstration, or bring its rows back: to build it takes seconds."""
    if (type(ground), now) not in BUILT:
        office = await build(composition.read_settings(), "warisan", now)
        BUILT[type(ground), now] = office, ground.rows()
        return office
    office, rows = BUILT[type(ground), now]
    ground.put_back(rows)
    return office


@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize("now", [A_TUESDAY, THE_FIRST_ON_A_SATURDAY], ids=str)
async def test_the_office_looks_lived_in(
    beside: str, ground: Ground, store: Store, now: datetime
) -> None:
    office = await lived_in(ground, now)

    written, seats, known = await everything(store, "warisan")
    assert len({post.title for post in written}) == len(written) >= 60
    assert {post.status for post in written} == {"idea", "draft", "in_review", "approved"}
    assert sum(post.rejection is not None for post in written) == 1
    states = Counter(seat.status for seat in seats)
    assert set(states) == {"planned", "scheduled", "published", "handed_over", "missed"}
    sent = Counter((seat.status, seat.channel_id) for seat in seats if seat.attempts)
    assert sent == {
        ("published", known["kabar"].id): sent["published", known["kabar"].id],
        ("published", known["instagram"].id): 1,
        ("handed_over", known["tiktok"].id): 1,
    }
    assert all(seat.recorded == (seat.attempts == 0) for seat in seats if seat.published_at)
    assert {login.role.value for login in office.logins} == {
        "owner",
        "manager",
        "approver",
        "editor",
        "viewer",
    }


@pytest.mark.xdist_group("demo")
async def test_the_demo_keeps_its_own_rules(beside: str, ground: Ground, store: Store) -> None:
    await lived_in(ground, A_TUESDAY)

    written, seats, _ = await everything(store, "warisan")
    shares = {each.key: each.share_bp for each in DEFAULT_TYPES["id"]}
    types: defaultdict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    for seat in seats:
        monday = seat.day - timedelta(days=seat.day.weekday())
        types[str(seat.channel_id), monday][seat.type] += 1
    assert {
        tuple(count[key] * 10_000 // count.total() for key in shares) for count in types.values()
    } == {tuple(shares.values())}
    async with store.reading() as db:
        workspace = await workspaces.by_slug(db, "warisan")
        for post in written:
            approvers = {row.actor for row in await posts.approvals(db, post)}
            assert not approvers & await posts.writers_of(db, post)
        assert await audit.verify(db, workspace.id) is None
        entries = await audit.entries(db, workspace.id, limit=EVERYTHING)
    moments = [entry.at for entry in reversed(entries)]
    assert moments == sorted(moments)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_feed_shows_what_went_out_now(beside: str, data_folder: Path) -> None:
    settings = composition.read_settings()
    now = datetime.now(UTC)

    told = (await pilar("demo", "--json")).json()

    async with composition.visit(settings, now) as house:
        transport = httpx.ASGITransport(create_app(house))
        async with httpx.AsyncClient(transport=transport, base_url=told["url"]) as http:
            feed = feedparser.parse((await http.get(told["feed"])).text)
            headers = {"Authorization": f"Bearer {told['api_key']}"}
            mine = await http.get("/api/v1/workspaces/warisan", headers=headers)
            logins = [
                await http.post(
                    "/api/v1/sessions",
                    json={"email": each["email"], "password": each["password"]},
                )
                for each in told["logins"][:2]
            ]
    assert len(feed.entries) > 10
    assert feed.entries[0].enclosures[0].type == "image/jpeg"
    assert mine.status_code == 200
    assert [login.status_code for login in logins] == [201, 201]


async def test_a_demo_does_not_touch_what_is_there(beside: str, store: Store) -> None:
    office = ("--workspace", "Biro", "--timezone", "Asia/Jakarta", "--email", "ayu@biro.example")
    await pilar("init", "--slug", "warisan", *office)

    told = await pilar("demo")

    assert (told.code, told.out) == (1, "")
    assert (await everything(store, "warisan"))[:2] == ([], [])


async def test_a_demo_ends_in_what_to_look_at(data_folder: Path) -> None:
    told = await pilar("demo", "--slug", "dua")

    assert told.code == 0
    assert "rahayu@dua.example" in told.out
    assert "/feeds/dua/kabar.atom" in told.out
    assert "Authorization: Bearer pilar_" in told.out


@given(st.integers(0, 5 * 365 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_the_story_happened_in_order_and_never_after_now(passed: timedelta) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) + passed

    events = story(items(now.astimezone(JAKARTA).date()), JAKARTA, now)

    moments = [event.at for event in events]
    assert moments == sorted(moments)
    assert moments[-1] <= now
    life: defaultdict[int, list[Deed]] = defaultdict(list)
    for event in events:
        life[event.item.number].append(event.deed)
        if event.seat is not None:
            due_at = event.seat.due_at(JAKARTA)
            happened = event.deed in {Deed.RECORD, Deed.MISS}
            assert event.deed is Deed.GO or (due_at <= event.at) == happened
            assert event.deed is not Deed.SEND or due_at <= now
    order = list(Deed)
    once = {Deed.WRITE, Deed.SUBMIT, Deed.APPROVE, Deed.REJECT}
    for deeds in life.values():
        own = [deed for deed in deeds if deed in once]
        assert own == sorted(set(own), key=order.index)
        assert own[0] is deeds[0] is Deed.WRITE


def test_a_carousel_has_a_card_for_each_sentence() -> None:
    carousel = next(item for item in items(date(2026, 11, 24)) if item.words.format == "carousel")

    drawn = list(cards(carousel.words, "Layanan", "#34568b", "Biro Humas"))

    assert [alt.partition(":")[0] for alt, _ in drawn] == [
        "Kartu judul",
        *(f"Kartu {number}" for number in range(1, 5)),
    ]
    sizes = {Image.open(io.BytesIO(picture)).size for _, picture in drawn}
    assert sizes == {(1080, 1350)}
