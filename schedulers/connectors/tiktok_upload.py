"""TikTok's uploads: how a file is cut, and its pieces one after the other.

Source: TikTok for Developers, "Media transfer guide", 2026-09.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schedulers.connector import File, Outgoing, Refused, TryLater, Unknown
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound, Streamed

ONE_PIECE_MAX = 64_000_000
PIECE = 32_000_000
VALID = timedelta(hours=1)
ENOUGH = timedelta(minutes=5)
"""An upload link that ends so soon is not begun with."""

PIECE_SECONDS = 600.0
TRIES = 3
WAIT_SECONDS = 1.0
_PROGRESS = re.compile(r"bytes 0-(\d+)/\d+")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file of `size` bytes is cut: pieces of `piece` bytes, the last with the rest."""

    size: int
    piece: int

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return self.size // self.piece

    def range(self, number: int) -> tuple[int, int]:
        """Return the first and last byte of a piece, which are counted from 0."""
        first = number * self.piece
        last = self.size - 1 if number == self.count - 1 else first + self.piece - 1
        return first, last


@dataclass(frozen=True, slots=True)
class Ticket:
    """The link that a file is uploaded to: a secret, good for an hour."""

    url: str
    until: datetime

    def text(self) -> str:
        """Return it as it is sealed."""
        return json.dumps({"url": self.url, "until": self.until.isoformat()})

    @classmethod
    def of(cls, text: str | None) -> "Ticket | None":
        """Read what `text` wrote."""
        if text is None:
            return None
        said: Mapping[str, Any] = json.loads(text)
        return cls(said["url"], datetime.fromisoformat(said["until"]))


def plan_of(size: int) -> Plan:
    """Return how a file is cut: safe whether a MB is 10^6 or 2^20 bytes."""
    return Plan(size, size if size <= ONE_PIECE_MAX else PIECE)


async def upload(
    outbound: Outbound, outgoing: Outgoing, ticket: Ticket, begun: int
) -> TryLater | Refused | Unknown | None:
    """Send the pieces from byte `begun` on; None when the last one was taken: it is public then.

    A piece that meets a fault of the server is repeated, as TikTok advises, but for the last one:
    whether that was taken, the status says. Whatever ends before it has published nothing.
    """
    file = outgoing.files_of(0)[0]
    plan = plan_of(file.bytes)
    number = min(begun // plan.piece, plan.count - 1)
    while number < plan.count:
        is_last = number == plan.count - 1
        tries = 1 if is_last else TRIES
        answer = await _put(outbound, file, ticket, plan, number, tries)
        if not isinstance(answer, Answer):
            return _lost(answer, is_last=is_last)
        if answer.status == (201 if is_last else 206):
            number += 1
        elif (there := _elsewhere(answer, plan, number)) is not None:
            number = there
        else:
            return _refused(answer, is_last=is_last)
    return None


async def _put(
    outbound: Outbound, file: File, ticket: Ticket, plan: Plan, number: int, tries: int
) -> Answer | NotSent | NoAnswer:
    came: Answer | NotSent | NoAnswer = NotSent("connect_failed")
    for again in range(tries):
        if again:
            await asyncio.sleep(WAIT_SECONDS * 2**again)
        came = await _put_once(outbound, file, ticket, plan.range(number), plan.size)
        if isinstance(came, Answer) and came.status < 500:
            return came
    return came


async def _put_once(
    outbound: Outbound, file: File, ticket: Ticket, span: tuple[int, int], size: int
) -> Answer | NotSent | NoAnswer:
    first, last = span
    try:
        return await outbound.request(
            "PUT",
            ticket.url,
            headers={
                "Content-Type": file.mime,
                "Content-Range": f"bytes {first}-{last}/{size}",
            },
            content=Streamed(last - first + 1, lambda: file.read(first, last)),
            timeout_seconds=PIECE_SECONDS,
        )
    except (NotSent, NoAnswer) as error:
        return error


def _lost(error: NotSent | NoAnswer, *, is_last: bool) -> TryLater | Unknown:
    if is_last and isinstance(error, NoAnswer):
        return Unknown(error.reason)
    return TryLater(error.reason, None, counts=True)


def _refused(answer: Answer, *, is_last: bool) -> TryLater | Refused | Unknown:
    evidence = {"status": answer.status}
    if answer.status in {403, 404}:  # the link is over: what was sent to it comes to nothing
        return TryLater("upload_expired", None, counts=True, evidence=evidence, anew=True)
    if answer.status == 416 or answer.status >= 500 or answer.status < 300:
        if is_last:
            return Unknown("upload_unclear", evidence)
        return TryLater("upload_interrupted", None, counts=True, evidence=evidence)
    return Refused("upload_refused", f"HTTP {answer.status}", evidence)


def _elsewhere(answer: Answer, plan: Plan, number: int) -> int | None:
    """Return the piece that the server waits for, if it says that it is a later one."""
    found = _PROGRESS.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 416 or found is None:
        return None
    there = int(found[1]) // plan.piece
    return there if number < there < plan.count else None
