"""The caller over HTTP: who am I, where do I belong, my password."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app import passwords
from app.auth import identify
from app.conditions import answer_if_new
from app.deps import Here, Now, ReadingCaller, Reads
from app.fields import Answer, Body, Moment
from app.passwords import GivenPassword, NewPassword, WrongPassword
from app.routes.sessions import PersonOut
from app.throttle import address_of
from planner.access import Ability, Role
from planner.content import fingerprint
from store import callers, people, sessions
from store.callers import Place

router = APIRouter(prefix="/me", tags=["me"])


class MyKeyOut(Answer):
    """The API key that calls."""

    id: UUID
    name: str
    scopes: list[str]
    expires_at: Moment | None


class PlaceOut(Answer):
    """A workspace that the caller belongs to; keys have no role."""

    id: UUID
    slug: str
    name: str
    role: Role | None
    abilities: list[Ability]

    @classmethod
    def of(cls, place: Place) -> "PlaceOut":
        """Return a place as it is answered."""
        return cls(
            id=place.workspace.id,
            slug=place.workspace.slug,
            name=place.workspace.name,
            role=place.role,
            abilities=[ability for ability in Ability if ability in place.abilities],
        )


class MeOut(Answer):
    """Who is calling: a person or a key."""

    kind: Literal["person", "key"]
    person: PersonOut | None
    key: MyKeyOut | None
    workspaces: list[PlaceOut]


class PasswordIn(Body):
    """The caller's present password, and the one that replaces it."""

    current: GivenPassword
    new: NewPassword


@router.get("")
async def read_me(request: Request, response: Response, db: Reads, caller: ReadingCaller) -> MeOut:
    """Say who is calling and where they belong."""
    me = MeOut(
        kind="key" if caller.key else "person",
        person=PersonOut.model_validate(caller.person) if caller.person else None,
        key=MyKeyOut.model_validate(caller.key) if caller.key else None,
        workspaces=[PlaceOut.of(place) for place in await callers.places(db, caller)],
    )
    answer_if_new(request, response, f'"{fingerprint(me.model_dump(mode="json"))[:32]}"')
    return me


@router.put("/password", status_code=204)
async def change_password(body: PasswordIn, request: Request, house: Here, now: Now) -> None:
    """Change the caller's password, and log them out everywhere else."""
    passwords.check_https(house.base_url)
    async with house.store.reading() as db:
        caller = await identify(request, db, house.ring, house.base_url, now)
    session = callers.session(caller)
    if caller.person is None:
        raise callers.PeopleOnly
    address, email = address_of(request), caller.person.email
    house.logins.take(address, email, now)
    known = caller.person.password_hash
    right, _ = await passwords.verified(body.current, known)
    if not right or known is None:
        raise WrongPassword
    replacement = await passwords.hashed(body.new)
    async with house.store.transaction() as db:
        person = await people.with_password(db, caller.person.id, known)
        if person is None:  # it was changed while we compared
            raise WrongPassword
        people.set_password(person, replacement, now)
        await sessions.end_others(db, person.id, session.id)
    house.logins.give_back(address, email)
