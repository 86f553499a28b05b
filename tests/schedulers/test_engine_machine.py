"""The engine keeps its invariants whatever people, clocks, platforms and crashes do to it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from planner.errors import PilarError
from planner.holds import Reach, Scope
from schedulers.sweeping import recover, sweep
from store import (
    acts,
    approving,
    channels,
    holds,
    placing,
    posts,
    publications,
    workspaces,
    writing,
)
from store.db import Db
from store.placing import When
from store.tables import Publication, Workspace
from tests.schedulers import bay
from tests.schedulers.bay import Weather
from tests.schedulers.ground import Files, Ground, parts, says
from tests.schedulers.machine import Plan
from tests.schedulers.witness import ENDS, Draft
from tests.schedulers.yard import Yard

Deed = Callable[[Db, Workspace], Awaitable[None]]

whos = st.integers(0, 1)
numbers = st.integers(0, 15)
plans = st.builds(
    Plan,
    points=st.none() | st.integers(1, 11),
    dies=st.booleans(),
    weather=st.lists(st.sampled_from(Weather), max_size=2),
)
ROUNDS = 120


class Machine(RuleBasedStateMachine):
    """An office and two workers, to whom anything at all happens."""

    ground: Ground
    met: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard(self.ground)
        self.saved = False

    # Workers.

    @rule(who=whos, plan=plans)
    def tick(self, who: int, plan: Plan) -> None:
        """Dispatch what is due, and publish it."""
        self.yard.tick(who, plan)

    @rule(who=whos, number=numbers, plan=plans)
    def deliver(self, who: int, number: int, plan: Plan) -> None:
        """Deliver anything at all, whether or not it is due or another has it."""
        self.yard.publish(self.yard.processes[who], self.id_of(number), plan)

    @precondition(lambda self: any(each.works for each in self.yard.processes))
    @rule(who=whos, plan=plans)
    def go_on(self, who: int, plan: Plan) -> None:
        """Let go on what stood still, whoever has taken over meanwhile."""
        found = [each for each in self.yard.processes if each.works]
        self.yard.go_on(found[who % len(found)], plan)

    @rule(who=whos, how=st.sampled_from(("kill", "stop", "lose", "alone")))
    def end(self, who: int, how: str) -> None:
        """End a worker at once or politely, or let it lose its lock; or begin alone."""
        match how:
            case "kill":
                self.yard.kill(who)
            case "stop":
                self.yard.stop(who)
            case "lose":
                self.yard.processes[who].lock.lose()
            case "alone":
                self.yard.start_alone()

    @rule(who=whos)
    def look_around(self, who: int) -> None:
        publisher = self.yard.processes[who].publisher
        self.yard.run(recover(publisher, "expired"))
        self.yard.run(sweep(publisher))

    # Time.

    @rule(seconds=st.sampled_from((1, 20, 61, 61, 130, 130, 300, 700, 3_700, 90_000)))
    def wait(self, seconds: int) -> None:
        self.yard.tide.forward(seconds=seconds)

    @rule(hours=st.sampled_from((-1, 1)))
    def step_the_clock(self, hours: int) -> None:
        self.yard.tide.wrong = timedelta(hours=hours) if not self.yard.tide.wrong else timedelta(0)

    # People.

    @rule(
        number=st.integers(0, 3),
        deed=st.sampled_from(("edit", "approve", "approve", "reject")),
        version=st.integers(0, 2),
        own=st.none() | st.integers(0, 3),
    )
    def write(self, number: int, deed: str, version: int, own: int | None) -> None:
        """Edit a post, for all channels or for one; approve it; or send it back."""
        draft = self.yard.office.drafts[number]
        if deed == "edit":
            self._edit(draft, number, version, own)
        elif deed == "approve" and self.act(lambda *place: self._approve(draft, *place)):
            draft.approved = draft.said
        elif deed == "reject" and self.act(lambda *place: self._reject(draft, *place)):
            draft.approved = None

    def _edit(self, draft: Draft, number: int, version: int, own: int | None) -> None:
        channel = None if own is None else self.yard.office.channels[own]
        said = draft.said | {channel: says(number, version, len(draft.said[None]))}
        variants = {str(each): {"parts": parts(text)} for each, text in said.items() if each}
        words = {"parts": parts(said[None]), "variants": variants}

        async def edit(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, draft.id)
            place = (db, workspace, self.yard.office.writer, post)
            await writing.change(*place, words, {}, self.yard.tide())

        if self.act(edit):
            draft.said = said

    async def _approve(self, draft: Draft, db: Db, workspace: Workspace) -> None:
        post, now = await posts.of(db, workspace.id, draft.id), self.yard.tide()
        if post.status != "in_review":
            await approving.submit(db, workspace, self.yard.office.writer, post, now)
        await approving.approve(db, workspace, self.yard.office.approver, post, now)

    async def _reject(self, draft: Draft, db: Db, workspace: Workspace) -> None:
        post = await posts.of(db, workspace.id, draft.id)
        place = (db, workspace, self.yard.office.approver, post)
        await approving.reject(*place, "Belum.", self.yard.tide())

    @rule(number=st.integers(0, 3), on=st.integers(0, 3), minutes=st.integers(0, 40))
    def place(self, number: int, on: int, minutes: int) -> None:
        """Put a post where it is not, or no longer is."""
        office, tide = self.yard.office, self.yard.tide

        async def place(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, office.drafts[number].id)
            channel = await channels.of(db, workspace.id, office.channels[on])
            when = When(at=tide() + timedelta(minutes=minutes))
            place = (db, workspace, office.writer, post, [channel], when, tide())
            rows = await placing.place(*place)
            office.rows.append(rows[0].id)

        self.act(place)

    @rule(
        number=numbers,
        deed=st.sampled_from(("publish_now", "retry", "move", "take_off", "dismiss", "confirm")),
        minutes=st.integers(0, 40),
    )
    def decide(self, number: int, deed: str, minutes: int) -> None:
        """Decide about a publication that may be anywhere in its life."""
        later = When(at=self.yard.tide() + timedelta(minutes=minutes))
        deeds: dict[str, tuple[Callable[..., Awaitable[None]], Any]] = {
            "publish_now": (acts.publish_now, ()),
            "retry": (acts.retry, ()),
            "move": (placing.move, (later,)),
            "take_off": (placing.take_off, ()),
            "dismiss": (acts.dismiss, ()),
            "confirm": (acts.confirm, (None, None)),
        }
        act, more = deeds[deed]
        self.about(self.id_of(number), act, *more)

    @rule(number=numbers, outcome=st.sampled_from(("live", "send_again", "failed")))
    def resolve(self, number: int, outcome: str) -> None:
        """Say of what needs review how it is, rightly or wrongly."""
        row, now = self.yard.witness.row(self.id_of(number)), self.yard.tide()
        if row.status != "needs_review":
            return
        if outcome == "live":
            self.about(row.id, acts.say_live, None, now)
            return
        self.about(row.id, acts.send_again if outcome == "send_again" else acts.say_failed)
        self.yard.forgive(row)

    @rule(
        scope=st.sampled_from(Scope),
        channel=st.integers(0, 3),
        type_=st.integers(0, 1),
        of_all=st.booleans(),
    )
    def hold(self, scope: Scope, channel: int, type_: int, of_all: bool) -> None:
        """Hold what is in a scope, or everything there is."""
        office, now = self.yard.office, self.yard.tide()
        if scope is Scope.WORKSPACE and of_all:
            self.yard.run(holds.hold_all(self.yard.store, "Siaga.", now))
            office.stopped = True
            return
        reach = {
            Scope.WORKSPACE: Reach(scope),
            Scope.CHANNEL: Reach(scope, channel_id=office.channels[channel]),
            Scope.CAMPAIGN: Reach(scope, campaign_id=office.campaigns[0]),
            Scope.TYPE: Reach(scope, type=office.drafts[type_].type),
        }[scope]

        async def hold(db: Db, workspace: Workspace) -> None:
            row = await holds.place(db, workspace, office.approver, reach, "Banjir.", now)
            office.holds[row.id] = reach

        self.act(hold)

    @precondition(lambda self: self.yard.office.holds or self.yard.office.stopped)
    @rule(number=numbers)
    def release(self, number: int) -> None:
        """Release a hold, or the stop of everything."""
        office = self.yard.office
        if not office.holds or (office.stopped and number % 2):
            self._release_all()
            return
        self._release(list(office.holds)[number % len(office.holds)])

    def _release_all(self) -> None:
        self.yard.run(holds.release_all(self.yard.store, self.yard.tide()))
        self.yard.office.stopped = self.yard.office.restored = False

    def _release(self, hold_id: UUID) -> None:
        office, now = self.yard.office, self.yard.tide()

        async def release(db: Db, workspace: Workspace) -> None:
            row = await holds.of(db, workspace.id, hold_id)
            await holds.release(db, workspace, office.approver, row, now)

        assert self.act(release)
        del office.holds[hold_id]

    @rule(number=numbers, reason=st.sampled_from(("Pernyataan resmi.", None)))
    def let_through(self, number: int, reason: str | None) -> None:
        """Let one publication go through every hold, or not any more."""
        row, through = self.id_of(number), self.yard.office.through
        if self.about(row, holds.let_through, reason):
            (through.add if reason else through.discard)(row)

    @rule(on=st.integers(0, 3))
    def plug(self, on: int) -> None:
        """Disconnect a channel, or connect it again."""
        office = self.yard.office
        self._connect(office.channels[on], connected=office.channels[on] in office.away)

    def _connect(self, channel_id: UUID, *, connected: bool) -> None:
        office, now = self.yard.office, self.yard.tide()
        said = "connected" if connected else "disconnected"

        async def connect(db: Db, workspace: Workspace) -> None:
            channel = await channels.of(db, workspace.id, channel_id)
            await channels.note_check(db, workspace, office.writer, channel, said, None, now)

        assert self.act(connect)
        office.away = office.away - {channel_id} if connected else office.away | {channel_id}

    # Backups.

    @rule()
    def save(self) -> None:
        self.yard.save()
        self.saved = True

    @precondition(lambda self: self.saved)
    @rule()
    def load(self) -> None:
        self.yard.load()

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
        for number in range(len(yard.processes)):
            yard.kill(number)
        if office.stopped:
            self._release_all()
        for hold_id in list(office.holds):
            self._release(hold_id)
        for channel in list(office.away):
            self._connect(channel, connected=True)
        for _ in range(ROUNDS):
            rows = yard.witness.all(Publication)
            if all(row.status in ENDS for row in rows):
                break
            yard.pass_time()
        self.met.update(f"ended {row.status}" for row in rows)
        yard.witness.check()
        left = [(row.id, row.status) for row in rows if row.status not in ENDS]
        assert not left, f"I6, no end: {left}"

    # How it is done.

    def id_of(self, number: int) -> UUID:
        rows = self.yard.office.rows
        return rows[number % len(rows)]

    def act(self, deed: Deed) -> bool:
        """Do what a person does, in a transaction; return whether it is allowed."""

        async def work() -> bool:
            try:
                async with self.yard.store.transaction() as db:
                    await deed(db, await workspaces.lock(db, self.yard.office.slug))
            except PilarError as error:
                self.yard.met[f"refused {type(error).__name__}"] += 1
                return False
            return True

        return self.yard.run(work())

    def about(self, row_id: UUID, deed: Callable[..., Awaitable[None]], *more: Any) -> bool:
        """Do what a person does about a publication; return whether it is allowed."""

        async def work(db: Db, workspace: Workspace) -> None:
            row = await publications.of(db, workspace.id, row_id)
            self.yard.met[f"{deed.__name__} of {row.status}"] += 1
            place = (db, workspace, self.yard.office.approver, row)
            await deed(*place, *more, self.yard.tide())

        return self.act(work)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Files]:
    with bay.installed():
        yield Files(tmp_path_factory.mktemp("ground"), migrated_file)


def drive(ground: Ground, examples: int, steps: int, *, seed: int | None = None) -> Counter[str]:
    """Run machines, and return what they came across; what fails is told as it was found."""
    met: Counter[str] = Counter()
    machine = type("Machine", (Machine,), {"ground": ground, "met": met})
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
    return met


def test_the_engine_keeps_its_invariants_whatever_happens(files: Files) -> None:
    met = drive(files, 20, 25)

    print(met)
