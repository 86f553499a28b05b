"""Entity tags of answers that also say what is in force today.

Such a tag has two halves, `"3-5f2a90c1d7e4"`: the version that a change is checked against, and a
digest of the whole answer, which differs from one day to another without any change.
"""

import re
from dataclasses import dataclass

from app import conditions
from app.fields import Answer
from planner.content import fingerprint

DIGEST = 12
"""Hexadecimal digits."""


@dataclass
class _Counted:
    version: int


def etag_of(version: int, answer: Answer) -> str:
    """Return the entity tag of an answer."""
    digest = fingerprint(answer.model_dump(mode="json"))[:DIGEST]
    return f'"{version}-{digest}"'


def check_match(version: int, if_match: str | None) -> None:
    """Refuse a change to another version than the caller saw, on whatever day that was.

    Raises `IfMatchMissing` and `VersionChanged`.
    """
    known = None if if_match is None else re.sub(r'-[^",]*"', '"', if_match)
    conditions.check_match(_Counted(version), known)
