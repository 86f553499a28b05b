"""Sending: what a connector gets, and its calls, each of which ends before the lease does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog

from planner.platforms import platform
from schedulers.connector import Account, Done, File, Outgoing, Unknown
from schedulers.crashes import crashed
from schedulers.publisher import Publisher
from store import channels, claims, links, pulls
from store.blobs import Blobs
from store.claimed import Claim
from store.tables import Channel, Publication
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

T = TypeVar("T")

WIRE_SHARE = 0.75
"""The part of a lease that calls to a platform may take: they end well before it does."""

BEAT_SHARE = 0.25
"""How often a lease is lengthened while a call takes longer, as a part of it."""

LINK_HOURS = 24
PULL_HOURS = 2
"""How long a platform that fetches by itself may take to come for it; TikTok gives up after one."""


class Wire:
    """The calls of one claim. As long as its lease can be lengthened, a call may take longer."""

    def __init__(self, publisher: Publisher, claim: Claim) -> None:
        self._publisher = publisher
        self._claim = claim
        self._safe_until = self._lease_from_now()
        self._ends_at = claim.publication.lease_until

    @property
    def is_over(self) -> bool:
        """Say whether the lease has ended: a process that stood still must not begin to send.

        Another one may have taken over meanwhile, if this one's lock was lost as well.
        """
        late = asyncio.get_running_loop().time() >= self._safe_until
        return late or (self._ends_at is not None and self._publisher.now() >= self._ends_at)

    async def call(self, made: Callable[[], Awaitable[T]]) -> T | Unknown:
        """Make a call; `Unknown` where it did not end in time, or ended in a bug."""
        longest = platform(self._claim.channel.platform).wire_seconds
        try:
            if longest is None:
                async with asyncio.timeout_at(self._safe_until):
                    return await made()
            return await self._long_call(made, longest)
        except TimeoutError:
            return Unknown("timeout")
        except Exception as error:  # noqa: BLE001  # a bug in a connector must not lose the row
            return crashed(error)

    async def _long_call(self, made: Callable[[], Awaitable[T]], longest: int) -> T:
        last = asyncio.get_running_loop().time() + longest
        beating: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout_at(min(self._safe_until, last)) as limit:
                beating = asyncio.create_task(self._beat(limit, last))
                return await made()
        finally:  # outside of the limit, or an answer in hand could still be thrown away
            if beating is not None:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, limit: asyncio.Timeout, last: float) -> None:
        """Lengthen the lease again and again, and the call's limit each time that it worked."""
        publisher = self._publisher
        while True:
            await asyncio.sleep(publisher.lease_seconds * BEAT_SHARE)
            begun = self._lease_from_now()
            try:
                until = publisher.now() + publisher.lease
                kept = await claims.extend(publisher.store, self._claim, until)
            except Exception:  # the next beat may do better; the limit stays where it is
                log.exception("a lease could not be lengthened")
                continue
            if not kept:
                return
            self._safe_until, self._ends_at = begun, until
            limit.reschedule(min(begun, last))

    def _lease_from_now(self) -> float:
        return asyncio.get_running_loop().time() + self._publisher.lease_seconds * WIRE_SHARE


def outgoing_of(publisher: Publisher, claim: Claim, *, again: bool = False) -> Outgoing:
    """Return what a connector gets; raises `CannotOpen` where a secret does not open."""
    workspace, channel, publication = claim.workspace, claim.channel, claim.publication
    alts = {ref.id: ref.alt for ref in claim.words.media}
    expires = publisher.now() + timedelta(hours=LINK_HOURS)
    return Outgoing(
        publication_id=publication.id,
        account=account_of(publisher.ring, workspace.slug, channel),
        words=claim.words,
        files=tuple(
            File(
                id=media.id,
                sha256=media.sha256,
                mime=media.mime,
                bytes=media.bytes,
                width=media.width,
                height=media.height,
                duration_ms=media.duration_ms,
                alt=alts[str(media.id)] or media.alt,
                url=publisher.base_url + links.media_path(publisher.ring, media, expires),
                read=partial(_read, publisher.blobs, media.sha256),
                pulled=partial(_pulled, publisher, publication.id, media.id),
            )
            for media in claim.files
        ),
        due_at=publication.due_at,
        step=publication.step,
        key=claim.key,
        handle=publication.handle,
        public_url=publisher.base_url,
        locale=workspace.locale,
        recall=partial(_recall, publisher, publication),
        done=done_of(claim),
        first_tried_at=claim.first_tried_at,
        again=again,
        ticket=_ticket(publisher.ring, claim),
    )


async def _read(blobs: Blobs, sha256: str, first: int, last: int) -> AsyncIterator[bytes]:
    async for chunk in await blobs.open(sha256, first, last):
        yield chunk


def _pulled(publisher: Publisher, publication_id: UUID, media_id: UUID, handle: str) -> str:
    expires = publisher.now() + timedelta(hours=PULL_HOURS)
    path = pulls.pull_path(publisher.ring, publication_id, handle, media_id, expires)
    return publisher.base_url + path


async def _recall(publisher: Publisher, publication: Publication, handle: str) -> datetime | None:
    return await pulls.recall(publisher.store, publication, handle, publisher.now())


def sealed_ticket(ring: KeyRing, claim: Claim, ticket: str | None) -> str | None:
    """Seal what a connector got with a handle, for this publication on its channel only."""
    if ticket is None:
        return None
    ids = {"workspace": claim.workspace.id, "channel": claim.channel.id}
    return ring.seal(ticket, **ids, field=claims.ticket_field(claim.id))


def _ticket(ring: KeyRing, claim: Claim) -> str | None:
    """Open a ticket; one that no key opens any more is none, and what it was for begins anew."""
    sealed, ids = claim.publication.ticket, (claim.workspace.id, claim.channel.id)
    if sealed is None:
        return None
    try:
        return ring.open(
            sealed, workspace=ids[0], channel=ids[1], field=claims.ticket_field(claim.id)
        )
    except CannotOpen:
        log.warning("a ticket could not be opened", publication=str(claim.id))
        return None


def done_of(claim: Claim) -> tuple[Done, ...]:
    """Return the steps of a publication that are live."""
    rows = claim.publication.steps_done or []
    return tuple(Done(row["step"], row["remote_id"], row["permalink"]) for row in rows)


def account_of(ring: KeyRing, workspace_slug: str, channel: Channel) -> Account:
    """Return a channel as connectors see it, its secrets in clear; raises `CannotOpen`."""
    return Account(
        channel_id=channel.id,
        workspace=workspace_slug,
        platform=channel.platform,
        handle=channel.handle,
        name=channel.name,
        settings=channel.settings,
        secrets=channels.open_secrets(channel, ring),
    )
