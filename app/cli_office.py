"""`pilar init`, `pilar password` and `pilar migrate`: what is done before anybody can log in."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, Field, SecretStr, ValidationError

from app import house as composition
from app import passwords
from app.cli_speech import ask_password, command, read_password, say
from app.fields import Body, Line
from app.passwords import Email, NewPassword
from app.problems import InvalidRequest, faults_of
from app.routes.workspaces import WorkspaceIn
from planner.access import SCOPES
from planner.days import check_country
from planner.slots import parse_zone
from store import keys, migrating, people, sessions, workspaces
from store.audit import CLI

M = TypeVar("M", bound=BaseModel)

NO_SESSION = UUID(int=0)


class Founder(Body):
    """The person who owns a new workspace."""

    email: Email
    name: Annotated[Line, Field(max_length=120)]


class Password(Body):
    """A password to keep."""

    password: NewPassword


@dataclass(frozen=True, slots=True)
class Founded:
    """A new workspace: its slug, its owner's address, and a key that is kept nowhere."""

    slug: str
    email: str
    key: str


def init(
    workspace: Annotated[str, typer.Option(help="The office's or brand's name.")],
    slug: Annotated[str, typer.Option(help="Its short name in addresses: biro-humas.")],
    timezone: Annotated[str, typer.Option(help="Its IANA time zone: Asia/Jakarta.")],
    email: Annotated[str, typer.Option(help="The owner's e-mail address, to log in with.")],
    name: Annotated[str | None, typer.Option(help="The owner's name.")] = None,
    locale: Annotated[str, typer.Option(help="The language of messages: id or en.")] = "id",
    country: Annotated[str | None, typer.Option(help="ISO 3166 code, for holidays: ID.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the owner's password from stdin.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Create a workspace, its owner and an API key."""
    office = checked(
        WorkspaceIn,
        {
            "name": workspace,
            "slug": slug,
            "timezone": timezone,
            "locale": locale,
            "country": country,
        },
        {"name": "workspace"},
    )
    parse_zone(office.timezone, "/timezone")
    if office.country:
        check_country(office.country, "/country")
    owner = checked(Founder, {"email": email, "name": name or email.partition("@")[0]})
    secret = new_password(read_password()) if password_stdin else None
    settings = composition.read_settings()
    founded = asyncio.run(_init(settings, office, owner, secret))
    url = settings.app.base_url
    if as_json:
        facts = {"workspace": founded.slug, "owner": founded.email, "api_key": founded.key}
        typer.echo(json.dumps(facts | {"url": url}))
        return
    say(f"Workspace {founded.slug} is there; it belongs to {founded.email}.")
    say(f"\nIts API key, shown this once:\n  {founded.key}")
    say("\nTry it:")
    say(f"  curl -H 'Authorization: Bearer {founded.key}' {url}/api/v1/workspaces/{founded.slug}")
    if secret is None:
        say(f"\nA password to log in with:\n  {command('password', founded.email)}")


def password(
    email: Annotated[str, typer.Argument(help="Whose password.")],
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input.")] = False,
) -> None:
    """Give somebody a new password, and log them out."""
    secret = new_password(read_password() if stdin else ask_password())
    asyncio.run(_set_password(composition.read_settings(), email, secret))
    say(f"{email} logs in with the new password from now on.")


def migrate() -> None:
    """Bring the database to this version's revision."""
    before, after = asyncio.run(_migrate(composition.read_settings()))
    say(f"The database is at {after}." if before == after else f"{before or 'empty'} → {after}")


def checked(
    model: type[M], values: Mapping[str, Any], options: Mapping[str, str] | None = None
) -> M:
    """Return options as a request would give them; raises `InvalidRequest`.

    `options` names the options whose field is called otherwise.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [
            each
            | {"loc": ("body", *((options or {}).get(str(part), part) for part in each["loc"]))}
            for each in error.errors()
        ]
        raise InvalidRequest(*faults_of(found)) from None


def new_password(text: str) -> SecretStr:
    """Return a password that may be kept; raises `InvalidRequest`."""
    return checked(Password, {"password": text}).password


async def _init(
    settings: composition.Settings, office: WorkspaceIn, owner: Founder, secret: SecretStr | None
) -> Founded:
    now = datetime.now(UTC)
    password_hash = await passwords.hashed(secret) if secret else None
    async with composition.visit(settings, now) as house, house.store.transaction() as db:
        person = await people.by_email(db, owner.email) or await people.add(
            db, owner.email, owner.name, office.locale, now
        )
        if password_hash:
            people.set_password(person, password_hash, now)
        workspace = await workspaces.add(db, CLI, person.id, office.model_dump(), now)
        _, key = await keys.add(
            db,
            house.ring,
            [workspace],
            CLI,
            name="pilar init",
            scopes=SCOPES,
            created_by=person.id,
            expires_at=None,
            now=now,
        )
        return Founded(workspace.slug, person.email, key)


async def _set_password(settings: composition.Settings, email: str, secret: SecretStr) -> None:
    now = datetime.now(UTC)
    password_hash = await passwords.hashed(secret)
    async with composition.visit(settings, now) as house, house.store.transaction() as db:
        person = await people.by_email(db, email)
        if person is None:
            raise people.NoSuchPerson(email=email)
        people.set_password(person, password_hash, now)
        await sessions.end_others(db, person.id, NO_SESSION)


async def _migrate(settings: composition.Settings) -> tuple[str | None, str | None]:
    async with composition.open_database(settings) as store:
        store.own()
        before = await migrating.revision_of(store)
        await migrating.upgrade(store)
        return before, await migrating.revision_of(store)
