"""What somebody with the database in hand can do to the audit, and what the audit says then."""

from sqlalchemy import Executable, text

from store import audit, workspaces
from store.db import Store
from store.tables import AuditEntry
from tests.world import World


async def chain(world: World, slug: str = "biro") -> list[AuditEntry]:
    async with world.store.reading() as db:
        workspace = await workspaces.by_slug(db, slug)
        return list(reversed(await audit.entries(db, workspace.id)))


async def tamper(store: Store, *statements: Executable) -> None:
    """Change append-only rows as someone with the database in hand can."""
    drop = (
        ["DROP TRIGGER audit_entry_no_update", "DROP TRIGGER audit_entry_no_delete"]
        if store.is_sqlite
        else ["SET LOCAL session_replication_role = replica"]
    )
    async with store.transaction() as db:
        connection = await db.connection()
        for statement in (*map(text, drop), *statements):
            await connection.execute(statement)
