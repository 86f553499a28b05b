"""An office, its workers, clocks and platforms, to which anything at all happens."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schedulers.sweeping import recover, sweep
from store.tables import Publication
from tests.schedulers.bay import SETTLE_SECONDS, Weather
from tests.schedulers.ground import Ground
from tests.schedulers.people import People
from tests.schedulers.witness import ENDS
from tests.schedulers.workers import Plan
from tests.schedulers.yard import LEASE_SECONDS, Yard

whos = st.integers(0, 1)
numbers = st.integers(0, 11)
plans = st.builds(
    Plan,
    points=st.sampled_from((None, None, None, None, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 10)),
    dies=st.sampled_from((False, False, True)),
    weather=st.lists(st.sampled_from(Weather), max_size=2),
)
ROUNDS = 120
WORKS = (
    *("deliver", "look", "kill", "stop", "lose", "alone"),
    *("go on", "go on", "go on", "overtake", "overtake"),
)
DEEDS = (
    *("edit", "edit", "approve", "reject", "decide", "decide", "decide", "decide"),
    *("hold", "hold", "let", "plug", "place", "place", "clock", "back up", "back up"),
)


@dataclass(frozen=True, slots=True)
class Tick:
    """After how many seconds which worker publishes what is due, and how it goes."""

    seconds: int
    who: int
    plans: list[Plan]
    turn: int


ticks = st.builds(
    Tick,
    seconds=st.sampled_from((0, 1, 20, 61, 61, 130, 130, 200)),
    who=whos,
    plans=st.lists(plans, min_size=2, max_size=4),
    turn=st.integers(0, 3),
)
thens = st.none() | ticks


class Machine(People, RuleBasedStateMachine):
    """An office and two workers, to whom anything at all happens."""

    ground: Ground
    met: Counter[str]
    works = WORKS
    deeds = DEEDS

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard(self.ground)
        self.saved = False
        self.step = timedelta(hours=1)

    def tick(self, tick: Tick | None) -> None:
        """Dispatch what is due after a while, and publish some of it; the rest gets lost."""
        if tick is not None:
            self.yard.tide.forward(seconds=tick.seconds)
            self.yard.tick(tick.who, tick.plans, tick.turn)

    @rule(
        deed=st.integers(0, 999),
        who=whos,
        number=numbers,
        plan=plans,
        then=thens,
    )
    def work(self, deed: int, who: int, number: int, plan: Plan, then: Tick | None) -> None:
        """Let a worker do something, or end."""
        process = self.yard.processes[who]
        stopped = [each for each in self.yard.processes if each.works]
        match self.works[deed % len(self.works)]:
            case "deliver":  # whether or not it is due, or another has it
                rows = self.yard.office.rows
                self.yard.publish(process, rows[number % len(rows)], plan)
            case "go on":
                self.go_on(number, plan)
            case "overtake" if stopped:
                self.yard.overtake(self.yard.processes.index(stopped[who % len(stopped)]), plan)
            case "look":
                self.yard.run(recover(process.publisher, "expired"))
                self.yard.run(sweep(process.publisher))
            case "kill":
                self.yard.kill(who)
            case "stop":
                self.yard.stop(who)
            case "lose":
                process.lock.lose()
            case "alone":
                self.yard.start_alone()
        self.tick(then)

    @rule(seconds=st.sampled_from((0, 130, 130, 700, 700, 3_700, 3_700, 90_000)), then=ticks)
    def wait(self, seconds: int, then: Tick) -> None:
        self.yard.tide.forward(seconds=seconds)
        self.tick(then)

    @rule(
        first=thens,
        deed=st.integers(0, 999),
        number=numbers,
        choice=numbers,
        plan=plans,
    )
    def people(self, first: Tick | None, deed: int, number: int, choice: int, plan: Plan) -> None:
        """Let people do something, before what stands still goes on."""
        self.tick(first)
        self.do(self.deeds[deed % len(self.deeds)], number, choice)
        self.go_on(number, plan)

    def go_on(self, number: int, plan: Plan) -> None:
        """Let go on what stood still, whoever has taken over meanwhile."""
        if stopped := [each for each in self.yard.processes if each.works]:
            self.yard.go_on(stopped[number % len(stopped)], plan)

    def do(self, deed: str, number: int, choice: int) -> None:
        """Do something, or let something happen to all of it."""
        match deed:
            case "clock":  # an hour forward, back, or right again
                # Within the settle time nobody can tell an hour that passes from one that is put.
                self.yard.tide.forward(seconds=SETTLE_SECONDS + 1)
                self.yard.tide.wrong = timedelta(0) if self.yard.tide.wrong else self.step
                self.step = -self.step
            case "back up" if self.saved and number % 3:
                self.yard.load()
            case "back up":
                self.yard.save()
                self.saved = True
            case _:
                super().do(deed, number, choice)

    # What holds.

    @invariant()
    def all_is_well(self) -> None:
        self.yard.witness.check()

    def teardown(self) -> None:
        """Let time pass in fair weather: whatever is due comes to an end."""
        try:
            if not self.yard.failed:
                self.met.update(self.yard.met)
                self.come_to_an_end()
        finally:
            self.yard.close()

    def come_to_an_end(self) -> None:
        yard, office = self.yard, self.yard.office
        while yard.processes[0].works:  # the first goes on, the second ends
            yard.go_on(yard.processes[0], Plan())
        for number in range(len(yard.processes)):
            yard.kill(number)
        if office.stopped:
            self.release_all()
        for hold_id in list(office.holds):
            self.release(hold_id)
        for channel in list(office.away):
            self.connect(channel, connected=True)
        yard.tide.forward(seconds=LEASE_SECONDS + 1)
        yard.run(recover(yard.processes[0].publisher, "expired"))
        for _ in range(ROUNDS):
            rows = yard.witness.all(Publication)
            if all(row.status in ENDS for row in rows):
                break
            yard.pass_time()
        self.met.update(f"ended {row.status}" for row in rows)
        yard.witness.check()
        left = [row for row in rows if row.status not in ENDS]
        assert not left, f"I6, no end at {yard.tide()}: {left}"
