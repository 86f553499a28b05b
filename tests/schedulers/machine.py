"""An office, its workers, clocks and platforms, to which anything at all happens."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
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
from tests.schedulers.bay import Weather
from tests.schedulers.ground import Ground, parts, says
from tests.schedulers.witness import ENDS, Draft
from tests.schedulers.workers import Plan
from tests.schedulers.yard import LEASE_SECONDS, Yard

Deed = Callable[[Db, Workspace], Awaitable[None]]

whos = st.integers(0, 1)
numbers = st.integers(0, 11)
plans = st.builds(
    Plan,
    points=st.none() | st.integers(1, 11),
    dies=st.booleans(),
    weather=st.lists(st.sampled_from(Weather), max_size=2),
)
OPTIONS = {
    "planned": ("move", "take_off", "publish_now"),
    "scheduled": ("move", "move", "publish_now", "take_off"),
    "handed_over": ("confirm", "retry"),
    "failed": ("retry", "retry", "move", "publish_now", "dismiss", "take_off"),
    "missed": ("retry", "retry", "move", "publish_now", "dismiss", "take_off"),
    "needs_review": ("live", "send_again", "send_again", "failed", "move"),
}
"""What people do about publications in each state, and things that they may not."""

ASKING = {"handed_over", "failed", "missed", "needs_review"}

ROUNDS = 120


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


class Machine(RuleBasedStateMachine):
    """An office and two workers, to whom anything at all happens."""

    ground: Ground
    met: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard(self.ground)
        self.saved = False
        self.step = timedelta(hours=1)

    # Workers.

    def tick(self, tick: Tick | None) -> None:
        """Dispatch what is due after a while, and publish some of it; the rest gets lost."""
        if tick is not None:
            self.yard.tide.forward(seconds=tick.seconds)
            self.yard.tick(tick.who, tick.plans, tick.turn)

    @rule(
        deed=st.sampled_from(
            ("deliver", "go on", "go on", "look", "look", "kill", "stop", "lose", "alone")
        ),
        who=whos,
        number=numbers,
        plan=plans,
        then=thens,
    )
    def work(self, deed: str, who: int, number: int, plan: Plan, then: Tick | None) -> None:
        """Let a worker do something, or end."""
        process = self.yard.processes[who]
        stopped = [each for each in self.yard.processes if each.works]
        match deed:
            case "deliver":  # whether or not it is due, or another has it
                self.yard.publish(process, self.id_of(number), plan)
            case "go on" if stopped:  # whoever has taken over meanwhile
                self.yard.go_on(stopped[who % len(stopped)], plan)
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

    # Time.

    @rule(seconds=st.sampled_from((0, 130, 130, 700, 700, 3_700, 3_700, 90_000)), then=ticks)
    def wait(self, seconds: int, then: Tick) -> None:
        self.yard.tide.forward(seconds=seconds)
        self.tick(then)

    def _step_the_clock(self) -> None:
        """Put the wall clock an hour forward or back, or right again."""
        now = self.yard.tide.wrong
        self.yard.tide.wrong = timedelta(0) if now else self.step
        self.step = -self.step

    # People.

    @rule(
        deed=st.sampled_from(("edit", "edit", "approve", "approve", "reject", *["decide"] * 8)),
        number=numbers,
        choice=st.integers(0, 11),
        then=thens,
    )
    def people(self, deed: str, number: int, choice: int, then: Tick | None) -> None:
        """Edit a post, approve it or send it back; or decide about a publication."""
        draft = self.yard.office.drafts[number % 4]
        if deed == "decide":
            self._decide(number, choice)
        elif deed == "edit":
            self._edit(draft, number, choice)
        elif deed == "approve" and self.act(lambda *place: self._approve(draft, *place)):
            draft.approved = draft.said
        elif deed == "reject" and self.act(lambda *place: self._reject(draft, *place)):
            draft.approved = None
        self.tick(then)

    def _edit(self, draft: Draft, number: int, choice: int) -> None:
        """Let a post say something else: everywhere, or on one channel."""
        channel = None if choice > 3 else self.yard.office.channels[choice]
        said = draft.said | {channel: says(number % 4, choice % 3, len(draft.said[None]))}
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

    def _decide(self, number: int, choice: int) -> None:
        """Decide about a publication as its state asks for; or as it does not, which is refused."""
        rows = sorted(self.yard.witness.all(Publication), key=lambda row: row.id)
        asking = [row for row in rows if row.status in ASKING]
        row = (asking or rows)[number % len(asking or rows)]
        now = self.yard.tide()
        later = When(at=now + timedelta(minutes=choice % 5))
        deeds: dict[str, tuple[Callable[..., Awaitable[None]], Any]] = {
            "publish_now": (acts.publish_now, ()),
            "retry": (acts.retry, ()),
            "move": (placing.move, (later,)),
            "take_off": (placing.take_off, ()),
            "dismiss": (acts.dismiss, ()),
            "confirm": (acts.confirm, (None, None)),
            "live": (acts.say_live, (None, now)),
            "send_again": (acts.send_again, ()),
            "failed": (acts.say_failed, ()),
        }
        options = OPTIONS.get(row.status, ("take_off",))
        deed = options[choice % len(options)]
        act, more = deeds[deed]
        if self.about(row.id, act, *more) and deed in {"send_again", "failed"}:
            self.yard.forgive(row)

    @rule(
        deed=st.sampled_from(
            ("hold", "hold", "let", "plug", "place", "place", "place", "back_up", "clock")
        ),
        number=st.integers(0, 31),
        then=thens,
    )
    def happen(self, deed: str, number: int, then: Tick | None) -> None:
        """Let something happen around the publications."""
        match deed:
            case "hold":
                self._hold(number)
            case "let":
                self._let_through(self.id_of(number))
            case "plug":
                channel = self.yard.office.channels[number % 4]
                self._connect(channel, connected=channel in self.yard.office.away)
            case "place":
                self._place(number)
            case "back_up":
                self._back_up(back=number % 2 > 0)
            case "clock":
                self._step_the_clock()
        self.tick(then)

    def _place(self, number: int) -> None:
        """Put a post where it is not, or no longer is."""
        office, now = self.yard.office, self.yard.tide()
        rows = [row for row in self.yard.witness.all(Publication) if row.status != "cancelled"]
        taken = {(row.post_id, row.channel_id) for row in rows}
        places = [(draft.id, channel) for draft in office.drafts for channel in office.channels]
        free = [each for each in places if each not in taken]
        post_id, channel_id = free[number % len(free)]

        async def place(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, post_id)
            channel = await channels.of(db, workspace.id, channel_id)
            when = When(at=now + timedelta(minutes=number % 4))
            place = (db, workspace, office.writer, post, [channel], when, now)
            rows = await placing.place(*place)
            office.rows.append(rows[0].id)

        self.act(place)

    def _hold(self, number: int) -> None:
        """Hold what is in a scope (or everything there is), or let it go again."""
        office, now = self.yard.office, self.yard.tide()
        reaches = [
            Reach(Scope.WORKSPACE),
            *(Reach(Scope.CHANNEL, channel_id=each) for each in office.channels),
            Reach(Scope.CAMPAIGN, campaign_id=office.campaigns[0]),
            *(Reach(Scope.TYPE, type=office.drafts[number].type) for number in (0, 1)),
        ]
        if number % 9 < len(reaches):
            self._hold_reach(reaches[number % 9])
        elif office.stopped:
            self._release_all()
        else:
            self.yard.run(holds.hold_all(self.yard.store, "Siaga.", now))
            office.stopped = True

    def _hold_reach(self, reach: Reach) -> None:
        office, now = self.yard.office, self.yard.tide()
        standing = next((each for each, of in office.holds.items() if of == reach), None)
        if standing:
            self._release(standing)
            return

        async def hold(db: Db, workspace: Workspace) -> None:
            row = await holds.place(db, workspace, office.approver, reach, "Banjir.", now)
            office.holds[row.id] = reach

        assert self.act(hold)

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

    def _let_through(self, row_id: UUID) -> None:
        """Let one publication go through every hold, or not any more."""
        through = self.yard.office.through
        reason = None if row_id in through else "Pernyataan resmi."
        if self.about(row_id, holds.let_through, reason):
            (through.add if reason else through.discard)(row_id)

    def _connect(self, channel_id: UUID, *, connected: bool) -> None:
        office, now = self.yard.office, self.yard.tide()
        said = "connected" if connected else "disconnected"

        async def connect(db: Db, workspace: Workspace) -> None:
            channel = await channels.of(db, workspace.id, channel_id)
            await channels.note_check(db, workspace, office.writer, channel, said, None, now)

        assert self.act(connect)
        office.away = office.away - {channel_id} if connected else office.away | {channel_id}

    def _back_up(self, *, back: bool) -> None:
        """Take a backup, or restore the one that was taken."""
        if self.saved and back:
            self.yard.load()
        else:
            self.yard.save()
            self.saved = True

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
