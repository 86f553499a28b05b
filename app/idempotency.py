"""Idempotency-Key: a POST that is sent again has its effect once and gets the first answer again.

Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from planner.content import fingerprint
from planner.errors import Conflict, Fault, Invalid
from store import idempotency
from store.audit import Actor
from store.db import Db
from store.tables import IdempotencyKey

HEADER = "Idempotency-Key"
FORM = re.compile(r"[\x21-\x7e]{1,255}")

SECRET = frozenset(
    {"add_alert_target", "add_key", "add_invitation", "add_calendar_link", "connect_channel"}
)
"""Operations whose answers hold a secret, which is kept nowhere: a repeat is told so."""


class WrongKey(Invalid):
    """An idempotency key is 1 to 255 visible ASCII characters."""


class AnswerNotKept(Conflict):
    """The request had its effect before; its answer held a secret and cannot be given again."""


class Replayed(Exception):
    """The request had its effect before; what was answered then is answered again."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Remembered(APIRoute):
    """A route whose answer is known before its transaction ends, so that both are kept as one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request, and leaves the answer with it."""
        handle = super().get_route_handler()

        async def remember(request: Request) -> Response:
            response = await handle(request)
            request.state.answer = response
            return response

        return remember


async def claim(request: Request, db: Db, actor: Actor, now: datetime) -> IdempotencyKey | None:
    """Claim the key that a request came with; None if it has none.

    Only POST has keys: other methods have `If-Match`. An upload is known by its bytes and needs
    none. Raises `Replayed`, `AnswerNotKept`, `WrongKey`, `KeyReused`, `StillRunning`.
    """
    key = request.headers.get(HEADER)
    kind = request.headers.get("content-type", "")
    if key is None or request.method != "POST" or kind.startswith("multipart/"):
        return None
    if not FORM.fullmatch(key):
        raise WrongKey(Fault(f"/header/{HEADER}", "wrong-key"))
    body = hashlib.sha256(await request.body()).hexdigest()
    scope = fingerprint([str(actor), request.url.path])
    row = await idempotency.claim(db, scope, key, fingerprint([request.url.query, body]), now)
    if row.status == idempotency.RUNNING:
        return row
    if request.scope["route"].name in SECRET:
        raise AnswerNotKept(location=row.location or "")
    raise Replayed(_answer_again(row))


async def keep(request: Request, db: Db, row: IdempotencyKey) -> None:
    """Keep the answer to a request with its key, in the same transaction as its effect."""
    answer: Response = request.state.answer
    secret = request.scope["route"].name in SECRET
    body = "" if secret else bytes(answer.body).decode()
    headers = answer.headers
    await idempotency.keep(
        db, row, answer.status_code, headers.get("location"), headers.get("etag"), body
    )


def _answer_again(kept: IdempotencyKey) -> Response:
    told = {"Location": kept.location, "ETag": kept.etag, "Idempotency-Replayed": "true"}
    headers = {name: value for name, value in told.items() if value is not None}
    media_type = "application/json" if kept.body else None
    return Response(kept.body or None, kept.status, headers, media_type)
