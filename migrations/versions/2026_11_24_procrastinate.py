"""Procrastinate: the tables of the queue that carries what is due to workers, on PostgreSQL."""

from pathlib import Path

from alembic import op

revision = "procrastinate"
down_revision = "once_and_only_once"
branch_labels = None
depends_on = None

# A copy of what Procrastinate 3.10 brings: a later one must not change what this revision did.
SQL = Path(__file__).parent.parent / "procrastinate.sql"


def upgrade() -> None:
    """Create the tables in a schema of their own."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    op.execute("CREATE SCHEMA procrastinate")
    op.execute("SET LOCAL search_path TO procrastinate")
    with bind.connection.cursor() as cursor:
        cursor.execute(SQL.read_text("utf-8"))  # without parameters, so that a % is a %
    op.execute("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    """Drop the schema with everything in it: what was due is in the publications."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SCHEMA procrastinate CASCADE")
