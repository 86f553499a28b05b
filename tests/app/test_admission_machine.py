"""The mix is kept whatever is done in whatever order: every verdict against enumeration."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from app.deps import House
from planner.periods import judge
from planner.windows import Verdict
from store import judging
from store.blobs import FolderBlobs
from store.db import Store
from store.settings import StoreSettings
from tests.app.machine import OVERRIDE, TYPES, Hand, Place, Step, problem
from tests.app.mixing import ZONE, Standing, Version, Weekly
from tests.conftest import RING, Clock, app_of

pytestmark = pytest.mark.untraced

SHARES = ((60, 20, 20), (50, 25, 25), (20, 60, 20), (100, 0, 0), (34, 33, 33))
TIMES = ((0, "09:00"), (2, "10:00"), (3, "16:00"), (5, "19:00"))
ENDS = date(2026, 4, 12)

kinds = st.sampled_from(("add", "add", "add", "move", "swap", "retype", "remove", "exempt"))
numbers = st.integers(0, 30)
days = st.integers(0, 40)


class Machine(Hand, RuleBasedStateMachine):
    """A manager who does anything at all to two channels in the months to come."""

    @initialize(
        slots=st.tuples(
            st.lists(st.sampled_from(TIMES), min_size=1, max_size=2, unique=True),
            st.lists(st.sampled_from(TIMES), max_size=1),
        ),
        shares=st.sampled_from(SHARES[:3]),
        tolerance=st.sampled_from((0, 5)),
        there=st.lists(st.tuples(st.just("add"), numbers, days), max_size=12),
    )
    def found(self, slots: Any, shares: tuple[int, ...], tolerance: int, there: Any) -> None:
        """Found an office where something stands already, whether the mix likes it or not."""
        self.open_office(slots)
        self.set_mix(shares, tolerance, whose=2, first=0, length=0, turn=0)
        step = self.start
        for kind, number, day in there:
            step = self.operate(step, kind, number, day) or step
        if step.operations:
            body = {"operations": step.operations, "override": OVERRIDE}
            assert self.ask("POST", "/publications/batch", body).status_code in {200, 422}
            self.read()

    # Rules: each makes one request of it.

    @rule(
        types=st.lists(st.sampled_from((*TYPES, TYPES[0])), min_size=2, max_size=5),
        on=st.integers(0, 1),
        later=st.integers(0, 3),
        turn=numbers,
    )
    def add_posts(self, types: list[str], on: int, later: int, turn: int) -> None:
        """Put posts one by one on days with open slots, beside the slots."""
        for type_ in types:
            free = [day for day in range(1, 40) if self._open(self.on[on], day)]
            day = free[min(later, len(free) - 1)] if free else later
            step = self.add(self.start, type_, on, self.local(day, "09:30"))
            if step:
                add = step.operations[0]
                body = {"post": add["post"], "channels": [self.on[on]], "when": add["when"]}
                self.make(step, self.send("POST", "/publications", body), turn)

    def _open(self, channel: str, day: int) -> int:
        return self.calendar.open(channel, self.calendar.today + timedelta(days=day))

    @rule(type_=st.sampled_from(TYPES), day=days, turn=numbers)
    def add_on_both(self, type_: str, day: int, turn: int) -> None:
        step = self.add(self.start, type_, 0, self.local(day, "10:00"))
        if step is None or any(
            row.post == step.operations[0]["post"] for row in self.calendar.rows.values()
        ):
            return
        add = step.operations[0]
        step = self.put(step, add["post"], type_, self.on[1], self.local(day, "10:00"))
        body = {"post": add["post"], "channels": self.on, "when": add["when"]}
        self.make(step, self.send("POST", "/publications", body), turn)

    @rule(types=st.lists(st.sampled_from(TYPES), min_size=1, max_size=5), on=st.integers(0, 1))
    def add_in_next_slots(self, types: list[str], on: int) -> None:
        for type_ in types:
            self.add_in_the_next_slot(type_, on)

    def add_in_the_next_slot(self, type_: str, on: int) -> None:
        """The next slot is the first that the type fits into, by enumeration."""
        before, channel = self.calendar, self.on[on]
        step = self.add(self.start, type_, on, self.local(0, "00:00"))
        if step is None:
            return
        body = {
            "post": step.operations[0]["post"],
            "channels": [channel],
            "when": {"slot": "next"},
        }
        answer = self.ask("POST", "/publications", body)
        found = answer.json()["publications"][0]["day"] if answer.is_success else "9999-12-31"
        for later in range(60):
            day = before.today + timedelta(days=later)
            if day.isoformat() < found and before.open(channel, day):
                local = max(before.slots(channel, day)).astimezone(ZONE).replace(tzinfo=None)
                there = Standing("any", channel, local, type_)
                assert self.harm(before.with_rows(new=there)), (day, found)
        assert problem(answer) in {None, "no-fitting-slot", "no-open-slot"}, answer.text
        self.read()
        if answer.is_success:
            day = date.fromisoformat(found)
            assert before.open(channel, day) == self.calendar.open(channel, day) + 1
            assert not self.harm(self.calendar, before)
        self.place.met[f"next {answer.status_code}"] += 1

    @rule(number=numbers, day=days, turn=numbers)
    def move_one(self, number: int, day: int, turn: int) -> None:
        if step := self.operate(self.start, "move", number, day):
            move = step.operations[0]
            path = f"/publications/{move['id']}"
            send = self.send("PATCH", path, {"when": move["when"]}, move["version"])
            self.make(step, send, turn)

    @rule(number=numbers, type_=st.integers(0, 2), turn=numbers)
    def retype_one(self, number: int, type_: int, turn: int) -> None:
        if step := self.operate(self.start, "retype", number, type_):
            retype = step.operations[0]
            path, body = f"/posts/{retype['post']}", {"type": retype["type"]}
            self.make(step, self.send("PATCH", path, body, retype["version"]), turn)

    @rule(number=numbers)
    def remove_one(self, number: int) -> None:
        if step := self.operate(self.start, "remove", number, 0):
            remove = step.operations[0]
            path = f"/publications/{remove['id']}"
            self.make(step, self.send("DELETE", path, None, remove["version"]), 0)

    @rule(number=numbers, turn=numbers)
    def exempt_one(self, number: int, turn: int) -> None:
        if step := self.operate(self.start, "exempt", number, 0):
            exempt = step.operations[0]
            path, body = f"/publications/{exempt['id']}", {"exempt": exempt["exempt"]}
            self.make(step, self.send("PATCH", path, body, exempt["version"]), turn)

    @rule(parts=st.lists(st.tuples(kinds, numbers, days), min_size=1, max_size=4), turn=numbers)
    def many(self, parts: list[tuple[str, int, int]], turn: int) -> None:
        step = self.start
        for kind, number, day in parts:
            step = self.operate(step, kind, number, day) or step
        if step.operations:
            body = {"operations": step.operations}
            self.make(step, self.send("POST", "/publications/batch", body), turn)

    @rule(
        times=st.lists(st.sampled_from(TIMES), max_size=2, unique=True),
        on=st.integers(0, 1),
        first=st.integers(0, 20),
        turn=numbers,
    )
    def set_slots(self, times: list[tuple[int, str]], on: int, first: int, turn: int) -> None:
        channel, day = self.on[on], self.calendar.today + timedelta(days=first)
        kept = [
            replace(each, until=min(each.until or day, day)) if each.channel == channel else each
            for each in self.calendar.weekly
            if each.channel != channel or each.first < day
        ]
        new = [Weekly(channel, weekday, clock, day) for weekday, clock in times]
        body = {
            "slots": [{"weekday": weekday, "time": clock} for weekday, clock in times],
            "effective_from": day.isoformat(),
        }
        path = f"/channels/{channel}/slots"
        send = self.send("PUT", path, body, self.ask("GET", path).json()["version"])
        self.make(Step(replace(self.calendar, weekly=(*kept, *new)), reshapes=True), send, turn)

    @rule(
        later=st.integers(0, 30),
        slots=st.sampled_from(("none", "none", "kept", "extra")),
        turn=numbers,
    )
    def set_day(self, later: int, slots: str, turn: int) -> None:
        day = self.calendar.today + timedelta(days=later)
        extra = ("08:00", "20:00") if slots == "extra" else ()
        path = f"/days/{day.isoformat()}"
        known = self.ask("GET", path).json().get("version")
        after = dict(self.calendar.days) | {day: (slots, extra)}
        body: Any = {"kind": "holiday", "title": "Libur", "slots": slots, "extra_times": extra}
        send = self.send("PUT", path, body, known)
        self.make(Step(replace(self.calendar, days=after), reshapes=True), send, turn)

    @rule(
        shares=st.sampled_from(SHARES),
        tolerance=st.sampled_from((0, 5)),
        whose=st.integers(0, 2),
        first=st.integers(0, 30),
        length=st.integers(0, 9),
        turn=numbers,
    )
    def set_mix(
        self,
        shares: tuple[int, ...],
        tolerance: int,
        whose: int,
        first: int,
        length: int,
        turn: int,
    ) -> None:
        """Set the shares of a channel or of all, for good or (with a length) for some days."""
        channel = self.on[whose] if whose < 2 else None
        day = self.calendar.today + timedelta(days=first)
        until = day + timedelta(days=length) if length else None
        types = tuple(zip(TYPES, (share * 100 for share in shares), strict=True))
        version = Version(channel, "own", types, tolerance * 100, "enforce", day, until)
        body = {
            "types": [
                {"key": key, "name": key.title(), "share": share}
                for key, share in zip(TYPES, shares, strict=True)
            ],
            "tolerance": tolerance,
            "effective_from": day.isoformat(),
            "effective_until": until.isoformat() if until else None,
        }
        path = f"/channels/{channel}/mix" if channel else "/mix"
        number = sum(each.channel == channel for each in self.calendar.versions)
        after = replace(self.calendar, versions=(*self.calendar.versions, version))
        self.make(Step(after, reshapes=True), self.send("PUT", path, body, number), turn)

    @rule(hours=st.integers(1, 90))
    def wait(self, hours: int) -> None:
        if self.calendar.today < ENDS:
            self.place.clock.forward(hours=hours)
            self.read()


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Place]:
    """A house that a machine may drive from outside the event loop."""
    clock = Clock()
    house = House(
        store=Store(database_url),
        ring=RING,
        blobs=FolderBlobs(tmp_path / "media"),
        connectors={},
        settings=StoreSettings(data_dir=tmp_path, _env_file=None),  # type: ignore[call-arg]
        base_url="http://pilar.test",
        clock=clock,
    )
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app_of(house)), base_url="http://pilar.test"
        )
        yield Place(runner, house, http, clock)
        runner.run(http.aclose())
        runner.run(house.store.close())


def drive(place: Place, examples: int, steps: int) -> None:
    """Run machines; what fails is told as it was found, since shrinking it takes minutes."""
    machine = type("Machine", (Machine,), {"place": place})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_verdict_is_right_and_every_way_out_leads_out(place: Place) -> None:
    drive(place, 10, 14)

    ways = {f"offered {each}" for each in ("slot", "draft", "exempt", "override")}
    assert place.met.keys() >= {"kept", "refused", "next 201"} | ways, place.met


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_machine_catches_a_judge_who_admits_everything(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "judge", lambda _before, _after: Verdict())

    with pytest.raises(AssertionError, match="may refuse"):
        drive(place, 8, 14)


def play(place: Place) -> None:
    """Add five posts; with the fifth no window alone is out of reach, and all together are."""
    machine = type("Machine", (Machine,), {"place": place})()
    machine.open_office(([(3, "09:00"), (6, "10:00")], []))
    machine.set_mix((50, 25, 25), 0, whose=2, first=0, length=0, turn=0)
    for day, type_ in ((24, 1), (17, 1), (20, 2), (10, 0), (27, 2)):
        step = machine.add(machine.start, TYPES[type_], 0, machine.local(day, "12:00"))
        add = step.operations[0]
        body = {"post": add["post"], "channels": [machine.on[0]], "when": add["when"]}
        machine.make(step, machine.send("POST", "/publications", body), turn=0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_windows_are_judged_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    play(place)
    assert (place.met["kept"], place.met["refused"]) == (5, 1)

    # The canary: a judge who looks at each window alone admits the fifth.
    monkeypatch.setattr(judging, "judge", lambda *both: replace(judge(*both), broken=()))
    with pytest.raises(AssertionError, match="may refuse"):
        play(place)
