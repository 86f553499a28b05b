"""Bluesky: posts with images, and threads, under keys that no repeat can double.

Source: docs.bsky.app and the lexicons com.atproto.repo.* and app.bsky.*, 2026-08.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from planner.content import Words
from schedulers.connector import (
    Absent,
    Account,
    CannotTell,
    Done,
    Outcome,
    Outgoing,
    Prepared,
    Published,
    Refreshed,
    Refused,
    Revoked,
    TryLater,
    Unknown,
    Withdrawn,
)
from schedulers.connectors.bluesky_api import Came, Wrong, meaning_of, trouble_of
from schedulers.connectors.bluesky_keys import key_of
from schedulers.connectors.bluesky_login import BlueskyLogin, with_session
from schedulers.connectors.bluesky_text import facets, mentioned
from schedulers.outbound import NoAnswer, NotSent

POST = "app.bsky.feed.post"
PUT = "com.atproto.repo.putRecord"
GET = "com.atproto.repo.getRecord"
DELETE = "com.atproto.repo.deleteRecord"
RESOLVE = "com.atproto.identity.resolveHandle"
PROFILE = "https://bsky.app/profile"
NO_SUCH = "RecordNotFound"
NOT_KNOWN = frozenset({"InvalidRequest", "HandleNotFound", "DidNotFound", "InvalidHandle"})

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What goes into a record besides the words: when, blobs, mentions, what it replies to."""

    made_at: str
    blobs: list[Row] = field(default_factory=list)
    dids: dict[str, str] = field(default_factory=dict)
    reply: Row | None = None

    @classmethod
    def of(cls, text: str | None) -> "Ticket | None":
        """Return what `text()` wrote; None if it is not that."""
        with suppress(ValueError, TypeError):
            return cls(**json.loads(text or ""))
        return None

    def text(self) -> str:
        """Return it as it is kept."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


class BlueskyConnector(BlueskyLogin):
    """Publishes each part as a record under a key that comes from the publication.

    IDEMPOTENT: the key is stored before the record leaves, and `swapRecord: null` lets a record
    be made but never changed. The same one again does nothing; where another stands there, the
    server says so and it is looked at. Uploaded images are seen by nobody before that.
    """

    def steps(self, words: Words) -> int:
        """Return how many records a post is: one for each part."""
        return len(words.parts)

    async def prepare(
        self, outgoing: Outgoing, now: datetime
    ) -> Prepared | Refused | TryLater | Revoked:
        """Upload the images, and find out who is mentioned and what this replies to."""
        if outgoing.handle and Ticket.of(outgoing.ticket):
            return Prepared(outgoing.handle, outgoing.ticket)
        if not _has_session(outgoing.account):  # it is opened in its turn
            return TryLater("token_expired", None, counts=True)
        ticket = await self._ticket(outgoing, now)
        if not isinstance(ticket, Ticket):
            return ticket
        key = outgoing.handle or key_of(outgoing.publication_id, outgoing.step)
        return Prepared(key, ticket.text(), {"rkey": key})

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Put the record, if there is none under its key."""
        account, key, ticket = outgoing.account, outgoing.handle, Ticket.of(outgoing.ticket)
        if key is None or ticket is None:
            return TryLater("blob_gone", None, counts=True, anew=True)
        if not _has_session(account):
            return TryLater("token_expired", None, counts=True)
        body = {
            "repo": account.secrets["did"],
            "collection": POST,
            "rkey": key,
            "record": record_of(outgoing, ticket),
            "swapRecord": None,
        }
        came = await self._api.act(account, PUT, body, now)
        if isinstance(came, Wrong) and came.code == "InvalidSwap":
            return await self._standing(outgoing, key, now)
        return _outcome(account, key, came)

    async def reconcile(self, outgoing: Outgoing, now: datetime) -> Published | Absent | CannotTell:
        """Ask for the record under the step's key, which everybody may read."""
        key = outgoing.handle
        if key is None or not outgoing.account.secrets.get("did"):
            return CannotTell("no_handle", lasting=True)
        found = await self._record(outgoing.account, _uri(outgoing.account, key), now)
        if isinstance(found, Mapping):
            if _is_same(found, outgoing):
                return _published(outgoing.account, key, {"cid": found.get("cid")})
            return CannotTell("record_differs", {"cid": found.get("cid")}, lasting=True)
        if isinstance(found, Wrong) and found.code == NO_SUCH:
            return Absent(found.evidence)
        trouble = trouble_of(found)
        return CannotTell(trouble.reason)

    async def withdraw(
        self, account: Account, done: tuple[Done, ...], now: datetime
    ) -> Withdrawn | Refused | TryLater | Unknown:
        """Delete the records, the last first; one that is gone is gone."""
        opened = not _has_session(account)
        if opened:
            found = await self.opened(account, now)
            if not isinstance(found, Refreshed):
                return _not_withdrawn(found)
            account = with_session(account, found)
        for each in sorted(done, key=lambda one: -one.step):
            came = await self._delete(account, each.remote_id, now)
            if isinstance(came, TryLater) and came.reason == "token_expired" and not opened:
                found, opened = await self.opened(account, now), True
                if not isinstance(found, Refreshed):
                    return _not_withdrawn(found)
                account = with_session(account, found)
                came = await self._delete(account, each.remote_id, now)
            if came is not None:
                return _not_withdrawn(came)
        return Withdrawn({"deleted": [each.remote_id for each in done]})

    async def _delete(
        self, account: Account, uri: str, now: datetime
    ) -> Refused | TryLater | Revoked | Unknown | None:
        repo, collection, key = _parted(uri)
        body = {"repo": repo, "collection": collection, "rkey": key}
        came = await self._api.act(account, DELETE, body, now)
        if isinstance(came, NoAnswer):
            return Unknown(came.reason)
        return None if isinstance(came, Mapping) else trouble_of(came)

    async def _standing(self, outgoing: Outgoing, key: str, now: datetime) -> Outcome:
        """Say what it means that a record stands under the key already, and not this very one.

        One that says something else is nothing that a repeat could mend: where an earlier attempt
        may have made it, the engine asks a person.
        """
        found = await self._record(outgoing.account, _uri(outgoing.account, key), now)
        if isinstance(found, Mapping):
            told = {"cid": found.get("cid"), "found": True}
            if _is_same(found, outgoing):
                return _published(outgoing.account, key, told)
            return Refused("record_differs", key, told)
        return Unknown(trouble_of(found).reason)

    async def _record(
        self, account: Account, uri: str, now: datetime
    ) -> Mapping[str, Any] | Wrong | NotSent | NoAnswer:
        repo, collection, key = _parted(uri)
        return await self._api.ask(account, GET, now, repo=repo, collection=collection, rkey=key)

    async def _ticket(
        self, outgoing: Outgoing, now: datetime
    ) -> Ticket | Refused | TryLater | Revoked:
        reply = await self._reply(outgoing, now)
        if isinstance(reply, Refused | TryLater | Revoked):
            return reply
        dids = await self._dids(outgoing, now)
        if isinstance(dids, Refused | TryLater | Revoked):
            return dids
        blobs: list[Row] = []
        for file in outgoing.files_of(outgoing.step):
            came = await self._api.upload(outgoing.account, file, now)
            if not isinstance(came, Mapping):
                return trouble_of(came)
            if not isinstance(came.get("blob"), dict):
                return TryLater("answer_unreadable", None, counts=True)
            blobs.append(came["blob"])
        return Ticket(_instant(now), blobs, dids, reply)

    async def _reply(
        self, outgoing: Outgoing, now: datetime
    ) -> Row | Refused | TryLater | Revoked | None:
        """Return what a step replies to: the first one, and the one before it."""
        if not outgoing.done:
            return None
        steps = sorted(outgoing.done, key=lambda one: one.step)
        refs: dict[str, Row] = {}
        for uri in dict.fromkeys((steps[0].remote_id, steps[-1].remote_id)):
            found = await self._record(outgoing.account, uri, now)
            if isinstance(found, Wrong) and found.code == NO_SUCH:
                return Refused("thread_gone", uri, found.evidence)
            if not isinstance(found, Mapping):
                return trouble_of(found)
            if not isinstance(found.get("cid"), str):
                return TryLater("answer_unreadable", None, counts=True)
            refs[uri] = {"uri": uri, "cid": found["cid"]}
        return {"root": refs[steps[0].remote_id], "parent": refs[steps[-1].remote_id]}

    async def _dids(
        self, outgoing: Outgoing, now: datetime
    ) -> dict[str, str] | Refused | TryLater | Revoked:
        """Return the accounts that the text mentions; a handle that nobody has is left out."""
        found: dict[str, str] = {}
        for handle in mentioned(outgoing.words.caption(outgoing.step)):
            came = await self._api.ask(outgoing.account, RESOLVE, now, handle=handle)
            if isinstance(came, Wrong) and came.code in NOT_KNOWN:
                continue
            if not isinstance(came, Mapping):
                return trouble_of(came)
            if isinstance(came.get("did"), str):
                found[handle] = came["did"]
        return found


def _outcome(account: Account, key: str, came: Came) -> Outcome:
    """Return what an answer to a record means; a fault of the server may have come after it."""
    if isinstance(came, NotSent):
        return TryLater(came.reason, None, counts=True)
    if isinstance(came, NoAnswer):
        return Unknown(came.reason)
    if isinstance(came, Wrong):
        if came.status >= 500:
            return Unknown("platform_error", came.evidence, came.retry_after_seconds)
        return meaning_of(came)
    if came.get("uri") != _uri(account, key):
        return Unknown("answer_unreadable")
    return _published(account, key, {"cid": came.get("cid")})


def record_of(outgoing: Outgoing, ticket: Ticket) -> Row:
    """Return the record of a step (app.bsky.feed.post): the same for every try."""
    text = outgoing.words.caption(outgoing.step)
    language = outgoing.words.options.get("language") or outgoing.locale
    record: Row = {
        "$type": POST,
        "text": text,
        "createdAt": ticket.made_at,
        "langs": [language],
    }
    if marked := facets(text, ticket.dids):
        record["facets"] = marked
    if ticket.blobs:
        record["embed"] = {
            "$type": "app.bsky.embed.images",
            "images": _images(outgoing, ticket.blobs),
        }
    if ticket.reply:
        record["reply"] = ticket.reply
    return record


def _images(outgoing: Outgoing, blobs: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for file, blob in zip(outgoing.files_of(outgoing.step), blobs, strict=True):
        row: Row = {"alt": file.alt, "image": blob}
        if file.width and file.height:
            row["aspectRatio"] = {"width": file.width, "height": file.height}
        rows.append(row)
    return rows


def _has_session(account: Account) -> bool:
    return all(account.secrets.get(name) for name in ("access_jwt", "did"))


def _is_same(found: Mapping[str, Any], outgoing: Outgoing) -> bool:
    """Say whether a record under this step's key, which no other post has, says the same."""
    value = found.get("value")
    said = value.get("text") if isinstance(value, dict) else None
    return bool(said == outgoing.words.caption(outgoing.step))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uri(account: Account, key: str) -> str:
    return f"at://{account.secrets['did']}/{POST}/{key}"


def _parted(uri: str) -> tuple[str, str, str]:
    """Return repository, collection and key of a record's address."""
    repo, collection, key = uri.removeprefix("at://").split("/")
    return repo, collection, key


def _published(account: Account, key: str, evidence: Mapping[str, Any]) -> Published:
    who = account.secrets.get("known_as") or account.secrets["did"]
    return Published(_uri(account, key), f"{PROFILE}/{who}/post/{key}", evidence)


def _not_withdrawn(
    came: Refused | TryLater | Revoked | Unknown,
) -> Refused | TryLater | Unknown:
    return Refused(came.reason, came.detail) if isinstance(came, Revoked) else came
