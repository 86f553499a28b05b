"""Browsers for tests: people with passwords, who log in over https."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import httpx
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlmodel import select

from app import passwords
from app.deps import House
from store import people
from store.db import Store
from store.tables import Person
from store.tables.rows import METADATA
from tests.conftest import Client, app_of

HTTPS = "https://pilar.test"
PASSWORD = "kuda laut membaca naskah"


@asynccontextmanager
async def browser(
    house: House, base_url: str = HTTPS, address: str = "203.0.113.9"
) -> AsyncIterator[Client]:
    """Open a browser that keeps cookies, at an address, on the house as it is reached there."""
    app = app_of(replace(house, base_url=base_url))
    async with LifespanManager(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 5000))
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as http:
            yield Client(http)


async def give_password(house: House, email: str, password: str = PASSWORD) -> None:
    hashed = await passwords.hashed(SecretStr(password))
    async with house.store.transaction() as db:
        person = await people.by_email(db, email)
        assert person is not None
        people.set_password(person, hashed, house.clock())


async def log_in(
    client: Client, email: str, password: str = PASSWORD, **headers: str
) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client("POST", "/sessions", body, headers=headers)


async def password_hash(store: Store, person_id: UUID) -> str | None:
    async with store.reading() as db:
        query = select(Person.password_hash).where(Person.id == person_id)
        return (await db.exec(query)).one()


async def dump(store: Store) -> str:
    """Return every cell of the database as text."""
    async with store.reading() as db:
        connection = await db.connection()
        rows = [
            repr(tuple(row))
            for table in METADATA.sorted_tables
            for row in await connection.execute(table.select())
        ]
    return "\n".join(rows)


def said(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, object]]:
    """Return all that an answer says but the request's id."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, headers, body
