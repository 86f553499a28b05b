"""Whose digest it is, and which keys a process has: so that an old key may leave some day."""

import sqlalchemy as sa
from alembic import op

revision = "whose_digest"
down_revision = "channels_rest"
branch_labels = None
depends_on = None

DIGESTED = ("api_key", "session", "invitation", "calendar_link")


def upgrade() -> None:
    """Add the columns; of what was there before, nobody knows it."""
    for table in DIGESTED:
        # A column's own check needs no new table on SQLite, whose rows others refer to.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN digest_key VARCHAR(16) "
            f"CONSTRAINT ck_{table}_digest_key_length CHECK (length(digest_key) <= 16)"
        )
    op.add_column("worker", sa.Column("keys", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Take the columns away again."""
    op.drop_column("worker", "keys")
    for table in DIGESTED:
        op.execute(f"ALTER TABLE {table} DROP COLUMN digest_key")
