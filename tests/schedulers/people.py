"""People: what they do about posts, publications, channels and holds, rightly or wrongly."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from planner.errors import PilarError
from planner.holds import Reach, Scope
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
from tests.schedulers.ground import parts, says
from tests.schedulers.witness import Draft
from tests.schedulers.yard import Yard

Deed = Callable[[Db, Workspace], Awaitable[None]]

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


class People:
    """Everybody of an office; what is allowed them is kept beside the database as well."""

    yard: Yard

    def do(self, deed: str, number: int, choice: int) -> None:
        """Do something; the numbers choose to what, and how."""
        row = self._target(number)
        draft = self.yard.office.draft(row.post_id)
        match deed:
            case "edit":
                self._edit(draft, row.channel_id if choice % 2 else None, choice)
            case "approve":
                self._approve(draft)
            case "reject":
                self._reject(draft)
            case "decide":
                self._decide(row, choice)
            case "place":
                self._place(number)
            case "hold":
                self._hold(row, draft, choice)
            case "let":
                self._let_through(row.id)
            case "plug":
                self.connect(row.channel_id, connected=row.channel_id in self.yard.office.away)

    def _target(self, number: int) -> Any:
        """Choose a publication: one that is under way, or asks for something, before others."""
        witness = self.yard.witness
        going = [work.about for each in self.yard.processes for work in each.works]
        if going and number % 4:
            return witness.row(going[number % len(going)])
        rows = [witness.row(each) for each in self.yard.office.rows]
        asking = [row for row in rows if row.status in ASKING]
        some = asking if asking and number % 2 else rows
        return some[number % len(some)]

    def _edit(self, draft: Draft, channel: UUID | None, version: int) -> None:
        """Let a post say something else: everywhere, or on one channel."""
        number = self.yard.office.drafts.index(draft)
        said = draft.said | {channel: says(number, version % 3, len(draft.said[None]))}
        variants = {str(each): {"parts": parts(text)} for each, text in said.items() if each}
        words = {"parts": parts(said[None]), "variants": variants}

        async def edit(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, draft.id)
            place = (db, workspace, self.yard.office.writer, post)
            await writing.change(*place, words, {}, self.yard.tide())

        if self.act(edit):
            draft.said = said

    def _approve(self, draft: Draft) -> None:
        office, now = self.yard.office, self.yard.tide()

        async def approve(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, draft.id)
            if post.status != "in_review":
                await approving.submit(db, workspace, office.writer, post, now)
            await approving.approve(db, workspace, office.approver, post, now)

        if self.act(approve):
            draft.approved = draft.said

    def _reject(self, draft: Draft) -> None:
        approver, now = self.yard.office.approver, self.yard.tide()

        async def reject(db: Db, workspace: Workspace) -> None:
            post = await posts.of(db, workspace.id, draft.id)
            await approving.reject(db, workspace, approver, post, "Belum.", now)

        if self.act(reject):
            draft.approved = None

    def _decide(self, row: Any, choice: int) -> None:
        """Decide about a publication as its state asks for; or as it does not, which is refused."""
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

    def _hold(self, row: Any, draft: Draft, choice: int) -> None:
        """Hold what is in a scope (or everything there is), or let it go again."""
        office = self.yard.office
        reaches = [
            Reach(Scope.WORKSPACE),
            Reach(Scope.CHANNEL, channel_id=row.channel_id),
            Reach(Scope.CHANNEL, channel_id=row.channel_id),
            Reach(Scope.CAMPAIGN, campaign_id=office.campaigns[0]),
            Reach(Scope.TYPE, type=draft.type),
        ]
        if choice % 6 < len(reaches):
            self._hold_reach(reaches[choice % 6])
        elif office.stopped:
            self.release_all()
        else:
            self.yard.run(holds.hold_all(self.yard.store, "Siaga.", self.yard.tide()))
            office.stopped = True

    def _hold_reach(self, reach: Reach) -> None:
        office, now = self.yard.office, self.yard.tide()
        standing = next((each for each, of in office.holds.items() if of == reach), None)
        if standing:
            self.release(standing)
            return

        async def hold(db: Db, workspace: Workspace) -> None:
            row = await holds.place(db, workspace, office.approver, reach, "Banjir.", now)
            office.holds[row.id] = reach

        assert self.act(hold)

    def release_all(self) -> None:
        self.yard.run(holds.release_all(self.yard.store, self.yard.tide()))
        self.yard.office.stopped = self.yard.office.restored = False

    def release(self, hold_id: UUID) -> None:
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

    def connect(self, channel_id: UUID, *, connected: bool) -> None:
        office, now = self.yard.office, self.yard.tide()
        said = "connected" if connected else "disconnected"

        async def connect(db: Db, workspace: Workspace) -> None:
            channel = await channels.of(db, workspace.id, channel_id)
            await channels.note_check(db, workspace, office.writer, channel, said, None, now)

        assert self.act(connect)
        office.away = office.away - {channel_id} if connected else office.away | {channel_id}

    # How it is done.

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
