"""An office to test with: people of every role, and a key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.deps import House
from planner.access import SCOPES, Role
from store import keys, people, sessions, workspaces
from store.audit import CLI
from tests.app.pasar import pasar
from tests.conftest import RING, Client, Clock
from tests.grounds import Ground, Rows


@dataclass
class Office:
    """A workspace with a client for each role and for a key with every scope."""

    slug: str
    clients: dict[Role, Client]
    key: Client
    people: dict[Role, UUID] = field(default_factory=dict)

    @property
    def viewer(self) -> Client:
        return self.clients[Role.VIEWER]

    @property
    def editor(self) -> Client:
        return self.clients[Role.EDITOR]

    @property
    def approver(self) -> Client:
        return self.clients[Role.APPROVER]

    @property
    def manager(self) -> Client:
        return self.clients[Role.MANAGER]

    @property
    def owner(self) -> Client:
        return self.clients[Role.OWNER]

    def over(self, http: httpx.AsyncClient) -> "Office":
        """Return the same office, that is called over another client."""
        clients = {role: Client(http, dict(each.headers)) for role, each in self.clients.items()}
        return Office(self.slug, clients, Client(http, dict(self.key.headers)), dict(self.people))

    def path(self, rest: str = "") -> str:
        return f"/workspaces/{self.slug}{rest}"


FOUNDED: dict[type, tuple[Office, Rows]] = {}


async def found_office(house: House, http: httpx.AsyncClient, slug: str) -> Office:
    """Found an office: approval policy `one`, zone Asia/Jakarta, the default mix."""
    now = house.clock()
    async with house.store.transaction() as db:
        office = Office(slug, {}, Client(http))
        for role in Role:
            person = await people.add(db, f"{role}@{slug}.example", role.title(), "id", now)
            office.people[role] = person.id
            _, token = await sessions.add(db, house.ring, person, "tests", now)
            office.clients[role] = Client(http, {"Cookie": f"pilar={token}"})
        fields = {"slug": slug, "name": slug.title(), "timezone": "Asia/Jakarta", "locale": "id"}
        owner = office.people[Role.OWNER]
        workspace = await workspaces.add(db, CLI, owner, fields, now)
        for role in Role:
            if role is not Role.OWNER:
                person = await people.by_email(db, f"{role}@{slug}.example")  # type: ignore[assignment]
                await people.join(db, workspace, CLI, person, role, now)
        _, secret = await keys.add(
            db,
            house.ring,
            [workspace],
            CLI,
            name="tests",
            scopes=SCOPES,
            created_by=owner,
            expires_at=None,
            now=now,
        )
        office.key.headers["Authorization"] = f"Bearer {secret}"
    return office


def fits(house: House) -> bool:
    """Say whether an office that was founded in another test's house could be of this one."""
    return house.ring is RING and house.clock() == Clock().now


@pytest.fixture
async def office(house: House, http: httpx.AsyncClient, request: pytest.FixtureRequest) -> Office:
    """The office of most tests, founded once a process and brought back row by row."""
    if request.node.get_closest_marker("own_database") is not None or not fits(house):
        return await found_office(house, http, "biro")
    ground: Ground = request.getfixturevalue("ground")
    if type(ground) not in FOUNDED:
        assert ground.rows() == {}
        founded = await found_office(house, http, "biro")
        FOUNDED[type(ground)] = founded, ground.rows()
    else:
        founded, rows = FOUNDED[type(ground)]
        ground.put_back(rows)
    return founded.over(http)


@pytest.fixture
async def other_office(house: House, http: httpx.AsyncClient, office: Office) -> Office:
    return await found_office(house, http, "lain")


@pytest.fixture
def data_folder(logging_as_it_was: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of commands that run in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILAR_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def beside(data_folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands that run in this process work on this test's database; its URL."""
    monkeypatch.setenv("PILAR_DATABASE_URL", database_url)
    return database_url


@pytest.fixture
def knows_pasar() -> Iterator[None]:
    """Know a platform that people connect by OAuth 2."""
    with pasar():
        yield
