"""The API's description, made once a process: it takes seconds."""

import json
from functools import cache
from typing import Any

from app.cli_openapi import description


@cache
def described() -> str:
    """Return the description as it is printed."""
    return description()


@cache
def api() -> dict[str, Any]:
    """Return the description; whoever changes it takes a copy."""
    found: dict[str, Any] = json.loads(described())
    return found
