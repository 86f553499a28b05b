"""Fifty people fill one month at once, without agreement: it ends in band, and nobody is stuck."""

import asyncio
import random
from collections import Counter
from datetime import date
from typing import Any

import pytest

from app.deps import House
from planner.windows import Verdict
from store import judging
from tests.app.asking import ask, with_slots
from tests.app.conftest import Office
from tests.app.machine import TYPES, problem
from tests.app.mixing import read_calendar
from tests.app.writing import write_post

pytestmark = pytest.mark.untraced

WORKDAYS = tuple((weekday, "09:00") for weekday in range(5))
CLIENTS = 50
MARCH = date(2026, 3, 1)
MISFITS = {"mix-violation", "no-fitting-slot"}


async def fill(office: Office, channel: Any, seed: int) -> Counter[str | None]:
    """Let everybody put a post somewhere in March, of another type where theirs is refused.

    Every other one takes the next slot, the rest any time at first. Returns how often what was
    answered.
    """
    rng = random.Random(seed)
    met: Counter[str | None] = Counter()
    plans = [
        (
            [TYPES[0], *rng.sample(TYPES[1:], 2)] if rng.random() < 0.7 else rng.sample(TYPES, 3),
            {"slot": "next"} if number % 2 else {"local": f"2026-03-{rng.randint(3, 31):02}T10:30"},
        )
        for number in range(CLIENTS)
    ]

    async def client(types: list[str], when: dict[str, str]) -> None:
        # A post besides the slots may be refused as any type: then one takes a slot.
        tries = [(each, when) for each in types] + [(each, {"slot": "next"}) for each in types * 2]
        for type_, wanted in tries:
            post = await write_post(office, type=type_)
            answer = await ask(office.editor, office, post, channel, when=wanted)
            met[problem(answer)] += 1
            if answer.is_success:
                met[answer.json()["mix"]["outcome"]] += 1
                return
        raise AssertionError(("no type fits", types, when, met))

    await asyncio.gather(*(client(*plan) for plan in plans))
    while left := await open_in_march(office):
        assert left[0]["types"], "nobody is stuck"
        post = await write_post(office, type=rng.choice(left[0]["types"]))
        placed = await ask(office.editor, office, post, channel, when={"local": left[0]["local"]})
        assert placed.status_code == 201, placed.text
    return met


async def open_in_march(office: Office) -> list[Any]:
    calendar = await office.viewer.ok("GET", office.path("/calendar?from=2026-03-01&to=2026-04-01"))
    found: list[Any] = calendar["open_slots"]
    return found


async def test_fifty_clients_fill_a_month_in_band(office: Office, house: House) -> None:
    channel = await with_slots(office, *WORKDAYS)

    met = await fill(office, channel, seed=1)

    calendar, _, _ = await read_calendar(house, office.slug)
    (march,) = calendar.pieces(channel["id"], MARCH)
    assert sum(each.open for each in march.stretches) == 0
    assert (march.completable(), max(march.repairs())) == (True, 0)
    assert met.keys() - MISFITS == {None, "ok"}
    assert met[None] == CLIENTS
    assert met["mix-violation"] > 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_a_judge_the_month_ends_off_target(
    office: Office, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary: nobody judges, and the same people fill the same month."""
    channel = await with_slots(office, *WORKDAYS)
    monkeypatch.setattr(judging, "judge", lambda _before, _after: Verdict())

    await fill(office, channel, seed=1)

    calendar, _, _ = await read_calendar(house, office.slug)
    (march,) = calendar.pieces(channel["id"], MARCH)
    assert max(march.repairs()) > 0
