"""Keyset paging: signed cursors, and the `Link` to the next page (RFC 8288)."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from app.deps import Here
from planner.errors import Fault, Invalid
from store.vault import KeyRing

T = TypeVar("T")


class WrongCursor(Invalid):
    """The cursor is none of ours, or belongs to another list."""


def encode(ring: KeyRing, place: str, values: Sequence[Any]) -> str:
    """Return a signed cursor: where the next page of the list at `place` begins."""
    payload = base64.urlsafe_b64encode(json.dumps([place, *values]).encode()).rstrip(b"=").decode()
    return f"{payload}.{ring.sign('cursor', payload.encode())}"


def decode(ring: KeyRing, place: str, cursor: str) -> list[Any]:
    """Return the values of a cursor; raises `WrongCursor`."""
    payload, _, signature = cursor.partition(".")
    fault = Fault("/query/after", "wrong-cursor")
    if not ring.verify("cursor", payload.encode(), signature):
        raise WrongCursor(fault)
    found_place, *values = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if found_place != place:
        raise WrongCursor(fault)
    return list(values)


def by_id(row: Any) -> list[str]:
    """Return what tells a row's place in a list that is ordered by id."""
    return [str(row.id)]


@dataclass(frozen=True, slots=True)
class Pager:
    """The page of a list that a request asks for."""

    request: Request
    response: Response
    ring: KeyRing
    limit: int
    after: str | None

    def after_id(self) -> UUID | None:
        """Return the id after which a list that is ordered by id goes on."""
        return UUID(self._values()[0]) if self.after else None

    def after_number(self) -> int | None:
        """Return the number after which a list that is ordered by a number goes on."""
        return int(self._values()[0]) if self.after else None

    def after_place(self) -> tuple[datetime, UUID] | None:
        """Return the instant and id after which a list that is ordered by time goes on."""
        if self.after is None:
            return None
        moment, last = self._values()
        return datetime.fromisoformat(moment), UUID(last)

    def cut(
        self, rows: Sequence[T], key: Callable[[T], Sequence[Any]] = by_id
    ) -> tuple[Sequence[T], str | None]:
        """Cut a list that was read with one row too many; return it and the next page's cursor."""
        if len(rows) <= self.limit:
            return rows, None
        rows = rows[: self.limit]
        path = self.request.url.path
        cursor = encode(self.ring, path, key(rows[-1]))
        query = [(k, v) for k, v in self.request.query_params.multi_items() if k != "after"]
        link = f"{path}?{urlencode([*query, ('after', cursor)])}"
        self.response.headers["Link"] = f'<{link}>; rel="next"'
        return rows, cursor

    def _values(self) -> list[Any]:
        return decode(self.ring, self.request.url.path, self.after or "")


async def read_pager(
    request: Request,
    response: Response,
    house: Here,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 100,
    after: Annotated[
        str | None, Query(max_length=500, description="The `next` of the page before this one.")
    ] = None,
) -> Pager:
    """Return the page that is asked for."""
    return Pager(request, response, house.ring, limit, after)


Pages = Annotated[Pager, Depends(read_pager)]
