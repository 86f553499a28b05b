"""Finding one row of a workspace, the same way for every noun."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlmodel import col, select

from planner.errors import Conflict, NotFound
from store.db import Db
from store.tables.rows import OwnedRow

Found = TypeVar("Found", bound=OwnedRow)


class InUse(Conflict):
    """The thing cannot go while something refers to it; `facts["by"]` counts what, by noun."""


async def one(
    db: Db, table: type[Found], workspace_id: UUID, row_id: UUID, missing: type[NotFound]
) -> Found:
    """Return the workspace's row with this id; raises `missing` where there is none."""
    query = select(table).where(table.workspace_id == workspace_id, table.id == row_id)
    row = (await db.exec(query)).first()
    if row is None:
        raise missing(id=str(row_id))
    return row


async def page_of(
    db: Db, table: type[Found], workspace_id: UUID, after: UUID | None, limit: int
) -> Sequence[Found]:
    """Return rows by id, those after `after`, one more than `limit` to tell that there are more."""
    query = select(table).where(table.workspace_id == workspace_id)
    if after is not None:
        query = query.where(col(table.id) > after)
    return (await db.exec(query.order_by(col(table.id)).limit(limit + 1))).all()
