"""Sessions: people who are logged in; the cookie's token is kept as a digest only."""

import secrets
from datetime import datetime, timedelta

from store.db import Db
from store.tables import Person, Session
from store.vault import KeyRing

LIFETIME = timedelta(days=14)


async def begin(
    db: Db, ring: KeyRing, person: Person, user_agent: str, now: datetime
) -> tuple[Session, str]:
    """Log a person in; return the session and the cookie's token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    session = Session(
        person_id=person.id,
        token_digest=ring.digest("session", token.encode()).hex(),
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
