"""Connecting an account in a browser: the way to the platform, and the way back, once each.

The API answers an address with a ticket; whoever opens it is sent to the platform with a secret
in a cookie, and only the browser that has it can finish (RFC 9700, section 4.7).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app import problems
from app.auth import cookie_name, set_cookie
from app.deps import Here, House, Now
from app.printing import Page
from app.problems import detail_of, key_of, status_of
from app.speech import LANGUAGE, messages, reason_text
from planner.errors import PilarError
from schedulers import connecting
from schedulers.connecting import Callback
from store import callers, sessions
from store import connecting as authorizations
from store.tables import Channel

HTML = {"content": {"text/html": {"schema": {"type": "string"}}}}
REFUSED: dict[int | str, dict[str, Any]] = {
    403: {"description": "It is another browser, or another server, that comes.", **HTML},
    404: {"description": "The address was used, is too old, or never was one.", **HTML},
    409: {"description": "The account cannot be connected, or was not.", **HTML},
}
AWAY: dict[int | str, dict[str, Any]] = {
    303: {
        "description": "Go on to the platform.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    }
}
BACK: dict[int | str, dict[str, Any]] = {200: {"description": "It is connected.", **HTML}}
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

router = APIRouter(prefix="/oauth", tags=["oauth"], responses=problems.DOCUMENTED)


def browser_cookie(base_url: str) -> str:
    """Return the name of the cookie that a browser has between the way there and back."""
    return f"{cookie_name(base_url)}-oauth"


@router.get("/start", response_class=Response, status_code=303, responses=AWAY | REFUSED)
async def start_connecting(request: Request, house: Here, now: Now, ticket: str = "") -> Response:
    """Send a browser to the platform, with what it needs to come back."""

    async def start() -> Response:
        session_id = await _session_of(request, house, now)
        begun = await connecting.start(
            house.store, house.ring, house.connectors, ticket, session_id, house.base_url, now
        )
        response = Response(status_code=303, headers={"Location": begun.url, **PRIVATE})
        _set_cookie(response, house, begun.browser)
        return response

    return await _shown(start)


@router.get("/callback", response_class=Response, responses=BACK | REFUSED)
async def finish_connecting(
    request: Request,
    house: Here,
    now: Now,
    state: str = "",
    code: str = "",
    iss: str | None = None,
    error: str = "",
    error_description: str = "",
) -> Response:
    """Take a browser back from the platform, and keep the credentials that come of it."""
    browser = request.cookies.get(browser_cookie(house.base_url), "")
    callback = Callback(code, iss, error, error_description)

    async def finish() -> Response:
        back = await authorizations.finish(house.store, house.ring, state, browser, now)
        if "accept-language" not in request.headers:
            LANGUAGE.set(back.workspace.locale)
        channel = await connecting.complete(
            house.store, house.ring, house.connectors, back, callback, house.base_url, now
        )
        response = _page(200, *_connected(channel))
        _set_cookie(response, house, "")
        return response

    return await _shown(finish)


async def _session_of(request: Request, house: House, now: datetime) -> UUID | None:
    """Return the id of the session that the browser is logged in with, if it is."""
    token = request.cookies.get(cookie_name(house.base_url), "")
    known = sessions.digests(house.ring, token)
    async with house.store.reading() as db:
        caller = await callers.by_session(db, known, request.state.request_id, now)
    return caller.session.id if caller and caller.session else None


async def _shown(made: Callable[[], Awaitable[Response]]) -> Response:
    """Return what is made, or a page that says why not."""
    try:
        return await made()
    except PilarError as error:
        language = LANGUAGE.get()
        title = messages(language)[key_of(type(error))]["title"]
        why = reason_text(error.facts.get("reason"))
        said = error.facts.get("said") or None
        return _page(status_of(error), title, detail_of(error, language), why, said)


def _connected(channel: Channel) -> tuple[str, str]:
    texts = messages(LANGUAGE.get())["connecting"]
    return texts["title"], texts["detail"].format(channel=channel.name)


@cache
def page() -> Page:
    """Return the page that a browser ends at."""
    return Page("connecting.html")


def _page(
    status: int, title: str, detail: str, why: str | None = None, said: str | None = None
) -> Response:
    language = LANGUAGE.get()
    facts = {"language": language, "title": title, "detail": detail, "why": why, "said": said}
    content = page().render(facts | {"text": messages(language)["connecting"]})
    headers = PRIVATE | {
        "Content-Language": language,
        "Content-Security-Policy": page().policy,
        "Vary": "Accept-Language",
    }
    return Response(content, status, headers, "text/html; charset=utf-8")


def _set_cookie(response: Response, house: House, value: str) -> None:
    """Send the secret of this way; an empty one makes the browser forget it."""
    name = browser_cookie(house.base_url)
    set_cookie(response, house.base_url, name, value, authorizations.LIFETIME)
