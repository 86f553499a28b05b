"""Founding: the office's people, pillars, campaigns and channels, as one change."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from pydantic import SecretStr

from app import passwords
from app.demo.script import DAYS_OF_WORK, monday_of, read
from planner.access import SCOPES, Role
from store import campaigns, channels, keys, people, pillars, workspaces
from store.audit import CLI, Actor
from store.db import Db, Store
from store.tables import Campaign, Channel, Pillar, Workspace
from store.vault import KeyRing

PASSWORD_BYTES = 9


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can log in; the password is kept nowhere."""

    name: str
    email: str
    role: Role
    password: str
    person: UUID

    @property
    def actor(self) -> Actor:
        """Them, as who acts."""
        return Actor("person", self.person)


@dataclass(frozen=True, slots=True)
class Office:
    """A founded office: what it is made of, by the keys of the script."""

    slug: str
    name: str
    logins: tuple[Login, ...]
    api_key: str
    pillars: Mapping[str, Pillar]
    campaigns: Mapping[str, Campaign]
    channels: Mapping[str, Channel]

    def of(self, role: Role) -> tuple[Login, ...]:
        """Return those who have a role."""
        return tuple(login for login in self.logins if login.role is role)


async def refuse_known(store: Store, slug: str) -> None:
    """Refuse a slug that a workspace has; raises `SlugTaken`."""
    async with store.reading() as db:
        try:
            await workspaces.by_slug(db, slug)
        except workspaces.NoSuchWorkspace:
            return
    raise workspaces.SlugTaken(slug=slug)


async def found(store: Store, ring: KeyRing, slug: str, today: date, now: datetime) -> Office:
    """Found the office as if it had been there a while: at `now`, before `today`.

    Raises `SlugTaken`.
    """
    chosen = {
        each["email"]: secrets.token_urlsafe(PASSWORD_BYTES) for each in read("office")["people"]
    }
    hashes = {name: await passwords.hashed(SecretStr(each)) for name, each in chosen.items()}
    async with store.transaction() as db:
        logins = [
            await _add_person(db, each, slug, chosen[each["email"]], hashes[each["email"]], now)
            for each in read("office")["people"]
        ]
        fields = dict(read("office")["workspace"]) | {"slug": slug}
        workspace = await workspaces.add(db, CLI, logins[0].person, fields, now)
        owner = logins[0].actor
        for login in logins[1:]:
            person = await people.by_email(db, login.email)
            if person is not None:
                await people.join(db, workspace, owner, person, login.role, now)
        _, api_key = await keys.add(
            db,
            ring,
            [workspace],
            owner,
            name="Demo",
            scopes=SCOPES,
            created_by=logins[0].person,
            expires_at=None,
            now=now,
        )
        return Office(
            slug,
            workspace.name,
            tuple(logins),
            api_key,
            await _add_pillars(db, workspace, owner, now),
            await _add_campaigns(db, workspace, owner, today, now),
            await _add_channels(db, workspace, owner, today, now),
        )


async def _add_person(
    db: Db, row: Mapping[str, str], slug: str, password: str, password_hash: str, now: datetime
) -> Login:
    email = f"{row['email']}@{slug}.example"
    person = await people.add(db, email, row["name"], "id", now)
    people.set_password(person, password_hash, now)
    return Login(person.name, email, Role(row["role"]), password, person.id)


async def _add_pillars(
    db: Db, workspace: Workspace, actor: Actor, now: datetime
) -> dict[str, Pillar]:
    added = {}
    for row in read("office")["pillars"]:
        fields = {name: value for name, value in row.items() if name not in {"key", "share"}}
        fields["share_bp"] = row["share"] * 100
        added[row["key"]] = await pillars.add(db, workspace, actor, fields, now)
    return added


async def _add_campaigns(
    db: Db, workspace: Workspace, actor: Actor, today: date, now: datetime
) -> dict[str, Campaign]:
    added = {}
    for row in read("office")["campaigns"]:
        fields = {
            "name": row["name"],
            "description": row["description"],
            "starts_on": monday_of(today) + timedelta(days=row["first_day"]),
            "ends_on": monday_of(today) + timedelta(days=row["last_day"]),
            "hashtags": row["hashtags"],
        }
        added[row["key"]] = await campaigns.add(db, workspace, actor, fields, now)
    return added


async def _add_channels(
    db: Db, workspace: Workspace, actor: Actor, today: date, now: datetime
) -> dict[str, Channel]:
    added = {}
    for row in read("office")["channels"]:
        fields = {name: row[name] for name in ("platform", "handle", "name")} | {"settings": {}}
        channel = await channels.add(db, workspace, actor, fields, now)
        first = monday_of(today) - timedelta(weeks=row["weeks_before"])
        weekly = [(weekday, row["time"]) for weekday in range(DAYS_OF_WORK)]
        await channels.set_slots(db, workspace, actor, channel, weekly, first, now)
        added[row["key"]] = channel
    return added
