"""What all tables share: ids, versions, and constraints written once."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    MetaData,
    UniqueConstraint,
    event,
    inspect,
)
from sqlalchemy.orm import Mapper
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from store.types import Instant

METADATA = SQLModel.metadata
METADATA.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """A row that changes: its id sorts by age, its version counts its changes."""

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    version: int = 1
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset()
    """Columns whose change is no change of what the row says: they do not count as a version."""


class OwnedRow(Row):
    """A row that belongs to a workspace."""

    workspace_id: UUID = Field(foreign_key="workspace.id")


@event.listens_for(Row, "before_update", propagate=True)
def _count(_mapper: Mapper[Any], _connection: Any, row: Row) -> None:
    state = inspect(row)
    touched = set(state.committed_state) - row.BOOKKEEPING
    # What was set to what it was is no change; but whoever sets `updated_at` says that it is one.
    if "updated_at" in touched or any(state.attrs[name].history.has_changes() for name in touched):
        row.version += 1


def owned() -> UniqueConstraint:
    """Return the key that foreign keys of the same workspace refer to."""
    return UniqueConstraint("workspace_id", "id")


def belongs_to(table: str, column: str) -> ForeignKeyConstraint:
    """Return a foreign key that cannot reach into another workspace."""
    return ForeignKeyConstraint(["workspace_id", column], [f"{table}.workspace_id", f"{table}.id"])


def one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """Return a check that a text column holds one of these words."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def check_lengths(metadata: MetaData) -> None:
    """Check every bounded text column in the database too: SQLite ignores VARCHAR(n)."""
    for table in metadata.tables.values():
        for column in table.columns:
            length = getattr(column.type, "length", None)
            if length:
                rule = f"length({column.name}) <= {length}"
                table.append_constraint(CheckConstraint(rule, name=f"{column.name}_length"))
