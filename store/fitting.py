"""Fitting: what a post says, held against the limits of the platforms it is to go to."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from sqlmodel import col, select

from planner.content import Content, words_for
from planner.errors import Fault, Invalid
from planner.fit import check_words
from planner.platforms import MediaFacts, platform
from store.db import Db
from store.tables import Channel, Media, Workspace


class DoesNotFit(Invalid):
    """The post breaks a platform's limits; one fault for each."""


async def check(db: Db, workspace: Workspace, content: Content, on: Collection[Channel]) -> None:
    """Refuse what a platform would refuse, before it is put there; raises `DoesNotFit`."""
    if wrong := await faults(db, workspace, content, on):
        raise DoesNotFit(*wrong)


async def faults(
    db: Db, workspace: Workspace, content: Content, on: Collection[Channel]
) -> list[Fault]:
    """Return what the platforms of channels would refuse in a content."""
    files = await _files_of(db, workspace.id, content)
    found: list[Fault] = []
    for channel in on:
        words = words_for(content, str(channel.id))
        own = bool(content["variants"].get(str(channel.id), {}).get("parts"))
        for fault in check_words(platform(channel.platform), words, files, channel.settings):
            at_variant = own or fault.pointer.startswith("/options")
            place = f"/variants/{channel.id}" if at_variant else ""
            facts = {**fault.facts, "channel": channel.name}
            found.append(replace(fault, pointer=place + fault.pointer, facts=facts))
    return found


async def _files_of(db: Db, workspace_id: UUID, content: Content) -> dict[str, MediaFacts]:
    ids = {
        UUID(ref["id"])
        for holder in (content, *content["variants"].values())
        for part in holder.get("parts") or ()
        for ref in part["media"]
    }
    query = select(Media).where(Media.workspace_id == workspace_id, col(Media.id).in_(ids))
    return {
        str(row.id): MediaFacts(row.mime, row.bytes, row.width, row.height, row.duration_ms)
        for row in (await db.exec(query)).all()
    }
