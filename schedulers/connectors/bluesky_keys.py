"""Record keys of Bluesky: a timestamp identifier that is the same for every try of a step.

Source: atproto.com, "Timestamp Identifiers (TIDs)", 2026-08.
"""

import hashlib
import re
from uuid import UUID

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
LENGTH = 13
CLOCK_BITS = 10
SHAPE = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
MILLIS_END = 1 << 43
"""Later milliseconds do not fit, in the year 2248; other kinds of UUID say no time at all."""


def tid(micros: int, clock: int) -> str:
    """Return the identifier of a time in microseconds since 1970 and a clock of 0 to 1023."""
    number = micros << CLOCK_BITS | clock
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def key_of(publication_id: UUID, step: int) -> str:
    """Return the key of a step: from the publication's id alone, and so the same for ever.

    The id is a UUIDv7 (RFC 9562, section 5.7): its first 48 bits are milliseconds since 1970,
    to which each step adds one. What is below comes from a hash: one in a million of two that
    were made in the same millisecond would have the same key.
    """
    millis = (publication_id.int >> 80) % MILLIS_END + step
    digest = hashlib.sha256(f"{publication_id}-{step}".encode()).digest()
    spread = int.from_bytes(digest[:8])
    return tid(millis * 1000 + spread % 1000, (spread // 1000) % (1 << CLOCK_BITS))
