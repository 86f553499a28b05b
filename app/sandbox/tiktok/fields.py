"""Reading JSON bodies as strictly as the documentation is written: names and types."""

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

from app.sandbox.tiktok.rules import Refused, demand

_LONE = re.compile("[\ud800-\udfff]")
INT64_MAX = 2**63 - 1


def only(body: Mapping[str, Any], names: Collection[str], where: str) -> None:
    """Raise `Refused` where a field is not one of these."""
    unknown = sorted(set(body) - set(names))
    demand(not unknown, "unknown-field", f"Not a field of {where}: {', '.join(unknown)}.")


def part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object within a body; raises `Refused` where it is missing or something else."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise Refused("type", f"{name} is not an object.")
    return value


def text(body: Mapping[str, Any], name: str) -> str:
    """Return a text, empty where there is none."""
    value = body.get(name, "")
    if not is_text(value):
        raise Refused("type", f"{name} is not a string of Unicode characters.")
    return value


def is_text(value: object) -> TypeGuard[str]:
    """Say whether a value is a string, and no surrogate stands alone in it."""
    return isinstance(value, str) and not _LONE.search(value)


def whole(body: Mapping[str, Any], name: str) -> int:
    """Return an integer that must be there."""
    value = body.get(name)
    if not is_whole(value):
        raise Refused("type", f"{name} is not an integer.")
    return value


def is_whole(value: object) -> TypeGuard[int]:
    """Say whether a value is an integer that fits 64 bits; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT64_MAX


def switches(body: Mapping[str, Any], *names: str) -> None:
    """Raise `Refused` where one of these is there and is neither true nor false."""
    wrong = [name for name in names if not isinstance(body.get(name, False), bool)]
    demand(not wrong, "type", f"Neither true nor false: {', '.join(wrong)}.")


def units(words: str) -> int:
    """Return how many UTF-16 units a text has."""
    return len(words.encode("utf-16-le")) // 2
