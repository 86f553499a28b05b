"""Telling: each event of the story is done by the same functions that the routes call."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.demo.cards import cards
from app.demo.founding import Login, Office
from app.demo.script import Item, read
from app.demo.story import Deed, Event
from app.deps import House
from planner.access import Role
from planner.publications import Status
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store import (
    acts,
    approving,
    blobs,
    media,
    placing,
    posts,
    probing,
    publications,
    workspaces,
    writing,
)
from store.audit import CLOCK
from store.blobs import Received
from store.db import Db
from store.placing import Recorded, When
from store.probing import Probed, ProbeLimits
from store.tables import Channel, Workspace

AT_ONCE = 20
"""Events in one transaction: a server that runs beside it waits no longer than for these."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """A card that was drawn, received and looked at, and is not kept yet."""

    received: Received
    probed: Probed
    alt: str


@dataclass(slots=True)
class Teller:
    """Tells the story in a workspace; remembers which post and publication became what."""

    house: House
    office: Office
    posts: dict[int, UUID] = field(default_factory=dict)
    pictures: dict[int, list[Picture]] = field(default_factory=dict)
    placed: dict[int, UUID] = field(default_factory=dict)
    gone: list[UUID] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the office's channels."""
        return ZoneInfo(read("office")["workspace"]["timezone"])

    async def draw(self, items: Sequence[Item], progress: Progress) -> None:
        """Draw the cards of every item that has a day, and receive their files."""
        folder = self.house.settings.data_dir / "incoming"
        limit = self.house.settings.media_limit_mb * 1_000_000
        for item in items:
            pillar = self.office.pillars[item.words.pillar]
            drawn = cards(item.words, pillar.name, pillar.colour, self.office.name)
            kept = self.pictures.setdefault(item.number, [])
            for alt, picture in await asyncio.to_thread(list, drawn if item.day else ()):
                received = await blobs.receive(_chunks(picture), folder, limit)
                probed = await asyncio.to_thread(probing.probe, received.path, ProbeLimits())
                kept.append(Picture(received, probed, alt))
            progress(1)

    async def tell(self, events: Sequence[Event], publisher: Publisher, progress: Progress) -> None:
        """Do what happened, in order, some events to a transaction.

        What was sent is placed and published at once, by a clock that stands at its time: a
        server that runs beside must not find it late.
        """
        for sent, group in groupby(events, key=lambda event: event.deed is Deed.SEND):
            told = list(group)
            size = 1 if sent else AT_ONCE
            for chunk in (told[first : first + size] for first in range(0, len(told), size)):
                async with self.house.store.transaction() as db:
                    workspace = await workspaces.lock(db, self.office.slug)
                    for event in chunk:
                        await self._do(db, workspace, event)
                for event in chunk:
                    await self._send(event, publisher)
                    progress(1)

    async def publish(self, publisher: Publisher, progress: Progress) -> None:
        """Publish what goes out now, one after the other, as the clock would."""
        for publication_id in self.gone:
            await publish(publisher, publication_id)
            progress(1)

    async def _send(self, event: Event, publisher: Publisher) -> None:
        if event.deed is not Deed.SEND or event.seat is None:
            return
        due_at = event.seat.due_at(self.zone)
        await publish(replace(publisher, now=lambda: due_at), self.placed[event.item.number])

    async def confirm(self, now: datetime) -> None:
        """Say of one thing that was handed over where it is live; the others wait for a person."""
        async with self.house.store.transaction() as db:
            workspace = await workspaces.lock(db, self.office.slug)
            instagram = self.office.channels["instagram"]
            for publication_id in self.gone:
                row = await publications.of(db, workspace.id, publication_id)
                if (row.status, row.channel_id) == (Status.HANDED_OVER, instagram.id):
                    actor = self._editor(0).actor
                    link = _link(instagram, row.id)
                    await acts.confirm(db, workspace, actor, row, link, now, now)

    async def _do(self, db: Db, workspace: Workspace, event: Event) -> None:
        if event.deed is Deed.WRITE:
            await self._write(db, workspace, event)
            return
        post = await posts.of(db, workspace.id, self.posts[event.item.number])
        words = read("office")["words"]
        writer, approver = self._editor(event.item.number).actor, self._approver(event.item).actor
        match event.deed:
            case Deed.SUBMIT:
                await approving.submit(db, workspace, writer, post, event.at)
            case Deed.APPROVE:
                await approving.approve(db, workspace, approver, post, event.at)
            case Deed.REJECT:
                await approving.reject(db, workspace, approver, post, words["rejection"], event.at)
            case Deed.COMMENT:
                text = words["comments"][event.item.number // 2 % len(words["comments"])]
                await posts.comment(db, workspace, approver, post, text, event.at)
            case _:
                await self._seat(db, workspace, event)

    async def _write(self, db: Db, workspace: Workspace, event: Event) -> None:
        item, words = event.item, event.item.words
        actor = self._editor(item.number)
        shown = []
        for picture in self.pictures[item.number]:
            row, _ = await media.add(
                db,
                self.house.blobs,
                workspace,
                actor.actor,
                picture.received,
                picture.probed,
                {"name": f"kartu-{item.number + 1}.jpg", "alt": picture.alt},
                event.at,
            )
            shown.append({"id": str(row.id), "alt": picture.alt})
        campaign = self.office.campaigns[words.campaign] if words.campaign else None
        content: dict[str, Any] = {
            "title": words.title,
            "type": words.type,
            "pillar": str(self.office.pillars[words.pillar].id),
            "campaign": str(campaign.id) if campaign else None,
            "format": words.format,
            "parts": [{"text": words.text, "media": shown}],
        }
        columns = {"owner_id": actor.person, "status": words.status}
        post, _ = await writing.add(db, workspace, actor.actor, content, columns, event.at)
        self.posts[item.number] = post.id

    async def _seat(self, db: Db, workspace: Workspace, event: Event) -> None:
        if event.seat is None:
            return
        channel = self.office.channels[event.seat.channel]
        post = await posts.of(db, workspace.id, self.posts[event.item.number])
        actor, on = self._editor(event.item.number).actor, [channel]
        match event.deed:
            case Deed.RECORD:
                due_at = event.seat.due_at(self.zone)
                recorded = Recorded(due_at, _link(channel, post.id))
                await placing.record(db, workspace, actor, post, on, recorded, event.at)
            case Deed.MISS:
                for row in await publications.of_post(db, post):
                    await publications.step(
                        db, workspace, CLOCK, row, Status.MISSED, event.at, reason="not_approved"
                    )
            case Deed.GO:
                rows = await placing.place(db, workspace, actor, post, on, When(now=True), event.at)
                self.gone += [row.id for row in rows]
            case _:
                when = When(local=event.seat.local)
                rows = await placing.place(db, workspace, actor, post, on, when, event.at)
                self.placed[event.item.number] = rows[0].id

    def _editor(self, number: int) -> Login:
        editors = self.office.of(Role.EDITOR)
        return editors[number % len(editors)]

    def _approver(self, item: Item) -> Login:
        # Now and then the owner approves: whoever may, and did not write it.
        chosen = self.office.of(Role.OWNER if item.number % 7 == 0 else Role.APPROVER)
        return chosen[0]


def _link(channel: Channel, row_id: UUID) -> str | None:
    """Return an address that could be one of the platform's; a feed's entries have their own."""
    if channel.platform == "feed":
        return None
    return f"https://{channel.handle}.example/{row_id.hex[-11:]}"


async def _chunks(picture: bytes) -> AsyncIterator[bytes]:
    yield picture
