"""Keyset paging: signed cursors, and the `Link` to the next page (RFC 8288)."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request, Response

from planner.errors import Fault, Invalid
from store.vault import KeyRing

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[
    str | None, Query(max_length=500, description="The `next` of the page before this one.")
]


class WrongCursor(Invalid):
    """The cursor is none of ours, or belongs to another list."""


def encode(keys: KeyRing, place: str, values: Sequence[Any]) -> str:
    """Return a signed cursor: where the next page of the list at `place` begins."""
    payload = base64.urlsafe_b64encode(json.dumps([place, *values]).encode()).rstrip(b"=").decode()
    return f"{payload}.{keys.sign('cursor', payload.encode())}"


def decode(keys: KeyRing, place: str, cursor: str) -> list[Any]:
    """Return the values of a cursor; raises `WrongCursor`."""
    payload, _, signature = cursor.partition(".")
    fault = Fault("/query/after", "wrong-cursor")
    if not keys.verify("cursor", payload.encode(), signature):
        raise WrongCursor(fault)
    found_place, *values = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if found_place != place:
        raise WrongCursor(fault)
    return list(values)


def after_id(keys: KeyRing, place: str, cursor: str | None) -> UUID | None:
    """Return the id after which a list that is ordered by id goes on."""
    return UUID(decode(keys, place, cursor)[0]) if cursor else None


def page(
    request: Request,
    response: Response,
    keys: KeyRing,
    rows: Sequence[T],
    limit: int,
    key: Callable[[T], Sequence[Any]],
) -> tuple[Sequence[T], str | None]:
    """Cut a list that was read with one row too many; return it and the next page's cursor."""
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    cursor = encode(keys, request.url.path, key(rows[-1]))
    query = [(k, v) for k, v in request.query_params.multi_items() if k != "after"]
    link = f"{request.url.path}?{urlencode([*query, ('after', cursor)])}"
    response.headers["Link"] = f'<{link}>; rel="next"'
    return rows, cursor


def after_place(keys: KeyRing, place: str, cursor: str | None) -> tuple[datetime, UUID] | None:
    """Return the instant and id after which a list that is ordered by time goes on."""
    if cursor is None:
        return None
    moment, last = decode(keys, place, cursor)
    return datetime.fromisoformat(moment), UUID(last)
