"""The schema: bring a database to the revision that the code expects."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import migrations
from planner.errors import PilarError
from store.db import Store


class SchemaOutdated(PilarError):
    """The database is not at the revision that the code expects."""


def config_for(connection: Connection | None = None) -> Config:
    """Return Alembic's settings, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


async def upgrade(store: Store, revision: str = "head") -> None:
    """Migrate up to a revision, in one transaction."""
    await store.run_sync(lambda connection: command.upgrade(config_for(connection), revision))


async def downgrade(store: Store, revision: str) -> None:
    """Migrate down to a revision (`base` leaves an empty database), in one transaction."""
    await store.run_sync(lambda connection: command.downgrade(config_for(connection), revision))


async def revision_of(store: Store) -> str | None:
    """Return the database's revision; None for an empty one."""
    found: list[str | None] = []
    await store.run_sync(
        lambda connection: found.append(
            MigrationContext.configure(connection).get_current_revision()
        )
    )
    return found[0]


def expected_revision() -> str | None:
    """Return the newest revision that the code brings."""
    return ScriptDirectory.from_config(config_for()).get_current_head()


async def check(store: Store) -> None:
    """Refuse a database at another revision; raises `SchemaOutdated`."""
    found, expected = await revision_of(store), expected_revision()
    if found != expected:
        raise SchemaOutdated(found=found or "none", expected=expected)
