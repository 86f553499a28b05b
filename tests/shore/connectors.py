"""Connectors to the test platform, one for each class, as real ones are written.

What was not sent may be sent again; what was answered is believed where the answer is the
platform's own; everything else is unknown.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from planner.content import Words
from schedulers.connector import (
    Absent,
    Accepted,
    Account,
    CannotTell,
    Done,
    HandedOver,
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
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound

ANSWER_BYTES_MAX = 1 << 20
POLL_SECONDS = 1
SKEW = timedelta(minutes=5)
"""How much the platform's clock may differ from ours."""


class _Shore:
    """What every class shares: the wire, threads, and deleting what was published."""

    kind: str
    timeout_seconds = 2.0

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def steps(self, words: Words) -> int:
        """Return one step for each part of a thread, one for everything else."""
        return len(words.parts) if words.format == "thread" else 1

    async def withdraw(
        self, account: Account, done: tuple[Done, ...], now: datetime
    ) -> Withdrawn | Refused | TryLater | Unknown:
        """Delete the steps, the last first; one that is gone already is fine."""
        for step in reversed(done):
            try:
                answer = await self.ask(account, "DELETE", f"posts/{step.remote_id}")
            except NotSent as error:
                return TryLater(error.reason, None, counts=True)
            except NoAnswer as error:
                return Unknown(error.reason)
            if answer.status not in {204, 404}:
                return _complaint(answer, now)
        return Withdrawn()

    async def ask(
        self,
        account: Account,
        method: str,
        path: str,
        body: Any = None,
        kind: str | None = None,
    ) -> Answer:
        """Send one request about an account; raises `NotSent` and `NoAnswer`."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token := account.secrets.get("access_token"):
            headers["Authorization"] = f"Bearer {token}"
        base, name = str(account.settings["url"]), quote(str(account.settings["account"]), safe="")
        return await self._outbound.request(
            method,
            f"{base}/{kind or self.kind}/{name}/{path}",
            headers=headers,
            content=None if body is None else json.dumps(body).encode(),
            timeout_seconds=self.timeout_seconds,
            limit_bytes=ANSWER_BYTES_MAX,
        )

    async def send(
        self, outgoing: Outgoing, now: datetime, method: str, path: str, body: Any
    ) -> Outcome:
        """Send what makes a step public, and say what came of it."""
        try:
            answer = await self.ask(outgoing.account, method, path, body)
        except NotSent as error:
            return TryLater(error.reason, None, counts=True)
        except NoAnswer as error:
            return Unknown(error.reason)
        return _outcome(answer, outgoing, now)


class IdemConnector(_Shore):
    """IDEMPOTENT: the key names the post."""

    kind = "idem"

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Put the post under its key."""
        path = f"posts/{quote(outgoing.key, safe='')}"
        return await self.send(outgoing, now, "PUT", path, _words(outgoing))

    async def refresh(
        self, account: Account, now: datetime
    ) -> Refreshed | Revoked | TryLater | Unknown:
        """Change the pair of tokens for a new one."""
        token = account.secrets.get("refresh_token", "")
        try:
            answer = await self.ask(
                account, "POST", "refresh", {"refresh_token": token}, kind="tokens"
            )
        except NotSent as error:
            return TryLater(error.reason, None, counts=True)
        except NoAnswer as error:
            return Unknown(error.reason)
        said = _said(answer)
        if answer.status == 400 and said.get("error") == "invalid_grant":
            return Revoked("credentials_revoked")
        if answer.status != 200 or "refresh_token" not in said:
            complaint = _complaint(answer, now)
            return (
                complaint if not isinstance(complaint, Refused) else Revoked("credentials_revoked")
            )
        secrets = {name: str(said[name]) for name in ("access_token", "refresh_token")}
        return Refreshed(secrets, now + timedelta(seconds=float(said["expires_in"])))


class HandleConnector(_Shore):
    """RECONCILABLE by handle: a container is made first and published once."""

    kind = "handle"

    async def prepare(self, outgoing: Outgoing, now: datetime) -> Prepared | Refused | TryLater:
        """Make a container, unless the one there is may still be published, or was."""
        try:
            if outgoing.handle is not None:
                state = (await self._state(outgoing)).get("status")
                if state is None:
                    return TryLater("answer_unreadable", None, counts=True)
                if state != "expired":
                    return Prepared(outgoing.handle)
            answer = await self.ask(outgoing.account, "POST", "containers", _words(outgoing))
        except (NotSent, NoAnswer) as error:
            return TryLater(error.reason, None, counts=True)
        handle = _said(answer).get("handle")
        if answer.status == 201 and isinstance(handle, str):
            return Prepared(handle)
        complaint = _complaint(answer, now)
        if isinstance(complaint, Unknown):  # nothing of it is public: it may be made again
            return TryLater(complaint.reason, None, counts=True)
        return complaint

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Publish the container; one that expired was not published."""
        body = {"handle": outgoing.handle}
        return await self.send(outgoing, now, "POST", "publish", body)

    async def poll(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | HandedOver | Refused | Unknown:
        """Ask the container what became of it."""
        try:
            said = await self._state(outgoing)
        except (NotSent, NoAnswer) as error:
            return Unknown(error.reason)
        outcome = _told(said, outgoing)
        return outcome or Unknown(str(said.get("status", "answer_unreadable")))

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        """Ask the container whether it was published."""
        if outgoing.handle is None:
            return CannotTell("no_handle")
        try:
            said = await self._state(outgoing)
        except (NotSent, NoAnswer) as error:
            return CannotTell(error.reason)
        match _told(said, outgoing), said.get("status"):
            case (Published() | Accepted()) as live, _:
                return live
            case _, ("ready" | "expired" | "error") as state:
                return Absent({"container": state})
        return CannotTell("answer_unreadable")

    async def _state(self, outgoing: Outgoing) -> Mapping[str, Any]:
        answer = await self.ask(outgoing.account, "GET", f"containers/{outgoing.handle}")
        return _said(answer) if answer.status == 200 else {}


class SearchConnector(_Shore):
    """RECONCILABLE by search: own posts are found by their words, some seconds later."""

    kind = "search"

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Create a post."""
        return await self.send(outgoing, now, "POST", "posts", _words(outgoing))

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        """Look for the words among the posts since the first try."""
        since = (outgoing.first_tried_at or outgoing.due_at) - SKEW
        try:
            answer = await self.ask(outgoing.account, "GET", f"posts?since={since.timestamp():.3f}")
        except (NotSent, NoAnswer) as error:
            return CannotTell(error.reason)
        said = _said(answer)
        items, more = said.get("items"), said.get("more")
        if answer.status != 200 or not isinstance(items, list) or not isinstance(more, bool):
            return CannotTell("answer_unreadable")
        wanted = _words(outgoing)
        found = [each for each in items if wanted.items() <= each.items()]
        if found:
            return Published(found[-1]["id"], found[-1]["url"], {"found": len(found)})
        return CannotTell("too_many_posts") if more else Absent({"looked_through": len(items)})


class BlindConnector(_Shore):
    """AMBIGUOUS: there is nothing to ask."""

    kind = "blind"

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Create a post."""
        return await self.send(outgoing, now, "POST", "posts", _words(outgoing))


def text_of(words: Words, step: int) -> str:
    """Return what a step says: its part of a thread, or everything."""
    if words.format == "thread":
        return words.caption(step)
    return "\n\n".join(words.caption(part) for part in range(len(words.parts)))


def _words(outgoing: Outgoing) -> dict[str, Any]:
    before = outgoing.done[-1].remote_id if outgoing.done else None
    return {"text": text_of(outgoing.words, outgoing.step), "reply_to": before}


def _said(answer: Answer) -> Mapping[str, Any]:
    said = answer.json()
    return said if isinstance(said, dict) else {}


def _outcome(answer: Answer, outgoing: Outgoing, now: datetime) -> Outcome:
    if answer.status not in {200, 201}:
        return _complaint(answer, now)
    return _told(_said(answer), outgoing) or Unknown("answer_unreadable", {"status": answer.status})


def _told(said: Mapping[str, Any], outgoing: Outgoing) -> Published | Accepted | Refused | None:
    id_, url = said.get("id"), said.get("url")
    if isinstance(id_, str) and isinstance(url, str):
        return Published(id_, url)
    if outgoing.handle is None:
        return None
    if said.get("status") == "in_progress":
        return Accepted(outgoing.handle, POLL_SECONDS)
    if said.get("status") == "error":
        return Refused(str(said.get("error")), "container")
    return None


def _complaint(answer: Answer, now: datetime) -> Refused | TryLater | Unknown:
    evidence = {"status": answer.status}
    reason = _said(answer).get("error")
    wait = answer.retry_after_seconds(now)
    if not isinstance(reason, str):  # not the platform's own words
        return Unknown("gateway", evidence)
    if answer.status == 429:
        return TryLater("rate_limited", wait, counts=False, evidence=evidence)
    if answer.status in {401, 410, 503}:
        return TryLater(reason, wait, counts=True, evidence=evidence)
    if 400 <= answer.status < 500:
        return Refused(reason, f"HTTP {answer.status}", evidence)
    return Unknown(reason, evidence)
