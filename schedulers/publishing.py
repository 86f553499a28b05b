"""Publishing one publication: claim, send, settle; nothing is locked while sending."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from planner.platforms import idempotency_of, platform
from planner.publications import Status
from schedulers.connector import Account, Connector, File, Outcome, Outgoing, Refused, Unknown
from schedulers.settling import Standing, settlement_of
from store import channels, claims, links
from store.blobs import Blobs
from store.claims import Claim, Intent, Settlement
from store.db import Store
from store.tables import Channel
from store.vault import CannotOpen, KeyRing

log = structlog.get_logger()

WIRE_SHARE = 0.75
"""The part of a lease that calls to a platform may take: they end well before it does."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """What publishing needs: where rows and files are, who sends, and what time it is."""

    store: Store
    ring: KeyRing
    blobs: Blobs
    connectors: Mapping[str, Connector]
    base_url: str
    worker: str
    lease_seconds: int
    now: Callable[[], datetime]


async def publish(publisher: Publisher, publication_id: UUID) -> None:
    """Publish one publication whose time has come; a stale delivery is a no-op."""
    lease = timedelta(seconds=publisher.lease_seconds)
    claim = await claims.claim(
        publisher.store, publication_id, publisher.worker, lease, publisher.now()
    )
    if claim is None:
        return
    if refusal := await _refusal(publisher, claim):
        await claims.settle(publisher.store, claim, Status.CLAIMED, refusal, publisher.now())
        return
    intent = await claims.intend(publisher.store, claim, publisher.now())
    if intent is None:
        return
    outcome = await _send(publisher, intent)
    settlement = settlement_of(outcome, standing_of(intent), publisher.now())
    settled = await claims.settle(
        publisher.store, claim, Status.SUBMITTING, settlement, publisher.now()
    )
    log.info(
        "attempt ended",
        publication=str(publication_id),
        attempt=intent.number,
        platform=claim.platform,
        outcome=type(outcome).__name__,
        after=settlement.after.value,
        reason=settlement.reason,
        settled=settled,
    )


def standing_of(intent: Intent) -> Standing:
    """Return how a publication stands, with what repeating a send may do on its channel."""
    settings = intent.channel.settings
    return Standing(
        idempotency_of(platform(intent.channel.platform), settings),
        intent.publication.failures,
    )


async def _refusal(publisher: Publisher, claim: Claim) -> Settlement | None:
    """Return why a claim cannot be sent at all: before the intent, so nothing went out."""
    if claim.platform not in publisher.connectors:
        return Settlement(Status.FAILED, "no_connector", {"platform": claim.platform})
    for sha256 in claim.media:
        if await publisher.blobs.stat(sha256) is None:
            return Settlement(Status.FAILED, "media_missing", {"sha256": sha256})
    return None


async def _send(publisher: Publisher, intent: Intent) -> Outcome:
    try:
        outgoing = outgoing_of(publisher, intent)
    except CannotOpen as error:
        return Refused("cannot_open_credentials", str(error.facts.get("reason")), {})
    connector = publisher.connectors[intent.channel.platform]
    try:
        async with asyncio.timeout(publisher.lease_seconds * WIRE_SHARE):
            return await connector.publish(outgoing, publisher.now())
    except TimeoutError:
        return Unknown("timeout", {})
    except Exception as error:  # a bug in a connector must not lose the row
        log.exception("connector crashed", publication=str(intent.publication.id))
        return Unknown("connector_crash", {"error": type(error).__name__})


def outgoing_of(publisher: Publisher, intent: Intent) -> Outgoing:
    """Return what a connector gets; raises `CannotOpen` where a secret does not open."""
    workspace, channel = intent.workspace, intent.channel
    alts = {ref.id: ref.alt for ref in intent.words.media}
    expires = publisher.now() + timedelta(hours=24)
    return Outgoing(
        publication_id=intent.publication.id,
        account=account_of(publisher.ring, workspace.slug, channel),
        words=intent.words,
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
            )
            for media in intent.files
        ),
        due_at=intent.publication.due_at,
        step=intent.publication.step,
        key=intent.key,
        handle=intent.publication.handle,
        public_url=publisher.base_url,
        locale=workspace.locale,
    )


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
