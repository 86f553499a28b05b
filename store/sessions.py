"""Sessions: people who are logged in; the cookie's token is kept as a digest only."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, delete, select

from planner.errors import NotFound
from store.db import Db
from store.tables import Person, Session
from store.vault import Digests, KeyRing

LIFETIME = timedelta(days=14)


class NoSuchSession(NotFound):
    """The person has no such session, or it has ended."""


def digests(ring: KeyRing, token: str) -> Digests:
    """Return the digests under which a cookie's token may stand in the database."""
    return ring.digests_of("session", token)


async def of(db: Db, person_id: UUID, session_id: UUID, now: datetime) -> Session:
    """Return a session of a person; raises `NoSuchSession`."""
    query = select(Session).where(
        Session.person_id == person_id, Session.id == session_id, col(Session.expires_at) > now
    )
    session = (await db.exec(query)).first()
    if session is None:
        raise NoSuchSession(id=str(session_id))
    return session


async def all_of(
    db: Db, person_id: UUID, after: UUID | None, limit: int, now: datetime
) -> Sequence[Session]:
    """Return a person's sessions that have not expired, by id, one more than `limit`."""
    query = select(Session).where(Session.person_id == person_id, col(Session.expires_at) > now)
    if after is not None:
        query = query.where(col(Session.id) > after)
    return (await db.exec(query.order_by(col(Session.id)).limit(limit + 1))).all()


async def add(
    db: Db, ring: KeyRing, person: Person, user_agent: str, now: datetime
) -> tuple[Session, str]:
    """Log a person in; return the session and the cookie's token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    known = digests(ring, token)
    session = Session(
        person_id=person.id,
        token_digest=known.newest,
        digest_key=known.key,
        expires_at=now + LIFETIME,
        last_seen_at=now,
        user_agent=user_agent[:200],
        created_at=now,
        updated_at=now,
    )
    db.add(session)
    await db.flush()
    return session, token


async def end(db: Db, session: Session) -> None:
    """Log a person out of one session."""
    row = await db.get(Session, session.id)
    if row is not None:
        await db.delete(row)


async def end_by_token(db: Db, ring: KeyRing, token: str) -> None:
    """End the session of a token, if there is one: its browser is about to get another."""
    known = digests(ring, token)
    await db.exec(delete(Session).where(col(Session.token_digest).in_(known.all)))


async def end_others(db: Db, person_id: UUID, but: UUID) -> None:
    """Log a person out everywhere but in one session."""
    await db.exec(
        delete(Session).where(col(Session.person_id) == person_id, col(Session.id) != but)
    )
