"""Who is calling: API keys in `Authorization`, sessions in a cookie."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from fastapi import Request, Response

from planner.errors import Forbidden, Unauthenticated
from store import callers, keys, sessions
from store.callers import Caller
from store.db import Db
from store.vault import KeyRing

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class LoginNeeded(Unauthenticated):
    """No key and no session came with the request, or none that is good."""


class CrossSite(Forbidden):
    """A page of another site tried to act with this browser's session."""


def cookie_name(base_url: str) -> str:
    """Return the session cookie's name; the `__Host-` prefix needs https."""
    return "__Host-pilar" if base_url.startswith("https:") else "pilar"


def set_cookie(
    response: Response, base_url: str, name: str, value: str, lifetime: timedelta
) -> None:
    """Send a secret that a browser keeps and no script reads; an empty one makes it forget."""
    response.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()) if value else 0,
        path="/",
        secure=base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def is_loopback(base_url: str) -> bool:
    """Say whether the service is reached on this machine only."""
    return urlsplit(base_url).hostname in LOOPBACK


async def identify(request: Request, db: Db, ring: KeyRing, base_url: str, now: datetime) -> Caller:
    """Return the caller of a request; raises `LoginNeeded` and `CrossSite`."""
    request_id = request.state.request_id
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = None
    if scheme:
        if scheme.lower() == "bearer" and keys.looks_right(token.strip()):
            known = keys.digests(ring, token.strip())
            caller = await callers.by_key(db, known, request_id, now)
    elif cookie := request.cookies.get(cookie_name(base_url)):
        known = sessions.digests(ring, cookie)
        caller = await callers.by_session(db, known, request_id, now)
        if caller:
            check_same_site(request, base_url)
    if caller is None:
        raise LoginNeeded
    return caller


def check_same_site(request: Request, base_url: str) -> None:
    """Refuse a change that another site's page asks for with the browser's cookie.

    `Sec-Fetch-Site` decides where the browser sends it, else `Origin`; programs send neither.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise CrossSite
    origin = request.headers.get("origin")
    here = {base_url, f"{request.url.scheme}://{request.url.netloc}"}
    if site is None and origin is not None and origin not in here:
        raise CrossSite
