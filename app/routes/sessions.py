"""Sessions over HTTP: people log in and out; the page's cookie."""

from typing import Self
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app import passwords
from app.auth import check_same_site, cookie_name, set_cookie
from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, House, Now, ReadingCaller, Reads, WritingCaller
from app.fields import Answer, Body, Moment
from app.paging import Pages
from app.passwords import Email, GivenPassword, WrongLogin
from app.throttle import address_of
from store import callers, people, sessions
from store.tables import Session

router = APIRouter(prefix="/sessions", tags=["sessions"])


class LoginIn(Body):
    """Who logs in."""

    email: Email
    password: GivenPassword


class PersonOut(Answer):
    """Someone who can log in."""

    id: UUID
    name: str
    email: str
    locale: str


class SessionBegun(Answer):
    """A session that has just begun; its cookie came with this answer."""

    id: UUID
    person: PersonOut
    expires_at: Moment


class SessionOut(Answer):
    """A browser that is logged in."""

    id: UUID
    current: bool
    user_agent: str
    created_at: Moment
    last_seen_at: Moment
    expires_at: Moment
    version: int

    @classmethod
    def of(cls, session: Session, current: Session | None) -> Self:
        """Return a row as it is answered."""
        is_current = current is not None and session.id == current.id
        return cls.model_validate(session.model_dump() | {"current": is_current})


class SessionPage(Answer):
    """Some sessions, and where the next page begins."""

    items: list[SessionOut]
    next: str | None


def _set_cookie(response: Response, house: House, value: str) -> None:
    """Send the session's cookie; an empty one makes the browser forget it."""
    name = cookie_name(house.base_url)
    set_cookie(response, house.base_url, name, value, sessions.LIFETIME)
    response.headers["Cache-Control"] = "no-store"


@router.post("", status_code=201)
async def begin_session(
    body: LoginIn, request: Request, response: Response, house: Here, now: Now
) -> SessionBegun:
    """Log in by e-mail address and password."""
    passwords.check_https(house.base_url)
    check_same_site(request, house.base_url)
    address = address_of(request)
    house.logins.take(address, body.email, now)
    async with house.store.reading() as db:
        found = await people.by_email(db, body.email)
    known = found.password_hash if found else None
    right, better = await passwords.verified(body.password, known)
    if not right or found is None or known is None:
        raise WrongLogin
    async with house.store.transaction() as db:
        person = await people.with_password(db, found.id, known)
        if person is None:  # it was changed while we compared
            raise WrongLogin
        if better:
            people.set_password(person, better, now)
        if old := request.cookies.get(cookie_name(house.base_url)):
            await sessions.end_by_token(db, house.ring, old)
        agent = request.headers.get("user-agent", "")
        session, token = await sessions.add(db, house.ring, person, agent, now)
    house.logins.give_back(address, body.email)
    _set_cookie(response, house, token)
    response.headers["Location"] = f"{request.url.path}/{session.id}"
    tag(response, session)
    return SessionBegun(
        id=session.id, person=PersonOut.model_validate(person), expires_at=session.expires_at
    )


@router.get("")
async def list_sessions(
    pages: Pages,
    db: Reads,
    caller: ReadingCaller,
    now: Now,
) -> SessionPage:
    """List where the caller is logged in."""
    rows = await sessions.all_of(db, callers.person_id(caller), pages.after_id(), pages.limit, now)
    rows, cursor = pages.cut(rows)
    return SessionPage(items=[SessionOut.of(row, caller.session) for row in rows], next=cursor)


@router.get("/current")
async def read_current_session(
    request: Request, response: Response, caller: ReadingCaller
) -> SessionOut:
    """Read the session that the caller uses."""
    session = callers.session(caller)
    answer_if_new(request, response, etag_of(session))
    return SessionOut.of(session, session)


@router.delete("/current", status_code=204)
async def end_current_session(
    response: Response, house: Here, db: Db, caller: WritingCaller
) -> None:
    """Log out."""
    await sessions.end(db, callers.session(caller))
    _set_cookie(response, house, "")


@router.get("/{session_id}")
async def read_session(
    session_id: UUID,
    request: Request,
    response: Response,
    db: Reads,
    caller: ReadingCaller,
    now: Now,
) -> SessionOut:
    """Read a session of the caller's."""
    session = await sessions.of(db, callers.person_id(caller), session_id, now)
    answer_if_new(request, response, etag_of(session))
    return SessionOut.of(session, caller.session)


@router.delete("/{session_id}", status_code=204)
async def end_session(
    session_id: UUID, db: Db, caller: WritingCaller, now: Now, if_match: IfMatch = None
) -> None:
    """Log the caller out somewhere else."""
    session = await sessions.of(db, callers.person_id(caller), session_id, now)
    check_match(session, if_match)
    await sessions.end(db, session)
