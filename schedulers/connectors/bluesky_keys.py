"""Record keys of Bluesky: a timestamp identifier that is the same for every try of a step.

Source: atproto.com, "Timestamp Identifiers (TIDs)", 2026-08.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
LENGTH = 13
CLOCK_BITS = 10
SHAPE = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def tid(micros: int, clock: int) -> str:
    """Return the identifier of a time in microseconds since 1970 and a clock of 0 to 1023."""
    number = micros << CLOCK_BITS | clock
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def time_of(key: str) -> datetime:
    """Return the time in an identifier, down to the millisecond."""
    number = 0
    for letter in key:
        number = number << 5 | ALPHABET.index(letter)
    millis = (number >> CLOCK_BITS) // 1000
    return _EPOCH + timedelta(milliseconds=millis)


def key_of(publication_id: UUID, step: int, due_at: datetime, now: datetime) -> str:
    """Return the key of a step: from when it is due, so that it is never in the future.

    Each step is due a millisecond after the one before. What is below a millisecond comes from
    the publication: one in a million of two that are due together would have the same key.
    """
    due = due_at + timedelta(milliseconds=step)
    millis = (min(due, now) - _EPOCH) // _MICROSECOND // 1000
    digest = hashlib.sha256(f"{publication_id}-{step}".encode()).digest()
    spread = int.from_bytes(digest[:8])
    return tid(millis * 1000 + spread % 1000, (spread // 1000) % (1 << CLOCK_BITS))
